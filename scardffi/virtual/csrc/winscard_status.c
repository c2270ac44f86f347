/* SCardStatus and attributes: what a handle's reader and card are now. */
#include <string.h>

#include "delivery.h"
#include "exports.h"
#include "faults.h"
#include "turns.h"
#include "winscard_text.h"
#include "world.h"

enum { NOT_PRESENT = 0, PRESENT = 2 }; /* of SCARD_ATTR_ICC_PRESENCE: PC/SC part 3, 3.1.1 */

static const char vendor_name[] = "scardffi";

/* What is told of a reader, taken while the mutex was held. */
struct snapshot {
    char name[MAX_READERNAME + 1]; /* a multi-string too */
    DWORD state, protocol;
    bool has_card;
    unsigned char atr[MAX_ATR_SIZE];
    DWORD atr_length;
    unsigned char ifs_request[sizeof(DWORD)];
    DWORD ifs_request_length;
};

static DWORD number_of_card_state(const struct reader *reader)
{
    if (reader->card == NULL)
        return PCSC_CARD_IS_ABSENT;
    if (!reader->powered)
        return PCSC_CARD_IS_PRESENT;
    return reader->protocol == SCARD_PROTOCOL_UNDEFINED ? PCSC_CARD_IS_NEGOTIABLE : PCSC_CARD_IS_SPECIFIC;
}

/* pcsc-lite never says SCARD_SPECIFIC. */
static DWORD bits_of_card_state(const struct reader *reader)
{
    DWORD state = SCARD_PRESENT;
    if (reader->card == NULL)
        state = SCARD_ABSENT;
    else if (reader->card->atr_length == 0)
        state |= SCARD_SWALLOWED;
    else if (reader->powered)
        state |= SCARD_POWERED | SCARD_NEGOTIABLE;
    return state | count_of_events(reader) << 16;
}

static DWORD card_state(const struct reader *reader)
{
    return PCSC_NUMBERS_CARD_STATES ? number_of_card_state(reader) : bits_of_card_state(reader);
}

static void take(struct snapshot *snapshot, const struct reader *reader)
{
    *snapshot = (struct snapshot){
        .state = card_state(reader),
        .protocol = reader->protocol,
        .has_card = reader->card != NULL,
        .ifs_request_length = reader->ifs_request_length,
    };
    memcpy(snapshot->name, reader->name, sizeof reader->name);
    memcpy(snapshot->ifs_request, reader->ifs_request, sizeof snapshot->ifs_request);
    if (reader->card == NULL)
        return;
    snapshot->atr_length = (DWORD)reader->card->atr_length;
    memcpy(snapshot->atr, reader->card->atr, sizeof snapshot->atr);
}

/* pcsc-lite looks for the reader's name before it looks for the handle. */
static LONG say_if_unplugged(const struct handle *handle, LONG code)
{
    bool unplugged = code == (LONG)SCARD_E_INVALID_VALUE && !handle->reader->plugged;
    return unplugged ? (LONG)SCARD_E_READER_UNAVAILABLE : code;
}

EXPORTED LONG PCSC_CALL TEXT_FUNCTION(SCardStatus)(SCARDHANDLE handle_number, char *reader_name,
                                                   DWORD *name_length, DWORD *state, DWORD *protocol,
                                                   unsigned char *atr, DWORD *atr_length)
{
    DWORD name_room = name_length != NULL ? *name_length : 0;
    DWORD atr_room = atr_length != NULL ? *atr_length : 0;
    struct snapshot snapshot;
    struct handle *handle;
    LONG code;
    if (name_length != NULL)
        *name_length = 0;
    if (atr_length != NULL)
        *atr_length = 0;
    if (state != NULL)
        *state = 0;
    if (protocol != NULL)
        *protocol = SCARD_PROTOCOL_UNDEFINED;
    if (meets_fault(IN_SCardStatus, &code, NULL))
        return code;

    pthread_mutex_lock(&world_mutex);
    code = wait_for_reader(handle_number, &handle);
    if (code == SCARD_S_SUCCESS)
        code = refuse_after_event(handle);
    else if (handle != NULL)
        code = say_if_unplugged(handle, code);
    if (code == SCARD_S_SUCCESS)
        take(&snapshot, handle->reader);
    pthread_mutex_unlock(&world_mutex);
    if (code != SCARD_S_SUCCESS)
        return code;

    if (state != NULL)
        *state = snapshot.state;
    if (protocol != NULL)
        *protocol = snapshot.protocol;
    if (name_length != NULL)
        *name_length = name_room;
    if (atr_length != NULL)
        *atr_length = atr_room;
    DWORD name_size = (DWORD)strlen(snapshot.name) + 1 + PCSC_LISTS_READER_NAMES;
    LONG name_code = deliver(snapshot.name, name_size, reader_name, name_length);
    LONG atr_code = deliver(snapshot.atr, snapshot.atr_length, atr, atr_length);
    return name_code != SCARD_S_SUCCESS ? name_code : atr_code;
}

