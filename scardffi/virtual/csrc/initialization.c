/* Initialize the library at its first call and in the child of a fork. */
#include "initialization.h"

#include "configuration.h"
#include "faults.h"
#include "resource_manager.h"
#include "vpcd.h"

/* Guarded by the mutex. */
static bool is_initialized;
static LONG initialization_code;

static void lock_manager(void)
{
    pthread_mutex_lock(&manager_mutex);
}

static void unlock_manager(void)
{
    pthread_mutex_unlock(&manager_mutex);
}

#if !defined(_WIN32) /* Windows has no fork */

static pthread_once_t fork_handlers_once = PTHREAD_ONCE_INIT;

/* The child begins without the parent's readers, contexts and handles, and initializes the library again. */
static void reset_in_child(void)
{
    is_initialized = false;
    manager_reset_after_fork();
    fault_reset_after_fork();
    vpcd_close_after_fork();
    unlock_manager();
}

static void register_fork_handlers(void)
{
    pthread_atfork(lock_manager, unlock_manager, reset_in_child);
}

#endif

/* Nothing of a configuration that cannot be applied stays, so that it can be applied again. */
static LONG initialize(void)
{
    bool may_succeed_later = true;
    LONG code = manager_init() ? configuration_apply(&may_succeed_later) : (LONG)SCARD_E_NO_MEMORY;
    is_initialized = code == SCARD_S_SUCCESS || !may_succeed_later;
    if (code == SCARD_S_SUCCESS)
        return code;
    while (manager_plugged_count > 0)
        reader_unplug(manager_plugged[manager_plugged_count - 1]);
    vpcd_forget_readers();
    fault_end_all();
    return code;
}

/* If memory, a thread, a socket or a port was missing, the next call tries again. A configuration that is not valid is
 * read only once. */
LONG library_ensure_initialized(void)
{
#if !defined(_WIN32)
    pthread_once(&fork_handlers_once, register_fork_handlers);
#endif
    lock_manager();
    if (!is_initialized)
        initialization_code = initialize();
    LONG code = initialization_code;
    unlock_manager();
    return code;
}
