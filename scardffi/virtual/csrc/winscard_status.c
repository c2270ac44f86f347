/* SCardStatus. */
#include <string.h>

#include "card_access.h"
#include "exports.h"
#include "faults.h"
#include "output_buffer.h"
#include "reader_snapshot.h"
#include "winscard_strings.h"

/* For an unplugged reader return SCARD_E_READER_UNAVAILABLE, like pcsc-lite, which looks up the reader's name first. */
static LONG code_if_unplugged(const struct handle *handle, LONG code)
{
    bool unplugged = code == (LONG)SCARD_E_INVALID_VALUE && !handle->reader->is_plugged;
    return unplugged ? (LONG)SCARD_E_READER_UNAVAILABLE : code;
}

EXPORTED LONG PCSC_CALL STRING_FUNCTION(SCardStatus)(SCARDHANDLE handle_number, char *reader_name, DWORD *name_length,
                                                     DWORD *state, DWORD *protocol, unsigned char *atr,
                                                     DWORD *atr_length)
{
    DWORD name_room = name_length != NULL ? *name_length : 0;
    DWORD atr_room = atr_length != NULL ? *atr_length : 0;
    struct reader_snapshot snapshot;
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
    if (fault_ends_call(FUNCTION_SCardStatus, &code, NULL))
        return code;

    pthread_mutex_lock(&manager_mutex);
    code = handle_wait_for_transaction(handle_number, &handle);
    if (code == SCARD_S_SUCCESS)
        code = handle_check_card_event(handle);
    else if (handle != NULL)
        code = code_if_unplugged(handle, code);
    if (code == SCARD_S_SUCCESS)
        reader_take_snapshot(handle->reader, &snapshot);
    pthread_mutex_unlock(&manager_mutex);
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
    LONG name_code = output_copy(snapshot.name, name_size, reader_name, name_length);
    LONG atr_code = output_copy(snapshot.atr, snapshot.atr_length, atr, atr_length);
    return name_code != SCARD_S_SUCCESS ? name_code : atr_code;
}
