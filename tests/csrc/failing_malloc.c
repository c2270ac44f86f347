/*
 * Replaces malloc, calloc, realloc and free by LD_PRELOAD, for the calls of the watched shared objects.
 *
 * The n-th allocation of the watched objects can be made to fail, and their outstanding allocations are counted. The
 * caller is found by the return address, so only calls of code compiled into the object count. A block allocated by the
 * object counts until it is freed, whoever frees it.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

static bool is_watched(const void *caller)
{
    return (uintptr_t)caller - watched[0].first < watched[0].last - watched[0].first ||
           (uintptr_t)caller - watched[1].first < watched[1].last - watched[1].first;
}

/* Count an allocation. Returns false if it shall fail. */
static bool count_attempt(void)
{
    pthread_mutex_lock(&mutex);
    attempts++;
    bool fails = countdown > 0 && --countdown == 0;
    failures += fails;
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
    return count_attempt() ? add_block(__libc_malloc(size), size) : NULL;
}

void *calloc(size_t count, size_t size)
{
    if (!is_watched(__builtin_return_address(0)))
        return __libc_calloc(count, size);
    return count_attempt() ? add_block(__libc_calloc(count, size), count * size) : NULL;
}

void *realloc(void *memory, size_t size)
{
    if (!is_watched(__builtin_return_address(0)))
        return __libc_realloc(memory, size);
    if (!count_attempt())
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

/* Make the n-th allocation from now fail: 1 is the next one, 0 is none. */
void fail_after(size_t n)
{
    pthread_mutex_lock(&mutex);
    countdown = n;
    pthread_mutex_unlock(&mutex);
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
