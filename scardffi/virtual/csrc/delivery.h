/* PC/SC's rules for a result that the caller gives a buffer and its length for. */
#ifndef SCARDFFI_VIRTUAL_DELIVERY_H
#define SCARDFFI_VIRTUAL_DELIVERY_H

#include "pcsc_abi.h"

/* The needed length always arrives. With *length SCARD_AUTOALLOCATE, `buffer` is the address of a pointer
 * that receives memory for SCardFreeMemory. A buffer of NULL asks for the length alone. A buffer that is
 * too small is filled as far as it goes: SCARD_E_INSUFFICIENT_BUFFER; without `length` it has no room. */
LONG deliver(const void *data, DWORD size, void *buffer, DWORD *length);

/* The same for a list, of which no part is written where the buffer is too small. */
LONG deliver_whole(const void *data, DWORD size, void *buffer, DWORD *length);

#endif
