/* The operating system: mutexes, atomic values, loading of libraries, the environment, time and forks. */
#ifndef SCARDFFI_PLATFORM_H
#define SCARDFFI_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
/* This has the layout of an SRWLOCK. Only platform.c includes windows.h, because that defines PC/SC names too. */
typedef struct {
    void *pointer;
} platform_mutex;
void platform_mutex_lock(platform_mutex *mutex);
void platform_mutex_unlock(platform_mutex *mutex);
/* Has the layout of a CONDITION_VARIABLE. */
typedef struct {
    void *pointer;
} platform_condition;
void platform_condition_wait(platform_condition *condition, platform_mutex *mutex);
void platform_condition_wake_all(platform_condition *condition);
#else
#  include <pthread.h>
typedef pthread_mutex_t platform_mutex;
#  define platform_mutex_lock(mutex) pthread_mutex_lock(mutex)
#  define platform_mutex_unlock(mutex) pthread_mutex_unlock(mutex)
typedef pthread_cond_t platform_condition;
#  define platform_condition_wait(condition, mutex) pthread_cond_wait(condition, mutex)
#  define platform_condition_wake_all(condition) pthread_cond_broadcast(condition)
#endif
void platform_mutex_init(platform_mutex *mutex);
void platform_condition_init(platform_condition *condition);

/* Return a number that no other running thread has. */
uintptr_t platform_thread(void);

/* A pointer, or an integer of a pointer's size, that threads read without a lock. */
#if defined(_MSC_VER)
#  include <intrin.h>
#  define platform_atomic_load(pointer) _InterlockedCompareExchangePointer((void *volatile *)(pointer), NULL, NULL)
#  define platform_atomic_store(pointer, value) _InterlockedExchangePointer((void *volatile *)(pointer), (value))
#  define platform_atomic_exchange(pointer, value) _InterlockedExchangePointer((void *volatile *)(pointer), (value))
#else
#  define platform_atomic_load(pointer) __atomic_load_n((pointer), __ATOMIC_ACQUIRE)
#  define platform_atomic_store(pointer, value) __atomic_store_n((pointer), (value), __ATOMIC_RELEASE)
#  define platform_atomic_exchange(pointer, value) __atomic_exchange_n((pointer), (value), __ATOMIC_ACQ_REL)
#endif

/* A flag that only one thread can hold at a time. platform_flag_take returns false if another thread holds it. */
typedef volatile long platform_flag;
#if defined(_MSC_VER)
#  define platform_flag_take(flag) (_InterlockedExchange((flag), 1) == 0)
#  define platform_flag_drop(flag) _InterlockedExchange((flag), 0)
#else
#  define platform_flag_take(flag) (__atomic_exchange_n((flag), 1, __ATOMIC_ACQUIRE) == 0)
#  define platform_flag_drop(flag) __atomic_store_n((flag), 0, __ATOMIC_RELEASE)
#endif

/* The time of a clock that never goes back. */
uint64_t platform_nanoseconds(void);

/* The names of this platform's PC/SC library, in the order in which they are tried; ends with NULL. */
extern const char *const platform_pcsc_names[];

/* Load a library by path or by name. On failure return NULL, write the loader's message to `message`, and set
 * `*missing` to true if there is no such file, to false if the file cannot be loaded. */
void *platform_library_open(const char *path, char *message, size_t size, bool *missing);
void *platform_library_symbol(void *library, const char *name);
/* Return the path of the file that `library`, which has `symbol`, was loaded from. The caller frees it. It is empty if
 * the path is unknown, and NULL if memory is exhausted. */
char *platform_library_path(void *library, void *symbol);

/* Write the path of a library `name`, without its suffix, that is in the folder of this module or below it. Returns
 * false if this folder is unknown. */
bool platform_path_beside(char *path, size_t size, const char *name);

/* Return an environment variable, or NULL. Always NULL in a process that has more rights than its user. */
const char *platform_environment(const char *name);

/* The one lock for all data that the core keeps for the process. fork() takes it, so that it is free in the child. */
void platform_global_lock(void);
void platform_global_unlock(void);

/* [declarations] that Python sees */

/* Begin to count forks for platform_process. Only the first call has an effect. */
void platform_watch_forks(void);

/* Return a number that is different in the child of each fork. */
unsigned platform_process(void);

/* [end] */

#endif
