/* Deadlines for pthread_cond_timedwait. */
#define _POSIX_C_SOURCE 200809L
#include "deadline.h"

struct timespec deadline_in(uint64_t microseconds)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += (time_t)(microseconds / 1000000);
    deadline.tv_nsec += (long)(microseconds % 1000000) * 1000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    return deadline;
}
