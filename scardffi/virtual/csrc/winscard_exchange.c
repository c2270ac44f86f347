/* SCardTransmit, and the protocol headers that programs pass to it. */
#include "exports.h"
#include "faults.h"
#include "turns.h"
#include "world.h"

EXPORTED const SCARD_IO_REQUEST g_rgSCardT0Pci = {SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST)};
EXPORTED const SCARD_IO_REQUEST g_rgSCardT1Pci = {SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};
EXPORTED const SCARD_IO_REQUEST g_rgSCardRawPci = {SCARD_PROTOCOL_RAW, sizeof(SCARD_IO_REQUEST)};

static LONG check_exchange(const struct handle *handle, DWORD protocol)
{
    const struct reader *reader = handle->reader;
    LONG code = refuse_after_event(handle);
    if (code != SCARD_S_SUCCESS)
        return code;
    if (reader->card == NULL)
        return (LONG)SCARD_E_NO_SMARTCARD;
    /* pcsc-lite lets the RAW header pass whatever was negotiated. */
    if (protocol != SCARD_PROTOCOL_RAW && protocol != PROTOCOL_ANY_OLD && protocol != reader->protocol)
        return (LONG)SCARD_E_PROTO_MISMATCH;
    return reader->powered ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_W_UNPOWERED_CARD;
}

/* The reader, whose card works for this handle now; NULL with a code where it cannot. */
static struct reader *begin_exchange(SCARDHANDLE handle_number, DWORD protocol, const struct mishap *mishap,
                                     LONG *code)
{
    struct handle *handle;
    *code = wait_for_card(handle_number, &handle);
    if (*code == SCARD_S_SUCCESS && mishap->reset) {
        reset_card(handle->reader, handle, true);
        *code = find_usable_handle(handle_number, &handle);
    }
    if (*code == SCARD_S_SUCCESS)
        *code = check_exchange(handle, protocol);
    if (*code != SCARD_S_SUCCESS)
        return NULL;
    begin_run(handle->reader, handle);
    return handle->reader;
}

static void remove_running_card(struct card *card)
{
    pthread_mutex_lock(&world_mutex);
    if (card->reader->card == card)
        remove_card(card->reader);
    pthread_mutex_unlock(&world_mutex);
}

/* Without the mutex: the length of the response, or minus a code. */
static int64_t run_command(struct card *card, uint64_t latency_us, const struct mishap *mishap,
                           const unsigned char *command, DWORD command_length, unsigned char *answer, DWORD room)
{
    if (latency_us > 0 && !pause_card(card, latency_us))
        return -(int64_t)SCARD_E_NO_SMARTCARD;
    if (mishap->removal)
        remove_running_card(card);
    int64_t length = card->transmit(card, command, command_length, answer, room);
    if (mishap->answer == 0)
        return length;
    int64_t other = answer_of_fault(mishap->answer, answer, room);
    return other >= 0 ? other : length;
}

/* What became of the connection while the card was at work. */
static LONG end_exchange(SCARDHANDLE handle_number, struct reader *reader)
{
    struct handle *handle;
    pthread_mutex_lock(&world_mutex);
    LONG code = code_after_wait(find_usable_handle(handle_number, &handle));
    if (code == (LONG)SCARD_E_INVALID_VALUE)
        code = (LONG)SCARD_E_READER_UNAVAILABLE;
    if (!end_run(reader) && code == SCARD_S_SUCCESS)
        code = (LONG)SCARD_E_NO_SMARTCARD;
    pthread_mutex_unlock(&world_mutex);
    return code;
}

EXPORTED LONG PCSC_CALL SCardTransmit(SCARDHANDLE handle_number, const SCARD_IO_REQUEST *send_pci,
                            const unsigned char *command, DWORD command_length, SCARD_IO_REQUEST *receive_pci,
                            unsigned char *answer, DWORD *answer_length)
{
    if (send_pci == NULL || command == NULL || answer == NULL || answer_length == NULL)
        return (LONG)SCARD_E_INVALID_PARAMETER;
    DWORD protocol = send_pci->dwProtocol;
    DWORD room = *answer_length;
    struct mishap mishap = {0};
    LONG code;
    if (meets_fault(IN_SCardTransmit, &code, &mishap)) {
        *answer_length = 0;
        return code;
    }

    pthread_mutex_lock(&world_mutex);
    /* The one refusal that leaves the length alone: that is how a caller knows that nothing was sent. */
    if (command_length > MAX_BUFFER_SIZE_EXTENDED && find_handle(handle_number) != NULL) {
        pthread_mutex_unlock(&world_mutex);
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    }
    *answer_length = 0;
    struct reader *reader = begin_exchange(handle_number, protocol, &mishap, &code);
    if (reader == NULL) {
        pthread_mutex_unlock(&world_mutex);
        return code;
    }
    struct card *card = reader->running;
    uint64_t latency_us = mishap.latency_us + reader->latency_us;
    pthread_mutex_unlock(&world_mutex);

    int64_t length = run_command(card, latency_us, &mishap, command, command_length, answer, room);

    code = end_exchange(handle_number, reader);
    if (code == SCARD_S_SUCCESS && length < 0)
        code = code_of_failure(length);
    if (code != SCARD_S_SUCCESS)
        return code;
    *answer_length = (DWORD)length;
    if (receive_pci != NULL)
        *receive_pci = (SCARD_IO_REQUEST){protocol, sizeof(SCARD_IO_REQUEST)};
    return (DWORD)length > room ? (LONG)SCARD_E_INSUFFICIENT_BUFFER : (LONG)SCARD_S_SUCCESS;
}
