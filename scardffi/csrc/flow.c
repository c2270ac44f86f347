/* GET RESPONSE, a corrected Le, and command chaining around one exchange. */
#include "flow.h"

#include <stdlib.h>
#include <string.h>

#include "wipe.h"

/* Which command of a flow is next: the caller's, the next one of its chain, or GET RESPONSE. */
enum { COMMAND, LINK, FETCH };

enum { CHAINING_BIT = 0x10, PROPRIETARY_BIT = 0x80, INS_GET_RESPONSE = 0xC0, SHORT_LC_MAX = 255, SHORT_LE_MAX = 256 };

static bool has_sw1(const unsigned char *response, int64_t length, unsigned char sw1)
{
    return length >= APDU_SW_SIZE && response[length - 2] == sw1;
}

/* The number of bytes in SW2, where 0 means 256. */
static size_t sw2_length(const unsigned char *response, int64_t length)
{
    return response[length - 1] != 0 ? response[length - 1] : SHORT_LE_MAX;
}

/* Send the command with another Le. It is sent from a copy, because the caller's memory may be immutable. */
static int64_t send_with_le(struct card_handle *card, const unsigned char *command, size_t length, size_t le,
                            unsigned char *response, size_t capacity)
{
    struct apdu apdu;
    if (!apdu_parse(command, length, &apdu))
        return transmit_locked(card, command, length, response, capacity);
    unsigned char *copy = malloc(length + 3);
    if (copy == NULL)
        return transmit_failure(SCARDFFI_E_OUTOFMEMORY, 0);
    size_t size = length - apdu.le_size;
    memcpy(copy, command, size);
    size += apdu_put_le(copy + size, le, apdu.extended, apdu.lc > 0);
    int64_t received = transmit_locked(card, copy, size, response, capacity);
    wipe_memory(copy, size); /* it may contain a PIN */
    free(copy);
    return received;
}

/* Send one command, and once more if the card asks for another Le. */
static int64_t send(struct card_handle *card, unsigned flow, const unsigned char *command, size_t length,
                    unsigned char *response, size_t capacity)
{
    int64_t received = transmit_locked(card, command, length, response, capacity);
    if ((flow & SCARDFFI_FLOW_CORRECT_LE) && received == APDU_SW_SIZE && has_sw1(response, received, 0x6C) &&
        length >= APDU_HEADER_SIZE)
        return send_with_le(card, command, length, sw2_length(response, received), response, capacity);
    return received;
}

/* Send the next command of a chain, and return its response. The chain is an extended command, sent as short ones; all
 * but the last have the chaining bit and 255 bytes of data. */
static int64_t send_link(struct card_handle *card, struct flow *flow, bool *is_last)
{
    const struct apdu *apdu = &flow->apdu;
    unsigned char block[APDU_HEADER_SIZE + 1 + SHORT_LC_MAX + 1];
    size_t lc = apdu->lc - flow->sent < SHORT_LC_MAX ? apdu->lc - flow->sent : SHORT_LC_MAX;
    size_t size = APDU_HEADER_SIZE;
    memcpy(block, flow->command, size);
    *is_last = flow->sent + lc == apdu->lc;
    if (!*is_last)
        block[0] |= CHAINING_BIT;
    if (lc > 0)
        size += apdu_put_lc(block + size, lc, false);
    memcpy(block + size, apdu->data + flow->sent, lc);
    size += lc;
    flow->sent += lc;
    if (*is_last && apdu->le > 0)
        size += apdu_put_le(block + size, apdu->le < SHORT_LE_MAX ? apdu->le : SHORT_LE_MAX, false, lc > 0);
    int64_t received = *is_last ? send(card, flow->flags, block, size, flow->response, flow->capacity)
                                : transmit_locked(card, block, size, flow->response, flow->capacity);
    wipe_memory(block, sizeof block);
    return received;
}

/* Decide what is next after a response of `received` bytes, or after a failure. Returns FLOW_MORE if the rest must
 * be fetched, otherwise the result of the exchange. */
static int64_t after_response(struct flow *flow, int64_t received)
{
    if (!(flow->flags & SCARDFFI_FLOW_GET_RESPONSE) || !has_sw1(flow->response, received, 0x61))
        return received;
    flow->arrived = (size_t)received - APDU_SW_SIZE;
    size_t required = (size_t)received + sw2_length(flow->response, received);
    flow->is_refused = required > flow->limit;
    if (flow->is_refused)
        return transmit_failure(SCARD_E_INSUFFICIENT_BUFFER, required);
    flow->next = FETCH;
    return FLOW_MORE;
}

