/* SCardConnect, SCardReconnect, SCardDisconnect, and transactions. */
#include <string.h>

#include "exports.h"
#include "turns.h"
#include "world.h"

static LONG check_request(DWORD share_mode, DWORD protocols)
{
    DWORD known = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1 | SCARD_PROTOCOL_RAW;
    if (share_mode != SCARD_SHARE_EXCLUSIVE && share_mode != SCARD_SHARE_SHARED
        && share_mode != SCARD_SHARE_DIRECT)
        return SCARD_E_INVALID_VALUE;
    if (!(protocols & known) && !(share_mode == SCARD_SHARE_DIRECT && protocols == 0))
        return SCARD_E_PROTO_MISMATCH;
    return SCARD_S_SUCCESS;
}

/* The protocol that the card speaks after this request. What was negotiated holds until the next reset,
 * for everybody; T=1 is preferred; RAW always wins; a direct connection negotiates nothing. */
static LONG negotiate(const struct reader *reader, DWORD share_mode, DWORD wanted, DWORD *protocol)
{
    DWORD offered = wanted & reader->card->protocols;
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
        return SCARD_E_PROTO_MISMATCH;
    return SCARD_S_SUCCESS;
}

static void power_up_unless_direct(struct reader *reader, DWORD share_mode)
{
    if (share_mode != SCARD_SHARE_DIRECT)
        reader->powered = true;
}

/* Exclusive access of another handle is refused at once, its transaction is waited for. */
static LONG find_free_reader(SCARDCONTEXT context_number, const char *name, struct context **context,
                             struct reader **reader)
{
    while ((*context = find_context(context_number)) != NULL) {
        *reader = find_reader(name);
        if (*reader == NULL)
            return SCARD_E_UNKNOWN_READER;
        if ((*reader)->exclusive != NULL)
            return SCARD_E_SHARING_VIOLATION;
        if ((*reader)->transaction_owner == NULL)
            return SCARD_S_SUCCESS;
        pthread_cond_wait(&(*reader)->turn, &world_mutex);
    }
    return SCARD_E_INVALID_HANDLE;
}

static LONG connect_locked(SCARDCONTEXT context_number, const char *name, DWORD share_mode, DWORD protocols,
                           SCARDHANDLE *handle_number, DWORD *active_protocol)
{
    struct context *context;
    struct reader *reader;
    DWORD protocol;
    LONG code = find_free_reader(context_number, name, &context, &reader);
    if (code == SCARD_S_SUCCESS)
        code = negotiate(reader, share_mode, protocols, &protocol);
    if (code != SCARD_S_SUCCESS)
        return code;
    if (share_mode == SCARD_SHARE_EXCLUSIVE && reader->connections > 0)
        return SCARD_E_SHARING_VIOLATION;

    struct handle *handle = open_handle(context, reader);
    if (handle == NULL)
        return SCARD_E_NO_MEMORY;
    if (share_mode == SCARD_SHARE_EXCLUSIVE)
        reader->exclusive = handle;
    power_up_unless_direct(reader, share_mode);
    reader->protocol = protocol;
    *handle_number = handle->number;
    *active_protocol = protocol;
    return SCARD_S_SUCCESS;
}

EXPORTED LONG SCardConnect(SCARDCONTEXT context_number, const char *reader_name, DWORD share_mode,
                           DWORD protocols, SCARDHANDLE *handle_number, DWORD *active_protocol)
{
    if (handle_number == NULL || active_protocol == NULL)
        return SCARD_E_INVALID_PARAMETER;
    *handle_number = 0;
    *active_protocol = SCARD_PROTOCOL_UNDEFINED;
    if (reader_name == NULL)
        return SCARD_E_UNKNOWN_READER;
    if (strlen(reader_name) > MAX_READERNAME)
        return SCARD_E_INVALID_VALUE;

    pthread_mutex_lock(&world_mutex);
    LONG code = find_context(context_number) != NULL ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_INVALID_HANDLE;
    if (code == SCARD_S_SUCCESS)
        code = check_request(share_mode, protocols);
    if (code == SCARD_S_SUCCESS)
        code = connect_locked(context_number, reader_name, share_mode, protocols, handle_number,
                              active_protocol);
    pthread_mutex_unlock(&world_mutex);
    return code;
}

/* pcsc-lite's client asks again and again while others are connected, so asking for exclusive access
 * waits until this handle is the only one. */
static LONG wait_to_reconnect(SCARDHANDLE handle_number, DWORD share_mode, struct handle **handle)
{
    LONG code;
    while ((code = wait_for_card(handle_number, handle)) == SCARD_S_SUCCESS) {
        struct reader *reader = (*handle)->reader;
        if (share_mode != SCARD_SHARE_EXCLUSIVE || reader->connections == 1)
            return SCARD_S_SUCCESS;
        pthread_cond_wait(&reader->turn, &world_mutex);
    }
    return code;
}

