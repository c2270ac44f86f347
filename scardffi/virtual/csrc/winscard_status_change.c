/* SCardGetStatusChange: waiting until a reader is no longer as the caller knows it. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <string.h>
#include <time.h>

#include "exports.h"
#include "world.h"

/* The pseudo-reader that stands for the list of readers. The list never changes, so neither does this. */
static const char list_of_readers[] = "\\\\?PnP?\\Notification";

/* Bits that, where the caller believes them, make a reader with a responding card a changed one. */
#define NOT_OF_A_PRESENT_CARD \
    (SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE | SCARD_STATE_EMPTY | SCARD_STATE_MUTE)

static bool is_watched(const SCARD_READERSTATE *state)
{
    return !(state->dwCurrentState & SCARD_STATE_IGNORE) && strcmp(state->szReader, list_of_readers) != 0;
}

/* As pcsc-lite compares: who believes that a card is there, and says nothing of how it is used, is not told
 * when the first connection is made; a counter of 0 is no counter. */
static bool has_changed(const struct reader *reader, DWORD known)
{
    DWORD known_events = known >> 16 & 0xFFFFu;
    if ((known & 0xFFFFu & ~SCARD_STATE_CHANGED) == SCARD_STATE_UNAWARE)
        return true;
    if (known & NOT_OF_A_PRESENT_CARD)
        return true;
    if (known_events != 0 && known_events != (reader->events & 0xFFFFu))
        return true;
    if ((known & SCARD_STATE_EXCLUSIVE) && reader->exclusive == NULL)
        return true;
    return (known & SCARD_STATE_INUSE) && (reader->exclusive != NULL || reader->connections == 0);
}

static bool refresh(SCARD_READERSTATE *state, const struct reader *reader)
{
    const struct card *card = reader->card;
    DWORD now = SCARD_STATE_PRESENT | (reader->events & 0xFFFFu) << 16;
    if (reader->exclusive != NULL)
        now |= SCARD_STATE_EXCLUSIVE;
    else if (reader->connections > 0)
        now |= SCARD_STATE_INUSE;
    bool changed = has_changed(reader, state->dwCurrentState);
    state->dwEventState = changed ? now | SCARD_STATE_CHANGED : now;
    state->cbAtr = (DWORD)card->atr_length;
    memcpy(state->rgbAtr, card->atr, card->atr_length);
    return changed;
}

static bool refresh_all(SCARD_READERSTATE *states, DWORD count)
{
    bool changed = false;
    for (DWORD i = 0; i < count; i++) {
        states[i].dwEventState = 0;
        if (is_watched(&states[i]))
            changed |= refresh(&states[i], find_reader(states[i].szReader));
    }
    return changed;
}

static struct timespec deadline_in(DWORD milliseconds)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += (time_t)(milliseconds / 1000);
    deadline.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    return deadline;
}

/* SCARD_S_SUCCESS: one has changed. The context may be gone, and its slot another's, after each wait. */
static LONG wait_locked(SCARDCONTEXT context_number, DWORD timeout, SCARD_READERSTATE *states, DWORD count)
{
    struct timespec deadline = deadline_in(timeout);
    struct context *context = find_context(context_number);
    if (context == NULL)
        return SCARD_E_INVALID_HANDLE;
    for (DWORD i = 0; i < count; i++)
        if (is_watched(&states[i]) && find_reader(states[i].szReader) == NULL)
            return SCARD_E_UNKNOWN_READER;

    unsigned cancels = context->cancels;
    bool expired = timeout == 0;
    while (!refresh_all(states, count)) {
        if (expired)
            return SCARD_E_TIMEOUT;
        int error = timeout >= INFINITE ? pthread_cond_wait(&world_changed, &world_mutex)
                                        : pthread_cond_timedwait(&world_changed, &world_mutex, &deadline);
        expired = error == ETIMEDOUT;
        context = find_context(context_number);
        if (context == NULL)
            return SCARD_E_INVALID_HANDLE;
        if (context->cancels != cancels)
            return SCARD_E_CANCELLED;
    }
    return SCARD_S_SUCCESS;
}

EXPORTED LONG SCardGetStatusChange(SCARDCONTEXT context_number, DWORD timeout, SCARD_READERSTATE *states,
                                   DWORD count)
{
    if (states == NULL && count > 0)
        return SCARD_E_INVALID_PARAMETER;
    for (DWORD i = 0; i < count; i++)
        if (states[i].szReader == NULL)
            return SCARD_E_INVALID_VALUE;

    pthread_mutex_lock(&world_mutex);
    LONG code = find_context(context_number) != NULL ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_INVALID_HANDLE;
    DWORD ignored = 0;
    while (ignored < count && (states[ignored].dwCurrentState & SCARD_STATE_IGNORE))
        states[ignored++].dwEventState = 0;
    if (code == SCARD_S_SUCCESS && ignored < count) /* with nothing to watch there is nothing to wait for */
        code = wait_locked(context_number, timeout, states, count);
    pthread_mutex_unlock(&world_mutex);
    return code;
}