/* Send the next command of the chain. The response of the flow is the response to the last one, or to the first one
 * that the card refuses. */
static int64_t next_link(struct card_handle *card, struct flow *flow)
{
    bool is_last;
    int64_t received = send_link(card, flow, &is_last);
    bool is_accepted = received == APDU_SW_SIZE && flow->response[0] == 0x90 && flow->response[1] == 0x00;
    return is_last || !is_accepted ? after_response(flow, received) : FLOW_MORE;
}

/* Fetch the next part, and write it after the data in `response`, over the status word. */
static int64_t fetch(struct card_handle *card, struct flow *flow)
{
    size_t arrived = flow->arrived;
    unsigned char *end = flow->response + arrived;
    unsigned char cla = flow->command[0];
    if (!(cla & PROPRIETARY_BIT)) /* the chaining bit means chaining only in an interindustry class */
        cla &= (unsigned char)~CHAINING_BIT;
    const unsigned char get_response[] = {cla, INS_GET_RESPONSE, 0, 0, end[1]}; /* end[1] is SW2 */
    int64_t part = send(card, flow->flags | SCARDFFI_FLOW_CORRECT_LE, get_response, sizeof get_response, end,
                        flow->capacity - arrived);
    if (part < 0) {
        uint64_t required = (uint64_t)-part >> 32; /* for this part */
        return required > 0 ? transmit_failure((uint32_t)-part, arrived + required) : part;
    }
    if (part < APDU_SW_SIZE && arrived > 0) {
        flow->rest = (size_t)part;
        return transmit_failure(SCARDFFI_E_FAIL, 0);
    }
    part += (int64_t)arrived;
    /* An empty part ends the flow. Otherwise a card could make it endless. */
    return part > (int64_t)arrived + APDU_SW_SIZE ? after_response(flow, part) : part;
}

static int64_t send_next(struct card_handle *card, struct flow *flow)
{
    if (flow->next == FETCH)
        return fetch(card, flow);
    if (flow->next == LINK)
        return next_link(card, flow);
    return after_response(flow,
                          send(card, flow->flags, flow->command, flow->command_length, flow->response, flow->capacity));
}

void flow_begin(struct flow *flow, scardffi_manage *manage, unsigned flags, const unsigned char *command,
                size_t command_length, unsigned char *response, size_t capacity, size_t limit)
{
    *flow = (struct flow){
        .manage = manage,
        .flags = flags,
        .command = command,
        .command_length = command_length,
        .response = response,
        .capacity = capacity,
        .limit = limit,
    };
    if ((flags & SCARDFFI_FLOW_CHAIN) && apdu_parse(command, command_length, &flow->apdu) && flow->apdu.extended)
        flow->next = LINK;
}

struct card_handle *flow_enter(struct flow *flow, scardffi_manage *manage)
{
    struct card_handle *card = manage_enter_turn(manage, flow);
    bool lost_turn = flow->card != NULL && (card != flow->card || platform_atomic_load(&card->holder) != flow);
    if (!lost_turn)
        return card;
    if (card != NULL)
        platform_mutex_unlock(&card->mutex);
    flow_end(flow);
    return NULL;
}

int64_t flow_step(struct flow *flow, struct card_handle *card, uint64_t deadline)
{
    for (;;) {
        int64_t result = send_next(card, flow);
        if (result >= 0)
            flow->arrived = 0;
        if (result != FLOW_MORE)
            return result;
        if (manage_is_detaching(flow->manage))
            return transmit_failure(SCARDFFI_E_UNEXPECTED, 0);
        if (deadline != FLOW_NO_DEADLINE && platform_nanoseconds() >= deadline)
            return FLOW_MORE;
    }
}

void flow_leave(struct flow *flow, struct card_handle *card, bool keeps_turn)
{
    if (keeps_turn) {
        flow->card = card;
        flow->process = platform_process();
        card_handle_keep_turn(card, flow, flow->manage);
    } else if (flow->card != NULL) {
        flow->card = NULL;
        card_handle_end_turn(card);
    }
    bool is_detaching = flow->manage != NULL && manage_is_detaching(flow->manage);
    platform_mutex_unlock(&card->mutex);
    if (is_detaching)
        manage_wait_for_detach(flow->manage);
}

void flow_end(struct flow *flow)
{
    struct card_handle *card = flow->card;
    if (card == NULL)
        return;
    flow->card = NULL;
    if (flow->process != platform_process()) /* in a fork, a thread of the parent may hold the mutex */
        return;
    platform_mutex_lock(&card->mutex);
    if (platform_atomic_load(&card->holder) == flow)
        card_handle_end_turn(card);
    platform_mutex_unlock(&card->mutex);
}
