/* The function table: which library it comes from, and the calls through it. */
#include "pcsc_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform.h"

typedef struct {
    const char *name;
    const char *symbol; /* the name that the library exports it under */
    int required;
    size_t offset; /* of its member in scardffi_library */
} function_entry;

#define STRING_OF(name) #name
#define STRING(name) STRING_OF(name)

static const function_entry functions[] = {
#define NUMBER_ENTRY(need, function, arguments, ...) {#function, #function, need, offsetof(scardffi_library, function)},
#define TEXT_ENTRY(need, function, arguments, ...) \
    {#function, #function PCSC_TEXT_SUFFIX, need, offsetof(scardffi_library, function)},
    PCSC_EVERY_NUMBER_FUNCTION(NUMBER_ENTRY)
    PCSC_EVERY_TEXT_FUNCTION(TEXT_ENTRY)
    NUMBER_ENTRY(PCSC_OPTIONAL, SCardAccessStartedEvent, (void), void)
    NUMBER_ENTRY(PCSC_OPTIONAL, SCardReleaseStartedEvent, (void), void)
#undef NUMBER_ENTRY
#undef TEXT_ENTRY
};
#define FUNCTION_COUNT (sizeof functions / sizeof functions[0])

static scardffi_library *tables;        /* guarded by the global lock; a table is never taken out */
static scardffi_library *default_table; /* atomic; written under the global lock */

/* Append `text` to the list in `detail`, cut where it is full. */
static void list_append(char *detail, size_t size, const char *text)
{
    size_t used = strlen(detail);

    snprintf(detail + used, size - used, "%s%s", used > 0 ? ", " : "", text);
}

static void *load_first(const char *const *names, int *result, char *detail, size_t size)
{
    const char *const *name;
    int missing;

    for (name = names; *name != NULL; name++) {
        void *library = platform_library_open(*name, detail, size, &missing);
        if (library != NULL)
            return library;
        if (!missing) {
            *result = PCSC_NOT_LOADABLE;
            return NULL;
        }
    }
    *result = PCSC_NOT_FOUND;
    detail[0] = '\0';
    for (name = names; *name != NULL; name++)
        list_append(detail, size, *name);
    return NULL;
}

static const char *symbol_of(const function_entry *function)
{
    return strcmp(function->name, "SCardControl") == 0 ? STRING(PCSC_CONTROL) : function->symbol;
}

static int bind(scardffi_library *table, char *detail, size_t size)
{
    int result = PCSC_OPENED;

    void *stringify = platform_library_symbol(table->library, "pcsc_stringify_error");

    memcpy(&table->pcsc_stringify_error, &stringify, sizeof stringify);
    detail[0] = '\0';
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        void *symbol = platform_library_symbol(table->library, symbol_of(&functions[i]));
        memcpy((char *)table + functions[i].offset, &symbol, sizeof symbol);
        if (symbol == NULL && functions[i].required) {
            result = PCSC_MISSING_SYMBOL;
            list_append(detail, size, symbol_of(&functions[i]));
        }
    }
    return result;
}

/* A table bound to `library`, which is loaded; what pcsc_open answers. */
static int make_table(void *library, scardffi_library **made, char *detail, size_t size)
{
    scardffi_library *table = calloc(1, sizeof *table);
    void *symbol;
    int result;

    if (table == NULL)
        return PCSC_NO_MEMORY;
    table->library = library;
    result = bind(table, detail, size);
    if (result == PCSC_OPENED) {
        memcpy(&symbol, &table->SCardEstablishContext, sizeof symbol);
        table->path = platform_library_path(library, symbol);
        result = table->path != NULL ? PCSC_OPENED : PCSC_NO_MEMORY;
    }
    if (result == PCSC_OPENED)
        *made = table;
    else
        free(table);
    return result;
}

