/* UTF-8 to UTF-16 and back. */
#include "utf16.h"

#include <stdbool.h>

static bool is_high(uint32_t unit)
{
    return (unit & 0xFC00u) == 0xD800u;
}

static bool is_low(uint32_t unit)
{
    return (unit & 0xFC00u) == 0xDC00u;
}

/* The number of bytes of a character, from its first byte; 0 if no character begins with it. */
static size_t sequence_length(unsigned char first)
{
    if (first < 0x80u)
        return 1;
    if (first < 0xC2u || first > 0xF4u)
        return 0;
    return first < 0xE0u ? 2 : first < 0xF0u ? 3 : 4;
}

/* Read the character at the start of `text`, and return its number of bytes; 0 if there is no valid character. */
static size_t decode(const char *text, size_t length, uint32_t *character)
{
    static const uint32_t smallest[] = {0, 0, 0x80u, 0x800u, 0x10000u};
    size_t count = sequence_length((unsigned char)text[0]);
    if (count == 0 || count > length)
        return 0;
    *character = (unsigned char)text[0] & (count == 1 ? 0x7Fu : 0xFFu >> (count + 1));
    for (size_t i = 1; i < count; i++) {
        if (((unsigned char)text[i] & 0xC0u) != 0x80u)
            return 0;
        *character = *character << 6 | ((unsigned char)text[i] & 0x3Fu);
    }
    return *character >= smallest[count] && *character <= 0x10FFFFu ? count : 0;
}

size_t utf16_from_utf8(const char *text, size_t length, uint16_t *out)
{
    size_t units = 0;
    for (size_t i = 0, count; i < length; i += count) {
        uint32_t character = 0;
        count = decode(text + i, length - i, &character);
        if (count == 0)
            return UTF16_INVALID;
        if (out != NULL && character < 0x10000u)
            out[units] = (uint16_t)character;
        if (out != NULL && character >= 0x10000u) {
            out[units] = (uint16_t)(0xD800u | (character - 0x10000u) >> 10);
            out[units + 1] = (uint16_t)(0xDC00u | (character & 0x3FFu));
        }
        units += character < 0x10000u ? 1 : 2;
    }
    return units;
}

static size_t encode(uint32_t character, char *out)
{
    static const unsigned char mark[] = {0, 0, 0xC0u, 0xE0u, 0xF0u};
    size_t count = character < 0x80u ? 1 : character < 0x800u ? 2 : character < 0x10000u ? 3 : 4;
    if (out == NULL)
        return count;
    for (size_t i = count; i-- > 1; character >>= 6)
        out[i] = (char)(unsigned char)(0x80u | (character & 0x3Fu));
    out[0] = (char)(unsigned char)(mark[count] | character);
    return count;
}

size_t utf16_to_utf8(const uint16_t *text, size_t length, char *out)
{
    size_t bytes = 0;
    for (size_t i = 0; i < length; i++) {
        uint32_t character = text[i];
        if (is_high(character) && i + 1 < length && is_low(text[i + 1]))
            character = 0x10000u + ((character & 0x3FFu) << 10 | (text[++i] & 0x3FFu));
        bytes += encode(character, out != NULL ? out + bytes : NULL);
    }
    return bytes;
}
