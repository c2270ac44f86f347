/* One lock for each card handle: the table of handles in use, and the free list. */
#include "card_handle.h"

#include <stdlib.h>

#include "pcsc_strings.h"

enum { TABLE_BITS = 10 };

/* guarded by the global lock */
static struct card_handle *in_use[1 << TABLE_BITS]; /* chains by the hash of the handle; the first of each is atomic,
                                                       and is read without the lock too */
static struct card_handle *unused;
static unsigned process; /* the process that the table and the list belong to */

static struct card_handle *take_unused(void)
{
    struct card_handle *card = unused;
    if (card != NULL) {
        unused = card->next;
        return card;
    }
    card = malloc(sizeof *card);
    if (card != NULL) {
        platform_mutex_init(&card->mutex);
        card->generation = 0;
        platform_condition_init(&card->turn_ended);
        card->holder_manage = NULL;
    }
    return card;
}

/* The child of a fork does not use its parent's structs, because threads of the parent may have held their locks. */
static void forget_parent(void)
{
    if (process != platform_process()) {
        process = platform_process();
        for (unsigned i = 0; i < 1 << TABLE_BITS; i++)
            platform_atomic_store(&in_use[i], NULL);
        unused = NULL;
    }
}

static struct card_handle **chain_of(SCARDHANDLE value)
{
    uint64_t number = (uint64_t)value; /* on Windows a handle has 64 bits */
    return &in_use[(uint32_t)(number ^ number >> 32) * 0x9E3779B1u >> (32 - TABLE_BITS)];
}

static struct card_handle *find(const scardffi_library *library, SCARDHANDLE value)
{
    struct card_handle *card = *chain_of(value);
    while (card != NULL && (card->library != library || card->value != value))
        card = card->next;
    return card;
}

struct card_handle *card_handle_acquire(const scardffi_library *library, SCARDHANDLE value)
{
    platform_global_lock();
    forget_parent();
    struct card_handle *card = find(library, value);
    if (card != NULL) {
        card->references++;
    } else if ((card = take_unused()) != NULL) {
        card->library = library;
        card->value = value;
        card->protocol = SCARD_PROTOCOL_UNDEFINED;
        platform_atomic_store(&card->holder, NULL);
        card->references = 1;
        struct card_handle **chain = chain_of(value);
        card->next = *chain;
        platform_atomic_store(chain, card);
    }
    platform_global_unlock();
    return card;
}

/* Return the struct of this handle if one is in use, otherwise NULL. */
static struct card_handle *acquire_used(const scardffi_library *library, SCARDHANDLE value)
{
    if (platform_atomic_load(chain_of(value)) == NULL)
        return NULL;
    platform_global_lock();
    forget_parent();
    struct card_handle *card = find(library, value);
    if (card != NULL)
        card->references++;
    platform_global_unlock();
    return card;
}

void card_handle_renew(struct card_handle *card)
{
    platform_global_lock();
    platform_atomic_store(&card->generation, card->generation + 1);
    platform_global_unlock();
}

void card_handle_connected(const scardffi_library *library, SCARDHANDLE handle)
{
    struct card_handle *card = acquire_used(library, handle);
    if (card == NULL)
        return;
    card_handle_renew(card);
    card_handle_release(card);
}

SCARDHANDLE card_handle_connect(const scardffi_library *library, SCARDCONTEXT context, const char *reader,
                                uint32_t share_mode, uint32_t protocols, uint64_t *opened)
{
    SCARDHANDLE handle = 0;
    DWORD protocol = 0;
    library = pcsc_given_or_default(library);
    uint32_t code = pcsc_SCardConnect(library, context, reader, share_mode, protocols, &handle, &protocol);
    if (code == SCARD_S_SUCCESS)
        card_handle_connected(library, handle);
    return pcsc_opened(opened, library, code, handle, protocol);
}

uint32_t card_handle_disconnect(const scardffi_library *library, SCARDHANDLE handle, uint32_t disposition)
{
    library = pcsc_given_or_default(library);
    struct card_handle *card = acquire_used(library, handle);
    if (card == NULL)
        return pcsc_SCardDisconnect(library, handle, disposition);
    platform_mutex_lock(&card->mutex); /* nothing attaches to a new connection with this number before the renewal */
    uint32_t code = pcsc_SCardDisconnect(library, handle, disposition);
    if (code == SCARD_S_SUCCESS) {
        card_handle_renew(card);
        card_handle_end_turn(card);
    }
    platform_mutex_unlock(&card->mutex);
    card_handle_release(card);
    return code;
}

void card_handle_release(struct card_handle *card)
{
    platform_global_lock();
    if (--card->references == 0) {
        struct card_handle **link = chain_of(card->value);
        while (*link != card)
            link = &(*link)->next;
        platform_atomic_store(link, card->next);
        card->next = unused;
        unused = card;
    }
    platform_global_unlock();
}

void card_handle_keep_turn(struct card_handle *card, const struct flow *flow, const void *manage)
{
    platform_atomic_store(&card->holder, flow);
    card->holder_manage = manage;
    card->holder_thread = platform_thread();
}

void card_handle_end_turn(struct card_handle *card)
{
    platform_atomic_store(&card->holder, NULL);
    card->holder_manage = NULL;
    platform_condition_wake_all(&card->turn_ended);
}
