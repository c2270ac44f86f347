/* Read SCARDFFI_VIRTUAL. On Windows it is read from the system, because each C runtime has its own copy of the
 * environment, which may be out of date. */
#if !defined(_WIN32)
#  define _GNU_SOURCE
#endif
#include "environment.h"

#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)

#  define WIN32_LEAN_AND_MEAN
#  include <windows.h>

static wchar_t *read_utf16(void)
{
    DWORD room = 0, length = GetEnvironmentVariableW(L"SCARDFFI_VIRTUAL", NULL, 0);
    wchar_t *value = NULL;
    while (length > room) { /* the value may grow between the calls */
        free(value);
        room = length;
        value = malloc(room * sizeof *value);
        if (value == NULL)
            return NULL;
        length = GetEnvironmentVariableW(L"SCARDFFI_VIRTUAL", value, room);
    }
    return value;
}

LONG environment_read_configuration(char **text)
{
    *text = NULL;
    if (GetEnvironmentVariableW(L"SCARDFFI_VIRTUAL", NULL, 0) == 0)
        return SCARD_S_SUCCESS;
    wchar_t *value = read_utf16();
    int size = value != NULL ? WideCharToMultiByte(CP_UTF8, 0, value, -1, NULL, 0, NULL, NULL) : 0;
    *text = size > 0 ? malloc((size_t)size) : NULL;
    if (*text != NULL)
        WideCharToMultiByte(CP_UTF8, 0, value, -1, *text, size, NULL, NULL);
    free(value);
    return *text != NULL ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_NO_MEMORY;
}

#else

#  include <unistd.h>

LONG environment_read_configuration(char **text)
{
#  if defined(__linux__)
    const char *value = secure_getenv("SCARDFFI_VIRTUAL");
#  else
    const char *value = issetugid() ? NULL : getenv("SCARDFFI_VIRTUAL");
#  endif
    *text = value != NULL ? strdup(value) : NULL;
    return value == NULL || *text != NULL ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_NO_MEMORY;
}

#endif
