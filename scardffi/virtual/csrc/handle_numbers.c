/* The low bits of a number are its slot, the other bits a scattered generation. The whole is XORed with a key. */
#include "handle_numbers.h"

void handle_numbers_init(struct handle_numbers *self, struct random_numbers *random)
{
    *self = (struct handle_numbers){
        .key = (uint32_t)random_next(random) & PCSC_HANDLE_MASK,
        .generation = (uint32_t)random_next(random),
    };
}

static uint32_t take_freed_slot(struct handle_numbers *self)
{
    uint32_t slot = self->freed[self->first_freed];
    self->first_freed = (self->first_freed + 1) % SLOTS;
    self->freed_count--;
    return slot;
}

int handle_numbers_allocate(struct handle_numbers *self)
{
    if (self->used_slots == SLOTS && self->freed_count == 0)
        return -1;
    uint32_t slot = self->used_slots < SLOTS ? self->used_slots++ : take_freed_slot(self);
    uint32_t number;
    do { /* the factor is odd, so that 2^19 generations in a row have different results */
        uint32_t scattered = self->generation++ * 0x9E3779B1u;
        number = ((scattered << SLOT_BITS | slot) ^ self->key) & PCSC_HANDLE_MASK;
    } while (number == 0);
    self->in_use[slot] = number;
    return (int)slot;
}

void handle_numbers_free(struct handle_numbers *self, int slot)
{
    self->in_use[slot] = 0;
    self->freed[(self->first_freed + self->freed_count++) % SLOTS] = (uint16_t)slot;
}

int handle_numbers_find(const struct handle_numbers *self, SCARDHANDLE number)
{
    uint32_t wanted = (uint32_t)number;
    if (wanted == 0 || (SCARDHANDLE)wanted != number) /* zero, or more than 32 bits */
        return -1;
    uint32_t slot = (wanted ^ self->key) % SLOTS;
    return self->in_use[slot] == wanted ? (int)slot : -1;
}