/* For attributes: not while another handle holds a transaction, not before a reconnect after a reset; and the
 * reader is asked when the running command has ended. */
static LONG find_undisturbed(SCARDHANDLE handle_number, struct handle **handle)
{
    LONG code;
    while ((code = find_usable_handle(handle_number, handle)) == SCARD_S_SUCCESS
           && (code = refuse_during_transaction(*handle)) == SCARD_S_SUCCESS
           && (code = refuse_after_event(*handle)) == SCARD_S_SUCCESS && (*handle)->reader->busy)
        if ((code = wait_for_turn((*handle)->reader)) != SCARD_S_SUCCESS)
            return code;
    return code;
}

static LONG deliver_attribute(const struct snapshot *snapshot, DWORD attribute, unsigned char *value,
                              DWORD *length)
{
    const unsigned char presence = snapshot->has_card ? PRESENT : NOT_PRESENT;
    const uint32_t protocol = (uint32_t)snapshot->protocol;
    switch (attribute) {
    case SCARD_ATTR_DEVICE_FRIENDLY_NAME:
    case SCARD_ATTR_DEVICE_SYSTEM_NAME:
        return deliver(snapshot->name, (DWORD)strlen(snapshot->name) + 1, value, length);
    case SCARD_ATTR_VENDOR_NAME:
        return deliver(vendor_name, sizeof vendor_name - 1, value, length);
    case SCARD_ATTR_ATR_STRING:
        return deliver(snapshot->atr, snapshot->atr_length, value, length);
    case SCARD_ATTR_ICC_PRESENCE:
        return deliver(&presence, sizeof presence, value, length);
    case SCARD_ATTR_CURRENT_PROTOCOL_TYPE:
        return deliver(&protocol, sizeof protocol, value, length);
    case SCARD_ATTR_SUPRESS_T1_IFS_REQUEST:
        return deliver(snapshot->ifs_request, snapshot->ifs_request_length, value, length);
    default:
        return (LONG)PCSC_NO_SUCH_ATTRIBUTE;
    }
}

EXPORTED LONG PCSC_CALL SCardGetAttrib(SCARDHANDLE handle_number, DWORD attribute, unsigned char *value, DWORD *length)
{
    struct snapshot snapshot;
    struct handle *handle;
    LONG code;
    if (meets_fault(IN_SCardGetAttrib, &code, NULL))
        return code;
    if (length == NULL || (value == NULL && PCSC_AUTOALLOCATES(*length)))
        return (LONG)SCARD_E_INVALID_PARAMETER;
    pthread_mutex_lock(&world_mutex);
    code = find_undisturbed(handle_number, &handle);
    if (code == SCARD_S_SUCCESS)
        take(&snapshot, handle->reader);
    pthread_mutex_unlock(&world_mutex);
    if (code != SCARD_S_SUCCESS)
        return code;
    /* pcsc-lite's message to its daemon has room for so much, and it says so about the caller's buffer. */
    if (value != NULL && *length > MAX_BUFFER_SIZE && !PCSC_AUTOALLOCATES(*length))
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    return deliver_attribute(&snapshot, attribute, value, length);
}

EXPORTED LONG PCSC_CALL SCardSetAttrib(SCARDHANDLE handle_number, DWORD attribute, const unsigned char *value,
                             DWORD length)
{
    struct handle *handle;
    LONG code;
    if (meets_fault(IN_SCardSetAttrib, &code, NULL))
        return code;
    if (value == NULL || length == 0)
        return (LONG)SCARD_E_INVALID_PARAMETER;
    pthread_mutex_lock(&world_mutex);
    code = find_undisturbed(handle_number, &handle);
    if (code == SCARD_S_SUCCESS && length > MAX_BUFFER_SIZE)
        code = (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    else if (code == SCARD_S_SUCCESS && attribute != SCARD_ATTR_SUPRESS_T1_IFS_REQUEST)
        code = (LONG)PCSC_NO_SUCH_ATTRIBUTE;
    else if (code == SCARD_S_SUCCESS && length != sizeof(uint32_t) && length != sizeof(DWORD))
        code = (LONG)SCARD_E_NOT_TRANSACTED;
    if (code == SCARD_S_SUCCESS) {
        memcpy(handle->reader->ifs_request, value, length);
        handle->reader->ifs_request_length = length;
    }
    pthread_mutex_unlock(&world_mutex);
    return code;
}
