/*
 * Replaces functions of the C library that can fail by LD_PRELOAD, for the calls of the watched shared objects.
 *
 * The n-th of these calls of the watched objects can be made to fail, and their outstanding allocations are counted.
 * The caller is found by the return address, so only calls of code compiled into the object count. A block allocated by
 * the object counts until it is freed, whoever frees it.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

enum { MAX_BLOCKS = 4096 };

static struct {
    void *memory;
    size_t size;
} blocks[MAX_BLOCKS];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards the variables below, and blocks */
static struct {
    uintptr_t first, last;
} watched[2]; /* the addresses of the watched objects */
static size_t block_count, byte_count, attempts, failures, countdown;
static const char *failed_name = ""; /* the function of the last failure */

static bool is_watched(const void *caller)
{
    return (uintptr_t)caller - watched[0].first < watched[0].last - watched[0].first ||
           (uintptr_t)caller - watched[1].first < watched[1].last - watched[1].first;
}

/* Count a call. Returns false if it shall fail. */
static bool count_attempt(const char *name)
{
    pthread_mutex_lock(&mutex);
    attempts++;
    bool fails = countdown > 0 && --countdown == 0;
    failures += fails;
    if (fails)
        failed_name = name;
    pthread_mutex_unlock(&mutex);
    if (fails)
        errno = ENOMEM;
    return !fails;
}

static void *add_block(void *memory, size_t size)
{
    if (memory == NULL)
        return NULL;
    pthread_mutex_lock(&mutex);
    size_t i = 0;
    while (i < MAX_BLOCKS && blocks[i].memory != NULL)
        i++;
    if (i == MAX_BLOCKS)
        abort();
    blocks[i].memory = memory;
    blocks[i].size = size;
    block_count++;
    byte_count += size;
    pthread_mutex_unlock(&mutex);
    return memory;
}

static void remove_block(void *memory)
{
    if (__atomic_load_n(&block_count, __ATOMIC_RELAXED) == 0)
        return;
    pthread_mutex_lock(&mutex);
    size_t left = block_count;
    for (size_t i = 0; left > 0 && i < MAX_BLOCKS; i++) {
        if (blocks[i].memory == memory) {
            block_count--;
            byte_count -= blocks[i].size;
            blocks[i].memory = NULL;
            break;
        }
        left -= blocks[i].memory != NULL;
    }
    pthread_mutex_unlock(&mutex);
}

void *malloc(size_t size)
{
    if (!is_watched(__builtin_return_address(0)))
        return __libc_malloc(size);
    return count_attempt(__func__) ? add_block(__libc_malloc(size), size) : NULL;
}

void *calloc(size_t count, size_t size)
{
    if (!is_watched(__builtin_return_address(0)))
        return __libc_calloc(count, size);
    return count_attempt(__func__) ? add_block(__libc_calloc(count, size), count * size) : NULL;
}

void *realloc(void *memory, size_t size)
{
    if (!is_watched(__builtin_return_address(0)))
        return __libc_realloc(memory, size);
    if (!count_attempt(__func__))
        return NULL;
    void *moved = __libc_realloc(memory, size);
    if (moved != NULL && memory != NULL)
        remove_block(memory);
    return add_block(moved, size);
}

void free(void *memory)
{
    if (memory != NULL)
        remove_block(memory);
    __libc_free(memory);
}

/* The other functions, of which the next definition is found at the first call. */

/* dlsym would find the function below; all versions of glibc are tried, because processors differ in theirs. */
static void *next_definition(const char *name)
{
    static const char *const versions[] = {"GLIBC_2.34",  "GLIBC_2.28",  "GLIBC_2.17", "GLIBC_2.10",
                                           "GLIBC_2.3.3", "GLIBC_2.3.2", "GLIBC_2.3",  "GLIBC_2.2.5",
                                           "GLIBC_2.2",   "GLIBC_2.1",   "GLIBC_2.0"};
    void *found = NULL;
    for (size_t i = 0; found == NULL && i < sizeof versions / sizeof versions[0]; i++)
        found = dlvsym(RTLD_NEXT, name, versions[i]);
    if (found == NULL)
        abort();
    return found;
}

