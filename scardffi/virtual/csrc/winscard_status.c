/* SCardStatus and attributes: what a handle's reader and card are now. */
#include <string.h>

#include "delivery.h"
#include "exports.h"
#include "turns.h"
#include "world.h"

static const char vendor_name[] = "scardffi";

/* pcsc-lite never says SCARD_SPECIFIC. */
static DWORD card_state(const struct reader *reader)
{
    DWORD state = SCARD_PRESENT;
    if (reader->powered)
        state |= SCARD_POWERED | SCARD_NEGOTIABLE;
    return state | (reader->events & 0xFFFFu) << 16;
}

EXPORTED LONG SCardStatus(SCARDHANDLE handle_number, char *reader_name, DWORD *name_length, DWORD *state,
                          DWORD *protocol, unsigned char *atr, DWORD *atr_length)
{
    DWORD name_room = name_length != NULL ? *name_length : 0;
    DWORD atr_room = atr_length != NULL ? *atr_length : 0;
    if (name_length != NULL)
        *name_length = 0;
    if (atr_length != NULL)
        *atr_length = 0;
    if (state != NULL)
        *state = 0;
    if (protocol != NULL)
        *protocol = SCARD_PROTOCOL_UNDEFINED;

    struct handle *handle;
    pthread_mutex_lock(&world_mutex);
    LONG code = wait_for_reader(handle_number, &handle);
    if (code == SCARD_S_SUCCESS)
        code = refuse_after_reset(handle);
    if (code != SCARD_S_SUCCESS) {
        pthread_mutex_unlock(&world_mutex);
        return code;
    }
    const struct reader *reader = handle->reader;
    const struct card *card = reader->card;
    if (state != NULL)
        *state = card_state(reader);
    if (protocol != NULL)
        *protocol = reader->protocol;
    pthread_mutex_unlock(&world_mutex);

    if (name_length != NULL)
        *name_length = name_room;
    if (atr_length != NULL)
        *atr_length = atr_room;
    LONG name_code = deliver(reader->name, (DWORD)strlen(reader->name) + 1, reader_name, name_length);
    LONG atr_code = deliver(card->atr, (DWORD)card->atr_length, atr, atr_length);
    return name_code != SCARD_S_SUCCESS ? name_code : atr_code;
}

/* For attributes: not while another handle holds a transaction, not before a reconnect after a reset. */
static LONG find_undisturbed(SCARDHANDLE handle_number, const struct reader **reader)
{
    pthread_mutex_lock(&world_mutex);
    struct handle *handle = find_handle(handle_number);
    LONG code = handle != NULL ? refuse_during_transaction(handle) : (LONG)SCARD_E_INVALID_HANDLE;
    if (code == SCARD_S_SUCCESS)
        code = refuse_after_reset(handle);
    if (code == SCARD_S_SUCCESS)
        *reader = handle->reader;
    pthread_mutex_unlock(&world_mutex);
    return code;
}

EXPORTED LONG SCardGetAttrib(SCARDHANDLE handle_number, DWORD attribute, unsigned char *value, DWORD *length)
{
    if (length == NULL || (value == NULL && *length == SCARD_AUTOALLOCATE))
        return SCARD_E_INVALID_PARAMETER;
    const struct reader *reader;
    LONG code = find_undisturbed(handle_number, &reader);
    if (code != SCARD_S_SUCCESS)
        return code;
    /* pcsc-lite's message to its daemon has room for so much, and it says so about the caller's buffer. */
    if (value != NULL && *length > MAX_BUFFER_SIZE && *length != SCARD_AUTOALLOCATE)
        return SCARD_E_INSUFFICIENT_BUFFER;

    switch (attribute) {
    case SCARD_ATTR_DEVICE_FRIENDLY_NAME:
    case SCARD_ATTR_DEVICE_SYSTEM_NAME:
        return deliver(reader->name, (DWORD)strlen(reader->name) + 1, value, length);
    case SCARD_ATTR_VENDOR_NAME:
        return deliver(vendor_name, sizeof vendor_name, value, length);
    case SCARD_ATTR_ATR_STRING:
        return deliver(reader->card->atr, (DWORD)reader->card->atr_length, value, length);
    default:
        return SCARD_E_UNSUPPORTED_FEATURE;
    }
}

EXPORTED LONG SCardSetAttrib(SCARDHANDLE handle_number, DWORD attribute, const unsigned char *value,
                             DWORD length)
{
    (void)attribute;
    if (value == NULL || length == 0)
        return SCARD_E_INVALID_PARAMETER;
    const struct reader *reader;
    LONG code = find_undisturbed(handle_number, &reader);
    if (code != SCARD_S_SUCCESS)
        return code;
    if (length > MAX_BUFFER_SIZE)
        return SCARD_E_INSUFFICIENT_BUFFER;
    return SCARD_E_UNSUPPORTED_FEATURE;
}
