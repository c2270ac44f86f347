/* The functions of a PC/SC library: loading a library, its table, and the calls of functions without strings. */
#include "pcsc_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform.h"

struct function_entry {
    const char *name;
    const char *symbol; /* the name in the library */
    bool is_required;
    size_t offset; /* of the member in struct scardffi_library */
};

#define STRING_OF(name) #name
#define STRING(name) STRING_OF(name)

static const struct function_entry functions[] = {
#define ENTRY(name, symbol, need) {#name, symbol, need, offsetof(struct scardffi_library, name)},
#define NUMBER_ENTRY(need, name, arguments, ...) ENTRY(name, #name, need)
#define TEXT_ENTRY(need, name, arguments, ...) ENTRY(name, #name PCSC_TEXT_SUFFIX, need)
    PCSC_EVERY_NUMBER_FUNCTION(NUMBER_ENTRY) PCSC_EVERY_TEXT_FUNCTION(TEXT_ENTRY)
        ENTRY(SCardAccessStartedEvent, "SCardAccessStartedEvent", PCSC_OPTIONAL)
            ENTRY(SCardReleaseStartedEvent, "SCardReleaseStartedEvent", PCSC_OPTIONAL)
#undef TEXT_ENTRY
#undef NUMBER_ENTRY
#undef ENTRY
};
#define FUNCTION_COUNT (sizeof functions / sizeof functions[0])

static scardffi_library *libraries; /* guarded by the global lock; a library is never removed */

/* The functions of the trace library (scardtrace.h); NULL until a library is traced. Written once, under the global
 * lock. */
static struct {
    int (*slot)(void *library);
    void *(*symbol)(int slot, const char *name);
    void (*follow_environment)(int slot);
} trace;

/* Append `text` to the list in `detail`. The list is cut if it is full. */
static void append(char *detail, size_t size, const char *text)
{
    size_t used = strlen(detail);
    snprintf(detail + used, size - used, "%s%s", used > 0 ? ", " : "", text);
}

static void *load_first(const char *const *names, int *result, char *detail, size_t size)
{
    for (const char *const *name = names; *name != NULL; name++) {
        bool missing;
        void *module = platform_library_open(*name, detail, size, &missing);
        if (module != NULL)
            return module;
        if (!missing) {
            *result = SCARDFFI_LIBRARY_NOT_LOADABLE;
            return NULL;
        }
    }
    *result = SCARDFFI_LIBRARY_NOT_FOUND;
    detail[0] = '\0';
    for (const char *const *name = names; *name != NULL; name++)
        append(detail, size, *name);
    return NULL;
}

static const char *symbol_of(const struct function_entry *function)
{
    return strcmp(function->name, "SCardControl") == 0 ? STRING(PCSC_CONTROL) : function->symbol;
}

/* Fill the table. Returns 0 or SCARDFFI_LIBRARY_MISSING_SYMBOL. */
static int bind(scardffi_library *library, char *detail, size_t size)
{
    int result = 0;
    detail[0] = '\0';
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        void *symbol = library->trace_slot < 0 ? platform_library_symbol(library->module, symbol_of(&functions[i]))
                                               : trace.symbol(library->trace_slot, symbol_of(&functions[i]));
        memcpy((char *)library + functions[i].offset, &symbol, sizeof symbol);
        if (symbol == NULL && functions[i].is_required) {
            result = SCARDFFI_LIBRARY_MISSING_SYMBOL;
            append(detail, size, symbol_of(&functions[i]));
        }
    }
    void *stringify = platform_library_symbol(library->module, "pcsc_stringify_error");
    memcpy(&library->pcsc_stringify_error, &stringify, sizeof stringify);
    return result;
}

/* Create the table of a loaded library. Returns the same values as pcsc_open. */
static int create(void *module, int trace_slot, scardffi_library **created, char *detail, size_t size)
{
    scardffi_library *library = calloc(1, sizeof *library);
    if (library == NULL)
        return SCARDFFI_LIBRARY_NO_MEMORY;
    library->module = module;
    library->trace_slot = trace_slot;
    int result = bind(library, detail, size);
    if (result == 0) {
        void *symbol = platform_library_symbol(module, "SCardEstablishContext");
        library->path = platform_library_path(module, symbol);
        result = library->path != NULL ? 0 : SCARDFFI_LIBRARY_NO_MEMORY;
    }
    if (result == 0)
        *created = library;
    else
        free(library);
    return result;
}

/* Keep a new table, or free it and return the one that its library already has. */
static scardffi_library *keep(scardffi_library *library)
{
    platform_global_lock();
    scardffi_library *known = libraries;
    while (known != NULL && (known->module != library->module || known->trace_slot != library->trace_slot))
        known = known->next;
    if (known == NULL) {
        library->next = libraries;
        libraries = library;
    }
    platform_global_unlock();
    if (known == NULL)
        return library;
    free(library->path);
    free(library);
    return known;
}

static void read_trace_function(void *module, const char *name, void *function)
{
    void *symbol = platform_library_symbol(module, name);
    memcpy(function, &symbol, sizeof symbol);
}

