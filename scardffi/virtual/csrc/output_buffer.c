/* Copy results to the caller's buffer, or to memory allocated for the caller. */
#include "output_buffer.h"

#include <stdlib.h>
#include <string.h>

/* Allocate memory for the caller, and store its address in `buffer`. */
static LONG allocate(DWORD size, void *buffer, void **memory)
{
    *memory = NULL;
    if (buffer == NULL)
        return (LONG)SCARD_E_INVALID_PARAMETER;
    *memory = malloc(size > 0 ? size : 1);
    if (*memory == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    memcpy(buffer, memory, sizeof *memory);
    return SCARD_S_SUCCESS;
}

LONG output_copy(const void *data, DWORD size, void *buffer, DWORD *length)
{
    DWORD room = 0;
    void *memory = buffer;
    LONG code = SCARD_S_SUCCESS;
    if (length != NULL) {
        room = *length;
        *length = size;
    }
    if (PCSC_AUTOALLOCATES(room))
        code = allocate(size, buffer, &memory);
    else if (buffer != NULL && room < size)
        code = (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    if (memory != NULL)
        memcpy(memory, data, room < size ? room : size);
    return code;
}

LONG output_reserve_list(DWORD size, void *buffer, DWORD *length, void **memory)
{
    DWORD room = *length;
    *length = size;
    *memory = NULL;
    if (PCSC_AUTOALLOCATES(room))
        return allocate(size, buffer, memory);
    if (buffer != NULL && room < size)
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    *memory = buffer;
    return SCARD_S_SUCCESS;
}

LONG output_copy_list(const void *data, DWORD size, void *buffer, DWORD *length)
{
    void *memory;
    LONG code = output_reserve_list(size, buffer, length, &memory);
    if (memory != NULL)
        memcpy(memory, data, size);
    return code;
}
