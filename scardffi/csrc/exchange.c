/* One exchange: SCardTransmit on a manage object's handle, with every length checked on both sides. */
#include "exchange.h"

#include <stdlib.h>

struct exchange_slot {
    scard_manage *manage;
    unsigned char response[MAX_BUFFER_SIZE_EXTENDED];
};

static int overlap(const unsigned char *a, size_t a_length, const unsigned char *b, size_t b_length)
{
    uintptr_t a_start = (uintptr_t)a, b_start = (uintptr_t)b;

    return a_start < b_start + b_length && b_start < a_start + a_length;
}

static int64_t failure(uint32_t hresult, uint64_t required)
{
    return -(int64_t)(required << 32 | hresult);
}

/* The card's mutex is held, and given back. */
static int64_t transmit(card_handle *card, const unsigned char *command, size_t command_length,
                        unsigned char *response, size_t capacity)
{
    SCARD_IO_REQUEST pci = {0, sizeof pci};
    DWORD received = (DWORD)capacity;
    uint32_t code = manage_learn_protocol(card);

    if (code != SCARD_S_SUCCESS)
        return failure(manage_leave(card, code), 0);
    pci.dwProtocol = card->protocol;
    code = pcsc_SCardTransmit(card->api, card->value, &pci, command, (DWORD)command_length, NULL, response,
                              &received);
    code = manage_leave(card, code);
    if (code == SCARD_E_INSUFFICIENT_BUFFER && received > capacity && received <= MAX_BUFFER_SIZE_EXTENDED)
        return failure(code, received);
    if (code != HR_OK)
        return failure(code, 0);
    if (received > capacity) /* the library claims to have written more than it may */
        return failure(SCARD_F_INTERNAL_ERROR, 0);
    return (int64_t)received;
}

int64_t exchange_transmit(scard_manage *manage, const unsigned char *command, size_t command_length,
                          unsigned char *response, size_t capacity)
{
    card_handle *card;

    if (command == NULL || response == NULL)
        return failure(HR_POINTER, 0);
    if (command_length == 0 || command_length > MAX_BUFFER_SIZE_EXTENDED || capacity < 2 ||
        overlap(command, command_length, response, capacity))
        return failure(HR_INVALIDARG, 0);
    if (capacity > MAX_BUFFER_SIZE_EXTENDED)
        capacity = MAX_BUFFER_SIZE_EXTENDED;
    card = manage_enter(manage);
    if (card == NULL)
        return failure(HR_UNEXPECTED, 0);
    return transmit(card, command, command_length, response, capacity);
}

exchange_slot *exchange_slot_new(scard_manage *manage)
{
    exchange_slot *slot = malloc(sizeof *slot);

    if (slot != NULL)
        slot->manage = manage;
    return slot;
}

void exchange_slot_free(exchange_slot *slot)
{
    free(slot);
}

const char *exchange_slot_response(const exchange_slot *slot)
{
    return (const char *)slot->response;
}

int64_t exchange_slot_transmit(exchange_slot *slot, const unsigned char *command, size_t command_length)
{
    return exchange_transmit(slot->manage, command, command_length, slot->response, sizeof slot->response);
}
