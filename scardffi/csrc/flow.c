/* GET RESPONSE, the corrected Le, and command chaining around one exchange. */
#include "flow.h"

#include <stdlib.h>
#include <string.h>

#include "apdu.h"

enum { CHAINING_BIT = 0x10, INS_GET_RESPONSE = 0xC0, SHORT_DATA = 255 };

static int is_sw1(const unsigned char *response, int64_t length, unsigned char sw1)
{
    return length >= 2 && response[length - 2] == sw1;
}

/* The command once more with Le = `le`, from a copy: the caller's memory may be immutable. */
static int64_t send_with_le(card_handle *card, const unsigned char *command, size_t length, size_t le,
                            unsigned char *response, size_t capacity)
{
    struct apdu apdu;
    unsigned char *copy;
    size_t end;
    int64_t result;

    if (!apdu_parse(command, length, &apdu))
        return transmit_locked(card, command, length, response, capacity);
    copy = malloc(length + 3);
    if (copy == NULL)
        return exchange_failure(HR_OUTOFMEMORY, 0);
    end = length - apdu.le_size;
    memcpy(copy, command, end);
    end += apdu_put_le(copy + end, le, apdu.extended, apdu.lc > 0);
    result = transmit_locked(card, copy, end, response, capacity);
    platform_wipe(copy, end); /* it may have held a PIN */
    free(copy);
    return result;
}

/* One command, and once more where the card wants another Le. */
static int64_t send(card_handle *card, unsigned flow, const unsigned char *command, size_t length,
                    unsigned char *response, size_t capacity)
{
    int64_t received = transmit_locked(card, command, length, response, capacity);

    if ((flow & FLOW_CORRECT_LE) && received == 2 && is_sw1(response, received, 0x6C) && length >= APDU_HEADER_SIZE)
        return send_with_le(card, command, length, response[1] != 0 ? response[1] : 256, response, capacity);
    return received;
}

/* An extended command as short ones: all but the last with the chaining bit and 255 bytes of data. */
static int64_t send_chained(card_handle *card, unsigned flow, const unsigned char *command, const struct apdu *apdu,
                            unsigned char *response, size_t capacity)
{
    unsigned char block[APDU_HEADER_SIZE + 1 + SHORT_DATA + 1];
    const unsigned char *data = apdu->data;
    size_t left = apdu->lc, size = 0;
    int64_t received;

    memcpy(block, command, APDU_HEADER_SIZE);
    block[0] |= CHAINING_BIT;
    for (; left > SHORT_DATA; left -= SHORT_DATA, data += SHORT_DATA) {
        block[4] = SHORT_DATA;
        memcpy(block + 5, data, SHORT_DATA);
        received = transmit_locked(card, block, 5 + SHORT_DATA, response, capacity);
        if (received != 2 || response[0] != 0x90 || response[1] != 0)
            goto done; /* refused in the middle: that is the answer */
    }
    block[0] = command[0];
    size = APDU_HEADER_SIZE;
    if (left > 0) {
        block[size++] = (unsigned char)left;
        memcpy(block + size, data, left);
        size += left;
    }
    if (apdu->le > 0) /* what a short Le cannot say is 256 */
        size += apdu_put_le(block + size, apdu->le < 256 ? apdu->le : 256, false, true);
    received = send(card, flow, block, size, response, capacity);
done:
    platform_wipe(block, sizeof block);
    return received;
}

/* While the card has more: fetch it behind the data that is there. */
static int64_t fetch_rest(card_handle *card, unsigned flow, unsigned char cla, unsigned char *response,
                          size_t capacity, int64_t received, uint32_t *arrived)
{
    unsigned char get_response[5] = {cla, INS_GET_RESPONSE, 0, 0, 0};
    int64_t more = 3;

    /* A continuation without data ends it: a card could otherwise keep us here for ever. */
    while (is_sw1(response, received, 0x61) && more > 2) {
        size_t have = (size_t)received - 2;
        size_t offered = response[received - 1] != 0 ? response[received - 1] : 256;
        *arrived = (uint32_t)have;
        if (capacity - have < offered + 2)
            return exchange_failure(SCARD_E_INSUFFICIENT_BUFFER, have + offered + 2);
        get_response[4] = (unsigned char)offered;
        more = send(card, flow | FLOW_CORRECT_LE, get_response, sizeof get_response, response + have,
                    capacity - have);
        if (more < 0)
            return more;
        if (more < 2)
            return exchange_failure(SCARD_F_COMM_ERROR, 0);
        received = (int64_t)have + more;
    }
    return received;
}

int64_t flow_locked(card_handle *card, unsigned flow, const unsigned char *command, size_t command_length,
                    unsigned char *response, size_t capacity, uint32_t *arrived)
{
    struct apdu apdu;
    int64_t received;
    unsigned char cla = command[0];

    *arrived = 0;
    if ((flow & FLOW_CHAIN) && apdu_parse(command, command_length, &apdu) && apdu.extended)
        received = send_chained(card, flow, command, &apdu, response, capacity);
    else
        received = send(card, flow, command, command_length, response, capacity);
    if (!(flow & FLOW_GET_RESPONSE))
        return received;
    if ((cla & 0x80) == 0) /* an interindustry class, where this bit means chaining */
        cla &= (unsigned char)~CHAINING_BIT;
    return fetch_rest(card, flow, cla, response, capacity, received, arrived);
}
