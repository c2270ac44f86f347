/* A native context that belongs to a struct, which releases it at the latest when the struct is freed. */
#ifndef SCARDFFI_NATIVE_CONTEXT_H
#define SCARDFFI_NATIVE_CONTEXT_H

#include "pcsc_api.h"

/* [declarations] that Python sees */

struct native_context;
struct native_context *native_context_new(const scardffi_library *library); /* NULL if memory is exhausted */
/* Release the context if it is open and was not abandoned, and free the struct. */
void native_context_free(struct native_context *context);
/* SCardEstablishContext; the struct must not have a context. Returns the resource manager's code. */
uint32_t native_context_establish(struct native_context *context, uint32_t scope);
/* Call SCardReleaseContext and return its code, or 0 without a context. After any code, there is no context. */
uint32_t native_context_release(struct native_context *context);
/* Return true if there is a context that the caller must release now. After this call, there is no context. */
bool native_context_take(struct native_context *context);
/* Let native_context_free leave the context open: another thread will release it, or the process ends. */
void native_context_abandon(struct native_context *context);
bool native_context_is_open(const struct native_context *context);
SCARDCONTEXT native_context_handle(const struct native_context *context);

/* [end] */

#endif