/* Load the trace library, which is in the folder `trace` beside this module. Returns the same values as pcsc_open. */
static int load_trace(char *detail, size_t size)
{
    char path[4096];
    bool is_missing;
    if (!platform_path_beside(path, sizeof path, "trace/libscardtrace"))
        return SCARDFFI_LIBRARY_NOT_FOUND;
    void *module = platform_library_open(path, detail, size, &is_missing);
    if (module == NULL)
        return is_missing ? SCARDFFI_LIBRARY_NOT_FOUND : SCARDFFI_LIBRARY_NOT_LOADABLE;
    platform_global_lock();
    read_trace_function(module, "scardtrace_follow_environment", &trace.follow_environment);
    read_trace_function(module, "scardtrace_symbol", &trace.symbol);
    read_trace_function(module, "scardtrace_slot", &trace.slot);
    platform_global_unlock();
    return trace.slot != NULL ? 0 : SCARDFFI_LIBRARY_MISSING_SYMBOL;
}

int pcsc_open_traced(const scardffi_library *library, scardffi_library **traced, char *detail, size_t size)
{
    if (library->trace_slot >= 0) {
        *traced = (scardffi_library *)library;
        return 0;
    }
    int result = load_trace(detail, size);
    if (result != 0)
        return result;
    int slot = trace.slot(library->module);
    if (slot < 0) {
        snprintf(detail, size, "too many PC/SC libraries are traced in this process");
        return SCARDFFI_LIBRARY_NOT_LOADABLE;
    }
    result = create(library->module, slot, traced, detail, size);
    if (result == 0)
        *traced = keep(*traced);
    return result;
}

int pcsc_trace_slot(const scardffi_library *library)
{
    return library->trace_slot;
}

/* Replace a table by a traced one if SCARDFFI_TRACE is set. A trace that is not possible does not stop the program. */
static void follow_trace_environment(scardffi_library **library, char *detail, size_t size)
{
    const char *path = platform_environment("SCARDFFI_TRACE");
    if (path == NULL || path[0] == '\0' || platform_library_symbol((*library)->module, "scardtrace_slot") != NULL)
        return;
    if (pcsc_open_traced(*library, library, detail, size) == 0)
        trace.follow_environment((*library)->trace_slot);
    else
        fprintf(stderr, "scardffi: no trace is written to %s: %s\n", path, detail);
}

/* The library is loaded outside the lock, because its constructor may do anything. */
int pcsc_open(const char *path, scardffi_library **library, char *detail, size_t size)
{
    const char *single[2] = {path != NULL ? path : platform_environment("SCARDFFI_LIBRARY"), NULL};
    bool use_platform = single[0] == NULL || (path == NULL && single[0][0] == '\0');
    int result;
    void *module = load_first(use_platform ? platform_pcsc_names : single, &result, detail, size);
    if (module == NULL)
        return result;
    result = create(module, -1, library, detail, size);
    if (result == 0) {
        *library = keep(*library);
        follow_trace_environment(library, detail, size);
    }
    return result;
}

const char *pcsc_path(const scardffi_library *library)
{
    return library->path;
}

const char *pcsc_configuration_problem(const scardffi_library *library)
{
    const char *(*problem)(void) = NULL;
    void *symbol = platform_library_symbol(library->module, "scardvirtual_configuration_problem");
    memcpy(&problem, &symbol, sizeof problem); /* C has no cast from a data pointer to a function pointer */
    return problem != NULL ? problem() : NULL;
}

const char *pcsc_function_name(size_t index)
{
    return index < FUNCTION_COUNT ? functions[index].name : NULL;
}

bool pcsc_has_function(const scardffi_library *library, size_t index)
{
    if (index >= FUNCTION_COUNT)
        return false;
    void *symbol;
    memcpy(&symbol, (const char *)library + functions[index].offset, sizeof symbol);
    return symbol != NULL;
}

PCSC_EVERY_NUMBER_FUNCTION(PCSC_DEFINE_CALLER)

uint32_t pcsc_SCardAccessStartedEvent(const scardffi_library *library, uintptr_t *event)
{
    library = pcsc_given_or_default(library);
    if (library->SCardAccessStartedEvent == NULL)
        return pcsc_missing(library);
    *event = (uintptr_t)library->SCardAccessStartedEvent();
    return *event != 0 ? SCARD_S_SUCCESS : SCARD_F_INTERNAL_ERROR;
}

uint32_t pcsc_SCardReleaseStartedEvent(const scardffi_library *library)
{
    library = pcsc_given_or_default(library);
    if (library->SCardReleaseStartedEvent == NULL)
        return pcsc_missing(library);
    library->SCardReleaseStartedEvent();
    return SCARD_S_SUCCESS;
}

const char *pcsc_stringify(const scardffi_library *library, uint32_t code)
{
    return library->pcsc_stringify_error != NULL ? library->pcsc_stringify_error((LONG)code) : NULL;
}
