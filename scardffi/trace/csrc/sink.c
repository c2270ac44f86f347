/* The destinations of records.
 *
 * Each record is one write to a file that is appended to, so that threads and processes can share a file. Nothing here
 * makes the traced program fail or ends it.
 */
#define _GNU_SOURCE
#include "sink.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcapng.h"

/* A record in a pipe may be longer than the pipe's atomic writes. */
static pthread_mutex_t pipe_mutex = PTHREAD_MUTEX_INITIALIZER;

/* Write the head of a new file, or check the head of one that exists: another file must not be damaged. */
static bool begin_file(struct sink *sink, char *problem, size_t size)
{
    unsigned char expected[PCAPNG_HEAD_SIZE], found[PCAPNG_HEAD_SIZE];
    pcapng_head(expected);
    sink->is_file = system_is_regular(sink->file);
    if (!sink->is_file) {
        sink_write(sink, expected, sizeof expected);
        return true;
    }
    system_lock(sink->file);
    bool is_usable = true;
    if (system_is_empty(sink->file)) {
        sink_write(sink, expected, sizeof expected);
    } else if (system_read_start(sink->file, found, sizeof found) != sizeof found ||
               memcmp(found, expected, sizeof found) != 0) {
        snprintf(problem, size, "the file exists, and is not a trace that was written on a machine like this one");
        is_usable = false;
    }
    system_unlock(sink->file);
    return is_usable;
}

struct sink *sink_open(const char *path, system_file pipe, const char *secrets, char *problem, size_t size, int *error)
{
    struct sink *sink = calloc(1, sizeof *sink);
    if (sink != NULL)
        sink->name = strdup(path != NULL ? path : "the pipe");
    if (sink == NULL || sink->name == NULL) {
        free(sink);
        snprintf(problem, size, "no memory");
        return NULL;
    }
    bool is_open;
    sink->file = SYSTEM_NO_FILE;
    sink->is_pipe = path == NULL;
    sink->is_text = path != NULL && strcmp(path, "-") == 0;
    if (!secret_rules_read(&sink->rules, secrets)) {
        snprintf(problem, size,
                 "the secrets '%.200s' are not a list of 'show', instructions such as DB, and classes with "
                 "instructions such as 90C4",
                 secrets);
        is_open = false;
    } else if (sink->is_text) {
        sink->file = system_stderr();
        is_open = true;
    } else {
        sink->file = path != NULL ? system_open(path, error) : system_duplicate(pipe, error);
        if (sink->file == SYSTEM_NO_FILE)
            snprintf(problem, size, "%s", strerror(*error));
        is_open = sink->file != SYSTEM_NO_FILE && begin_file(sink, problem, size);
        if (sink->file != SYSTEM_NO_FILE)
            *error = 0;
    }
    if (is_open)
        return sink;
    sink_close(sink);
    return NULL;
}

void sink_close(struct sink *sink)
{
    if (!sink->is_text && sink->file != SYSTEM_NO_FILE)
        system_close(sink->file);
    free(sink->name);
    free(sink);
}

static size_t write_to_pipe(system_file file, const unsigned char *bytes, size_t length, int *error)
{
    pthread_mutex_lock(&pipe_mutex);
    size_t done = system_write_pipe(file, bytes, length, error);
    pthread_mutex_unlock(&pipe_mutex);
    return done;
}

static void tell(const char *name, int error)
{
    char message[512];
    int length = snprintf(message, sizeof message, "scardffi: the trace to %.200s ends: %s\n", name, strerror(error));
    write_to_pipe(system_stderr(), (const unsigned char *)message, (size_t)length, &error);
}

void sink_free_locks(void)
{
    pipe_mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

void sink_write(struct sink *sink, const void *record, size_t length)
{
    if (__atomic_load_n(&sink->has_failed, __ATOMIC_RELAXED))
        return;
    struct system_errors before = system_keep_errors();
    int error;
    size_t done = sink->is_file ? system_write_file(sink->file, record, length, &error)
                                : write_to_pipe(sink->file, record, length, &error);
    if (done < length && !__atomic_exchange_n(&sink->has_failed, true, __ATOMIC_RELAXED)) {
        if (sink->is_file && done > 0)
            system_take_back(sink->file, done);
        tell(sink->name, error);
    }
    system_restore_errors(before);
}
