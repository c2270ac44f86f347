/* Create, find and remove readers, cards, contexts and handles. */
#include "resource_manager.h"

#include <string.h>

#include "deadline.h"
#include "handle_numbers.h"
#include "utf16.h"

pthread_mutex_t manager_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t manager_changed;
struct reader *manager_plugged[MAX_READERS];
unsigned manager_plugged_count;
unsigned manager_reader_changes;
bool manager_is_stopped;

static struct reader readers[MAX_READERS];     /* the slots */
static unsigned used_readers;                  /* the slots below have held a reader, the others have not */
static struct reader *name_table[MAX_READERS]; /* chains of readers by the hash of their name */
static struct context contexts[SLOTS];
static struct handle_numbers context_numbers;
static struct handle handles[SLOTS];
static struct handle_numbers handle_numbers;
static bool is_initialized;
static unsigned long insertions;

static void init_numbers(void)
{
    struct random_numbers random;
    random_init(&random);
    handle_numbers_init(&context_numbers, &random);
    handle_numbers_init(&handle_numbers, &random);
}

bool manager_init(void)
{
    if (!is_initialized) {
        is_initialized = condition_init(&manager_changed);
        init_numbers();
    }
    return is_initialized;
}

void manager_reset_after_fork(void)
{
    is_initialized = manager_is_stopped = false;
    manager_reader_changes = 0;
    manager_plugged_count = 0;
    memset(readers, 0, used_readers * sizeof readers[0]);
    memset(name_table, 0, sizeof name_table);
    used_readers = 0;
    init_numbers();
}

static void wake_waiters(struct reader *reader)
{
    pthread_cond_broadcast(&reader->changed);
    pthread_cond_broadcast(&manager_changed);
}

/* Return the chain for a name, by the hash FNV-1a. */
static struct reader **chain_of(const char *name)
{
    uint32_t hash = 0x811C9DC5u;
    while (*name != '\0')
        hash = (hash ^ (unsigned char)*name++) * 0x01000193u;
    return &name_table[hash % MAX_READERS];
}

/* Return the reader that has this name, or had it before it was unplugged. */
static struct reader *find_named(const char *name)
{
    struct reader *reader = *chain_of(name);
    while (reader != NULL && strcmp(reader->name, name) != 0)
        reader = reader->next;
    return reader;
}

struct reader *reader_find(const char *name)
{
    struct reader *reader = find_named(name);
    return reader != NULL && reader->is_plugged ? reader : NULL;
}

static void set_name(struct reader *reader, const char *name, size_t length)
{
    struct reader **link = chain_of(reader->name);
    while (*link != NULL && *link != reader)
        link = &(*link)->next;
    if (*link != NULL) /* NULL for a new slot */
        *link = reader->next;
    memcpy(reader->name, name, length + 1);
    link = chain_of(name);
    reader->next = *link;
    *link = reader;
}

/* Return the first slot that is not plugged and that no handle points to; NULL if there is none. */
static struct reader *find_free_slot(void)
{
    for (unsigned slot = 0, place = 0; slot < used_readers; slot++) {
        if (place < manager_plugged_count && manager_plugged[place] == &readers[slot])
            place++;
        else if (readers[slot].handle_count == 0 && !readers[slot].is_busy)
            return &readers[slot];
    }
    if (used_readers == MAX_READERS || !condition_init(&readers[used_readers].changed))
        return NULL;
    return &readers[used_readers++];
}

static void add_to_plugged(struct reader *reader)
{
    unsigned place = manager_plugged_count++;
    for (; place > 0 && manager_plugged[place - 1] > reader; place--)
        manager_plugged[place] = manager_plugged[place - 1];
    manager_plugged[place] = reader;
    reader->is_plugged = true;
}

static void remove_from_plugged(struct reader *reader)
{
    unsigned place = 0;
    while (manager_plugged[place] != reader)
        place++;
    manager_plugged_count--;
    for (; place < manager_plugged_count; place++)
        manager_plugged[place] = manager_plugged[place + 1];
    reader->is_plugged = false;
}

LONG reader_plug(const char *name, struct reader **reader)
{
    size_t length = strlen(name);
    if (length == 0 || length >= MAX_READERNAME || utf16_from_utf8(name, length, NULL) == UTF16_INVALID)
        return (LONG)SCARD_E_INVALID_VALUE;
    *reader = find_named(name);
    if (*reader != NULL && (*reader)->is_plugged)
        return (LONG)SCARD_E_SHARING_VIOLATION;
    if (*reader == NULL) {
        *reader = find_free_slot();
        if (*reader == NULL)
            return (LONG)SCARD_E_NO_MEMORY;
        set_name(*reader, name, length);
    }
    add_to_plugged(*reader);
    (*reader)->generation++;
    (*reader)->latency_us = 0;
    (*reader)->control = (struct scardvirtual_control){0};
    (*reader)->ifs_request_length = sizeof(DWORD);
    memset((*reader)->ifs_request, 0, sizeof(DWORD));
    manager_reader_changes++;
    wake_waiters(*reader);
    return SCARD_S_SUCCESS;
}

static void invalidate_handles(struct reader *reader)
{
    reader->generation++;
    reader->connection_count = 0;
    reader->exclusive_handle = NULL;
    reader->transaction_owner = NULL;
    reader->transaction_depth = 0;
    wake_waiters(reader);
}

void reader_unplug(struct reader *reader)
{
    reader_remove_card(reader);
    invalidate_handles(reader);
    remove_from_plugged(reader);
    manager_reader_changes++;
}

