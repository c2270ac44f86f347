/* Bytes of any number that are appended to each other. */
#ifndef SCARDFFI_TRACE_OUTPUT_H
#define SCARDFFI_TRACE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Most records fit into `first`, which needs no allocation. */
struct output {
    unsigned char *bytes; /* `first`, or memory from malloc */
    size_t length, room;
    bool failed; /* memory is exhausted: the bytes are not complete */
    unsigned char first[1024];
};

void output_begin(struct output *output);
void output_end(struct output *output);

/* Make room for `length` more bytes. Returns false if memory is exhausted. */
bool output_grow(struct output *output, size_t length);

/* Return the place of the next `length` bytes, which the caller writes; NULL if memory is exhausted. */
static inline unsigned char *output_reserve(struct output *output, size_t length)
{
    if (length > output->room - output->length && !output_grow(output, length))
        return NULL;
    unsigned char *place = output->bytes + output->length;
    output->length += length;
    return place;
}

static inline void output_bytes(struct output *output, const void *bytes, size_t length)
{
    unsigned char *place = output_reserve(output, length);
    if (place != NULL && length > 0)
        memcpy(place, bytes, length);
}

#define output_literal(output, text) output_bytes((output), text, sizeof text - 1)

static inline void output_text(struct output *output, const char *text)
{
    output_bytes(output, text, strlen(text));
}

#endif
