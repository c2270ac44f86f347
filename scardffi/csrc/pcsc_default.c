/* The default library of the process, and PC/SC's functions under their own names on it. */
#include "pcsc_default.h"

#include "pcsc_strings.h"
#include "platform.h"

static scardffi_library *default_library; /* atomic; written under the global lock */
static const scardffi_library no_library;

int pcsc_open_default(scardffi_library **library, char *detail, size_t size)
{
    *library = platform_atomic_load(&default_library);
    if (*library != NULL)
        return 0;
    scardffi_library *loaded = NULL;
    int result = pcsc_open(NULL, &loaded, detail, size);
    if (result != 0)
        return result;
    platform_global_lock();
    if (default_library == NULL) /* another thread may have set it meanwhile */
        platform_atomic_store(&default_library, loaded);
    *library = default_library;
    platform_global_unlock();
    return 0;
}

static const scardffi_library *load_default(void)
{
    char detail[512];
    scardffi_library *library;
    return pcsc_open_default(&library, detail, sizeof detail) == 0 ? library : &no_library;
}

const scardffi_library *pcsc_default(void)
{
    const scardffi_library *library = platform_atomic_load(&default_library);
    return library != NULL ? library : load_default();
}

uint32_t pcsc_missing(const scardffi_library *library)
{
    return library == &no_library ? PCSC_NO_LIBRARY : PCSC_NOT_IMPLEMENTED;
}

scardffi_library *pcsc_set_default(scardffi_library *library)
{
    platform_global_lock();
    scardffi_library *previous = default_library;
    platform_atomic_store(&default_library, library);
    platform_global_unlock();
    return previous;
}

#define WITHOUT_PARENTHESES(...) __VA_ARGS__
#define DEFINE_PLAIN(need, name, arguments, ...)                                                                       \
    LONG name(__VA_ARGS__)                                                                                             \
    {                                                                                                                  \
        const scardffi_library *library = pcsc_default();                                                              \
        if (library == &no_library)                                                                                    \
            return (LONG)SCARD_E_NO_SERVICE;                                                                           \
        if (library->name == NULL)                                                                                     \
            return (LONG)SCARD_E_UNSUPPORTED_FEATURE;                                                                  \
        return (LONG)pcsc_##name(library, WITHOUT_PARENTHESES arguments);                                              \
    }
PCSC_FUNCTIONS(DEFINE_PLAIN)
