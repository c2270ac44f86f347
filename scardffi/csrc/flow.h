/* Steps of one exchange that T=0 and many cards require: GET RESPONSE, a corrected Le, and command chaining
 * (ISO/IEC 7816-4, clauses 5.3 and 5.6; ISO/IEC 7816-3, clause 12.2). Each has a flag, SCARDFFI_FLOW_*.
 */
#ifndef SCARDFFI_FLOW_H
#define SCARDFFI_FLOW_H

#include "transmit.h"

/* All flags. GET_RESPONSE: after 61xx, fetch the rest; it is written after the first data, over the status word.
 * CORRECT_LE: after 6Cxx, send the command once more with Le = xx. CHAIN: send an extended command as short ones. */
#define FLOW_ALL (SCARDFFI_FLOW_GET_RESPONSE | SCARDFFI_FLOW_CORRECT_LE | SCARDFFI_FLOW_CHAIN)

/* Make an exchange with its continuations. If a continuation fails, `*arrived` is the number of data bytes in
 * `response`. If the buffer is too small for the next part, the part is not requested, and the failure is
 * SCARD_E_INSUFFICIENT_BUFFER. */
int64_t flow_locked(struct card_handle *card, unsigned flow, const unsigned char *command, size_t command_length,
                    unsigned char *response, size_t capacity, uint32_t *arrived);

#endif
