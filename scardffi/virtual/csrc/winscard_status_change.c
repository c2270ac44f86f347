/* SCardGetStatusChange: waiting until a reader is no longer as the caller knows it. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include <strings.h>

#include "deadline.h"
#include "exports.h"
#include "faults.h"
#include "turns.h"
#include "winscard_text.h"
#include "world.h"

/* The pseudo-reader that stands for the list of readers. */
static const char list_of_readers[] = "\\\\?PnP?\\Notification";

#define IN_USE_IN_ANY_WAY (SCARD_STATE_INUSE | SCARD_STATE_EXCLUSIVE)

static bool is_watched(const SCARD_READERSTATE *state)
{
    return !(state->dwCurrentState & SCARD_STATE_IGNORE);
}

static bool is_list(const SCARD_READERSTATE *state)
{
    return PCSC_NOTIFIES_OF_READERS && strcasecmp(state->szReader, list_of_readers) == 0;
}

/* Flags of the reader as it is now. A reader with a card alone is said to be in use, as pcsc-lite does. */
static DWORD flags_of(const struct reader *reader)
{
    DWORD flags = SCARD_STATE_EMPTY;
    if (reader->card != NULL)
        flags = reader->card->atr_length > 0 ? SCARD_STATE_PRESENT : SCARD_STATE_PRESENT | SCARD_STATE_MUTE;
    if (reader->exclusive != NULL)
        flags |= SCARD_STATE_EXCLUSIVE;
    else if (reader->connections > 0 && reader->card != NULL)
        flags |= SCARD_STATE_INUSE;
    return flags;
}

/* As pcsc-lite compares: who believes that a card is there, and says nothing of how it is used, is not told
 * when the first connection is made; a counter of 0 is no counter. */
static bool differs(DWORD known, DWORD now, DWORD events)
{
    DWORD known_events = known >> 16 & 0xFFFFu;
    if (known == SCARD_STATE_UNAWARE || (known & (SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE)))
        return true;
    if (known_events != 0 && known_events != events)
        return true;
    if (now & SCARD_STATE_EMPTY ? known & SCARD_STATE_PRESENT : known & SCARD_STATE_EMPTY)
        return true;
    if ((now & SCARD_STATE_PRESENT) && ((known ^ now) & SCARD_STATE_MUTE))
        return true;
    return (known & IN_USE_IN_ANY_WAY & ~now) != 0;
}

static bool refresh_reader(SCARD_READERSTATE *state, const struct reader *reader)
{
    DWORD events = count_of_events(reader);
    DWORD now = flags_of(reader);
    bool changed = differs(state->dwCurrentState, now, events);
    state->dwEventState = now | events << 16 | (changed ? SCARD_STATE_CHANGED : 0);
    state->cbAtr = reader->card != NULL ? (DWORD)reader->card->atr_length : 0;
    if (state->cbAtr > 0)
        memcpy(state->rgbAtr, reader->card->atr, state->cbAtr);
    return changed;
}

/* The reader was there when the wait began. */
static bool refresh_unplugged(SCARD_READERSTATE *state)
{
    bool changed = !(state->dwCurrentState & SCARD_STATE_UNKNOWN);
    state->dwEventState = SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE | (changed ? SCARD_STATE_CHANGED : 0);
    state->cbAtr = 0;
    return changed;
}

/* The high word counts readers that came and went; who hands it back misses none, as on pcsc-lite from 2.3.0. */
static bool refresh_list(SCARD_READERSTATE *state, unsigned plugs_before)
{
    DWORD plugs = world_plugs & 0xFFFFu;
    DWORD known = state->dwCurrentState >> 16 & 0xFFFFu;
    bool changed = world_plugs != plugs_before || (known != 0 && known != plugs);
    state->dwEventState = plugs << 16 | (changed ? SCARD_STATE_CHANGED : 0);
    return changed;
}

static bool refresh_all(SCARD_READERSTATE *states, DWORD count, unsigned plugs_before)
{
    bool changed = false;
    for (DWORD i = 0; i < count; i++) {
        const struct reader *reader = find_reader(states[i].szReader);
        states[i].dwEventState = 0;
        if (!is_watched(&states[i]))
            continue;
        if (reader != NULL)
            changed |= refresh_reader(&states[i], reader);
        else if (is_list(&states[i]))
            changed |= refresh_list(&states[i], plugs_before);
        else
            changed |= refresh_unplugged(&states[i]);
    }
    return changed;
}

static LONG check_names(const SCARD_READERSTATE *states, DWORD count)
{
    for (DWORD i = 0; i < count; i++)
        if (find_reader(states[i].szReader) == NULL && !is_list(&states[i]))
            return (LONG)SCARD_E_UNKNOWN_READER;
    return SCARD_S_SUCCESS;
}

/* SCARD_S_SUCCESS: one has changed. The context may be gone, and its slot another's, after each wait. */
static LONG wait_locked(SCARDCONTEXT context_number, DWORD timeout, SCARD_READERSTATE *states, DWORD count)
{
    struct timespec deadline = deadline_in((uint64_t)timeout * 1000);
    struct context *context;
    LONG code = find_usable_context(context_number, &context);
    if (code == SCARD_S_SUCCESS)
        code = check_names(states, count);
    if (code != SCARD_S_SUCCESS)
        return code;

    unsigned cancels = context->cancels, plugs = world_plugs;
    bool expired = timeout == 0;
    while (!refresh_all(states, count, plugs)) {
        if (expired)
            return (LONG)SCARD_E_TIMEOUT;
        if (timeout >= INFINITE)
            pthread_cond_wait(&world_changed, &world_mutex);
        else
            expired = !wait_until(&world_changed, &world_mutex, &deadline);
        code = find_usable_context(context_number, &context);
        if (code != SCARD_S_SUCCESS)
            return code_after_wait(code);
        if (context->cancels != cancels)
            return (LONG)SCARD_E_CANCELLED;
    }
    return SCARD_S_SUCCESS;
}

EXPORTED LONG PCSC_CALL TEXT_FUNCTION(SCardGetStatusChange)(SCARDCONTEXT context_number, DWORD timeout,
                                                            SCARD_READERSTATE *states, DWORD count)
{
    LONG code;
    if (meets_fault(IN_SCardGetStatusChange, &code, NULL))
        return code;
    if ((states == NULL && count > 0) || count > READERS + 1) /* all, and their list */
        return (LONG)SCARD_E_INVALID_PARAMETER;
    for (DWORD i = 0; i < count; i++)
        if (states[i].szReader == NULL)
            return (LONG)SCARD_E_INVALID_VALUE;

    DWORD ignored = 0;
    while (ignored < count && !is_watched(&states[ignored]))
        ignored++;
    if (ignored == count) /* with nothing to watch there is nothing to wait for */
        return SCARD_S_SUCCESS;
    pthread_mutex_lock(&world_mutex);
    code = wait_locked(context_number, timeout, states, count);
    pthread_mutex_unlock(&world_mutex);
    return code;
}
