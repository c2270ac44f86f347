/* SCardEstablishContext, SCardReleaseContext, SCardIsValidContext and SCardCancel. */
#include "card_access.h"
#include "exports.h"
#include "faults.h"
#include "initialization.h"

EXPORTED LONG PCSC_CALL SCardEstablishContext(DWORD scope, const void *reserved1, const void *reserved2,
                                              SCARDCONTEXT *context_number)
{
    (void)reserved1;
    (void)reserved2;
    if (context_number == NULL)
        return (LONG)SCARD_E_INVALID_PARAMETER;
    *context_number = 0;
    LONG code = library_ensure_initialized(); /* before fault_ends_call, because it may arm faults */
    if (code != SCARD_S_SUCCESS || fault_ends_call(FUNCTION_SCardEstablishContext, &code, NULL))
        return code;
    if (scope > SCARD_SCOPE_GLOBAL)
        return (LONG)SCARD_E_INVALID_VALUE;

    pthread_mutex_lock(&manager_mutex);
    struct context *context = manager_is_stopped ? NULL : context_open();
    if (context != NULL)
        *context_number = context->number;
    else
        code = manager_is_stopped ? (LONG)SCARD_E_NO_SERVICE : (LONG)SCARD_E_NO_MEMORY;
    pthread_mutex_unlock(&manager_mutex);
    return code;
}

/* As on pcsc-lite a context is still valid after the resource manager has stopped. */
EXPORTED LONG PCSC_CALL SCardIsValidContext(SCARDCONTEXT context_number)
{
    LONG code;
    if (fault_ends_call(FUNCTION_SCardIsValidContext, &code, NULL))
        return code;
    return context_is_open(context_number) ? (LONG)SCARD_S_SUCCESS : (LONG)PCSC_NO_SUCH_HANDLE;
}

/* Close the first handle of the context; if it has a transaction or exclusive access, reset the card, as pcsc-lite
 * does. Returns false if the caller has to wait and try again. */
static bool close_first_handle(struct context *context)
{
    struct handle *handle = context->handles;
    struct reader *reader = handle->reader;
    bool needs_reset = !context->is_lost && (reader->transaction_owner == handle || reader->exclusive_handle == handle);
    if (reader->is_busy && (needs_reset || reader->busy_handle == handle))
        return false;
    if (needs_reset && handle_check_card_event(handle) == SCARD_S_SUCCESS)
        reader_reset_card(reader, handle, true);
    handle_close(handle);
    return true;
}

EXPORTED LONG PCSC_CALL SCardReleaseContext(SCARDCONTEXT context_number)
{
    struct context *context;
    LONG code, wait_code = SCARD_S_SUCCESS;
    if (fault_ends_call(FUNCTION_SCardReleaseContext, &code, NULL))
        return code;
    pthread_mutex_lock(&manager_mutex);
    while ((context = context_find(context_number)) != NULL && context->handles != NULL && wait_code == SCARD_S_SUCCESS)
        if (!close_first_handle(context))
            wait_code = reader_wait(context->handles->reader);
    code = wait_code == SCARD_S_SUCCESS ? context_find_usable(context_number, &context) : wait_code;
    if (context != NULL && wait_code == SCARD_S_SUCCESS)
        context_close(context);
    pthread_mutex_unlock(&manager_mutex);
    return code;
}

EXPORTED LONG PCSC_CALL SCardCancel(SCARDCONTEXT context_number)
{
    LONG code;
    if (fault_ends_call(FUNCTION_SCardCancel, &code, NULL))
        return code;
    pthread_mutex_lock(&manager_mutex);
    struct context *context = context_find(context_number);
    if (context != NULL) {
        context->cancel_count++;
        pthread_cond_broadcast(&manager_changed);
    }
    pthread_mutex_unlock(&manager_mutex);
    return context != NULL ? (LONG)SCARD_S_SUCCESS : (LONG)PCSC_NO_SUCH_HANDLE;
}
