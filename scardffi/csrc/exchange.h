/* One exchange: a command to the card, its response into the caller's memory.
 *
 * An exchange answers one signed number: the length of the response, or minus its failure, which is the
 * HRESULT in the lower 32 bits and above them the length that the response would have needed, where the
 * library told it with SCARD_E_INSUFFICIENT_BUFFER. The card has executed the command then.
 */
#ifndef SCARDFFI_EXCHANGE_H
#define SCARDFFI_EXCHANGE_H

#include "manage.h"

/* HR_INVALIDARG, before anything is sent, for a command that is empty or above MAX_BUFFER_SIZE_EXTENDED, a
 * response below the 2 bytes of a status word, and buffers that overlap. */
int64_t exchange_transmit(scard_manage *manage, const unsigned char *command, size_t command_length,
                          unsigned char *response, size_t capacity);

/* A receive buffer of the core's own, large enough for every response, bound to a manage object: with it an
 * exchange takes few arguments. It serves one call at a time. */
typedef struct exchange_slot exchange_slot;
exchange_slot *exchange_slot_new(scard_manage *manage); /* NULL where memory is out */
void exchange_slot_free(exchange_slot *slot);
const char *exchange_slot_response(const exchange_slot *slot);
int64_t exchange_slot_transmit(exchange_slot *slot, const unsigned char *command, size_t command_length);

#endif
