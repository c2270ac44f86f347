/* The function table: which library it comes from, and the calls through it. */
#include "pcsc_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform.h"

typedef struct {
    const char *name;
    int required;
    size_t offset; /* of its member in pcsc_api */
} function_entry;

static const function_entry functions[] = {
#define ENTRY(need, function, arguments, ...) {#function, need, offsetof(pcsc_api, function)},
    PCSC_FUNCTIONS(ENTRY)
#undef ENTRY
};
#define FUNCTION_COUNT (sizeof functions / sizeof functions[0])

static pcsc_api *tables;        /* guarded by the global lock; a table is never taken out */
static pcsc_api *default_table; /* atomic; written under the global lock */

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

#define STRING_OF(name) #name
#define STRING(name) STRING_OF(name)

/* The name that the library exports a function under. */
static const char *symbol_of(const char *function)
{
    return strcmp(function, "SCardControl") == 0 ? STRING(PCSC_CONTROL) : function;
}

static int bind(pcsc_api *table, char *detail, size_t size)
{
    int result = PCSC_OPENED;

    detail[0] = '\0';
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        void *symbol = platform_library_symbol(table->library, symbol_of(functions[i].name));
        memcpy((char *)table + functions[i].offset, &symbol, sizeof symbol);
        if (symbol == NULL && functions[i].required) {
            result = PCSC_MISSING_SYMBOL;
            list_append(detail, size, functions[i].name);
        }
    }
    return result;
}

/* A table bound to `library`, which is loaded; what pcsc_open answers. */
static int make_table(void *library, pcsc_api **made, char *detail, size_t size)
{
    pcsc_api *table = calloc(1, sizeof *table);
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
static pcsc_api *keep_table(pcsc_api *table)
{
    pcsc_api *known;

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
int pcsc_open(const char *path, pcsc_api **api, char *detail, size_t size)
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

int pcsc_open_default(pcsc_api **api, char *detail, size_t size)
{
    pcsc_api *loaded = NULL;
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

pcsc_api *pcsc_set_default(pcsc_api *api)
{
    pcsc_api *previous;

    platform_global_lock();
    previous = default_table;
    platform_atomic_store(&default_table, api);
    platform_global_unlock();
    return previous;
}

const char *pcsc_path(const pcsc_api *api)
{
    return api->path;
}

const char *pcsc_function_name(size_t index)
{
    return index < FUNCTION_COUNT ? functions[index].name : NULL;
}

int pcsc_has_function(const pcsc_api *api, size_t index)
{
    void *symbol;

    if (index >= FUNCTION_COUNT)
        return 0;
    memcpy(&symbol, (const char *)api + functions[index].offset, sizeof symbol);
    return symbol != NULL;
}

#define DEFINE_CALLER(need, name, arguments, ...)                                                           \
    uint32_t pcsc_##name(const pcsc_api *api, __VA_ARGS__)                                                  \
    {                                                                                                       \
        return api->name != NULL ? (uint32_t)api->name arguments : HR_NOTIMPL;                              \
    }
PCSC_FUNCTIONS(DEFINE_CALLER)

#define DEFINE_PLAIN(need, name, arguments, ...)                                                            \
    LONG name(__VA_ARGS__)                                                                                \
    {                                                                                                       \
        char detail[512];                                                                                   \
        pcsc_api *api;                                                                                      \
        if (pcsc_open_default(&api, detail, sizeof detail) != PCSC_OPENED)                                  \
            return (LONG)SCARD_E_NO_SERVICE;                                                                \
        return api->name != NULL ? api->name arguments : (LONG)SCARD_E_UNSUPPORTED_FEATURE;                 \
    }
PCSC_FUNCTIONS(DEFINE_PLAIN)

uint32_t pcsc_get_status_change(const pcsc_api *api, SCARDCONTEXT context, DWORD timeout, size_t count,
                                const char *const *readers, uint32_t *states, unsigned char *atrs)
{
    SCARD_READERSTATE *array = calloc(count > 0 ? count : 1, sizeof *array);
    uint32_t code;

    if (array == NULL)
        return SCARD_E_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        array[i].szReader = readers[i];
        array[i].dwCurrentState = states[3 * i];
    }
    code = pcsc_SCardGetStatusChange(api, context, timeout, array, (DWORD)count);
    for (size_t i = 0; i < count; i++) {
        DWORD length = array[i].cbAtr <= PCSC_ATR_BUFFER ? array[i].cbAtr : PCSC_ATR_BUFFER;
        states[3 * i + 1] = (uint32_t)array[i].dwEventState;
        states[3 * i + 2] = (uint32_t)length;
        memcpy(atrs + PCSC_STATE_ATR * i, array[i].rgbAtr, length);
    }
    free(array);
    return code;
}
