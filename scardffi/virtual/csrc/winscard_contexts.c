/* SCard* functions that take a context and need no card: contexts themselves, lists, memory, SCardCancel. */
#include <stdlib.h>

#include "delivery.h"
#include "exports.h"
#include "faults.h"
#include "start.h"
#include "turns.h"
#include "winscard_text.h"
#include "world.h"

EXPORTED LONG PCSC_CALL SCardEstablishContext(DWORD scope, const void *reserved1, const void *reserved2,
                                    SCARDCONTEXT *context_number)
{
    (void)reserved1;
    (void)reserved2;
    if (context_number == NULL)
        return (LONG)SCARD_E_INVALID_PARAMETER;
    *context_number = 0;
    LONG code = start_world(); /* it may arm faults, so it comes first */
    if (code != SCARD_S_SUCCESS || meets_fault(IN_SCardEstablishContext, &code, NULL))
        return code;
    if (scope > SCARD_SCOPE_GLOBAL)
        return (LONG)SCARD_E_INVALID_VALUE;

    pthread_mutex_lock(&world_mutex);
    struct context *context = world_stopped ? NULL : open_context();
    if (context != NULL)
        *context_number = context->number;
    else
        code = world_stopped ? (LONG)SCARD_E_NO_SERVICE : (LONG)SCARD_E_NO_MEMORY;
    pthread_mutex_unlock(&world_mutex);
    return code;
}

static LONG check_validity(SCARDCONTEXT context_number)
{
    pthread_mutex_lock(&world_mutex);
    struct context *context = find_context(context_number);
    pthread_mutex_unlock(&world_mutex);
    return context != NULL ? (LONG)SCARD_S_SUCCESS : (LONG)PCSC_NO_SUCH_HANDLE;
}

/* As on pcsc-lite a context stays valid when the resource manager has stopped. */
EXPORTED LONG PCSC_CALL SCardIsValidContext(SCARDCONTEXT context_number)
{
    LONG code;
    if (meets_fault(IN_SCardIsValidContext, &code, NULL))
        return code;
    return check_validity(context_number);
}

/* Where a handle's transaction or exclusive access has not ended the card is reset, as pcsc-lite does. False:
 * wait, and look again. */
static bool close_first_handle(struct context *context)
{
    struct handle *handle = context->handles;
    struct reader *reader = handle->reader;
    bool owns = !context->dead && (reader->transaction_owner == handle || reader->exclusive == handle);
    if (reader->busy && (owns || reader->runner == handle))
        return false;
    if (owns && refuse_after_event(handle) == SCARD_S_SUCCESS)
        reset_card(reader, handle, true);
    close_handle(handle);
    return true;
}

EXPORTED LONG PCSC_CALL SCardReleaseContext(SCARDCONTEXT context_number)
{
    struct context *context;
    LONG code, waited = SCARD_S_SUCCESS;
    if (meets_fault(IN_SCardReleaseContext, &code, NULL))
        return code;
    pthread_mutex_lock(&world_mutex);
    while ((context = find_context(context_number)) != NULL && context->handles != NULL
           && waited == SCARD_S_SUCCESS)
        if (!close_first_handle(context))
            waited = wait_for_turn(context->handles->reader);
    code = waited == SCARD_S_SUCCESS ? find_usable_context(context_number, &context) : waited;
    if (context != NULL && waited == SCARD_S_SUCCESS)
        close_context(context);
    pthread_mutex_unlock(&world_mutex);
    return code;
}

EXPORTED LONG PCSC_CALL SCardCancel(SCARDCONTEXT context_number)
{
    LONG code;
    if (meets_fault(IN_SCardCancel, &code, NULL))
        return code;
    pthread_mutex_lock(&world_mutex);
    struct context *context = find_context(context_number);
    if (context != NULL) {
        context->cancels++;
        pthread_cond_broadcast(&world_changed);
    }
    pthread_mutex_unlock(&world_mutex);
    return context != NULL ? (LONG)SCARD_S_SUCCESS : (LONG)PCSC_NO_SUCH_HANDLE;
}

/* pcsc-lite knows no groups but the one that all readers are in, and ignores the one asked for. */
EXPORTED LONG PCSC_CALL TEXT_FUNCTION(SCardListReaders)(SCARDCONTEXT context_number, const char *groups,
                                                        char *names, DWORD *length)
{
    struct context *context;
    LONG code;
    (void)groups;
    if (meets_fault(IN_SCardListReaders, &code, NULL))
        return code;
    if (length == NULL)
        return (LONG)SCARD_E_INVALID_PARAMETER;

    char list[READERS * MAX_READERNAME + 1];
    DWORD size = 0;
    pthread_mutex_lock(&world_mutex);
    code = find_usable_context(context_number, &context);
    for (unsigned i = 0; i < READERS; i++) {
        const char *name = world_readers[i].name;
        if (!world_readers[i].plugged)
            continue;
        do
            list[size++] = *name;
        while (*name++ != '\0');
    }
    pthread_mutex_unlock(&world_mutex);
    if (code != SCARD_S_SUCCESS)
        return code;

    list[size++] = '\0';
    if (size > 1)
        return deliver_whole(list, size, names, length);
    *length = size;
    return (LONG)SCARD_E_NO_READERS_AVAILABLE;
}

EXPORTED LONG PCSC_CALL TEXT_FUNCTION(SCardListReaderGroups)(SCARDCONTEXT context_number, char *names, DWORD *length)
{
    static const char groups[] = "SCard$DefaultReaders\0"; /* the literal's own NUL ends the list */
    LONG code;
    if (meets_fault(IN_SCardListReaderGroups, &code, NULL))
        return code;
    if (length == NULL)
        return (LONG)SCARD_E_INVALID_PARAMETER;
    code = check_validity(context_number);
    return code == SCARD_S_SUCCESS ? deliver_whole(groups, sizeof groups, names, length) : code;
}

#if defined(SCARD_AUTOALLOCATE) /* elsewhere the library makes no memory for its callers */
EXPORTED LONG PCSC_CALL SCardFreeMemory(SCARDCONTEXT context_number, const void *memory)
{
    LONG code;
    if (meets_fault(IN_SCardFreeMemory, &code, NULL))
        return code;
    code = check_validity(context_number);
    if (code == SCARD_S_SUCCESS)
        free((void *)(uintptr_t)memory);
    return code;
}
#endif
