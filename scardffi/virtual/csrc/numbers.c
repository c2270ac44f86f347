/* A number holds its slot in the low bits and a scattered generation above, a key laid over both. */
#include "numbers.h"

void numbers_start(struct numbers *self, struct random_numbers *random)
{
    *self = (struct numbers){
        .key = (uint32_t)random_next(random) & PCSC_HANDLE_MASK,
        .generation = (uint32_t)random_next(random),
    };
}

int numbers_take(struct numbers *self)
{
    for (uint32_t tried = 0; tried < SLOTS; tried++) {
        uint32_t slot = self->next_slot;
        self->next_slot = (slot + 1) % SLOTS;
        if (self->in_use[slot] != 0)
            continue;
        uint32_t number;
        do { /* an odd factor only scatters the generations: none of the next 2^19 becomes the same */
            uint32_t scattered = self->generation++ * 0x9E3779B1u;
            number = ((scattered << SLOT_BITS | slot) ^ self->key) & PCSC_HANDLE_MASK;
        } while (number == 0);
        self->in_use[slot] = number;
        return (int)slot;
    }
    return -1;
}

void numbers_give_back(struct numbers *self, int slot)
{
    self->in_use[slot] = 0;
}

int numbers_find(const struct numbers *self, SCARDHANDLE number)
{
    uint32_t wanted = (uint32_t)number;
    if (wanted == 0 || (SCARDHANDLE)wanted != number) /* none, or it has more bits */
        return -1;
    uint32_t slot = (wanted ^ self->key) % SLOTS;
    return self->in_use[slot] == wanted ? (int)slot : -1;
}
