/* SCardTransmit, and the constants that programs pass to it as protocol headers. */
#include "card_access.h"
#include "exports.h"
#include "faults.h"
#include "resource_manager.h"

EXPORTED const SCARD_IO_REQUEST g_rgSCardT0Pci = {SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST)};
EXPORTED const SCARD_IO_REQUEST g_rgSCardT1Pci = {SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};
EXPORTED const SCARD_IO_REQUEST g_rgSCardRawPci = {SCARD_PROTOCOL_RAW, sizeof(SCARD_IO_REQUEST)};

static LONG check_transmit(const struct handle *handle, DWORD protocol)
{
    const struct reader *reader = handle->reader;
    LONG code = handle_check_card_event(handle);
    if (code != SCARD_S_SUCCESS)
        return code;
    if (reader->card == NULL)
        return (LONG)SCARD_E_NO_SMARTCARD;
    /* pcsc-lite accepts the RAW header with any negotiated protocol. */
    if (protocol != SCARD_PROTOCOL_RAW && protocol != SCARD_PROTOCOL_ANY_OLD && protocol != reader->protocol)
        return (LONG)SCARD_E_PROTO_MISMATCH;
    return reader->is_powered ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_W_UNPOWERED_CARD;
}

/* Make the reader busy for this handle. Returns NULL and sets *code on failure. */
static struct reader *begin_transmit(SCARDHANDLE handle_number, DWORD protocol, const struct command_faults *faults,
                                     LONG *code)
{
    struct handle *handle;
    *code = handle_wait_for_card(handle_number, &handle);
    if (*code == SCARD_S_SUCCESS && faults->reset) {
        reader_reset_card(handle->reader, handle, true);
        *code = handle_find_usable(handle_number, &handle);
    }
    if (*code == SCARD_S_SUCCESS)
        *code = check_transmit(handle, protocol);
    if (*code != SCARD_S_SUCCESS)
        return NULL;
    reader_begin_use(handle->reader, handle);
    return handle->reader;
}

/* Called without the mutex. Returns the length of the response, or minus a PC/SC code. */
static int64_t run_command(struct card *card, uint64_t latency_us, const struct command_faults *faults,
                           const unsigned char *command, DWORD command_length, unsigned char *response, DWORD room)
{
    if (latency_us > 0 && !card_pause(card, latency_us))
        return -(int64_t)SCARD_E_NO_SMARTCARD;
    int64_t length = card->transmit(card, command, command_length, response, room);
    if (faults->removal) /* not before the command: a removed card of another process does not get it */
        card_remove_itself(card);
    if (faults->answer_fault == 0)
        return length;
    int64_t fault_length = fault_copy_answer(faults->answer_fault, response, room);
    return fault_length >= 0 ? fault_length : length;
}

/* Returns a code if the handle or the card was lost during the command. `length` is the card's result. */
static LONG end_transmit(SCARDHANDLE handle_number, struct reader *reader, int64_t length)
{
    struct handle *handle;
    pthread_mutex_lock(&manager_mutex);
    LONG code = code_if_stopped_during_call(handle_find_usable(handle_number, &handle));
    if (code == (LONG)SCARD_E_INVALID_VALUE)
        code = (LONG)SCARD_E_READER_UNAVAILABLE;
    if (!reader_end_use(reader) && code == SCARD_S_SUCCESS)
        code = length == -(int64_t)SCARD_W_REMOVED_CARD ? (LONG)SCARD_W_REMOVED_CARD : (LONG)SCARD_E_NO_SMARTCARD;
    pthread_mutex_unlock(&manager_mutex);
    return code;
}

EXPORTED LONG PCSC_CALL SCardTransmit(SCARDHANDLE handle_number, const SCARD_IO_REQUEST *send_pci,
                                      const unsigned char *command, DWORD command_length, SCARD_IO_REQUEST *receive_pci,
                                      unsigned char *response, DWORD *response_length)
{
    if (send_pci == NULL || command == NULL || response == NULL || response_length == NULL)
        return (LONG)SCARD_E_INVALID_PARAMETER;
    DWORD protocol = send_pci->dwProtocol;
    DWORD room = *response_length;
    struct command_faults faults = {0};
    LONG code;
    if (fault_ends_call(FUNCTION_SCardTransmit, &code, &faults)) {
        *response_length = 0;
        return code;
    }

    pthread_mutex_lock(&manager_mutex);
    /* Like pcsc-lite, leave the length unchanged, so that the caller knows that nothing was sent. If a command
     * was sent, SCARD_E_INSUFFICIENT_BUFFER comes with the length of its response. */
    if (command_length > MAX_BUFFER_SIZE_EXTENDED && handle_find(handle_number) != NULL) {
        pthread_mutex_unlock(&manager_mutex);
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    }
    *response_length = 0;
    struct reader *reader = begin_transmit(handle_number, protocol, &faults, &code);
    if (reader == NULL) {
        pthread_mutex_unlock(&manager_mutex);
        return code;
    }
    struct card *card = reader->busy_card;
    uint64_t latency_us = faults.latency_us + reader->latency_us;
    pthread_mutex_unlock(&manager_mutex);

    int64_t length = run_command(card, latency_us, &faults, command, command_length, response, room);

    code = end_transmit(handle_number, reader, length);
    if (code == SCARD_S_SUCCESS && length < 0)
        code = code_from_result(length);
    if (code != SCARD_S_SUCCESS)
        return code;
    *response_length = (DWORD)length;
    if (receive_pci != NULL)
        *receive_pci = (SCARD_IO_REQUEST){protocol, sizeof(SCARD_IO_REQUEST)};
    return (DWORD)length > room ? (LONG)SCARD_E_INSUFFICIENT_BUFFER : (LONG)SCARD_S_SUCCESS;
}
