/* GET RESPONSE, the corrected Le, and command chaining around one exchange. */
#include "flow.h"

#include <stdlib.h>
#include <string.h>

enum { CHAINING_BIT = 0x10, INS_GET_RESPONSE = 0xC0, SHORT_DATA = 255, HEADER = 4 };

/* Where the fields of a command are; the four cases of ISO/IEC 7816-3, clause 12.1.3. */
typedef struct {
    size_t data; /* offset of the data field */
    size_t lc;
    size_t le_size; /* 0: no Le field, 1 short, 2 extended, 3 extended without data (a zero goes before it) */
    int extended;
} command_shape;

/* 0 where the lengths do not add up: such a command is sent as it is. */
static int find_shape(const unsigned char *command, size_t length, command_shape *shape)
{
    memset(shape, 0, sizeof *shape);
    shape->data = HEADER;
    if (length <= HEADER + 1) {
        shape->le_size = length - HEADER;
        return length >= HEADER;
    }
    if (command[4] != 0) {
        shape->lc = command[4];
        shape->data = 5;
    } else if (length == 7) {
        shape->extended = 1;
        shape->le_size = 3;
        return 1;
    } else if (length > 7) {
        shape->extended = 1;
        shape->lc = (size_t)command[5] << 8 | command[6];
        shape->data = 7;
    } else {
        return 0;
    }
    if (length < shape->data + shape->lc)
        return 0;
    shape->le_size = length - shape->data - shape->lc;
    return shape->lc > 0 && (shape->le_size == 0 || shape->le_size == (shape->extended ? 2u : 1u));
}

static int is_sw1(const unsigned char *response, int64_t length, unsigned char sw1)
{
    return length >= 2 && response[length - 2] == sw1;
}

/* The command once more with Le = `le`, from a copy: the caller's memory may be immutable. */
static int64_t send_with_le(card_handle *card, const unsigned char *command, size_t length, unsigned char le,
                            unsigned char *response, size_t capacity)
{
    command_shape shape;
    unsigned char *copy;
    size_t end;
    int64_t result;

    if (!find_shape(command, length, &shape))
        return transmit_locked(card, command, length, response, capacity);
    copy = malloc(length + 3);
    if (copy == NULL)
        return exchange_failure(HR_OUTOFMEMORY, 0);
    end = length - shape.le_size;
    memcpy(copy, command, end);
    if (shape.extended && shape.lc == 0)
        copy[end++] = 0;
    if (shape.extended)
        copy[end++] = le == 0; /* 6C00 means 256 */
    copy[end++] = le;
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

    if ((flow & FLOW_CORRECT_LE) && received == 2 && is_sw1(response, received, 0x6C) && length >= HEADER)
        return send_with_le(card, command, length, response[1], response, capacity);
    return received;
}

/* An extended command as short ones: all but the last with the chaining bit and 255 bytes of data. */
static int64_t send_chained(card_handle *card, unsigned flow, const unsigned char *command, size_t length,
                            const command_shape *shape, unsigned char *response, size_t capacity)
{
    unsigned char block[HEADER + 1 + SHORT_DATA + 1];
    const unsigned char *data = command + shape->data;
    const unsigned char *le = command + length - 2;
    size_t left = shape->lc, size = 0;
    int64_t received;

    memcpy(block, command, HEADER);
    block[0] |= CHAINING_BIT;
    for (; left > SHORT_DATA; left -= SHORT_DATA, data += SHORT_DATA) {
        block[4] = SHORT_DATA;
        memcpy(block + 5, data, SHORT_DATA);
        received = transmit_locked(card, block, 5 + SHORT_DATA, response, capacity);
        if (received != 2 || response[0] != 0x90 || response[1] != 0)
            goto done; /* refused in the middle: that is the answer */
    }
    block[0] = command[0];
    size = HEADER;
    if (left > 0) {
        block[size++] = (unsigned char)left;
        memcpy(block + size, data, left);
        size += left;
    }
    if (shape->le_size > 0) /* what a short Le cannot say is 256 */
        block[size++] = le[0] == 0 ? le[1] : 0;
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
    command_shape shape;
    int64_t received;
    unsigned char cla = command[0];

    *arrived = 0;
    if ((flow & FLOW_CHAIN) && find_shape(command, command_length, &shape) && shape.extended)
        received = send_chained(card, flow, command, command_length, &shape, response, capacity);
    else
        received = send(card, flow, command, command_length, response, capacity);
    if (!(flow & FLOW_GET_RESPONSE))
        return received;
    if ((cla & 0x80) == 0) /* an interindustry class, where this bit means chaining */
        cla &= (unsigned char)~CHAINING_BIT;
    return fetch_rest(card, flow, cla, response, capacity, received, arrived);
}
