/* The blocks of a pcapng file that Wireshark decodes: link type 252, PDUs with tags that name the dissector. */
#ifndef SCARDFFI_TRACE_PCAPNG_H
#define SCARDFFI_TRACE_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

#include "output.h"

#define PCAPNG_HEAD_SIZE 76

/* The start of a block that is not possible. A reader ends there. */
extern const unsigned char pcapng_end[8];

/* Write the head of a file: the section header and the one interface. */
void pcapng_head(unsigned char head[PCAPNG_HEAD_SIZE]);

enum pcapng_kind { PCAPNG_COMMAND, PCAPNG_RESPONSE, PCAPNG_OTHER };

/* Append a packet. `time` is in nanoseconds since 1970. A comment longer than an option can hold becomes several
 * options. Return the place of the copied bytes in `output`, to replace secrets; NULL if memory is exhausted. */
unsigned char *pcapng_packet(struct output *output, enum pcapng_kind kind, uint64_t time, const void *bytes,
                             size_t length, const void *comment, size_t comment_length);

#endif
