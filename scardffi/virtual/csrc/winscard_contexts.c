/* SCard* functions that take a context and need no card: contexts themselves, lists, memory, SCardCancel. */
#include <stdlib.h>

#include "delivery.h"
#include "exports.h"
#include "turns.h"
#include "world.h"

EXPORTED LONG SCardEstablishContext(DWORD scope, const void *reserved1, const void *reserved2,
                                    SCARDCONTEXT *context_number)
{
    (void)reserved1;
    (void)reserved2;
    if (context_number == NULL)
        return SCARD_E_INVALID_PARAMETER;
    *context_number = 0;
    if (scope > SCARD_SCOPE_GLOBAL)
        return SCARD_E_INVALID_VALUE;
    LONG code = world_start();
    if (code != SCARD_S_SUCCESS)
        return code;

    pthread_mutex_lock(&world_mutex);
    struct context *context = open_context();
    if (context != NULL)
        *context_number = context->number;
    pthread_mutex_unlock(&world_mutex);
    return context != NULL ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_NO_MEMORY;
}

EXPORTED LONG SCardIsValidContext(SCARDCONTEXT context_number)
{
    pthread_mutex_lock(&world_mutex);
    struct context *context = find_context(context_number);
    pthread_mutex_unlock(&world_mutex);
    return context != NULL ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_INVALID_HANDLE;
}

EXPORTED LONG SCardReleaseContext(SCARDCONTEXT context_number)
{
    struct context *context;
    pthread_mutex_lock(&world_mutex);
    while ((context = find_context(context_number)) != NULL && context->handles != NULL) {
        struct handle *handle = context->handles;
        if (wait_for_own_command(handle->number, &handle) != SCARD_S_SUCCESS)
            continue;
        /* pcsc-lite resets a card that is left in the middle of a transaction. */
        if (handle->reader->transaction_owner == handle)
            reset_card(handle->reader, true);
        close_handle(handle);
    }
    if (context != NULL)
        close_context(context);
    pthread_mutex_unlock(&world_mutex);
    return context != NULL ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_INVALID_HANDLE;
}

EXPORTED LONG SCardCancel(SCARDCONTEXT context_number)
{
    pthread_mutex_lock(&world_mutex);
    struct context *context = find_context(context_number);
    if (context != NULL) {
        context->cancels++;
        pthread_cond_broadcast(&world_changed);
    }
    pthread_mutex_unlock(&world_mutex);
    return context != NULL ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_INVALID_HANDLE;
}

/* pcsc-lite knows no groups but the one that all readers are in, and ignores the one asked for. */
EXPORTED LONG SCardListReaders(SCARDCONTEXT context_number, const char *groups, char *names, DWORD *length)
{
    (void)groups;
    if (length == NULL)
        return SCARD_E_INVALID_PARAMETER;
    if (SCardIsValidContext(context_number) != SCARD_S_SUCCESS)
        return SCARD_E_INVALID_HANDLE;

    char list[READERS * MAX_READERNAME + 1];
    DWORD size = 0;
    for (unsigned i = 0; i < READERS; i++) {
        const char *name = world_readers[i].name;
        do
            list[size++] = *name;
        while (*name++ != '\0');
    }
    list[size++] = '\0';
    return deliver(list, size, names, length);
}

EXPORTED LONG SCardListReaderGroups(SCARDCONTEXT context_number, char *names, DWORD *length)
{
    static const char groups[] = "SCard$DefaultReaders\0"; /* the literal's own NUL ends the list */
    if (length == NULL)
        return SCARD_E_INVALID_PARAMETER;
    if (SCardIsValidContext(context_number) != SCARD_S_SUCCESS)
        return SCARD_E_INVALID_HANDLE;
    return deliver(groups, sizeof groups, names, length);
}

EXPORTED LONG SCardFreeMemory(SCARDCONTEXT context_number, const void *memory)
{
    if (SCardIsValidContext(context_number) != SCARD_S_SUCCESS)
        return SCARD_E_INVALID_HANDLE;
    free((void *)(uintptr_t)memory);
    return SCARD_S_SUCCESS;
}
