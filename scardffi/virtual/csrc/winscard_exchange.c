/* SCardTransmit and SCardControl, and the protocol headers that programs pass to them. */
#include "exports.h"
#include "turns.h"
#include "world.h"

#define CM_IOCTL_GET_FEATURE_REQUEST SCARD_CTL_CODE(3400u)

EXPORTED const SCARD_IO_REQUEST g_rgSCardT0Pci = {SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST)};
EXPORTED const SCARD_IO_REQUEST g_rgSCardT1Pci = {SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};
EXPORTED const SCARD_IO_REQUEST g_rgSCardRawPci = {SCARD_PROTOCOL_RAW, sizeof(SCARD_IO_REQUEST)};

static LONG check_exchange(const struct handle *handle, DWORD protocol)
{
    const struct reader *reader = handle->reader;
    LONG code = refuse_after_reset(handle);
    if (code != SCARD_S_SUCCESS)
        return code;
    if (!reader->powered)
        return SCARD_W_UNPOWERED_CARD;
    /* pcsc-lite lets the RAW header pass whatever was negotiated. */
    if (protocol != SCARD_PROTOCOL_RAW && protocol != reader->protocol)
        return SCARD_E_PROTO_MISMATCH;
    return SCARD_S_SUCCESS;
}

EXPORTED LONG SCardTransmit(SCARDHANDLE handle_number, const SCARD_IO_REQUEST *send_pci,
                            const unsigned char *command, DWORD command_length, SCARD_IO_REQUEST *receive_pci,
                            unsigned char *answer, DWORD *answer_length)
{
    if (send_pci == NULL || command == NULL || answer == NULL || answer_length == NULL)
        return SCARD_E_INVALID_PARAMETER;
    DWORD protocol = send_pci->dwProtocol;
    DWORD room = *answer_length;
    struct handle *handle;

    pthread_mutex_lock(&world_mutex);
    LONG code = SCARD_S_SUCCESS;
    /* The one refusal that leaves the length alone: that is how a caller knows that nothing was sent. */
    if (command_length > MAX_BUFFER_SIZE_EXTENDED && find_handle(handle_number) != NULL)
        code = SCARD_E_INSUFFICIENT_BUFFER;
    else
        *answer_length = 0;
    if (code == SCARD_S_SUCCESS)
        code = wait_for_card(handle_number, &handle);
    if (code == SCARD_S_SUCCESS)
        code = check_exchange(handle, protocol);
    if (code != SCARD_S_SUCCESS) {
        pthread_mutex_unlock(&world_mutex);
        return code;
    }
    struct reader *reader = handle->reader;
    struct card *card = reader->card;
    reader->working = handle;
    pthread_mutex_unlock(&world_mutex);

    DWORD needed = (DWORD)card->transmit(card, command, command_length, answer, room);

    pthread_mutex_lock(&world_mutex);
    reader->working = NULL;
    pthread_cond_broadcast(&reader->turn);
    pthread_mutex_unlock(&world_mutex);

    *answer_length = needed;
    if (receive_pci != NULL)
        *receive_pci = (SCARD_IO_REQUEST){protocol, sizeof(SCARD_IO_REQUEST)};
    return needed > room ? (LONG)SCARD_E_INSUFFICIENT_BUFFER : (LONG)SCARD_S_SUCCESS;
}

EXPORTED LONG SCardControl(SCARDHANDLE handle_number, DWORD control_code, const void *input,
                           DWORD input_length, void *output, DWORD output_size, DWORD *output_length)
{
    if (output_length != NULL)
        *output_length = 0;
    if ((input == NULL && input_length > 0) || (output == NULL && output_size > 0))
        return SCARD_E_INVALID_PARAMETER;

    /* A reset that the handle was not told about does not matter here: the reader is asked, not the card. */
    pthread_mutex_lock(&world_mutex);
    struct handle *handle = find_handle(handle_number);
    LONG code = handle != NULL ? refuse_during_transaction(handle) : (LONG)SCARD_E_INVALID_HANDLE;
    pthread_mutex_unlock(&world_mutex);
    if (code != SCARD_S_SUCCESS)
        return code;
    if (input_length > MAX_BUFFER_SIZE_EXTENDED)
        return SCARD_E_INSUFFICIENT_BUFFER;
    if (control_code == CM_IOCTL_GET_FEATURE_REQUEST)
        return SCARD_S_SUCCESS; /* an empty list: no feature of PC/SC part 10 */
    return SCARD_E_UNSUPPORTED_FEATURE;
}
