/* The PC/SC libraries that are traced, and the destinations of their records. */
#define _GNU_SOURCE
#include "slots.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exported.h"
#include "pcapng.h"
#include "platform.h"
#include "real_library.h"
#include "scardtrace.h"
#include "system.h"

#define STRING_OF(name) #name
#define STRING(name) STRING_OF(name)

struct slot slots[SLOT_COUNT];

static pthread_mutex_t slots_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t environment_mutex = PTHREAD_MUTEX_INITIALIZER; /* taken before the other locks */
static pthread_rwlock_t sinks_rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t begun = PTHREAD_ONCE_INIT;
static struct sink *sinks; /* guarded by both locks, of which readers need one; sinks_rwlock is taken first */
static int last_sink;
static uint32_t process;
static unsigned fork_count;

void sinks_lock(void)
{
    pthread_rwlock_rdlock(&sinks_rwlock);
}

void sinks_unlock(void)
{
    pthread_rwlock_unlock(&sinks_rwlock);
}

struct sink *sinks_next(const struct slot *slot, const struct sink *previous)
{
    struct sink *sink = previous == NULL ? sinks : previous->next;
    while (sink != NULL && &slots[sink->slot] != slot)
        sink = sink->next;
    return sink;
}

uint32_t process_number(void)
{
    return process;
}

uint64_t thread_number(void)
{
    static __thread uint64_t number;
    static __thread unsigned known_fork;
    if (number == 0 || known_fork != fork_count) {
        number = system_thread();
        known_fork = fork_count;
    }
    return number;
}

/* A thread may hold sinks_rwlock while it waits for the reader of a pipe, so fork does not wait for that lock. */
static void before_fork(void)
{
    pthread_mutex_lock(&slots_mutex);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&slots_mutex);
}

static void after_fork_in_child(void)
{
    pthread_mutex_unlock(&slots_mutex);
    /* threads that are not in the child may hold these */
    environment_mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    sinks_rwlock = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER;
    sink_free_locks();
    process = system_process();
    fork_count++;
    for (struct sink *sink = sinks; sink != NULL; sink = sink->next)
        sink->has_failed = sink->has_failed || sink->is_pipe; /* only the parent writes to it */
}

static void begin(void)
{
    process = system_process();
    fork_count = 1;
    system_at_fork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static void read_functions(struct slot *slot)
{
#define READ_MEMBER(need, name, symbol)                                                                                \
    do {                                                                                                               \
        void *found = platform_library_symbol(slot->library, symbol);                                                  \
        memcpy(&slot->real.name, &found, sizeof found);                                                                \
    } while (0);
#define READ_NUMBER(need, name, arguments, ...)                                                                        \
    READ_MEMBER(need, name, strcmp(#name, "SCardControl") == 0 ? STRING(PCSC_CONTROL) : #name)
#define READ_TEXT(need, name, arguments, ...) READ_MEMBER(need, name, #name PCSC_TEXT_SUFFIX)
    TRACED_NUMBER_FUNCTIONS(READ_NUMBER)
    TRACED_TEXT_FUNCTIONS(READ_TEXT)
#undef READ_TEXT
#undef READ_NUMBER
#undef READ_MEMBER
}

EXPORTED int scardtrace_slot(void *library)
{
    pthread_once(&begun, begin);
    pthread_mutex_lock(&slots_mutex);
    int number = 0;
    while (number < SLOT_COUNT && slots[number].library != NULL && slots[number].library != library)
        number++;
    if (number < SLOT_COUNT && slots[number].library == NULL) {
        slots[number].library = library;
        read_functions(&slots[number]);
    }
    pthread_mutex_unlock(&slots_mutex);
    return number < SLOT_COUNT ? number : -1;
}

/* Add a sink to a slot. Returns the same values as scardtrace_start. */
static int add(int slot, const char *path, system_file pipe, const char *secrets, int *number, char *problem,
               size_t size)
{
    int error = 0;
    struct sink *sink = sink_open(path, pipe, secrets, problem, size, &error);
    if (sink == NULL)
        return error != 0 ? error : -1;
    pthread_rwlock_wrlock(&sinks_rwlock);
    pthread_mutex_lock(&slots_mutex);
    *number = sink->number = ++last_sink;
    sink->slot = slot;
    sink->next = sinks;
    sinks = sink;
    __atomic_add_fetch(&slots[slot].sink_count, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&slots_mutex);
    pthread_rwlock_unlock(&sinks_rwlock);
    return 0;
}

EXPORTED int scardtrace_start(int slot, const char *path, intptr_t pipe, const char *secrets, int *number,
                              char *problem, size_t size)
{
    return add(slot, path, pipe, secrets, number, problem, size);
}

EXPORTED void scardtrace_stop(int number)
{
    pthread_rwlock_wrlock(&sinks_rwlock);
    pthread_mutex_lock(&slots_mutex);
    struct sink **place = &sinks;
    while (*place != NULL && (*place)->number != number)
        place = &(*place)->next;
    struct sink *sink = *place;
    if (sink != NULL) {
        *place = sink->next;
        __atomic_sub_fetch(&slots[sink->slot].sink_count, 1, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&slots_mutex);
    pthread_rwlock_unlock(&sinks_rwlock);
    if (sink == NULL)
        return;
    if (sink->is_pipe)
        sink_write(sink, pcapng_end, sizeof pcapng_end); /* a child of a fork may keep the pipe open */
    sink_close(sink);
}

EXPORTED void scardtrace_follow_environment(int slot)
{
    const char *path = platform_environment("SCARDFFI_TRACE");
    if (path == NULL || path[0] == '\0')
        return;
    /* A thread that comes second waits until the file is open, so that none of its calls is missing. */
    pthread_mutex_lock(&environment_mutex);
    char problem[512];
    int number;
    if (!slots[slot].follows_environment &&
        add(slot, path, SYSTEM_NO_FILE, platform_environment("SCARDFFI_TRACE_SECRETS"), &number, problem,
            sizeof problem) != 0)
        fprintf(stderr, "scardffi: no trace is written to %s: %s\n", path, problem);
    slots[slot].follows_environment = true;
    pthread_mutex_unlock(&environment_mutex);
}

#if defined(SCARDFFI_ABI_PCSCLITE) /* elsewhere only the core uses this library */

static struct slot *exported;

static void load_exported(void)
{
    static struct slot without_library;
    void *library = real_library_open();
    int number = library != NULL ? scardtrace_slot(library) : -1;
    exported = number >= 0 ? &slots[number] : &without_library;
    if (number >= 0)
        scardtrace_follow_environment(number);
}

struct slot *slot_exported(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_exported);
    return exported;
}

#endif
