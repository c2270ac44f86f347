/* Deadlines on a monotonic clock, and waits on condition variables until a deadline. */
#ifndef SCARDFFI_VIRTUAL_DEADLINE_H
#define SCARDFFI_VIRTUAL_DEADLINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct timespec deadline_after(uint64_t microseconds);
int64_t deadline_milliseconds_left(const struct timespec *deadline); /* rounded up; 0 if it has passed */

bool condition_init(pthread_cond_t *condition);

/* For a condition made by condition_init. Returns false if the deadline has passed. */
bool condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *deadline);

#endif
