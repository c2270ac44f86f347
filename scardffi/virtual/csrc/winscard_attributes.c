/* SCardGetAttrib and SCardSetAttrib. */
#include <string.h>

#include "card_access.h"
#include "exports.h"
#include "faults.h"
#include "output_buffer.h"
#include "reader_snapshot.h"

/* SCARD_ATTR_ICC_PRESENCE, PC/SC part 3, 3.1.1 */
enum { NOT_PRESENT = 0, PRESENT = 2 };

static const char vendor_name[] = "scardffi";

/* Fail if another handle has a transaction, or the card was reset or removed. Wait until no command runs. */
static LONG wait_for_idle_reader(SCARDHANDLE handle_number, struct handle **handle)
{
    LONG code;
    while ((code = handle_find_usable(handle_number, handle)) == SCARD_S_SUCCESS &&
           (code = handle_check_transaction(*handle)) == SCARD_S_SUCCESS &&
           (code = handle_check_card_event(*handle)) == SCARD_S_SUCCESS && (*handle)->reader->is_busy)
        if ((code = reader_wait((*handle)->reader)) != SCARD_S_SUCCESS)
            return code;
    return code;
}

static LONG copy_attribute(const struct reader_snapshot *snapshot, DWORD attribute, unsigned char *value, DWORD *length)
{
    const unsigned char presence = snapshot->has_card ? PRESENT : NOT_PRESENT;
    const uint32_t protocol = (uint32_t)snapshot->protocol;
    switch (attribute) {
    case SCARD_ATTR_DEVICE_FRIENDLY_NAME:
    case SCARD_ATTR_DEVICE_SYSTEM_NAME:
        return output_copy(snapshot->name, (DWORD)strlen(snapshot->name) + 1, value, length);
    case SCARD_ATTR_VENDOR_NAME:
        return output_copy(vendor_name, sizeof vendor_name - 1, value, length);
    case SCARD_ATTR_ATR_STRING:
        return output_copy(snapshot->atr, snapshot->atr_length, value, length);
    case SCARD_ATTR_ICC_PRESENCE:
        return output_copy(&presence, sizeof presence, value, length);
    case SCARD_ATTR_CURRENT_PROTOCOL_TYPE:
        return output_copy(&protocol, sizeof protocol, value, length);
    case SCARD_ATTR_SUPRESS_T1_IFS_REQUEST:
        return output_copy(snapshot->ifs_request, snapshot->ifs_request_length, value, length);
    default:
        return (LONG)PCSC_NO_SUCH_ATTRIBUTE;
    }
}

EXPORTED LONG PCSC_CALL SCardGetAttrib(SCARDHANDLE handle_number, DWORD attribute, unsigned char *value, DWORD *length)
{
    struct reader_snapshot snapshot;
    struct handle *handle;
    LONG code;
    if (fault_ends_call(FUNCTION_SCardGetAttrib, &code, NULL))
        return code;
    if (length == NULL || (value == NULL && PCSC_AUTOALLOCATES(*length)))
        return (LONG)SCARD_E_INVALID_PARAMETER;
    pthread_mutex_lock(&manager_mutex);
    code = wait_for_idle_reader(handle_number, &handle);
    if (code == SCARD_S_SUCCESS)
        reader_take_snapshot(handle->reader, &snapshot);
    pthread_mutex_unlock(&manager_mutex);
    if (code != SCARD_S_SUCCESS)
        return code;
    /* pcsc-lite's message to its daemon has room for MAX_BUFFER_SIZE bytes, and it rejects a larger buffer. */
    if (value != NULL && *length > MAX_BUFFER_SIZE && !PCSC_AUTOALLOCATES(*length))
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    return copy_attribute(&snapshot, attribute, value, length);
}

EXPORTED LONG PCSC_CALL SCardSetAttrib(SCARDHANDLE handle_number, DWORD attribute, const unsigned char *value,
                                       DWORD length)
{
    struct handle *handle;
    LONG code;
    if (fault_ends_call(FUNCTION_SCardSetAttrib, &code, NULL))
        return code;
    if (value == NULL || length == 0)
        return (LONG)SCARD_E_INVALID_PARAMETER;
    pthread_mutex_lock(&manager_mutex);
    code = wait_for_idle_reader(handle_number, &handle);
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
    pthread_mutex_unlock(&manager_mutex);
    return code;
}
