/* SCardConnect, SCardReconnect and SCardDisconnect. */
#include <string.h>

#include "card_access.h"
#include "exports.h"
#include "faults.h"
#include "resource_manager.h"
#include "winscard_strings.h"

static LONG check_protocols(DWORD share_mode, DWORD protocols)
{
    DWORD known = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1 | SCARD_PROTOCOL_RAW | SCARD_PROTOCOL_ANY_OLD;
    bool is_valid = share_mode == SCARD_SHARE_DIRECT || (protocols & known);
    return is_valid ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_PROTO_MISMATCH;
}

static LONG check_share_mode(DWORD share_mode)
{
    bool is_known =
        share_mode == SCARD_SHARE_EXCLUSIVE || share_mode == SCARD_SHARE_SHARED || share_mode == SCARD_SHARE_DIRECT;
    return is_known ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_INVALID_VALUE;
}

/* Set *protocol to the active protocol after this request. A negotiated protocol is kept for all handles until the next
 * reset. T=1 is preferred to T=0, and RAW to both. A direct connection negotiates no protocol. */
static LONG negotiate(const struct reader *reader, DWORD share_mode, DWORD wanted, DWORD *protocol)
{
    if (wanted & SCARD_PROTOCOL_ANY_OLD)
        wanted |= SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1;
    DWORD offered = reader->card != NULL ? wanted & reader->card->protocols : SCARD_PROTOCOL_UNDEFINED;
    *protocol = reader->protocol;
    if (wanted & SCARD_PROTOCOL_RAW)
        *protocol = SCARD_PROTOCOL_RAW;
    else if (share_mode == SCARD_SHARE_DIRECT)
        return SCARD_S_SUCCESS;
    else if (reader->protocol != SCARD_PROTOCOL_UNDEFINED)
        return reader->protocol & wanted ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_PROTO_MISMATCH;
    else if (offered & SCARD_PROTOCOL_T1)
        *protocol = SCARD_PROTOCOL_T1;
    else if (offered & SCARD_PROTOCOL_T0)
        *protocol = SCARD_PROTOCOL_T0;
    else
        return (LONG)SCARD_E_PROTO_MISMATCH;
    return SCARD_S_SUCCESS;
}

/* A connection powers up a card that was powered down. */
static LONG power_up(struct reader *reader)
{
    if (reader->card == NULL)
        return (LONG)SCARD_E_NO_SMARTCARD;
    reader->is_powered = reader->card->atr_length > 0;
    return reader->is_powered ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_W_UNPOWERED_CARD;
}

/* If another handle has exclusive access, fail at once. Wait for the end of another handle's transaction. Unless
 * share_mode is SCARD_SHARE_DIRECT, also wait for the end of a running command. */
static LONG wait_for_reader(SCARDCONTEXT context_number, const char *name, DWORD share_mode, struct context **context,
                            struct reader **reader)
{
    LONG code;
    bool waited = false;
    while ((code = context_find_usable(context_number, context)) == SCARD_S_SUCCESS) {
        *reader = reader_find(name);
        if (*reader == NULL)
            return (LONG)SCARD_E_UNKNOWN_READER;
        if ((*reader)->exclusive_handle != NULL)
            return (LONG)SCARD_E_SHARING_VIOLATION;
        if ((*reader)->transaction_owner == NULL && (!(*reader)->is_busy || share_mode == SCARD_SHARE_DIRECT))
            return SCARD_S_SUCCESS;
        (*context)->waiting_connects++;
        code = reader_wait(*reader);
        *context = context_find(context_number); /* it may have been released */
        if (*context != NULL)
            (*context)->waiting_connects--;
        if (code != SCARD_S_SUCCESS)
            return code;
        waited = true;
    }
    return waited ? code_if_stopped_during_call(code) : code;
}

