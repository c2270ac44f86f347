/* A point in time on the clock of the world's conditions. */
#ifndef SCARDFFI_VIRTUAL_DEADLINE_H
#define SCARDFFI_VIRTUAL_DEADLINE_H

#include <stdint.h>
#include <time.h>

struct timespec deadline_in(uint64_t microseconds);

#endif
