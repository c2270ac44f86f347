/* One SCardTransmit on a card handle whose lock is held, with every length checked on both sides.
 *
 * An exchange of any kind answers one signed number: the length of the response, or minus its failure, which
 * is the HRESULT in the lower 32 bits and above them the length that the response would have needed, where
 * that is known for SCARD_E_INSUFFICIENT_BUFFER. The card has executed the command then.
 */
#ifndef SCARDFFI_TRANSMIT_H
#define SCARDFFI_TRANSMIT_H

#include "manage.h"

static inline int64_t exchange_failure(uint32_t hresult, uint64_t required)
{
    return -(int64_t)(required << 32 | hresult);
}

/* HR_OK, or what forbids the exchange before anything is sent: HR_POINTER; HR_INVALIDARG for a command that is
 * empty or above MAX_BUFFER_SIZE_EXTENDED, a response below the 2 bytes of a status word, and buffers that
 * overlap. */
/* [declarations] that Python sees */
uint32_t transmit_check(const unsigned char *command, size_t command_length, const unsigned char *response,
                        size_t capacity);
/* [end] */

/* The failure for the library's code, with the length that it says the response needs. */
int64_t transmit_failure(uint32_t code, DWORD received, DWORD capacity);

int64_t transmit_locked(card_handle *card, const unsigned char *command, size_t command_length,
                        unsigned char *response, size_t capacity);

#endif