static LONG connect_locked(SCARDCONTEXT context_number, const char *name, DWORD share_mode, DWORD protocols,
                           SCARDHANDLE *handle_number, DWORD *active_protocol)
{
    struct context *context;
    struct reader *reader;
    DWORD protocol;
    LONG code = wait_for_reader(context_number, name, share_mode, &context, &reader);
    if (code == SCARD_S_SUCCESS && share_mode != SCARD_SHARE_DIRECT)
        code = power_up(reader);
    if (code == SCARD_S_SUCCESS)
        code = negotiate(reader, share_mode, protocols, &protocol);
    if (code != SCARD_S_SUCCESS)
        return code;
    if (share_mode == SCARD_SHARE_EXCLUSIVE && reader->connection_count > 0)
        return (LONG)SCARD_E_SHARING_VIOLATION;

    struct handle *handle = handle_open(context, reader);
    if (handle == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    if (share_mode == SCARD_SHARE_EXCLUSIVE)
        reader->exclusive_handle = handle;
    reader->protocol = protocol;
    *handle_number = handle->number;
    *active_protocol = protocol;
    return SCARD_S_SUCCESS;
}

EXPORTED LONG PCSC_CALL STRING_FUNCTION(SCardConnect)(SCARDCONTEXT context_number, const char *reader_name,
                                                      DWORD share_mode, DWORD protocols, SCARDHANDLE *handle_number,
                                                      DWORD *active_protocol)
{
    struct context *context;
    LONG code;
    if (handle_number == NULL || active_protocol == NULL)
        return (LONG)SCARD_E_INVALID_PARAMETER;
    *handle_number = 0;
    *active_protocol = SCARD_PROTOCOL_UNDEFINED;
    if (fault_ends_call(FUNCTION_SCardConnect, &code, NULL))
        return code;
    if (reader_name == NULL)
        return (LONG)SCARD_E_UNKNOWN_READER;
    if (strlen(reader_name) > MAX_READERNAME)
        return (LONG)SCARD_E_INVALID_VALUE;

    pthread_mutex_lock(&manager_mutex);
    code = context_find_usable(context_number, &context);
    if (code == SCARD_S_SUCCESS)
        code = check_protocols(share_mode, protocols);
    if (code == SCARD_S_SUCCESS)
        code = check_share_mode(share_mode);
    if (code == SCARD_S_SUCCESS)
        code = connect_locked(context_number, reader_name, share_mode, protocols, handle_number, active_protocol);
    pthread_mutex_unlock(&manager_mutex);
    return code;
}

/* Wait until the handle can reconnect. Exclusive access waits until this handle is the only one, as with pcsc-lite,
 * whose client retries while other handles are connected. */
static LONG wait_to_reconnect(SCARDHANDLE handle_number, DWORD share_mode, struct handle **handle)
{
    LONG code;
    while ((code = handle_wait_for_card(handle_number, handle)) == SCARD_S_SUCCESS &&
           share_mode == SCARD_SHARE_EXCLUSIVE && (*handle)->reader->connection_count > 1)
        pthread_cond_wait(&(*handle)->reader->changed, &manager_mutex);
    return code;
}

static LONG check_card_responds(const struct reader *reader)
{
    if (reader->card == NULL)
        return (LONG)SCARD_E_NO_SMARTCARD;
    return reader->card->atr_length > 0 ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_W_UNRESPONSIVE_CARD;
}

static LONG reconnect_locked(SCARDHANDLE handle_number, DWORD share_mode, DWORD protocols, DWORD initialization,
                             DWORD *active_protocol)
{
    struct handle *handle;
    DWORD protocol;
    LONG code = handle_wait_for_card(handle_number, &handle);
    /* SCARD_UNPOWER_CARD is a cold reset here: the card is powered up again. */
    if (code == SCARD_S_SUCCESS && initialization != SCARD_LEAVE_CARD)
        reader_reset_card(handle->reader, handle, true);
    if (code == SCARD_S_SUCCESS)
        code = wait_to_reconnect(handle_number, share_mode, &handle);
    if (code == SCARD_S_SUCCESS)
        code = check_card_responds(handle->reader);
    if (code == SCARD_S_SUCCESS)
        code = negotiate(handle->reader, share_mode, protocols, &protocol);
    if (code != SCARD_S_SUCCESS)
        return code;

    struct reader *reader = handle->reader;
    if (share_mode != SCARD_SHARE_DIRECT)
        reader->is_powered = true;
    reader->protocol = protocol;
    reader->exclusive_handle = share_mode == SCARD_SHARE_EXCLUSIVE ? handle : NULL;
    handle->card_events_seen = reader->card_event_count;
    *active_protocol = protocol;
    pthread_cond_broadcast(&manager_changed);
    return SCARD_S_SUCCESS;
}

EXPORTED LONG PCSC_CALL SCardReconnect(SCARDHANDLE handle_number, DWORD share_mode, DWORD protocols,
                                       DWORD initialization, DWORD *active_protocol)
{
    struct handle *handle;
    LONG code;
    if (fault_ends_call(FUNCTION_SCardReconnect, &code, NULL))
        return code;
    if (active_protocol == NULL)
        return (LONG)SCARD_E_INVALID_PARAMETER;
    pthread_mutex_lock(&manager_mutex);
    code = handle_find_usable(handle_number, &handle);
    if (code == SCARD_S_SUCCESS && initialization > SCARD_UNPOWER_CARD)
        code = (LONG)SCARD_E_INVALID_VALUE;
    if (code == SCARD_S_SUCCESS)
        code = check_share_mode(share_mode);
    if (code == SCARD_S_SUCCESS)
        code = check_protocols(share_mode, protocols);
    if (code == SCARD_S_SUCCESS)
        code = reconnect_locked(handle_number, share_mode, protocols, initialization, active_protocol);
    pthread_mutex_unlock(&manager_mutex);
    return code;
}

/* A handle of an unplugged reader can be closed. A handle whose context is lost is closed with its context. */
static LONG disconnect_locked(SCARDHANDLE handle_number, DWORD disposition)
{
    struct handle *handle;
    LONG code = handle_find_usable(handle_number, &handle);
    if (handle == NULL || handle->context->is_lost)
        return code;
    if (disposition > SCARD_EJECT_CARD)
        return (LONG)SCARD_E_INVALID_VALUE;
    if (disposition != SCARD_LEAVE_CARD)
        code = handle_wait_for_card(handle_number, &handle);
    if (code == (LONG)SCARD_E_SHARING_VIOLATION)
        return code;
    if (code == SCARD_S_SUCCESS && disposition_resets_card(disposition))
        reader_reset_card(handle->reader, handle, disposition == SCARD_RESET_CARD);
    code = handle_wait_for_own_command(handle_number, &handle);
    if (code == SCARD_S_SUCCESS)
        handle_close(handle);
    return code;
}

EXPORTED LONG PCSC_CALL SCardDisconnect(SCARDHANDLE handle_number, DWORD disposition)
{
    LONG code;
    if (fault_ends_call(FUNCTION_SCardDisconnect, &code, NULL))
        return code;
    pthread_mutex_lock(&manager_mutex);
    code = disconnect_locked(handle_number, disposition);
    pthread_mutex_unlock(&manager_mutex);
    return code;
}
