/* The blocks of a pcapng file: numbers in the machine's byte order, except those of the PDUs' tags. */
#include "pcapng.h"

#include <string.h>

#define SECTION_HEADER 0x0A0D0D0Au
#define INTERFACE 1u
#define ENHANCED_PACKET 6u
#define BYTE_ORDER 0x1A2B3C4Du
#define LINK_TYPE_EXPORTED_PDU 252
#define OPTION_COMMENT 1
#define OPTION_USER_APPLICATION 4
#define OPTION_TIME_RESOLUTION 9
#define LONGEST_OPTION 65532u

#define TAG_DISSECTOR 12
#define TAG_DIRECTION 35 /* of ISO 7816 */

const unsigned char pcapng_end[8] = {0};

static unsigned char *put16(unsigned char *at, unsigned value)
{
    uint16_t number = (uint16_t)value;
    memcpy(at, &number, sizeof number);
    return at + sizeof number;
}

static unsigned char *put32(unsigned char *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static unsigned char *put_option(unsigned char *at, unsigned code, const void *value, size_t length)
{
    at = put16(put16(at, code), (unsigned)length);
    memset(at, 0, (length + 3) / 4 * 4);
    memcpy(at, value, length);
    return at + (length + 3) / 4 * 4;
}

void pcapng_head(unsigned char head[PCAPNG_HEAD_SIZE])
{
    static const unsigned char nanoseconds = 9;
    unsigned char *at = put32(put32(put32(head, SECTION_HEADER), 44), BYTE_ORDER);
    at = put32(put32(put16(put16(at, 1), 0), UINT32_MAX), UINT32_MAX); /* version 1.0, of any length */
    at = put_option(at, OPTION_USER_APPLICATION, "scardffi", 8);
    at = put32(put32(at, 0), 44);
    at = put32(put32(at, INTERFACE), 32);
    at = put32(put16(put16(at, LINK_TYPE_EXPORTED_PDU), 0), 0);
    at = put_option(at, OPTION_TIME_RESOLUTION, &nanoseconds, 1);
    put32(put32(at, 0), 32);
}

/* Tags of a PDU: number and length in 16 bits, the most significant byte first. */
static const unsigned char command_tags[] = {0, TAG_DISSECTOR, 0, 8, 'i', 's', 'o', '7', '8', '1', '6', 0,
                                             0, TAG_DIRECTION, 0, 4, 0,   0,   0,   0,   0,   0,   0,   0};
static const unsigned char response_tags[] = {0, TAG_DISSECTOR, 0, 8, 'i', 's', 'o', '7', '8', '1', '6', 0,
                                              0, TAG_DIRECTION, 0, 4, 0,   0,   0,   1,   0,   0,   0,   0};
static const unsigned char other_tags[] = {0, TAG_DISSECTOR, 0, 4, 'd', 'a', 't', 'a', 0, 0, 0, 0};

/* Return the length of the first part of a comment, which ends between two characters of UTF-8. */
static size_t first_part(const unsigned char *comment, size_t length)
{
    if (length <= LONGEST_OPTION)
        return length;
    size_t end = LONGEST_OPTION;
    while (end > LONGEST_OPTION - 4 && (comment[end] & 0xC0) == 0x80)
        end--;
    return end;
}

unsigned char *pcapng_packet(struct output *output, enum pcapng_kind kind, uint64_t time, const void *bytes,
                             size_t length, const void *comment, size_t comment_length)
{
    static const unsigned char zeros[4] = {0};
    const unsigned char *tags = kind == PCAPNG_COMMAND    ? command_tags
                                : kind == PCAPNG_RESPONSE ? response_tags
                                                          : other_tags;
    size_t tags_length = kind == PCAPNG_OTHER ? sizeof other_tags : sizeof command_tags;
    size_t start = output->length, captured = tags_length + length;
    unsigned char *at = output_reserve(output, 28);
    if (at == NULL)
        return NULL;
    at = put32(put32(put32(at, ENHANCED_PACKET), 0), 0);
    at = put32(put32(at, (uint32_t)(time >> 32)), (uint32_t)time);
    put32(put32(at, (uint32_t)captured), (uint32_t)captured);
    output_bytes(output, tags, tags_length);
    size_t place = output->length;
    output_bytes(output, bytes, length);
    output_bytes(output, zeros, (4 - captured % 4) % 4);
    bool has_comment = comment_length > 0;
    for (const unsigned char *rest = comment; comment_length > 0;) {
        size_t part = first_part(rest, comment_length);
        at = output_reserve(output, 4 + (part + 3) / 4 * 4);
        if (at == NULL)
            return NULL;
        put_option(at, OPTION_COMMENT, rest, part);
        rest += part;
        comment_length -= part;
    }
    if (has_comment)
        output_bytes(output, zeros, 4); /* the end of the options */
    at = output_reserve(output, 4);
    if (at == NULL)
        return NULL;
    uint32_t total = (uint32_t)(output->length - start);
    put32(at, total);
    put32(output->bytes + start + 4, total);
    return output->bytes + place;
}
