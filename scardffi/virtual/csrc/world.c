/* Readers, cards, contexts and handles: made, found and removed. */
#include "world.h"

#include <string.h>

#include "deadline.h"
#include "numbers.h"
#include "utf16.h"

pthread_mutex_t world_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t world_changed;
struct reader world_readers[READERS];
unsigned world_plugs;
bool world_stopped;

static struct context contexts[SLOTS];
static struct numbers context_numbers;
static struct handle handles[SLOTS];
static struct numbers handle_numbers;
static bool is_ready;
static unsigned long insertions;

static bool start_conditions(void)
{
    bool done = init_condition(&world_changed);
    for (unsigned i = 0; done && i < READERS; i++)
        done = init_condition(&world_readers[i].turn);
    return done;
}

static void start_numbers(void)
{
    struct random_numbers random;
    random_start(&random);
    numbers_start(&context_numbers, &random);
    numbers_start(&handle_numbers, &random);
}

bool ready_world(void)
{
    if (!is_ready) {
        is_ready = start_conditions();
        start_numbers();
    }
    return is_ready;
}

void forget_world(void)
{
    is_ready = world_stopped = false;
    world_plugs = 0;
    memset(world_readers, 0, sizeof world_readers);
    start_numbers();
}

static void wake_waiters(struct reader *reader)
{
    pthread_cond_broadcast(&reader->turn);
    pthread_cond_broadcast(&world_changed);
}

struct reader *find_reader(const char *name)
{
    for (unsigned i = 0; i < READERS; i++)
        if (world_readers[i].plugged && strcmp(world_readers[i].name, name) == 0)
            return &world_readers[i];
    return NULL;
}

/* The slot that the name had before, otherwise the first that no handle points to. */
static struct reader *find_slot(const char *name)
{
    struct reader *free_slot = NULL;
    for (unsigned i = READERS; i-- > 0;) {
        struct reader *reader = &world_readers[i];
        if (!reader->plugged && strcmp(reader->name, name) == 0)
            return reader;
        if (!reader->plugged && reader->handles == 0 && !reader->busy)
            free_slot = reader;
    }
    return free_slot;
}

