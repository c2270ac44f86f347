/* SCardBeginTransaction and SCardEndTransaction. */
#include "card_access.h"
#include "exports.h"
#include "faults.h"

/* A wait ends at once if the card is reset or removed. */
static LONG begin_transaction_locked(SCARDHANDLE handle_number)
{
    struct handle *handle;
    LONG code;
    while ((code = handle_find_usable(handle_number, &handle)) == SCARD_S_SUCCESS &&
           (code = handle_check_card_event(handle)) == SCARD_S_SUCCESS &&
           handle_check_transaction(handle) != SCARD_S_SUCCESS)
        if ((code = reader_wait(handle->reader)) != SCARD_S_SUCCESS)
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
    if (fault_ends_call(FUNCTION_SCardBeginTransaction, &code, NULL))
        return code;
    pthread_mutex_lock(&manager_mutex);
    code = begin_transaction_locked(handle_number);
    pthread_mutex_unlock(&manager_mutex);
    return code;
}

/* Only the owner of a transaction can end it, or reset the card while it lasts. */
static LONG end_transaction_locked(SCARDHANDLE handle_number, DWORD disposition)
{
    struct handle *handle;
    LONG code = handle_find_usable(handle_number, &handle);
    if (code == SCARD_S_SUCCESS && disposition > SCARD_EJECT_CARD)
        code = (LONG)SCARD_E_INVALID_VALUE;
    if (code == SCARD_S_SUCCESS)
        code = handle_check_card_event(handle);
    if (code == SCARD_S_SUCCESS)
        code = handle_check_transaction(handle);
    if (code == SCARD_S_SUCCESS && disposition_resets_card(disposition))
        code = handle_wait_for_card(handle_number, &handle);
    if (code != SCARD_S_SUCCESS)
        return code;

    /* SCARD_UNPOWER_CARD resets too: the card has power afterwards. The caller's own handle must reconnect as well. */
    bool is_owner = handle->reader->transaction_owner == handle;
    if (disposition_resets_card(disposition))
        reader_reset_card(handle->reader, handle, true);
    struct reader *reader = handle->reader;
    if (!is_owner)
        return (LONG)SCARD_E_NOT_TRANSACTED;
    if (reader->transaction_owner == handle && --reader->transaction_depth == 0) {
        reader->transaction_owner = NULL;
        pthread_cond_broadcast(&reader->changed);
    }
    /* The reader cannot eject the card; as on pcsc-lite the transaction ends nevertheless. */
    return disposition == SCARD_EJECT_CARD ? (LONG)SCARD_E_UNSUPPORTED_FEATURE : (LONG)SCARD_S_SUCCESS;
}

EXPORTED LONG PCSC_CALL SCardEndTransaction(SCARDHANDLE handle_number, DWORD disposition)
{
    LONG code;
    if (fault_ends_call(FUNCTION_SCardEndTransaction, &code, NULL))
        return code;
    pthread_mutex_lock(&manager_mutex);
    code = end_transaction_locked(handle_number, disposition);
    pthread_mutex_unlock(&manager_mutex);
    return code;
}
