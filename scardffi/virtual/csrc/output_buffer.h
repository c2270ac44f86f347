/* PC/SC's rules for a result that is copied to a buffer of the caller. */
#ifndef SCARDFFI_VIRTUAL_OUTPUT_BUFFER_H
#define SCARDFFI_VIRTUAL_OUTPUT_BUFFER_H

#include "pcsc_abi.h"

/* *length is the room of `buffer` and becomes the size of the data; if `length` is NULL there is no room. If `buffer`
 * is NULL only the length is returned. If *length is SCARD_AUTOALLOCATE, `buffer` is the address of a pointer, which
 * receives memory for SCardFreeMemory. A buffer that is too small is filled: SCARD_E_INSUFFICIENT_BUFFER. */
LONG output_copy(const void *data, DWORD size, void *buffer, DWORD *length);

/* The same for a list: a buffer that is too small is left unchanged. `length` must not be NULL if there is a buffer. */
LONG output_copy_list(const void *data, DWORD size, void *buffer, DWORD *length);

#endif
