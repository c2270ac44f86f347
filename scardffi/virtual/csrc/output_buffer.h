/* PC/SC's rules for a result that is copied to a buffer of the caller. */
#ifndef SCARDFFI_VIRTUAL_OUTPUT_BUFFER_H
#define SCARDFFI_VIRTUAL_OUTPUT_BUFFER_H

#include "pcsc_abi.h"

/* *length is the size of `buffer` before the call and the size of the data after it. If `length` is NULL, the buffer
 * has size 0. If `buffer` is NULL, nothing is copied. If *length is SCARD_AUTOALLOCATE, `buffer` is the address of a
 * pointer, which receives memory for SCardFreeMemory. If the buffer is too small, it is filled with the beginning of
 * the data, and SCARD_E_INSUFFICIENT_BUFFER is returned. */
LONG output_copy(const void *data, DWORD size, void *buffer, DWORD *length);

/* The same for a list: a buffer that is too small is left unchanged, and `length` must not be NULL. */
LONG output_copy_list(const void *data, DWORD size, void *buffer, DWORD *length);

/* The same for a list that the caller writes. *memory is where its `size` bytes belong, or NULL if nothing is copied.
 */
LONG output_reserve_list(DWORD size, void *buffer, DWORD *length, void **memory);

#endif
