/* Steps of one exchange that T=0 and many cards require: GET RESPONSE, a corrected Le, and command chaining
 * (ISO/IEC 7816-4, clauses 5.3 and 5.6; ISO/IEC 7816-3, clause 12.2). Each has a flag, SCARDFFI_FLOW_*.
 *
 * A card may need any number of commands for one response, so a flow runs in steps. Between two steps it keeps its turn
 * on the card handle: no other call sends a command. A flow also ends, with a failure, when its card is detached.
 */
#ifndef SCARDFFI_FLOW_H
#define SCARDFFI_FLOW_H

#include "apdu.h"
#include "transmit.h"

/* All flags. GET_RESPONSE: after 61xx, fetch the rest; it is written after the first data, over the status word.
 * CORRECT_LE: after 6Cxx, send the command once more with Le = xx. CHAIN: send an extended command as short ones. */
#define FLOW_ALL (SCARDFFI_FLOW_GET_RESPONSE | SCARDFFI_FLOW_CORRECT_LE | SCARDFFI_FLOW_CHAIN)

/* [declarations] that Python sees */

enum {
    FLOW_MORE = -1,    /* a step has ended before the response is complete; no failure is this number */
    FLOW_ROOM = 131096 /* the size of memory that the core chooses for a response */
};

/* [end] */

/* In this memory a response may have MAX_BUFFER_SIZE_EXTENDED bytes; a part that would make it longer is not requested.
 * The other half of the memory is for a card that returns more than was requested. */
_Static_assert(FLOW_ROOM == 2 * MAX_BUFFER_SIZE_EXTENDED, "there is room for any response before each command");

#define FLOW_NO_DEADLINE UINT64_MAX

struct flow {
    scardffi_manage *manage;
    const unsigned char *command;
    size_t command_length;
    unsigned char *response;
    size_t capacity;
    size_t limit; /* a part that would make the response longer than this is not requested */
    unsigned flags;
    int next;                 /* which command is next */
    struct apdu apdu;         /* the command to be chained */
    size_t sent;              /* the number of its data bytes that were sent */
    size_t arrived;           /* data bytes in `response` while it is incomplete, otherwise 0 */
    size_t rest;              /* bytes after them that have no status word: a last part of fewer than two bytes */
    bool is_refused;          /* the next part is longer than `limit` allows, and was not requested */
    struct card_handle *card; /* the handle whose turn this flow keeps; NULL: none */
    unsigned process;         /* platform_process() when it began to keep the turn */
};

/* Prepare an exchange. The memory must stay in place until the flow has ended. The flow must be zeroed, or ended. */
void flow_begin(struct flow *flow, scardffi_manage *manage, unsigned flags, const unsigned char *command,
                size_t command_length, unsigned char *response, size_t capacity, size_t limit);

/* Lock the handle for the first step or for the next one. Returns NULL if the manage object cannot be used, or if it
 * was detached between the steps. */
struct card_handle *flow_enter(struct flow *flow, scardffi_manage *manage);
/* Send commands until the response is complete or the deadline is over. Returns the length of the response, FLOW_MORE,
 * or a failure; `arrived` and `rest` count the bytes in `response` then. If the next part would make the response
 * longer than `limit`, the part is not requested, and the failure is SCARD_E_INSUFFICIENT_BUFFER. A part without a
 * status word ends the flow, with the failure SCARDFFI_E_FAIL if data arrived before it. */
int64_t flow_step(struct flow *flow, struct card_handle *card, uint64_t deadline);
/* Unlock the handle. If `keeps_turn`, the next step goes on from here. */
void flow_leave(struct flow *flow, struct card_handle *card, bool keeps_turn);
/* Give the turn back, if the flow keeps it. Any thread may do so. */
void flow_end(struct flow *flow);

#endif
