/* One lock for each card handle: whoever calls on a handle, through whichever manage object, queues here.
 *
 * A second call on a busy handle would stall every PC/SC call of the process inside pcsc-lite, so calls take
 * turns before they enter the library. The struct of a handle that nobody uses goes to a free list and is
 * never given back to the allocator: a thread that comes late may lock it, look again, and see that its
 * manage object has moved on.
 */
#ifndef SCARDFFI_CARD_HANDLE_H
#define SCARDFFI_CARD_HANDLE_H

#include "pcsc_api.h"
#include "platform.h"

typedef struct card_handle {
    platform_mutex mutex;
    const scardffi_library *api;
    SCARDHANDLE value;
    DWORD protocol;           /* active protocol, 0 while it is not known; guarded by mutex */
    unsigned references;      /* guarded by the global lock, like next */
    struct card_handle *next;
} card_handle;

/* The one struct of this handle, made at its first use; NULL where memory is out. */
card_handle *card_handle_acquire(const scardffi_library *api, SCARDHANDLE value);
void card_handle_release(card_handle *card);

#endif
