/* The record of one call, in each form that a destination wants: JSON in pcapng, or a line of text.
 *
 * Between record_begin and record_write the caller appends the same fields for each destination:
 *     for (record_begin(&record, &call); record.sink != NULL; record_write(&record))
 *         record_number(&record, FIELD("context"), context);
 */
#ifndef SCARDFFI_TRACE_RECORD_H
#define SCARDFFI_TRACE_RECORD_H

#include "output.h"
#include "slots.h"

struct call {
    struct slot *slot;
    const char *function;
    uint64_t begun; /* nanoseconds since 1970 */
    uint64_t ticks; /* of a clock that never goes back; after the call, the duration in nanoseconds */
    uint32_t result;
};

struct call call_begin(struct slot *slot, const char *function);
LONG call_end(struct call *call, LONG result); /* returns the result */

struct record {
    const struct call *call;
    struct sink *sink; /* NULL after the last one */
    struct output fields;
    /* The command and the response of SCardTransmit; `bytes` is NULL if there is none. */
    const unsigned char *command, *response;
    size_t command_length, response_length;
    bool is_transmit;
};

void record_begin(struct record *record, const struct call *call);
void record_write(struct record *record);

/* The name of a field, as it is in each form. */
struct field_name {
    const char *json, *text;
    unsigned json_length, text_length;
};
#define FIELD(name) ((struct field_name){",\"" name "\":", " " name "=", sizeof name + 3, sizeof name + 1})

void record_number(struct record *record, struct field_name name, uint64_t number);
void record_handle(struct record *record, struct field_name name, SCARDHANDLE handle); /* or a context */
void record_flags(struct record *record, struct field_name name, uint32_t number);     /* hexadecimal in text */
void record_bytes(struct record *record, struct field_name name, const unsigned char *bytes, size_t length);
/* Bytes that are secret, except if the destination shows secrets. */
void record_secret(struct record *record, struct field_name name, const unsigned char *bytes, size_t length);
/* A string, or a multi-string, of at most `room` characters, of UTF-16 on Windows and of UTF-8 elsewhere; `room` is
 * SIZE_MAX if the NUL is certain. Nothing for NULL. */
void record_text(struct record *record, struct field_name name, const void *text, size_t room);
void record_texts(struct record *record, struct field_name name, const void *texts, size_t room);
void record_states(struct record *record, const SCARD_READERSTATE *states, const char *const *names, size_t count);
void record_transmit(struct record *record, const unsigned char *command, size_t command_length,
                     const unsigned char *response, size_t response_length);

#endif
