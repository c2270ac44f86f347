/* SCardListReaders, SCardListReaderGroups, and SCardFreeMemory. */
#include <stdlib.h>
#include <string.h>

#include "exports.h"
#include "faults.h"
#include "output_buffer.h"
#include "resource_manager.h"
#include "winscard_strings.h"

/* Called with the mutex held. */
static LONG list_readers(char *names, DWORD *length)
{
    void *memory;
    DWORD size = 1; /* the NUL that ends the list */
    for (unsigned i = 0; i < manager_plugged_count; i++)
        size += (DWORD)strlen(manager_plugged[i]->name) + 1;
    if (size == 1) {
        *length = size;
        return (LONG)SCARD_E_NO_READERS_AVAILABLE;
    }
    LONG code = output_reserve_list(size, names, length, &memory);
    if (memory == NULL)
        return code;
    char *end = memory;
    for (unsigned i = 0; i < manager_plugged_count; i++) {
        size_t name_size = strlen(manager_plugged[i]->name) + 1;
        memcpy(end, manager_plugged[i]->name, name_size);
        end += name_size;
    }
    *end = '\0';
    return SCARD_S_SUCCESS;
}

/* As in pcsc-lite all readers are in one group, and `groups` is ignored. */
EXPORTED LONG PCSC_CALL STRING_FUNCTION(SCardListReaders)(SCARDCONTEXT context_number, const char *groups, char *names,
                                                          DWORD *length)
{
    struct context *context;
    LONG code;
    (void)groups;
    if (fault_ends_call(FUNCTION_SCardListReaders, &code, NULL))
        return code;
    if (length == NULL)
        return (LONG)SCARD_E_INVALID_PARAMETER;

    pthread_mutex_lock(&manager_mutex);
    code = context_find_usable(context_number, &context);
    if (code == SCARD_S_SUCCESS)
        code = list_readers(names, length);
    pthread_mutex_unlock(&manager_mutex);
    return code;
}

EXPORTED LONG PCSC_CALL STRING_FUNCTION(SCardListReaderGroups)(SCARDCONTEXT context_number, char *names, DWORD *length)
{
    static const char groups[] = "SCard$DefaultReaders\0"; /* the literal's second NUL ends the list */
    LONG code;
    if (fault_ends_call(FUNCTION_SCardListReaderGroups, &code, NULL))
        return code;
    if (length == NULL)
        return (LONG)SCARD_E_INVALID_PARAMETER;
    if (!context_is_open(context_number))
        return (LONG)PCSC_NO_SUCH_HANDLE;
    return output_copy_list(groups, sizeof groups, names, length);
}

#if defined(SCARD_AUTOALLOCATE) /* without it the library allocates no memory for its callers */
EXPORTED LONG PCSC_CALL SCardFreeMemory(SCARDCONTEXT context_number, const void *memory)
{
    LONG code;
    if (fault_ends_call(FUNCTION_SCardFreeMemory, &code, NULL))
        return code;
    if (!context_is_open(context_number))
        return (LONG)PCSC_NO_SUCH_HANDLE;
    free((void *)(uintptr_t)memory);
    return SCARD_S_SUCCESS;
}
#endif
