/* READ BINARY and UPDATE BINARY over a whole transparent file (ISO/IEC 7816-4, clause 11.2): many exchanges in one
 * call. */
#ifndef SCARDFFI_BINARY_FILE_H
#define SCARDFFI_BINARY_FILE_H

#include "flow.h"

/* [declarations] that Python sees */

/* A transfer of the selected file from `offset` on. It ends if all of `memory` is read or written, if the file ends, or
 * if the card refuses a command. One command moves at most `chunk` bytes, including its data objects. More than 256
 * bytes to read, or 255 to write, need extended commands; T=0 has none, so short ones are sent. A read may overwrite
 * memory after the bytes read; an update does not change `memory`. Returns NULL if memory is exhausted or a number is
 * too large. */
struct binary_file;
struct binary_file *binary_new(scardffi_manage *manage, bool is_read, unsigned char *memory, size_t size, size_t offset,
                               size_t chunk);
void binary_free(struct binary_file *file);
/* Go on for about `milliseconds`. Returns 0 at the end, FLOW_MORE, or a failure as in transmit.h. */
int64_t binary_step(struct binary_file *file, uint32_t milliseconds);
/* Give up a transfer that binary_step may have left in the middle of a response. */
void binary_end(struct binary_file *file);
/* These may be called after a failure too. binary_done: the number of bytes read or written. binary_sw: the last status
 * word; 9000 if a read has reached the end of the file. binary_partial: the bytes that the card sent last, if they are
 * no proper response, without those that binary_done counts. */
size_t binary_done(const struct binary_file *file);
uint32_t binary_sw(const struct binary_file *file);
bool binary_is_refused(const struct binary_file *file); /* as exchange_is_refused, or a response longer than `memory` */
size_t binary_partial_length(const struct binary_file *file);
const unsigned char *binary_partial(const struct binary_file *file);

/* [end] */

#endif
