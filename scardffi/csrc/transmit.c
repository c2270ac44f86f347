/* One SCardTransmit on a card handle whose lock is held. */
#include "transmit.h"

bool transmit_overlaps(const unsigned char *a, size_t a_length, const unsigned char *b, size_t b_length)
{
    uintptr_t a_start = (uintptr_t)a, b_start = (uintptr_t)b;
    return a_start < b_start + b_length && b_start < a_start + a_length;
}

uint32_t transmit_check(const unsigned char *command, size_t command_length, const unsigned char *response,
                        size_t capacity)
{
    if (command == NULL || response == NULL)
        return SCARDFFI_E_POINTER;
    if (command_length == 0 || command_length > MAX_BUFFER_SIZE_EXTENDED || capacity < 2 ||
        transmit_overlaps(command, command_length, response, capacity))
        return SCARDFFI_E_INVALIDARG;
    return SCARDFFI_OK;
}

int64_t transmit_code_failure(uint32_t code, DWORD received, DWORD capacity)
{
    if (code == SCARD_S_SUCCESS) /* the library reports more bytes than it may write */
        return transmit_failure(PCSC_IMPOSSIBLE_ANSWER, 0);
    if (code == SCARD_E_INSUFFICIENT_BUFFER && received > capacity && received <= MAX_BUFFER_SIZE_EXTENDED)
        return transmit_failure(code, received);
    return transmit_failure(manage_hresult(code), 0);
}

int64_t transmit_locked(struct card_handle *card, const unsigned char *command, size_t command_length,
                        unsigned char *response, size_t capacity)
{
    if (card->protocol == SCARD_PROTOCOL_UNDEFINED) {
        uint32_t code = manage_learn_protocol(card);
        if (code != SCARD_S_SUCCESS)
            return transmit_failure(manage_hresult(code), 0);
    }
    if (capacity > MAX_BUFFER_SIZE_EXTENDED)
        capacity = MAX_BUFFER_SIZE_EXTENDED;
    SCARD_IO_REQUEST pci = {card->protocol, sizeof pci};
    DWORD received = (DWORD)capacity;
    uint32_t code = (uint32_t)card->library->SCardTransmit(card->value, &pci, command, (DWORD)command_length, NULL,
                                                           response, &received);
    if (code == SCARD_S_SUCCESS && received <= capacity)
        return (int64_t)received;
    return transmit_code_failure(code, received, (DWORD)capacity);
}
