/* Copy results to the caller's buffer, or to memory allocated for the caller. */
#include "output_buffer.h"

#include <stdlib.h>
#include <string.h>

LONG output_copy(const void *data, DWORD size, void *buffer, DWORD *length)
{
    DWORD room = 0;
    if (length != NULL) {
        room = *length;
        *length = size;
    }
    if (PCSC_AUTOALLOCATES(room)) {
        if (buffer == NULL)
            return (LONG)SCARD_E_INVALID_PARAMETER;
        void *memory = malloc(size > 0 ? size : 1);
        if (memory == NULL)
            return (LONG)SCARD_E_NO_MEMORY;
        memcpy(memory, data, size);
        memcpy(buffer, &memory, sizeof memory);
        return SCARD_S_SUCCESS;
    }
    if (buffer == NULL)
        return SCARD_S_SUCCESS;
    memcpy(buffer, data, room < size ? room : size);
    return room < size ? (LONG)SCARD_E_INSUFFICIENT_BUFFER : (LONG)SCARD_S_SUCCESS;
}

LONG output_copy_list(const void *data, DWORD size, void *buffer, DWORD *length)
{
    if (buffer == NULL || *length >= size)
        return output_copy(data, size, buffer, length);
    *length = size;
    return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
}
