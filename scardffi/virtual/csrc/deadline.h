/* A point in time, and conditions that are waited for until then. */
#ifndef SCARDFFI_VIRTUAL_DEADLINE_H
#define SCARDFFI_VIRTUAL_DEADLINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct timespec deadline_in(uint64_t microseconds);
int64_t milliseconds_until(const struct timespec *deadline); /* rounded up; 0 when it is over */

bool init_condition(pthread_cond_t *condition);

/* For a condition that the above has made. False: the deadline is over. */
bool wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *deadline);

#endif
