/*
 * Replaces poll() by LD_PRELOAD: every time limit is over at once.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <time.h>

int poll(struct pollfd *polled, nfds_t count, int milliseconds)
{
    const struct timespec over = {0};
    return ppoll(polled, count, milliseconds < 0 ? NULL : &over, NULL);
}
