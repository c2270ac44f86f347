/* One lock for each card handle, shared by all manage objects that use the handle.
 *
 * pcsc-lite blocks every PC/SC call of the process while a second call waits for a busy handle, so calls on a handle
 * wait here, before they enter the library. The struct of an unused handle goes to a free list and is never freed,
 * because a thread may still lock it; the thread then sees that its manage object has another handle or no handle.
 *
 * A response that comes in parts must not be mixed with other commands, but a call that fetches it returns to its
 * caller from time to time. Meanwhile the call keeps its turn: it is the `holder`, and other calls wait until it gives
 * the turn back (flow.h).
 */
#ifndef SCARDFFI_CARD_HANDLE_H
#define SCARDFFI_CARD_HANDLE_H

#include "pcsc_api.h"
#include "pcsc_results.h"
#include "platform.h"

struct flow;

struct card_handle {
    platform_mutex mutex;
    platform_condition turn_ended;
    const struct flow *holder; /* atomic; the flow that keeps its turn, NULL if any call may begin; written under
                                  `mutex` */
    uintptr_t holder_thread;   /* the thread that called the holder; guarded by `mutex` */
    const void *holder_manage; /* the manage object of the holder; guarded by `mutex` */
    const scardffi_library *library;
    SCARDHANDLE value;
    DWORD protocol;      /* the active protocol, 0 while it is unknown; guarded by `mutex` */
    intptr_t generation; /* atomic; increases when `value` is closed or opened again; written under the global lock */
    unsigned references; /* guarded by the global lock */
    struct card_handle *next; /* guarded by the global lock */
};

/* Return the one struct of this handle, created at its first use; NULL if memory is exhausted. */
struct card_handle *card_handle_acquire(const scardffi_library *library, SCARDHANDLE value);
void card_handle_release(struct card_handle *card);
/* End the attachments that exist: the number is closed, or belongs to another connection now. */
void card_handle_renew(struct card_handle *card);

/* [declarations] that Python sees */

/* SCardConnect. Returns the handle, or 0. Attachments to an earlier connection with the same number end. */
SCARDHANDLE card_handle_connect(const scardffi_library *library, SCARDCONTEXT context, const char *reader,
                                uint32_t share_mode, uint32_t protocols, uint64_t *opened);
/* SCardDisconnect. If it succeeds, attachments to the handle end. */
uint32_t card_handle_disconnect(const scardffi_library *library, SCARDHANDLE handle, uint32_t disposition);
/* SCardConnect has returned this number: attachments to an earlier connection with this number end. */
void card_handle_connected(const scardffi_library *library, SCARDHANDLE handle);

/* [end] */

/* Begin and end a turn. The mutex is held. */
void card_handle_keep_turn(struct card_handle *card, const struct flow *flow, const void *manage);
void card_handle_end_turn(struct card_handle *card);

#endif
