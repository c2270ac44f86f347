/* The destinations of records.
 *
 * Each record is one write to a descriptor that appends, so that threads and processes can share a file. Nothing here
 * makes the traced program fail or ends it.
 */
#define _GNU_SOURCE
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pcapng.h"

/* A record in a pipe may be longer than the pipe's atomic writes. */
static pthread_mutex_t pipe_mutex = PTHREAD_MUTEX_INITIALIZER;

/* Write the head of a new file, or check the head of one that exists: another file must not be damaged. */
static bool begin_file(struct sink *sink, char *problem, size_t size)
{
    unsigned char expected[PCAPNG_HEAD_SIZE], found[PCAPNG_HEAD_SIZE];
    struct stat status;
    pcapng_head(expected);
    if (fstat(sink->descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
        sink_write(sink, expected, sizeof expected);
        return true;
    }
    sink->is_file = true;
    while (flock(sink->descriptor, LOCK_EX) != 0 && errno == EINTR)
        ; /* without a lock, for example on some network file systems, two processes may both write a head */
    bool is_usable = true;
    if (fstat(sink->descriptor, &status) == 0 && status.st_size == 0) {
        sink_write(sink, expected, sizeof expected);
    } else if (pread(sink->descriptor, found, sizeof found, 0) != sizeof found ||
               memcmp(found, expected, sizeof found) != 0) {
        snprintf(problem, size, "the file exists, and is not a trace that was written on a machine like this one");
        is_usable = false;
    }
    flock(sink->descriptor, LOCK_UN);
    return is_usable;
}

static bool open_file(struct sink *sink, char *problem, size_t size, int *error)
{
    int flags = O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;
    sink->descriptor = open(sink->name, O_RDWR | flags, 0600);
    if (sink->descriptor < 0 && errno != ENOENT)
        sink->descriptor = open(sink->name, O_WRONLY | flags, 0600); /* for example another user's terminal */
    if (sink->descriptor < 0) {
        *error = errno;
        snprintf(problem, size, "%s", strerror(*error));
        return false;
    }
    if (sink->descriptor <= 2) { /* the program has closed this standard stream: keep it free */
        int other = fcntl(sink->descriptor, F_DUPFD_CLOEXEC, 3);
        close(sink->descriptor);
        sink->descriptor = other;
    }
    return begin_file(sink, problem, size);
}

struct sink *sink_open(const char *path, int descriptor, const char *secrets, char *problem, size_t size, int *error)
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
    sink->descriptor = -1;
    sink->is_pipe = path == NULL;
    sink->is_text = path != NULL && strcmp(path, "-") == 0;
    if (!secret_rules_read(&sink->rules, secrets)) {
        snprintf(problem, size,
                 "the secrets '%.200s' are not a list of 'show', instructions such as DB, and classes with "
                 "instructions such as 90C4",
                 secrets);
        is_open = false;
    } else if (sink->is_text) {
        sink->descriptor = STDERR_FILENO;
        is_open = true;
    } else if (path != NULL) {
        is_open = open_file(sink, problem, size, error);
    } else {
        sink->descriptor = descriptor;
        is_open = begin_file(sink, problem, size);
    }
    if (is_open)
        return sink;
    if (path == NULL)
        sink->descriptor = -1; /* it stays the caller's */
    sink_close(sink);
    return NULL;
}

void sink_close(struct sink *sink)
{
    if (!sink->is_text && sink->descriptor >= 0)
        close(sink->descriptor);
    free(sink->name);
    free(sink);
}

/* Return the number of bytes written; errno is set if these are not all. */
static size_t write_all(int descriptor, const unsigned char *bytes, size_t length)
{
    size_t done = 0;
    errno = ENOSPC; /* if a write returns 0 */
    while (done < length) {
        ssize_t written = write(descriptor, bytes + done, length - done);
        if (written > 0)
            done += (size_t)written;
        else if (written < 0 && errno == EAGAIN) { /* another program made the pipe or terminal non-blocking */
            struct pollfd wait = {descriptor, POLLOUT, 0};
            if (poll(&wait, 1, 1000) <= 0)
                break;
        } else if (written == 0 || errno != EINTR)
            break;
    }
    return done;
}

/* Write to something that is not a file. A pipe that nobody reads must not end the program by SIGPIPE. */
static size_t write_to_pipe(int descriptor, const unsigned char *bytes, size_t length)
{
    sigset_t broken_pipe, pending, before;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
    pthread_mutex_lock(&pipe_mutex);
    size_t done = write_all(descriptor, bytes, length);
    int error = errno;
    pthread_mutex_unlock(&pipe_mutex);
    if (done < length && error == EPIPE && !was_pending) {
        int taken;
        sigpending(&pending);
        if (sigismember(&pending, SIGPIPE) == 1)
            sigwait(&broken_pipe, &taken);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return done;
}

/* Take back the part of a record that was written before the disk was full, unless another process has written since.
 */
static void take_back(int descriptor, size_t done)
{
    struct stat status;
    off_t end = lseek(descriptor, 0, SEEK_CUR);
    if (end < (off_t)done || flock(descriptor, LOCK_EX | LOCK_NB) != 0)
        return;
    if (fstat(descriptor, &status) == 0 && status.st_size == end && ftruncate(descriptor, end - (off_t)done) != 0)
        errno = 0; /* the reader of the file skips the part */
    flock(descriptor, LOCK_UN);
}

static void tell(const char *name, int error)
{
    char message[512];
    int length = snprintf(message, sizeof message, "scardffi: the trace to %.200s ends: %s\n", name, strerror(error));
    write_to_pipe(STDERR_FILENO, (const unsigned char *)message, (size_t)length);
}

void sink_free_locks(void)
{
    pipe_mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

void sink_write(struct sink *sink, const void *record, size_t length)
{
    if (__atomic_load_n(&sink->has_failed, __ATOMIC_RELAXED))
        return;
    int error_before = errno;
    size_t done =
        sink->is_file ? write_all(sink->descriptor, record, length) : write_to_pipe(sink->descriptor, record, length);
    int error = errno;
    if (done < length && !__atomic_exchange_n(&sink->has_failed, true, __ATOMIC_RELAXED)) {
        if (sink->is_file && done > 0)
            take_back(sink->descriptor, done);
        tell(sink->name, error);
    }
    errno = error_before;
}
