/* The W functions of Windows: the functions of winscard_strings.h with strings in UTF-16. */
#include "winscard_strings.h"

#if defined(SCARDFFI_ABI_WINDOWS)

#  include <stdlib.h>
#  include <string.h>

#  include "exports.h"
#  include "output_buffer.h"
#  include "resource_manager.h"
#  include "utf16.h"

static size_t length_of(const uint16_t *text)
{
    size_t length = 0;
    while (text[length] != 0)
        length++;
    return length;
}

/* Return a copy in UTF-8, which the caller frees. */
static char *copy_to_utf8(const uint16_t *text)
{
    size_t units = length_of(text) + 1;
    char *copy = malloc(utf16_to_utf8(text, units, NULL));
    if (copy != NULL)
        utf16_to_utf8(text, units, copy);
    return copy;
}

/* Copy `size` bytes of UTF-8, NULs included, to a buffer in UTF-16, with lengths in UTF-16 units. */
static LONG output_copy_utf16(const char *text, DWORD size, uint16_t *buffer, DWORD *length)
{
    uint16_t *wide = malloc(size * sizeof *wide); /* UTF-16 does not have more units than UTF-8 has bytes */
    if (wide == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    DWORD units = (DWORD)utf16_from_utf8(text, size, wide); /* reader_plug accepts only UTF-8 */
    DWORD room = length != NULL ? *length : 0;
    DWORD bytes = PCSC_AUTOALLOCATES(room) ? room : (room < units ? room : units) * (DWORD)sizeof *wide;
    LONG code = output_copy_list(wide, units * (DWORD)sizeof *wide, buffer, &bytes);
    if (length != NULL)
        *length = units;
    free(wide);
    return code;
}

EXPORTED LONG PCSC_CALL SCardConnectW(SCARDCONTEXT context_number, const uint16_t *reader_name, DWORD share_mode,
                                      DWORD protocols, SCARDHANDLE *handle_number, DWORD *active_protocol)
{
    char *name = NULL;
    if (reader_name != NULL && (name = copy_to_utf8(reader_name)) == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    LONG code = SCardConnectA(context_number, name, share_mode, protocols, handle_number, active_protocol);
    free(name);
    return code;
}

EXPORTED LONG PCSC_CALL SCardStatusW(SCARDHANDLE handle_number, uint16_t *reader_name, DWORD *name_length, DWORD *state,
                                     DWORD *protocol, unsigned char *atr, DWORD *atr_length)
{
    char name[MAX_READERNAME + 1];
    DWORD size = sizeof name;
    LONG code = SCardStatusA(handle_number, name, &size, state, protocol, atr, atr_length);
    if (size == 0) /* the call has returned no name */
        return code;
    LONG name_code = output_copy_utf16(name, size, reader_name, name_length);
    return name_code != SCARD_S_SUCCESS ? name_code : code;
}

static void free_states(SCARD_READERSTATE *copies, DWORD count)
{
    for (DWORD i = 0; i < count; i++)
        free((void *)(uintptr_t)copies[i].szReader);
    free(copies);
}

/* Return a copy with the readers' names in UTF-8, which free_states frees; NULL if memory runs out. */
static SCARD_READERSTATE *copy_states(const SCARD_READERSTATE *states, DWORD count)
{
    SCARD_READERSTATE *copies = calloc(count > 0 ? count : 1, sizeof *copies);
    for (DWORD i = 0; copies != NULL && i < count; i++) {
        const uint16_t *name = (const uint16_t *)(const void *)states[i].szReader;
        copies[i] = states[i];
        copies[i].szReader = name != NULL ? copy_to_utf8(name) : NULL;
        if (name != NULL && copies[i].szReader == NULL) {
            free_states(copies, i);
            return NULL;
        }
    }
    return copies;
}

EXPORTED LONG PCSC_CALL SCardGetStatusChangeW(SCARDCONTEXT context_number, DWORD timeout, SCARD_READERSTATE *states,
                                              DWORD count)
{
    if (states == NULL || count > MAX_READERS + 1)
        return SCardGetStatusChangeA(context_number, timeout, states, count);
    SCARD_READERSTATE *copies = copy_states(states, count);
    if (copies == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    LONG code = SCardGetStatusChangeA(context_number, timeout, copies, count);
    for (DWORD i = 0; i < count; i++) {
        states[i].dwEventState = copies[i].dwEventState;
        states[i].cbAtr = copies[i].cbAtr;
        memcpy(states[i].rgbAtr, copies[i].rgbAtr, sizeof states[i].rgbAtr);
    }
    free_states(copies, count);
    return code;
}

EXPORTED LONG PCSC_CALL SCardListReadersW(SCARDCONTEXT context_number, const uint16_t *groups, uint16_t *names,
                                          DWORD *length)
{
    (void)groups; /* SCardListReadersA ignores them too */
    char *list = NULL;
    DWORD size = SCARD_AUTOALLOCATE;
    LONG code = SCardListReadersA(context_number, NULL, (char *)&list, length != NULL ? &size : NULL);
    if (code == (LONG)SCARD_E_NO_READERS_AVAILABLE)
        *length = size;
    else if (code == SCARD_S_SUCCESS)
        code = output_copy_utf16(list, size, names, length);
    free(list);
    return code;
}

EXPORTED LONG PCSC_CALL SCardListReaderGroupsW(SCARDCONTEXT context_number, uint16_t *names, DWORD *length)
{
    char list[MAX_READERNAME];
    DWORD size = sizeof list;
    LONG code = SCardListReaderGroupsA(context_number, list, length != NULL ? &size : NULL);
    return code == SCARD_S_SUCCESS ? output_copy_utf16(list, size, names, length) : code;
}

#endif
