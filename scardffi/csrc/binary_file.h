/* READ BINARY and UPDATE BINARY over a whole transparent file (ISO/IEC 7816-4, clause 11.2): many exchanges in one
 * call, each chunk received in place. */
#ifndef SCARDFFI_BINARY_FILE_H
#define SCARDFFI_BINARY_FILE_H

#include "flow.h"

/* [declarations] that Python sees */

/* What a call fills in: bytes of the caller's memory read or written by it; the status word of the last response;
 * 1 where there is nothing left to do: all is read or written, or the file or the card has ended it. */
enum { BINARY_DONE = 0, BINARY_SW = 1, BINARY_FINISHED = 2, BINARY_PROGRESS = 3 };

/* Read the selected file from `offset` on into `memory`, until it is full, the file ends or about `milliseconds`
 * have passed. Answers 0, or a failure as transmit.h says it; `progress` is right in either case. What lies
 * behind the bytes read may have been overwritten. `chunk` is the most that one command moves, its data objects
 * included: above 256 to read and 255 to write by extended commands, which T=0 has none of and is spared. */
int64_t binary_read(scardffi_manage *manage, unsigned char *memory, size_t size, size_t offset, size_t chunk,
                    uint32_t milliseconds, uint32_t *progress);
/* Write `memory` into the selected file from `offset` on. */
int64_t binary_update(scardffi_manage *manage, const unsigned char *memory, size_t size, size_t offset, size_t chunk,
                      uint32_t milliseconds, uint32_t *progress);

/* [end] */

#endif