LONG reader_insert_card(struct reader *reader, struct card *card)
{
    if (reader->card != NULL)
        return (LONG)SCARD_E_SHARING_VIOLATION;
    card->reader = reader;
    reader->card = card;
    reader->insertion_number = ++insertions;
    reader->is_powered = card->atr_length > 0;
    reader->protocol = SCARD_PROTOCOL_UNDEFINED;
    reader->event_count++;
    wake_waiters(reader);
    return SCARD_S_SUCCESS;
}

void reader_remove_card(struct reader *reader)
{
    struct card *card = reader->card;
    if (card == NULL)
        return;
    reader->card = NULL;
    reader->is_powered = false;
    reader->protocol = SCARD_PROTOCOL_UNDEFINED;
    reader->transaction_owner = NULL;
    reader->transaction_depth = 0;
    reader->event_count++;
    reader_set_card_event(reader, (LONG)SCARD_W_REMOVED_CARD);
    if (card->removed != NULL)
        card->removed(card);
    if (!reader->is_busy || reader->busy_card != card) /* otherwise reader_end_use releases it */
        card->release(card);
}

DWORD reader_event_counter(const struct reader *reader)
{
    return PCSC_COUNTS_CARD_EVENTS ? reader->event_count & 0xFFFFu : 0;
}

void reader_set_card_event(struct reader *reader, LONG event)
{
    reader->card_event_count++;
    reader->last_card_event = event;
    wake_waiters(reader);
}

void manager_stop(void)
{
    manager_is_stopped = true;
    for (unsigned i = 0; i < SLOTS; i++)
        if (context_numbers.in_use[i] != 0)
            contexts[i].is_lost = true;
    for (unsigned i = 0; i < manager_plugged_count; i++) {
        manager_plugged[i]->protocol = SCARD_PROTOCOL_UNDEFINED;
        invalidate_handles(manager_plugged[i]);
    }
    pthread_cond_broadcast(&manager_changed);
}

void manager_start(void)
{
    manager_is_stopped = false;
}

struct context *context_open(void)
{
    int slot = handle_numbers_allocate(&context_numbers);
    if (slot < 0)
        return NULL;
    contexts[slot] = (struct context){.number = (SCARDCONTEXT)context_numbers.in_use[slot]};
    return &contexts[slot];
}

struct context *context_find(SCARDCONTEXT number)
{
    int slot = handle_numbers_find(&context_numbers, number);
    return slot < 0 ? NULL : &contexts[slot];
}

bool context_is_open(SCARDCONTEXT number)
{
    pthread_mutex_lock(&manager_mutex);
    bool is_open = context_find(number) != NULL;
    pthread_mutex_unlock(&manager_mutex);
    return is_open;
}

LONG context_find_usable(SCARDCONTEXT number, struct context **context)
{
    *context = context_find(number);
    if (*context == NULL)
        return (LONG)PCSC_NO_SUCH_HANDLE;
    return (*context)->is_lost ? (LONG)SCARD_E_NO_SERVICE : (LONG)SCARD_S_SUCCESS;
}

void context_close(struct context *context)
{
    handle_numbers_free(&context_numbers, (int)(context - contexts));
    pthread_cond_broadcast(&manager_changed);
    for (unsigned i = 0; context->waiting_connects > 0 && i < manager_plugged_count; i++)
        pthread_cond_broadcast(&manager_plugged[i]->changed);
}

struct handle *handle_open(struct context *context, struct reader *reader)
{
    int slot = handle_numbers_allocate(&handle_numbers);
    if (slot < 0)
        return NULL;
    handles[slot] = (struct handle){
        .number = (SCARDHANDLE)handle_numbers.in_use[slot],
        .context = context,
        .reader = reader,
        .next = context->handles,
        .generation = reader->generation,
        .card_events_seen = reader->card_event_count,
    };
    context->handles = &handles[slot];
    reader->handle_count++;
    reader->connection_count++;
    pthread_cond_broadcast(&manager_changed);
    return &handles[slot];
}

struct handle *handle_find(SCARDHANDLE number)
{
    int slot = handle_numbers_find(&handle_numbers, number);
    return slot < 0 ? NULL : &handles[slot];
}

bool handle_is_stale(const struct handle *handle)
{
    return handle->generation != handle->reader->generation;
}

LONG handle_find_usable(SCARDHANDLE number, struct handle **handle)
{
    *handle = handle_find(number);
    if (*handle == NULL)
        return (LONG)PCSC_NO_SUCH_HANDLE;
    if ((*handle)->context->is_lost)
        return (LONG)SCARD_E_NO_SERVICE;
    return handle_is_stale(*handle) ? (LONG)SCARD_E_INVALID_VALUE : (LONG)SCARD_S_SUCCESS;
}

void handle_close(struct handle *handle)
{
    struct reader *reader = handle->reader;
    struct handle **link = &handle->context->handles;
    while (*link != handle)
        link = &(*link)->next;
    *link = handle->next;

    if (reader->exclusive_handle == handle)
        reader->exclusive_handle = NULL;
    if (reader->transaction_owner == handle) {
        reader->transaction_owner = NULL;
        reader->transaction_depth = 0;
    }
    reader->handle_count--;
    if (!handle_is_stale(handle))
        reader->connection_count--;
    handle_numbers_free(&handle_numbers, (int)(handle - handles));
    wake_waiters(reader);
}
