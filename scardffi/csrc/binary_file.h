/* READ BINARY and UPDATE BINARY over a whole transparent file (ISO/IEC 7816-4, clause 11.2): many exchanges in one
 * call. */
#ifndef SCARDFFI_BINARY_FILE_H
#define SCARDFFI_BINARY_FILE_H

#include "flow.h"

/* [declarations] that Python sees */

/* The values that a call writes to `progress`. They are valid after a failure too. */
enum {
    BINARY_DONE = 0,     /* bytes of the caller's memory that this call read or wrote */
    BINARY_SW = 1,       /* the last status word */
    BINARY_FINISHED = 2, /* 1 if all is read or written, the file has ended, or the card has refused a command */
    BINARY_PROGRESS = 3  /* the number of values */
};

/* Read the selected file from `offset` into `memory`, until the memory is full, the file ends, or about `milliseconds`
 * have passed. Returns 0, or a failure as in transmit.h. Memory after the bytes read may have been overwritten. One
 * command moves at most `chunk` bytes, including its data objects. Commands that read more than 256 bytes, or write
 * more than 255, are extended; with T=0, which has no extended commands, only short ones are sent. */
int64_t binary_read(scardffi_manage *manage, unsigned char *memory, size_t size, size_t offset, size_t chunk,
                    uint32_t milliseconds, uint32_t *progress);
/* Write `memory` into the selected file from `offset`. */
int64_t binary_update(scardffi_manage *manage, const unsigned char *memory, size_t size, size_t offset, size_t chunk,
                      uint32_t milliseconds, uint32_t *progress);

/* [end] */

#endif