/* A function that fails by a result, with an error number: ENOMEM unless its result is the number. */
#define FAILING(type, name, parameters, arguments, failure)                                                            \
    type name parameters                                                                                               \
    {                                                                                                                  \
        static type(*real) parameters;                                                                                 \
        if (real == NULL)                                                                                              \
            *(void **)&real = next_definition(#name);                                                                  \
        if (is_watched(__builtin_return_address(0)) && !count_attempt(#name))                                          \
            return failure;                                                                                            \
        return real arguments;                                                                                         \
    }

/* The same for one that allocates its result. */
#define FAILING_ALLOCATION(name, parameters, arguments)                                                                \
    char *name parameters                                                                                              \
    {                                                                                                                  \
        static char *(*real)parameters;                                                                                \
        if (real == NULL)                                                                                              \
            *(void **)&real = next_definition(#name);                                                                  \
        if (!is_watched(__builtin_return_address(0)))                                                                  \
            return real arguments;                                                                                     \
        char *made = count_attempt(#name) ? real arguments : NULL;                                                     \
        return add_block(made, made != NULL ? strlen(made) + 1 : 0);                                                   \
    }

/* clang-format off */
FAILING_ALLOCATION(strdup, (const char *text), (text))
FAILING_ALLOCATION(realpath, (const char *restrict path, char *restrict resolved), (path, resolved))
FAILING(void *, dlsym, (void *restrict library, const char *restrict name), (library, name), NULL)
FAILING(void *, dlopen, (const char *path, int flags), (path, flags), NULL)
FAILING(int, dladdr, (const void *address, Dl_info *info), (address, info), 0)
FAILING(int, pthread_create,
        (pthread_t *restrict thread, const pthread_attr_t *restrict attributes, void *(*run)(void *),
         void *restrict argument),
        (thread, attributes, run, argument), EAGAIN)
FAILING(int, pthread_mutex_init, (pthread_mutex_t *made, const pthread_mutexattr_t *attributes), (made, attributes),
        ENOMEM)
FAILING(int, pthread_cond_init,
        (pthread_cond_t *restrict condition, const pthread_condattr_t *restrict attributes), (condition, attributes),
        ENOMEM)
FAILING(int, pthread_condattr_init, (pthread_condattr_t *attributes), (attributes), ENOMEM)
FAILING(int, pthread_condattr_setclock, (pthread_condattr_t *attributes, clockid_t clock), (attributes, clock), EINVAL)
FAILING(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1)
FAILING(int, bind, (int socket, const struct sockaddr *address, socklen_t length), (socket, address, length), -1)
FAILING(int, listen, (int socket, int backlog), (socket, backlog), -1)
FAILING(int, connect, (int socket, const struct sockaddr *address, socklen_t length), (socket, address, length), -1)
FAILING(int, accept4, (int socket, struct sockaddr *restrict address, socklen_t *restrict length, int flags),
        (socket, address, length, flags), -1)
FAILING(ssize_t, send, (int socket, const void *bytes, size_t length, int flags), (socket, bytes, length, flags), -1)
FAILING(ssize_t, recv, (int socket, void *bytes, size_t length, int flags), (socket, bytes, length, flags), -1)
FAILING(int, poll, (struct pollfd *polled, nfds_t count, int milliseconds), (polled, count, milliseconds), -1)
FAILING(int, fcntl, (int descriptor, int command, long argument), (descriptor, command, argument), -1)
/* clang-format on */

static int find_object(struct dl_phdr_info *object, size_t size, void *name)
{
    (void)size;
    if (strcmp(object->dlpi_name, name) != 0)
        return 0;
    uintptr_t first = UINTPTR_MAX, last = 0;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        uintptr_t start = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
        uintptr_t end = start + object->dlpi_phdr[i].p_memsz;
        if (object->dlpi_phdr[i].p_type != PT_LOAD)
            continue;
        first = start < first ? start : first;
        last = end > last ? end : last;
    }
    watched[1] = watched[0];
    watched[0].first = first;
    watched[0].last = last;
    return 1;
}

/* The functions for the tests. */

/* Watch the loaded object with this path, and the one that was watched before. Returns 0 if there is none. */
int watch(const char *path)
{
    return dl_iterate_phdr(find_object, (void *)(uintptr_t)path);
}

/* Make the n-th call from now fail: 1 is the next one, 0 is none. */
void fail_after(size_t n)
{
    pthread_mutex_lock(&mutex);
    countdown = n;
    pthread_mutex_unlock(&mutex);
}

/* Return the name of the function that failed last. */
const char *failed_function(void)
{
    return failed_name;
}

size_t attempted(void)
{
    return __atomic_load_n(&attempts, __ATOMIC_RELAXED);
}

size_t failed(void)
{
    return __atomic_load_n(&failures, __ATOMIC_RELAXED);
}

size_t outstanding(void)
{
    return __atomic_load_n(&block_count, __ATOMIC_RELAXED);
}

size_t outstanding_bytes(void)
{
    return __atomic_load_n(&byte_count, __ATOMIC_RELAXED);
}