/* Keep the table, or drop it for the one that this library has already. */
static scardffi_library *keep_table(scardffi_library *table)
{
    scardffi_library *known;

    platform_global_lock();
    for (known = tables; known != NULL && known->library != table->library; known = known->next)
        ;
    if (known == NULL) {
        table->next = tables;
        tables = table;
    }
    platform_global_unlock();
    if (known == NULL)
        return table;
    free(table->path);
    free(table);
    return known;
}

/* The library is loaded outside the lock: what runs in its constructor is nobody's to foresee. */
int pcsc_open(const char *path, scardffi_library **api, char *detail, size_t size)
{
    const char *single[2] = {path != NULL ? path : platform_environment("SCARDFFI_LIBRARY"), NULL};
    int use_platform = single[0] == NULL || (path == NULL && single[0][0] == '\0');
    int result;
    void *library = load_first(use_platform ? platform_pcsc_names : single, &result, detail, size);

    if (library == NULL)
        return result;
    result = make_table(library, api, detail, size);
    if (result == PCSC_OPENED)
        *api = keep_table(*api);
    return result;
}

int pcsc_open_default(scardffi_library **api, char *detail, size_t size)
{
    scardffi_library *loaded = NULL;
    int result;

    *api = platform_atomic_load(&default_table);
    if (*api != NULL)
        return PCSC_OPENED;
    result = pcsc_open(NULL, &loaded, detail, size);
    if (result != PCSC_OPENED)
        return result;
    platform_global_lock();
    if (default_table == NULL) /* another thread may have set it meanwhile */
        platform_atomic_store(&default_table, loaded);
    *api = default_table;
    platform_global_unlock();
    return PCSC_OPENED;
}

scardffi_library *pcsc_set_default(scardffi_library *api)
{
    scardffi_library *previous;

    platform_global_lock();
    previous = default_table;
    platform_atomic_store(&default_table, api);
    platform_global_unlock();
    return previous;
}

const char *pcsc_path(const scardffi_library *api)
{
    return api->path;
}

const char *pcsc_function_name(size_t index)
{
    return index < FUNCTION_COUNT ? functions[index].name : NULL;
}

int pcsc_has_function(const scardffi_library *api, size_t index)
{
    void *symbol;

    if (index >= FUNCTION_COUNT)
        return 0;
    memcpy(&symbol, (const char *)api + functions[index].offset, sizeof symbol);
    return symbol != NULL;
}

#define DEFINE_CALLER(need, name, arguments, ...)                                                           \
    uint32_t pcsc_##name(const scardffi_library *api, __VA_ARGS__)                                                  \
    {                                                                                                       \
        return api->name != NULL ? (uint32_t)api->name arguments : HR_NOTIMPL;                              \
    }
PCSC_EVERY_NUMBER_FUNCTION(DEFINE_CALLER)
#if !defined(SCARDFFI_ABI_WINDOWS) /* there they are in windows_text.c */
PCSC_EVERY_TEXT_FUNCTION(DEFINE_CALLER)
#endif

uint32_t pcsc_SCardAccessStartedEvent(const scardffi_library *api, uintptr_t *event)
{
    if (api->SCardAccessStartedEvent == NULL)
        return HR_NOTIMPL;
    *event = (uintptr_t)api->SCardAccessStartedEvent();
    return *event != 0 ? SCARD_S_SUCCESS : SCARD_F_INTERNAL_ERROR;
}

uint32_t pcsc_SCardReleaseStartedEvent(const scardffi_library *api)
{
    if (api->SCardReleaseStartedEvent == NULL)
        return HR_NOTIMPL;
    api->SCardReleaseStartedEvent();
    return SCARD_S_SUCCESS;
}

const char *pcsc_stringify(const scardffi_library *library, uint32_t code)
{
    return library->pcsc_stringify_error != NULL ? library->pcsc_stringify_error((LONG)code) : NULL;
}

