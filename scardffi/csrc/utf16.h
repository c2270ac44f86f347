/* UTF-8, which the core's strings are in, and UTF-16, which those of Windows' resource manager are in. */
#ifndef SCARDFFI_UTF16_H
#define SCARDFFI_UTF16_H

#include <stddef.h>
#include <stdint.h>

/* Each answers the length of the result, and writes it where `out` is not NULL. A surrogate without its other
 * half, which Windows allows in names, becomes three bytes and is itself again on the way back. */
#define UTF16_INVALID ((size_t)-1)
size_t utf16_from_utf8(const char *text, size_t length, uint16_t *out); /* UTF16_INVALID where it is no UTF-8 */
size_t utf16_to_utf8(const uint16_t *text, size_t length, char *out);

#endif
