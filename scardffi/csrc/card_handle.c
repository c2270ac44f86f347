/* One lock for each card handle: the registry of handles in use, and the free list. */
#include "card_handle.h"

#include <stdlib.h>

/* all guarded by the global lock */
static card_handle *in_use;
static card_handle *unused;
static unsigned process; /* whose they are */

static card_handle *take_unused(void)
{
    card_handle *card = unused;

    if (card != NULL) {
        unused = card->next;
        return card;
    }
    card = malloc(sizeof *card);
    if (card != NULL)
        platform_mutex_init(&card->mutex);
    return card;
}

/* In the child of a fork the parent's structs, whose locks its threads may hold, are left alone for good. */
static void forget_parent(void)
{
    if (process != platform_process()) {
        process = platform_process();
        in_use = NULL;
        unused = NULL;
    }
}

card_handle *card_handle_acquire(const scardffi_library *api, SCARDHANDLE value)
{
    card_handle *card;

    platform_global_lock();
    forget_parent();
    for (card = in_use; card != NULL; card = card->next) {
        if (card->api == api && card->value == value)
            break;
    }
    if (card != NULL) {
        card->references++;
    } else if ((card = take_unused()) != NULL) {
        card->api = api;
        card->value = value;
        card->protocol = SCARD_PROTOCOL_UNDEFINED;
        card->references = 1;
        card->next = in_use;
        in_use = card;
    }
    platform_global_unlock();
    return card;
}

void card_handle_release(card_handle *card)
{
    card_handle **link;

    platform_global_lock();
    if (--card->references == 0) {
        for (link = &in_use; *link != card; link = &(*link)->next)
            ;
        *link = card->next;
        card->next = unused;
        unused = card;
    }
    platform_global_unlock();
}
