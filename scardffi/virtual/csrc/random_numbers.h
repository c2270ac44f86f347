/* Pseudo-random numbers for handles and challenges; not for keys. */
#ifndef SCARDFFI_VIRTUAL_RANDOM_NUMBERS_H
#define SCARDFFI_VIRTUAL_RANDOM_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

struct random_numbers {
    uint64_t state;
};

void random_init(struct random_numbers *self);
uint64_t random_next(struct random_numbers *self);
void random_bytes(struct random_numbers *self, unsigned char *bytes, size_t count);

#endif
