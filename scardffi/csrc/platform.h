/* What the core asks of the operating system: mutexes, an atomic pointer, run-time loading, the environment,
 * and whether this process is a fork. */
#ifndef SCARDFFI_PLATFORM_H
#define SCARDFFI_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
/* An SRWLOCK, of the same layout. windows.h stays in platform.c: it brings PC/SC names of its own. */
typedef struct {
    void *pointer;
} platform_mutex;
void platform_mutex_lock(platform_mutex *mutex);
void platform_mutex_unlock(platform_mutex *mutex);
#else
#  include <pthread.h>
typedef pthread_mutex_t platform_mutex;
#  define platform_mutex_lock(mutex) pthread_mutex_lock(mutex)
#  define platform_mutex_unlock(mutex) pthread_mutex_unlock(mutex)
#endif

/* A pointer, or an integer of its size, that threads read without a lock */
#if defined(_MSC_VER)
#  include <intrin.h>
#  define platform_atomic_load(pointer) _InterlockedCompareExchangePointer((void *volatile *)(pointer), NULL, NULL)
#  define platform_atomic_store(pointer, value) _InterlockedExchangePointer((void *volatile *)(pointer), (value))
#else
#  define platform_atomic_load(pointer) __atomic_load_n((pointer), __ATOMIC_ACQUIRE)
#  define platform_atomic_store(pointer, value) __atomic_store_n((pointer), (value), __ATOMIC_RELEASE)
#endif

/* A flag that one thread at a time holds */
typedef volatile long platform_flag;
#if defined(_MSC_VER)
#  define platform_flag_take(flag) (_InterlockedExchange((flag), 1) == 0)
#  define platform_flag_drop(flag) _InterlockedExchange((flag), 0)
#else
#  define platform_flag_take(flag) (__atomic_exchange_n((flag), 1, __ATOMIC_ACQUIRE) == 0)
#  define platform_flag_drop(flag) __atomic_store_n((flag), 0, __ATOMIC_RELEASE)
#endif

/* Overwrite with zeros; a compiler may drop a memset before a free. */
/* [declarations] that Python sees */
void platform_wipe(void *memory, size_t size);
/* [end] */

/* A steady clock */
uint64_t platform_nanoseconds(void);

void platform_mutex_init(platform_mutex *mutex);

/* The names under which this platform's PC/SC library is looked for, first choice first; ends with NULL. */
extern const char *const platform_pcsc_names[];

/* Load a library by path or by name; NULL on failure, with the loader's message in `message` and
 * `*missing` telling whether there is no such file (1) or one that cannot be loaded (0). */
void *platform_library_open(const char *path, char *message, size_t size, int *missing);
void *platform_library_symbol(void *library, const char *name);
/* The file that `library`, which has `symbol`, was loaded from, in memory for the caller to free; empty where it
 * cannot be told, NULL where memory is out. */
char *platform_library_path(void *library, void *symbol);

/* An environment variable, or NULL; always NULL where the process has more rights than its user. */
const char *platform_environment(const char *name);

/* The one lock of what the core keeps for the whole process. A fork waits for it, so a child finds it free. */
void platform_global_lock(void);
void platform_global_unlock(void);

/* A number that changes in the child of every fork. It is counted from the first platform_watch_forks on. */
void platform_watch_forks(void);
/* [declarations] that Python sees */
unsigned platform_process(void);
/* [end] */

#endif
