/* The first start, and forks. */
#include "start.h"

#include "configuration.h"
#include "emulator.h"
#include "faults.h"
#include "world.h"

static bool has_started; /* guarded by the world's mutex, as is what follows */
static LONG start_code;  /* what became of it */

static void lock_world(void)
{
    pthread_mutex_lock(&world_mutex);
}

static void unlock_world(void)
{
    pthread_mutex_unlock(&world_mutex);
}

#if !defined(_WIN32) /* it has no forks */

static pthread_once_t fork_handlers = PTHREAD_ONCE_INIT;

/* The world is one process: a child begins with a new one, whatever the parent's threads were doing. */
static void begin_child(void)
{
    has_started = false;
    forget_world();
    forget_faults();
    forget_emulators();
    unlock_world();
}

static void handle_forks(void)
{
    pthread_atfork(lock_world, unlock_world, begin_child);
}

#endif

static LONG start(void)
{
    if (!ready_world())
        return (LONG)SCARD_E_NO_MEMORY;
    LONG code = configure_world();
    for (unsigned i = 0; code != SCARD_S_SUCCESS && i < READERS; i++)
        if (world_readers[i].plugged)
            unplug_reader(&world_readers[i]);
    return code;
}

/* A text that cannot be followed is read once: again it would meet what it has left, such as its own ports. */
LONG start_world(void)
{
#if !defined(_WIN32)
    pthread_once(&fork_handlers, handle_forks);
#endif
    lock_world();
    if (!has_started)
        start_code = start();
    LONG code = start_code;
    has_started = code != (LONG)SCARD_E_NO_MEMORY;
    unlock_world();
    return code;
}
