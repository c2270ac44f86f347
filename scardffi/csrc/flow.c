/* GET RESPONSE, a corrected Le, and command chaining around one exchange. */
#include "flow.h"

#include <stdlib.h>
#include <string.h>

#include "apdu.h"

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
    platform_wipe(copy, size); /* it may contain a PIN */
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

/* Send an extended command as short ones: all but the last with the chaining bit and 255 bytes of data. */
static int64_t send_chained(struct card_handle *card, unsigned flow, const unsigned char *command,
                            const struct apdu *apdu, unsigned char *response, size_t capacity)
{
    unsigned char block[APDU_HEADER_SIZE + 1 + SHORT_LC_MAX + 1];
    memcpy(block, command, APDU_HEADER_SIZE);
    for (size_t sent = 0;;) {
        size_t lc = apdu->lc - sent < SHORT_LC_MAX ? apdu->lc - sent : SHORT_LC_MAX;
        bool is_last = sent + lc == apdu->lc;
        block[0] = is_last ? command[0] : command[0] | CHAINING_BIT;
        size_t size = APDU_HEADER_SIZE;
        if (lc > 0)
            size += apdu_put_lc(block + size, lc, false);
        memcpy(block + size, apdu->data + sent, lc);
        size += lc;
        sent += lc;
        if (is_last && apdu->le > 0)
            size += apdu_put_le(block + size, apdu->le < SHORT_LE_MAX ? apdu->le : SHORT_LE_MAX, false, lc > 0);
        int64_t received = is_last ? send(card, flow, block, size, response, capacity)
                                   : transmit_locked(card, block, size, response, capacity);
        bool is_accepted = received == APDU_SW_SIZE && response[0] == 0x90 && response[1] == 0x00;
        if (is_last || !is_accepted) {
            platform_wipe(block, sizeof block);
            return received;
        }
    }
}

/* While the card has more data, fetch it to the end of the data that is in `response`. */
static int64_t fetch_rest(struct card_handle *card, unsigned flow, unsigned char cla, unsigned char *response,
                          size_t capacity, int64_t received, uint32_t *arrived)
{
    /* An empty continuation ends the loop. Otherwise a card could make it endless. */
    bool has_data = true;
    while (has_sw1(response, received, 0x61) && has_data) {
        size_t have = (size_t)received - APDU_SW_SIZE;
        size_t offered = sw2_length(response, received);
        *arrived = (uint32_t)have;
        if (capacity - have < offered + APDU_SW_SIZE)
            return transmit_failure(SCARD_E_INSUFFICIENT_BUFFER, have + offered + APDU_SW_SIZE);
        const unsigned char get_response[] = {cla, INS_GET_RESPONSE, 0, 0, (unsigned char)offered};
        int64_t part = send(card, flow | SCARDFFI_FLOW_CORRECT_LE, get_response, sizeof get_response, response + have,
                            capacity - have);
        if (part < 0)
            return part;
        if (part < APDU_SW_SIZE)
            return transmit_failure(SCARD_F_COMM_ERROR, 0);
        received = (int64_t)have + part;
        has_data = part > APDU_SW_SIZE;
    }
    return received;
}

int64_t flow_locked(struct card_handle *card, unsigned flow, const unsigned char *command, size_t command_length,
                    unsigned char *response, size_t capacity, uint32_t *arrived)
{
    *arrived = 0;
    struct apdu apdu;
    int64_t received;
    if ((flow & SCARDFFI_FLOW_CHAIN) && apdu_parse(command, command_length, &apdu) && apdu.extended)
        received = send_chained(card, flow, command, &apdu, response, capacity);
    else
        received = send(card, flow, command, command_length, response, capacity);
    if (!(flow & SCARDFFI_FLOW_GET_RESPONSE))
        return received;
    unsigned char cla = command[0];
    if (!(cla & PROPRIETARY_BIT)) /* the chaining bit means chaining only in an interindustry class */
        cla &= (unsigned char)~CHAINING_BIT;
    return fetch_rest(card, flow, cla, response, capacity, received, arrived);
}
