/* SCardConnect, SCardReconnect, SCardDisconnect, and transactions. */
#include <string.h>

#include "exports.h"
#include "faults.h"
#include "turns.h"
#include "winscard_text.h"
#include "world.h"

static LONG check_protocols(DWORD share_mode, DWORD protocols)
{
    DWORD known = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1 | SCARD_PROTOCOL_RAW | PROTOCOL_ANY_OLD;
    bool any = share_mode == SCARD_SHARE_DIRECT || (protocols & known);
    return any ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_PROTO_MISMATCH;
}

static LONG check_share_mode(DWORD share_mode)
{
    bool known = share_mode == SCARD_SHARE_EXCLUSIVE || share_mode == SCARD_SHARE_SHARED
                 || share_mode == SCARD_SHARE_DIRECT;
    return known ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_INVALID_VALUE;
}

/* The protocol that the card speaks after this request. What was negotiated holds until the next reset,
 * for everybody; T=1 is preferred; RAW always wins; a direct connection negotiates nothing. */
static LONG negotiate(const struct reader *reader, DWORD share_mode, DWORD wanted, DWORD *protocol)
{
    if (wanted & PROTOCOL_ANY_OLD)
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

/* A card that was switched off is powered up again for whoever wants to use it. */
static LONG power_up(struct reader *reader)
{
    if (reader->card == NULL)
        return (LONG)SCARD_E_NO_SMARTCARD;
    reader->powered = reader->card->atr_length > 0;
    return reader->powered ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_W_UNPOWERED_CARD;
}

/* Exclusive access of another handle is refused at once. Its transaction is waited for, and a running command by
 * who wants the card. */
static LONG find_free_reader(SCARDCONTEXT context_number, const char *name, DWORD share_mode,
                             struct context **context, struct reader **reader)
{
    LONG code;
    bool waited = false;
    while ((code = find_usable_context(context_number, context)) == SCARD_S_SUCCESS) {
        *reader = find_reader(name);
        if (*reader == NULL)
            return (LONG)SCARD_E_UNKNOWN_READER;
        if ((*reader)->exclusive != NULL)
            return (LONG)SCARD_E_SHARING_VIOLATION;
        if ((*reader)->transaction_owner == NULL && (!(*reader)->busy || share_mode == SCARD_SHARE_DIRECT))
            return SCARD_S_SUCCESS;
        code = wait_for_turn(*reader);
        if (code != SCARD_S_SUCCESS)
            return code;
        waited = true;
    }
    return waited ? code_after_wait(code) : code;
}

static LONG connect_locked(SCARDCONTEXT context_number, const char *name, DWORD share_mode, DWORD protocols,
                           SCARDHANDLE *handle_number, DWORD *active_protocol)
{
    struct context *context;
    struct reader *reader;
    DWORD protocol;
    LONG code = find_free_reader(context_number, name, share_mode, &context, &reader);
    if (code == SCARD_S_SUCCESS && share_mode != SCARD_SHARE_DIRECT)
        code = power_up(reader);
    if (code == SCARD_S_SUCCESS)
        code = negotiate(reader, share_mode, protocols, &protocol);
    if (code != SCARD_S_SUCCESS)
        return code;
    if (share_mode == SCARD_SHARE_EXCLUSIVE && reader->connections > 0)
        return (LONG)SCARD_E_SHARING_VIOLATION;

    struct handle *handle = open_handle(context, reader);
    if (handle == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    if (share_mode == SCARD_SHARE_EXCLUSIVE)
        reader->exclusive = handle;
    reader->protocol = protocol;
    *handle_number = handle->number;
    *active_protocol = protocol;
    return SCARD_S_SUCCESS;
}

EXPORTED LONG PCSC_CALL TEXT_FUNCTION(SCardConnect)(SCARDCONTEXT context_number, const char *reader_name,
                                                    DWORD share_mode, DWORD protocols,
                                                    SCARDHANDLE *handle_number, DWORD *active_protocol)
{
    struct context *context;
    LONG code;
    if (handle_number == NULL || active_protocol == NULL)
        return (LONG)SCARD_E_INVALID_PARAMETER;
    *handle_number = 0;
    *active_protocol = SCARD_PROTOCOL_UNDEFINED;
    if (meets_fault(IN_SCardConnect, &code, NULL))
        return code;
    if (reader_name == NULL)
        return (LONG)SCARD_E_UNKNOWN_READER;
    if (strlen(reader_name) > MAX_READERNAME)
        return (LONG)SCARD_E_INVALID_VALUE;

    pthread_mutex_lock(&world_mutex);
    code = find_usable_context(context_number, &context);
    if (code == SCARD_S_SUCCESS)
        code = check_protocols(share_mode, protocols);
    if (code == SCARD_S_SUCCESS)
        code = check_share_mode(share_mode);
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
    while ((code = wait_for_card(handle_number, handle)) == SCARD_S_SUCCESS
           && share_mode == SCARD_SHARE_EXCLUSIVE && (*handle)->reader->connections > 1)
        pthread_cond_wait(&(*handle)->reader->turn, &world_mutex);
    return code;
}

/* What is left of the connection after a reset on its own request, or as it was found. */
static LONG check_card(const struct reader *reader)
{
    if (reader->card == NULL)
        return (LONG)SCARD_E_NO_SMARTCARD;
    return reader->card->atr_length > 0 ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_W_UNRESPONSIVE_CARD;
}

static LONG reconnect_locked(SCARDHANDLE handle_number, DWORD share_mode, DWORD protocols,
                             DWORD initialization, DWORD *active_protocol)
{
    struct handle *handle;
    DWORD protocol;
    LONG code = wait_for_card(handle_number, &handle);
    /* UNPOWER is a cold reset here: the card is powered up again. */
    if (code == SCARD_S_SUCCESS && initialization != SCARD_LEAVE_CARD)
        reset_card(handle->reader, handle, true);
    if (code == SCARD_S_SUCCESS)
        code = wait_to_reconnect(handle_number, share_mode, &handle);
    if (code == SCARD_S_SUCCESS)
        code = check_card(handle->reader);
    if (code == SCARD_S_SUCCESS)
        code = negotiate(handle->reader, share_mode, protocols, &protocol);
    if (code != SCARD_S_SUCCESS)
        return code;

    struct reader *reader = handle->reader;
    if (share_mode != SCARD_SHARE_DIRECT)
        reader->powered = true;
    reader->protocol = protocol;
    reader->exclusive = share_mode == SCARD_SHARE_EXCLUSIVE ? handle : NULL;
    handle->events_seen = reader->card_events;
    *active_protocol = protocol;
    pthread_cond_broadcast(&world_changed);
    return SCARD_S_SUCCESS;
}

EXPORTED LONG PCSC_CALL SCardReconnect(SCARDHANDLE handle_number, DWORD share_mode, DWORD protocols,
                             DWORD initialization, DWORD *active_protocol)
{
    struct handle *handle;
    LONG code;
    if (meets_fault(IN_SCardReconnect, &code, NULL))
        return code;
    if (active_protocol == NULL)
        return (LONG)SCARD_E_INVALID_PARAMETER;
    pthread_mutex_lock(&world_mutex);
    code = find_usable_handle(handle_number, &handle);
    if (code == SCARD_S_SUCCESS && initialization > SCARD_UNPOWER_CARD)
        code = (LONG)SCARD_E_INVALID_VALUE;
    if (code == SCARD_S_SUCCESS)
        code = check_share_mode(share_mode);
    if (code == SCARD_S_SUCCESS)
        code = check_protocols(share_mode, protocols);
    if (code == SCARD_S_SUCCESS)
        code = reconnect_locked(handle_number, share_mode, protocols, initialization, active_protocol);
    pthread_mutex_unlock(&world_mutex);
    return code;
}

/* A handle whose reader is gone can be closed; one whose resource manager has stopped goes with its context. */
static LONG disconnect_locked(SCARDHANDLE handle_number, DWORD disposition)
{
    bool resets = disposition == SCARD_RESET_CARD || disposition == SCARD_UNPOWER_CARD;
    struct handle *handle;
    LONG code = find_usable_handle(handle_number, &handle);
    if (handle == NULL || handle->context->dead)
        return code;
    if (disposition > SCARD_EJECT_CARD)
        return (LONG)SCARD_E_INVALID_VALUE;
    if (disposition != SCARD_LEAVE_CARD)
        code = wait_for_card(handle_number, &handle);
    if (code == (LONG)SCARD_E_SHARING_VIOLATION)
        return code;
    if (resets && code == SCARD_S_SUCCESS)
        reset_card(handle->reader, handle, disposition == SCARD_RESET_CARD);
    code = wait_for_own_command(handle_number, &handle);
    if (code == SCARD_S_SUCCESS)
        close_handle(handle);
    return code;
}

EXPORTED LONG PCSC_CALL SCardDisconnect(SCARDHANDLE handle_number, DWORD disposition)
{
    LONG code;
    if (meets_fault(IN_SCardDisconnect, &code, NULL))
        return code;
    pthread_mutex_lock(&world_mutex);
    code = disconnect_locked(handle_number, disposition);
    pthread_mutex_unlock(&world_mutex);
    return code;
}

/* Who waits is told at once when the card is reset or removed. */
static LONG begin_transaction_locked(SCARDHANDLE handle_number)
{
    struct handle *handle;
    LONG code;
    while ((code = find_usable_handle(handle_number, &handle)) == SCARD_S_SUCCESS
           && (code = refuse_after_event(handle)) == SCARD_S_SUCCESS
           && refuse_during_transaction(handle) != SCARD_S_SUCCESS)
        if ((code = wait_for_turn(handle->reader)) != SCARD_S_SUCCESS)
            return code;
    if (code != SCARD_S_SUCCESS)
        return code;
    handle->reader->transaction_owner = handle;
    handle->reader->transaction_depth++;
    return SCARD_S_SUCCESS;
}

EXPORTED LONG PCSC_CALL SCardBeginTransaction(SCARDHANDLE handle_number)
{
    LONG code;
    if (meets_fault(IN_SCardBeginTransaction, &code, NULL))
        return code;
    pthread_mutex_lock(&world_mutex);
    code = begin_transaction_locked(handle_number);
    pthread_mutex_unlock(&world_mutex);
    return code;
}

/* A card action in another handle's transaction is refused, and so is the end of a transaction of another. */
static LONG end_transaction_locked(SCARDHANDLE handle_number, DWORD disposition)
{
    bool resets = disposition == SCARD_RESET_CARD || disposition == SCARD_UNPOWER_CARD;
    struct handle *handle;
    LONG code = find_usable_handle(handle_number, &handle);
    if (code == SCARD_S_SUCCESS && disposition > SCARD_EJECT_CARD)
        code = (LONG)SCARD_E_INVALID_VALUE;
    if (code == SCARD_S_SUCCESS)
        code = refuse_after_event(handle);
    if (code == SCARD_S_SUCCESS)
        code = refuse_during_transaction(handle);
    if (code == SCARD_S_SUCCESS && resets)
        code = wait_for_card(handle_number, &handle);
    if (code != SCARD_S_SUCCESS)
        return code;

    /* Both are a reset with the card powered afterwards; the caller's own handle has to reconnect too. */
    bool owns = handle->reader->transaction_owner == handle;
    if (resets)
        reset_card(handle->reader, handle, true);
    struct reader *reader = handle->reader;
    if (!owns)
        return (LONG)SCARD_E_NOT_TRANSACTED;
    if (reader->transaction_owner == handle && --reader->transaction_depth == 0) {
        reader->transaction_owner = NULL;
        pthread_cond_broadcast(&reader->turn);
    }
    /* No motor here: as on pcsc-lite the transaction ends all the same. */
    return disposition == SCARD_EJECT_CARD ? (LONG)SCARD_E_UNSUPPORTED_FEATURE : (LONG)SCARD_S_SUCCESS;
}

EXPORTED LONG PCSC_CALL SCardEndTransaction(SCARDHANDLE handle_number, DWORD disposition)
{
    LONG code;
    if (meets_fault(IN_SCardEndTransaction, &code, NULL))
        return code;
    pthread_mutex_lock(&world_mutex);
    code = end_transaction_locked(handle_number, disposition);
    pthread_mutex_unlock(&world_mutex);
    return code;
}