static LONG reconnect_locked(SCARDHANDLE handle_number, DWORD share_mode, DWORD protocols,
                             DWORD initialization, DWORD *active_protocol)
{
    struct handle *handle;
    LONG code = wait_to_reconnect(handle_number, share_mode, &handle);
    if (code != SCARD_S_SUCCESS)
        return code;

    struct reader *reader = handle->reader;
    if (initialization != SCARD_LEAVE_CARD) {
        reset_card(reader, true); /* UNPOWER is a cold reset here: the card is powered up again */
        handle->resets_seen = reader->resets;
    }
    DWORD protocol;
    code = negotiate(reader, share_mode, protocols, &protocol);
    if (code != SCARD_S_SUCCESS)
        return code;

    power_up_unless_direct(reader, share_mode);
    reader->protocol = protocol;
    reader->exclusive = share_mode == SCARD_SHARE_EXCLUSIVE ? handle : NULL;
    handle->resets_seen = reader->resets;
    *active_protocol = protocol;
    pthread_cond_broadcast(&world_changed);
    return SCARD_S_SUCCESS;
}

EXPORTED LONG SCardReconnect(SCARDHANDLE handle_number, DWORD share_mode, DWORD protocols,
                             DWORD initialization, DWORD *active_protocol)
{
    if (active_protocol == NULL)
        return SCARD_E_INVALID_PARAMETER;
    pthread_mutex_lock(&world_mutex);
    LONG code = find_handle(handle_number) != NULL ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_INVALID_HANDLE;
    if (code == SCARD_S_SUCCESS && initialization > SCARD_UNPOWER_CARD)
        code = SCARD_E_INVALID_VALUE;
    if (code == SCARD_S_SUCCESS)
        code = check_request(share_mode, protocols);
    if (code == SCARD_S_SUCCESS)
        code = reconnect_locked(handle_number, share_mode, protocols, initialization, active_protocol);
    pthread_mutex_unlock(&world_mutex);
    return code;
}

EXPORTED LONG SCardDisconnect(SCARDHANDLE handle_number, DWORD disposition)
{
    bool resets = disposition == SCARD_RESET_CARD || disposition == SCARD_UNPOWER_CARD;
    struct handle *handle;
    pthread_mutex_lock(&world_mutex);
    LONG code = find_handle(handle_number) != NULL ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_INVALID_HANDLE;
    if (code == SCARD_S_SUCCESS && disposition > SCARD_EJECT_CARD)
        code = SCARD_E_INVALID_VALUE;
    if (code == SCARD_S_SUCCESS)
        code = resets ? wait_for_card(handle_number, &handle) : wait_for_own_command(handle_number, &handle);
    if (code == SCARD_S_SUCCESS) {
        if (resets)
            reset_card(handle->reader, disposition == SCARD_RESET_CARD);
        close_handle(handle);
    }
    pthread_mutex_unlock(&world_mutex);
    return code;
}

EXPORTED LONG SCardBeginTransaction(SCARDHANDLE handle_number)
{
    struct handle *handle;
    pthread_mutex_lock(&world_mutex);
    LONG code = wait_for_reader(handle_number, &handle);
    if (code == SCARD_S_SUCCESS)
        code = refuse_after_reset(handle);
    if (code == SCARD_S_SUCCESS) {
        handle->reader->transaction_owner = handle;
        handle->reader->transaction_depth++;
    }
    pthread_mutex_unlock(&world_mutex);
    return code;
}

static LONG end_transaction_locked(SCARDHANDLE handle_number, DWORD disposition)
{
    struct handle *handle = find_handle(handle_number);
    if (handle == NULL)
        return SCARD_E_INVALID_HANDLE;
    if (disposition > SCARD_EJECT_CARD)
        return SCARD_E_INVALID_VALUE;
    LONG code = refuse_during_transaction(handle);
    if (code == SCARD_S_SUCCESS)
        code = refuse_after_reset(handle);
    if (code == SCARD_S_SUCCESS && disposition != SCARD_LEAVE_CARD)
        code = wait_for_card(handle_number, &handle);
    if (code != SCARD_S_SUCCESS)
        return code;

    struct reader *reader = handle->reader;
    if (reader->transaction_owner != handle)
        return SCARD_E_NOT_TRANSACTED;
    /* Both are a reset with the card powered afterwards; the caller's own handle has to reconnect too. */
    if (disposition == SCARD_RESET_CARD || disposition == SCARD_UNPOWER_CARD)
        reset_card(reader, true);
    if (--reader->transaction_depth == 0) {
        reader->transaction_owner = NULL;
        pthread_cond_broadcast(&reader->turn);
    }
    /* No motor here: as on pcsc-lite the transaction ends all the same. */
    return disposition == SCARD_EJECT_CARD ? (LONG)SCARD_E_UNSUPPORTED_FEATURE : (LONG)SCARD_S_SUCCESS;
}

EXPORTED LONG SCardEndTransaction(SCARDHANDLE handle_number, DWORD disposition)
{
    pthread_mutex_lock(&world_mutex);
    LONG code = end_transaction_locked(handle_number, disposition);
    pthread_mutex_unlock(&world_mutex);
    return code;
}
