/* A native context that belongs to a struct. */
#include "native_context.h"

#include <stdlib.h>

#include "platform.h"

struct native_context {
    const scardffi_library *library;
    unsigned process;    /* platform_process() when it was established */
    platform_flag taken; /* held from the release on */
    intptr_t open;       /* atomic */
    bool abandoned;
    SCARDCONTEXT context;
};

struct native_context *native_context_new(const scardffi_library *library)
{
    struct native_context *created = calloc(1, sizeof *created);
    if (created == NULL)
        return NULL;
    platform_watch_forks();
    created->library = library;
    created->process = platform_process();
    return created;
}

void native_context_free(struct native_context *context)
{
    if (context == NULL)
        return;
    if (!context->abandoned)
        native_context_release(context);
    free(context);
}

uint32_t native_context_establish(struct native_context *context, uint32_t scope)
{
    uint32_t code = pcsc_SCardEstablishContext(context->library, scope, NULL, NULL, &context->context);
    if (code == SCARD_S_SUCCESS)
        platform_atomic_store(&context->open, 1);
    return code;
}

bool native_context_take(struct native_context *context)
{
    if (!native_context_is_open(context) || context->process != platform_process())
        return false; /* in a fork, the context belongs to the parent */
    if (!platform_flag_take(&context->taken))
        return false; /* another thread releases it */
    platform_atomic_store(&context->open, 0);
    return true;
}

uint32_t native_context_release(struct native_context *context)
{
    if (!native_context_take(context))
        return SCARD_S_SUCCESS;
    return pcsc_SCardReleaseContext(context->library, context->context);
}

void native_context_abandon(struct native_context *context)
{
    context->abandoned = true;
}

bool native_context_is_open(const struct native_context *context)
{
    return platform_atomic_load(&context->open) != 0;
}

SCARDCONTEXT native_context_handle(const struct native_context *context)
{
    return context->context;
}
