/* One SCardTransmit on a card handle whose lock is held. */
#include "transmit.h"

static int overlap(const unsigned char *a, size_t a_length, const unsigned char *b, size_t b_length)
{
    uintptr_t a_start = (uintptr_t)a, b_start = (uintptr_t)b;

    return a_start < b_start + b_length && b_start < a_start + a_length;
}

uint32_t transmit_check(const unsigned char *command, size_t command_length, const unsigned char *response,
                        size_t capacity)
{
    if (command == NULL || response == NULL)
        return HR_POINTER;
    if (command_length == 0 || command_length > MAX_BUFFER_SIZE_EXTENDED || capacity < 2 ||
        overlap(command, command_length, response, capacity))
        return HR_INVALIDARG;
    return HR_OK;
}

int64_t transmit_failure(uint32_t code, DWORD received, DWORD capacity)
{
    if (code == SCARD_S_SUCCESS) /* the library claims to have written more than it may */
        return exchange_failure(SCARD_F_INTERNAL_ERROR, 0);
    if (code == SCARD_E_INSUFFICIENT_BUFFER && received > capacity && received <= MAX_BUFFER_SIZE_EXTENDED)
        return exchange_failure(code, received);
    return exchange_failure(manage_hresult(code), 0);
}

int64_t transmit_locked(card_handle *card, const unsigned char *command, size_t command_length,
                        unsigned char *response, size_t capacity)
{
    SCARD_IO_REQUEST pci;
    DWORD received;
    uint32_t code;

    if (card->protocol == SCARD_PROTOCOL_UNDEFINED) {
        code = manage_learn_protocol(card);
        if (code != SCARD_S_SUCCESS)
            return exchange_failure(manage_hresult(code), 0);
    }
    if (capacity > MAX_BUFFER_SIZE_EXTENDED)
        capacity = MAX_BUFFER_SIZE_EXTENDED;
    pci.dwProtocol = card->protocol;
    pci.cbPciLength = sizeof pci;
    received = (DWORD)capacity;
    code = (uint32_t)card->api->SCardTransmit(card->value, &pci, command, (DWORD)command_length, NULL, response,
                                              &received);
    if (code == SCARD_S_SUCCESS && received <= capacity)
        return (int64_t)received;
    return transmit_failure(code, received, (DWORD)capacity);
}
