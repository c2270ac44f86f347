/* Readers, contexts and handles: made, found and removed. */
#define _POSIX_C_SOURCE 200809L
#include "world.h"

#include <string.h>
#include <time.h>

#include "answering_card.h"
#include "numbers.h"

pthread_mutex_t world_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t world_changed;
struct reader world_readers[READERS] = {{.name = "scardffi Virtual Reader 0"}};

static struct answering_card cards[READERS];
static struct context contexts[SLOTS];
static struct numbers context_numbers;
static struct handle handles[SLOTS];
static struct numbers handle_numbers;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool started;

static bool start_conditions(void)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    bool done = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0
                && pthread_cond_init(&world_changed, &attributes) == 0;
    for (unsigned i = 0; done && i < READERS; i++)
        done = pthread_cond_init(&world_readers[i].turn, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return done;
}

static void start_world(void)
{
    struct random_numbers random;
    random_start(&random);
    numbers_start(&context_numbers, &random);
    numbers_start(&handle_numbers, &random);
    for (unsigned i = 0; i < READERS; i++) {
        answering_card_start(&cards[i]);
        world_readers[i] = (struct reader){
            .name = world_readers[i].name,
            .card = &cards[i].card,
            .powered = true,
            .events = 1, /* its insertion */
        };
    }
    started = start_conditions();
}

static void lock_world(void)
{
    pthread_mutex_lock(&world_mutex);
}

static void unlock_world(void)
{
    pthread_mutex_unlock(&world_mutex);
}

/* The world is one process: a child begins with a new one, whatever the parent's threads were doing. */
static void start_world_of_child(void)
{
    start_world();
    unlock_world();
}

static void start_once(void)
{
    lock_world();
    start_world();
    unlock_world();
    pthread_atfork(lock_world, unlock_world, start_world_of_child);
}

LONG world_start(void)
{
    pthread_once(&once, start_once);
    return started ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_NO_MEMORY;
}

struct reader *find_reader(const char *name)
{
    for (unsigned i = 0; i < READERS; i++)
        if (strcmp(world_readers[i].name, name) == 0)
            return &world_readers[i];
    return NULL;
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
        .resets_seen = reader->resets,
    };
    context->handles = &handles[slot];
    reader->connections++;
    pthread_cond_broadcast(&world_changed);
    return &handles[slot];
}

struct handle *find_handle(SCARDHANDLE number)
{
    int slot = numbers_find(&handle_numbers, number);
    return slot < 0 ? NULL : &handles[slot];
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
    reader->connections--;
    numbers_give_back(&handle_numbers, (int)(handle - handles));
    pthread_cond_broadcast(&reader->turn);
    pthread_cond_broadcast(&world_changed);
}
