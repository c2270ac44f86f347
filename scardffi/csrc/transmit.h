/* One SCardTransmit on a card handle whose lock is held, with checked lengths.
 *
 * Every exchange returns one signed number. It is the length of the response, or, for a failure, a negative number. The
 * absolute value of that has the HRESULT in its lower 32 bits. If the library returned SCARD_E_INSUFFICIENT_BUFFER, the
 * card has executed the command, and the upper bits are the length that the response needs, or 0 if it is unknown.
 */
#ifndef SCARDFFI_TRANSMIT_H
#define SCARDFFI_TRANSMIT_H

#include "manage.h"

static inline int64_t transmit_failure(uint32_t hresult, uint64_t required)
{
    return -(int64_t)(required << 32 | hresult);
}

/* The failure for a return code of SCardTransmit; `received` is the length that the library reported. */
int64_t transmit_code_failure(uint32_t code, DWORD received, DWORD capacity);

/* [declarations] that Python sees */

/* Return SCARDFFI_OK if the buffers can be used. Otherwise return SCARDFFI_E_POINTER if one is NULL, and
 * SCARDFFI_E_INVALIDARG if the command is empty or longer than MAX_BUFFER_SIZE_EXTENDED, if the response has fewer than
 * the two bytes of a status word, or if the buffers overlap. */
uint32_t transmit_check(const unsigned char *command, size_t command_length, const unsigned char *response,
                        size_t capacity);

/* [end] */

bool transmit_overlaps(const unsigned char *a, size_t a_length, const unsigned char *b, size_t b_length);
int64_t transmit_locked(struct card_handle *card, const unsigned char *command, size_t command_length,
                        unsigned char *response, size_t capacity);

#endif