LONG plug_reader(const char *name, struct reader **reader)
{
    size_t length = strlen(name);
    if (length == 0 || length >= sizeof world_readers[0].name || utf16_from_utf8(name, length, NULL) == UTF16_INVALID)
        return (LONG)SCARD_E_INVALID_VALUE;
    if (find_reader(name) != NULL)
        return (LONG)SCARD_E_SHARING_VIOLATION;
    *reader = find_slot(name);
    if (*reader == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    memcpy((*reader)->name, name, length + 1);
    (*reader)->plugged = true;
    (*reader)->plugging++;
    (*reader)->latency_us = 0;
    (*reader)->control = (struct scardvirtual_control){0};
    (*reader)->ifs_request_length = sizeof(DWORD);
    memset((*reader)->ifs_request, 0, sizeof(DWORD));
    world_plugs++;
    wake_waiters(*reader);
    return SCARD_S_SUCCESS;
}

/* Handles of before find themselves gone. */
static void lose_handles(struct reader *reader)
{
    reader->plugging++;
    reader->connections = 0;
    reader->exclusive = NULL;
    reader->transaction_owner = NULL;
    reader->transaction_depth = 0;
    wake_waiters(reader);
}

void unplug_reader(struct reader *reader)
{
    remove_card(reader);
    lose_handles(reader);
    reader->plugged = false;
    world_plugs++;
}

LONG insert_card(struct reader *reader, struct card *card)
{
    if (reader->card != NULL)
        return (LONG)SCARD_E_SHARING_VIOLATION;
    card->reader = reader;
    reader->card = card;
    reader->insertion = ++insertions;
    reader->powered = card->atr_length > 0;
    reader->protocol = SCARD_PROTOCOL_UNDEFINED;
    reader->events++;
    wake_waiters(reader);
    return SCARD_S_SUCCESS;
}

void remove_card(struct reader *reader)
{
    struct card *card = reader->card;
    if (card == NULL)
        return;
    reader->card = NULL;
    reader->powered = false;
    reader->protocol = SCARD_PROTOCOL_UNDEFINED;
    reader->transaction_owner = NULL;
    reader->transaction_depth = 0;
    reader->events++;
    tell_handles(reader, (LONG)SCARD_W_REMOVED_CARD);
    if (card->removed != NULL)
        card->removed(card);
    if (!reader->busy || reader->running != card) /* else it is released when its command has ended */
        card->release(card);
}

DWORD count_of_events(const struct reader *reader)
{
    return PCSC_COUNTS_CARD_EVENTS ? reader->events & 0xFFFFu : 0;
}

void tell_handles(struct reader *reader, LONG event)
{
    reader->card_events++;
    reader->last_card_event = event;
    wake_waiters(reader);
}

void stop_service(void)
{
    world_stopped = true;
    for (unsigned i = 0; i < SLOTS; i++)
        if (context_numbers.in_use[i] != 0)
            contexts[i].dead = true;
    for (unsigned i = 0; i < READERS; i++) {
        world_readers[i].protocol = SCARD_PROTOCOL_UNDEFINED;
        lose_handles(&world_readers[i]);
    }
}

void start_service(void)
{
    world_stopped = false;
}

struct context *open_context(void)
{
    int slot = numbers_take(&context_numbers);
    if (slot < 0)
        return NULL;
    contexts[slot] = (struct context){.number = (SCARDCONTEXT)context_numbers.in_use[slot]};
    return &contexts[slot];
}

struct context *find_context(SCARDCONTEXT number)
{
    int slot = numbers_find(&context_numbers, number);
    return slot < 0 ? NULL : &contexts[slot];
}

LONG find_usable_context(SCARDCONTEXT number, struct context **context)
{
    *context = find_context(number);
    if (*context == NULL)
        return (LONG)PCSC_NO_SUCH_HANDLE;
    return (*context)->dead ? (LONG)SCARD_E_NO_SERVICE : (LONG)SCARD_S_SUCCESS;
}

void close_context(struct context *context)
{
    numbers_give_back(&context_numbers, (int)(context - contexts));
    pthread_cond_broadcast(&world_changed);
    for (unsigned i = 0; i < READERS; i++)
        pthread_cond_broadcast(&world_readers[i].turn);
}

struct handle *open_handle(struct context *context, struct reader *reader)
{
    int slot = numbers_take(&handle_numbers);
    if (slot < 0)
        return NULL;
    handles[slot] = (struct handle){
        .number = (SCARDHANDLE)handle_numbers.in_use[slot],
        .context = context,
        .reader = reader,
        .next = context->handles,
        .plugging = reader->plugging,
        .events_seen = reader->card_events,
    };
    context->handles = &handles[slot];
    reader->handles++;
    reader->connections++;
    pthread_cond_broadcast(&world_changed);
    return &handles[slot];
}

struct handle *find_handle(SCARDHANDLE number)
{
    int slot = numbers_find(&handle_numbers, number);
    return slot < 0 ? NULL : &handles[slot];
}

bool is_gone(const struct handle *handle)
{
    return handle->plugging != handle->reader->plugging;
}

LONG find_usable_handle(SCARDHANDLE number, struct handle **handle)
{
    *handle = find_handle(number);
    if (*handle == NULL)
        return (LONG)PCSC_NO_SUCH_HANDLE;
    if ((*handle)->context->dead)
        return (LONG)SCARD_E_NO_SERVICE;
    return is_gone(*handle) ? (LONG)SCARD_E_INVALID_VALUE : (LONG)SCARD_S_SUCCESS;
}

void close_handle(struct handle *handle)
{
    struct reader *reader = handle->reader;
    struct handle **link = &handle->context->handles;
    while (*link != handle)
        link = &(*link)->next;
    *link = handle->next;

    if (reader->exclusive == handle)
        reader->exclusive = NULL;
    if (reader->transaction_owner == handle) {
        reader->transaction_owner = NULL;
        reader->transaction_depth = 0;
    }
    reader->handles--;
    if (!is_gone(handle))
        reader->connections--;
    numbers_give_back(&handle_numbers, (int)(handle - handles));
    wake_waiters(reader);
}
