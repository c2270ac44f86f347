/* What T=0 and many cards ask for around one exchange: GET RESPONSE, the corrected Le, and command chaining
 * (ISO/IEC 7816-4, clauses 5.3 and 5.6; ISO/IEC 7816-3, clause 12.2). Each is done on request alone. */
#ifndef SCARDFFI_FLOW_H
#define SCARDFFI_FLOW_H

#include "transmit.h"

#define FLOW_GET_RESPONSE 1u /* 61xx: fetch the rest, behind what is there, over the status word */
#define FLOW_CORRECT_LE 2u   /* 6Cxx: the same command once more with Le = SW2 */
#define FLOW_CHAIN 4u        /* an extended command: short ones, chained */

/* An exchange with its continuations; `arrived` receives how many bytes of data lie in `response` when it
 * fails in the middle. What did not fit is not asked for: SCARD_E_INSUFFICIENT_BUFFER before that command. */
int64_t flow_locked(card_handle *card, unsigned flow, const unsigned char *command, size_t command_length,
                    unsigned char *response, size_t capacity, uint32_t *arrived);

#endif
