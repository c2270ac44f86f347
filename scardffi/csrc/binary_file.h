/* READ BINARY and UPDATE BINARY over a whole transparent file (ISO/IEC 7816-4, clause 11.2): many exchanges in one
 * call. */
#ifndef SCARDFFI_BINARY_FILE_H
#define SCARDFFI_BINARY_FILE_H

#include "flow.h"

/* [declarations] that Python sees */

/* A transfer of the selected file from `offset` on. It ends if `memory` is full or written, if the file ends, or if the
 * card refuses a command. One command moves at most `chunk` bytes, including its data objects. More than 256 bytes to
 * read, or 255 to write, need extended commands; T=0 has none, so it gets short ones. Memory after the bytes read may
 * be overwritten; memory that is written from is only read. Returns NULL if memory is exhausted or a number is too
 * large. */
struct binary_file;
struct binary_file *binary_new(scardffi_manage *manage, bool is_read, unsigned char *memory, size_t size, size_t offset,
                               size_t chunk);
void binary_free(struct binary_file *file);
/* Go on for about `milliseconds`. Returns 0 at the end, FLOW_MORE, or a failure as in transmit.h. */
int64_t binary_step(struct binary_file *file, uint32_t milliseconds);
/* Give up a transfer that binary_step may have left in the middle of a response. */
void binary_end(struct binary_file *file);
/* Also after a failure: the bytes read or written; the last status word, where the end of the file is a success; and
 * what the card sent last and is not in the caller's memory, if that was no proper response. */
size_t binary_done(const struct binary_file *file);
uint32_t binary_sw(const struct binary_file *file);
bool binary_is_refused(const struct binary_file *file); /* as exchange_is_refused, or a response longer than `memory` */
size_t binary_partial_length(const struct binary_file *file);
const unsigned char *binary_partial(const struct binary_file *file);

/* [end] */

#endif