#define WITHOUT_PARENTHESES(...) __VA_ARGS__
#define DEFINE_PLAIN(need, name, arguments, ...)                                                            \
    LONG name(__VA_ARGS__)                                                                                \
    {                                                                                                       \
        char detail[512];                                                                                   \
        scardffi_library *api;                                                                                      \
        if (pcsc_open_default(&api, detail, sizeof detail) != PCSC_OPENED)                                  \
            return (LONG)SCARD_E_NO_SERVICE;                                                                \
        if (api->name == NULL)                                                                              \
            return (LONG)SCARD_E_UNSUPPORTED_FEATURE;                                                       \
        return (LONG)pcsc_##name(api, WITHOUT_PARENTHESES arguments);                                       \
    }
PCSC_FUNCTIONS(DEFINE_PLAIN)

/* The structs for SCardGetStatusChange and those like it; NULL where memory is out. */
static SCARD_READERSTATE *new_states(size_t count, const char *const *readers, const uint32_t *states)
{
    SCARD_READERSTATE *array = calloc(count > 0 ? count : 1, sizeof *array);

    for (size_t i = 0; array != NULL && i < count; i++) {
        array[i].szReader = readers[i];
        array[i].dwCurrentState = states[3 * i];
    }
    return array;
}

static void tell_states(SCARD_READERSTATE *array, size_t count, uint32_t *states, unsigned char *atrs)
{
    for (size_t i = 0; i < count; i++) {
        DWORD length = array[i].cbAtr <= PCSC_ATR_BUFFER ? array[i].cbAtr : PCSC_ATR_BUFFER;
        states[3 * i + 1] = (uint32_t)array[i].dwEventState;
        states[3 * i + 2] = (uint32_t)length;
        memcpy(atrs + PCSC_STATE_ATR * i, array[i].rgbAtr, length);
    }
    free(array);
}

uint32_t pcsc_get_status_change(const scardffi_library *api, SCARDCONTEXT context, DWORD timeout, size_t count,
                                const char *const *readers, uint32_t *states, unsigned char *atrs)
{
    SCARD_READERSTATE *array = new_states(count, readers, states);
    uint32_t code;

    if (array == NULL)
        return SCARD_E_NO_MEMORY;
    code = pcsc_SCardGetStatusChange(api, context, timeout, array, (DWORD)count);
    tell_states(array, count, states, atrs);
    return code;
}

uint32_t pcsc_locate_cards(const scardffi_library *api, SCARDCONTEXT context, const char *cards, size_t count,
                           const char *const *readers, uint32_t *states, unsigned char *atrs)
{
    SCARD_READERSTATE *array = new_states(count, readers, states);
    uint32_t code;

    if (array == NULL)
        return SCARD_E_NO_MEMORY;
    code = pcsc_SCardLocateCards(api, context, cards, array, (DWORD)count);
    tell_states(array, count, states, atrs);
    return code;
}

uint32_t pcsc_locate_cards_by_atr(const scardffi_library *api, SCARDCONTEXT context, size_t mask_count,
                                  const unsigned char *masks, const uint32_t *mask_lengths, size_t count,
                                  const char *const *readers, uint32_t *states, unsigned char *atrs)
{
    SCARD_READERSTATE *array = new_states(count, readers, states);
    SCARD_ATRMASK *wanted = calloc(mask_count > 0 ? mask_count : 1, sizeof *wanted);
    uint32_t code = SCARD_E_NO_MEMORY;

    if (array != NULL && wanted != NULL) {
        for (size_t i = 0; i < mask_count; i++) {
            wanted[i].cbAtr = mask_lengths[i];
            memcpy(wanted[i].rgbAtr, masks + 2 * PCSC_STATE_ATR * i, PCSC_STATE_ATR);
            memcpy(wanted[i].rgbMask, masks + 2 * PCSC_STATE_ATR * i + PCSC_STATE_ATR, PCSC_STATE_ATR);
        }
        code = pcsc_SCardLocateCardsByATR(api, context, wanted, (DWORD)mask_count, array, (DWORD)count);
        tell_states(array, count, states, atrs);
        array = NULL;
    }
    free(wanted);
    free(array);
    return code;
}
