/* The numbers that programs hold for our contexts and handles: as many bits as the platform's have, not
 * reused soon. */
#ifndef SCARDFFI_VIRTUAL_NUMBERS_H
#define SCARDFFI_VIRTUAL_NUMBERS_H

#include <stdint.h>

#include "pcsc_abi.h"
#include "random_numbers.h"

enum { SLOT_BITS = 12, SLOTS = 1 << SLOT_BITS };

struct numbers {
    uint32_t key;
    uint32_t generation;     /* one more for each number given out */
    uint32_t next_slot;      /* where the search for a free slot begins: freed slots rest for a while */
    uint32_t in_use[SLOTS];  /* the number that stands for this slot, 0: the slot is free */
};

void numbers_start(struct numbers *self, struct random_numbers *random);

/* The slot of a new number, in_use[slot]; -1 when all are taken. */
int numbers_take(struct numbers *self);
void numbers_give_back(struct numbers *self, int slot);

/* The slot of a number that is in use, otherwise -1. */
int numbers_find(const struct numbers *self, SCARDHANDLE number);

#endif
