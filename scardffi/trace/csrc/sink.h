/* The destinations of records: a file, a pipe or stderr. */
#ifndef SCARDFFI_TRACE_SINK_H
#define SCARDFFI_TRACE_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "secrets.h"
#include "system.h"

struct sink {
    int number, slot;
    system_file file;
    bool is_text;
    bool is_file;    /* a regular file */
    bool is_pipe;    /* a pipe whose reader is in this process */
    bool has_failed; /* atomic: nothing more is written */
    char *name;      /* for messages */
    struct secret_rules rules;
    struct sink *next;
};

/* Open the file at `path`, or stderr for "-", or duplicate `pipe` if `path` is NULL. Returns NULL and a
 * message in `problem`, and sets *error to the errno if the file cannot be opened. */
struct sink *sink_open(const char *path, system_file pipe, const char *secrets, char *problem, size_t size, int *error);
void sink_close(struct sink *sink);

/* Write a record with one write. The first failure is told on stderr; then the sink gets no more records. */
void sink_write(struct sink *sink, const void *record, size_t length);

/* Free, in the child of a fork, the locks that other threads held. */
void sink_free_locks(void);

#endif
