/* Pseudo-random numbers: a Weyl sequence with the mixing steps of splitmix64, seeded from the clock. */
#define _POSIX_C_SOURCE 200809L
#include "random_numbers.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

void random_init(struct random_numbers *self)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    self->state = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    self->state ^= (uint64_t)getpid() << 48 ^ (uint64_t)(uintptr_t)self << 16;
}

uint64_t random_next(struct random_numbers *self)
{
    uint64_t number = self->state += 0x9E3779B97F4A7C15u;
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9u;
    number = (number ^ number >> 27) * 0x94D049BB133111EBu;
    return number ^ number >> 31;
}

void random_bytes(struct random_numbers *self, unsigned char *bytes, size_t count)
{
    while (count > 0) {
        uint64_t number = random_next(self);
        size_t part = count < sizeof number ? count : sizeof number;
        memcpy(bytes, &number, part);
        bytes += part;
        count -= part;
    }
}
