/* Conversion between UTF-8, which the core uses, and UTF-16, which winscard.dll uses. */
#ifndef SCARDFFI_UTF16_H
#define SCARDFFI_UTF16_H

#include <stddef.h>
#include <stdint.h>

/* Each returns the length of the result, and writes the result if `out` is not NULL. A surrogate without its pair,
 * which Windows allows in names, becomes three bytes and is converted back to the same surrogate. */
#define UTF16_INVALID ((size_t)-1)
size_t utf16_from_utf8(const char *text, size_t length, uint16_t *out); /* UTF16_INVALID if `text` is not UTF-8 */
size_t utf16_to_utf8(const uint16_t *text, size_t length, char *out);

#endif
