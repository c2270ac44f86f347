/* Deadlines on a monotonic clock. */
#if !defined(__APPLE__) /* on macOS it would hide pthread_cond_timedwait_relative_np */
#  define _POSIX_C_SOURCE 200809L
#endif
#include "deadline.h"

#if defined(_WIN32)
#  include <pthread_time.h>
#elif !defined(__APPLE__)
#  include <errno.h>
#endif

enum { NANOSECONDS = 1000000000 };

struct timespec deadline_after(uint64_t microseconds)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += (time_t)(microseconds / 1000000);
    deadline.tv_nsec += (long)(microseconds % 1000000) * 1000;
    if (deadline.tv_nsec >= NANOSECONDS) {
        deadline.tv_sec++;
        deadline.tv_nsec -= NANOSECONDS;
    }
    return deadline;
}

int64_t deadline_milliseconds_left(const struct timespec *deadline)
{
    struct timespec now = deadline_after(0);
    int64_t left = (int64_t)(deadline->tv_sec - now.tv_sec) * NANOSECONDS + (deadline->tv_nsec - now.tv_nsec);
    return left > 0 ? (left + 999999) / 1000000 : 0;
}

#if defined(_WIN32) || defined(__APPLE__) /* condition variables do not support the monotonic clock there */

bool condition_init(pthread_cond_t *condition)
{
    return pthread_cond_init(condition, NULL) == 0;
}

bool condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *deadline)
{
    int64_t left_ms = deadline_milliseconds_left(deadline);
    struct timespec left = {(time_t)(left_ms / 1000), (long)(left_ms % 1000) * 1000000};
    if (left_ms > 0)
        pthread_cond_timedwait_relative_np(condition, mutex, &left);
    return deadline_milliseconds_left(deadline) > 0; /* the wait may have ended a little early */
}

#else

bool condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    bool done =
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 && pthread_cond_init(condition, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return done;
}

bool condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *deadline)
{
    return pthread_cond_timedwait(condition, mutex, deadline) != ETIMEDOUT;
}

#endif
