/* The numbers of contexts and handles, as programs see them. A number is not reused soon. */
#ifndef SCARDFFI_VIRTUAL_HANDLE_NUMBERS_H
#define SCARDFFI_VIRTUAL_HANDLE_NUMBERS_H

#include <stdint.h>

#include "pcsc_abi.h"
#include "random_numbers.h"

enum { SLOT_BITS = 12, SLOTS = 1 << SLOT_BITS };

struct handle_numbers {
    uint32_t key;
    uint32_t generation;    /* increases with each number */
    uint32_t in_use[SLOTS]; /* the number of each slot, 0 if the slot is free */
    uint32_t used_slots;    /* the slots below have had a number, the others have not */
    uint32_t freed_count;   /* freed slots are reused after the new ones, the earliest first */
    uint32_t first_freed;   /* its index in `freed`, a ring */
    uint16_t freed[SLOTS];
};

void handle_numbers_init(struct handle_numbers *self, struct random_numbers *random);

/* Returns the slot of a new number, which is in_use[slot], or -1 if no slot is free. */
int handle_numbers_allocate(struct handle_numbers *self);
void handle_numbers_free(struct handle_numbers *self, int slot);

/* Returns the slot of a number in use, or -1. */
int handle_numbers_find(const struct handle_numbers *self, SCARDHANDLE number);

#endif
