/* SCardGetStatusChange: wait until the state of a reader differs from the one that the caller passes. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include <strings.h>

#include "card_access.h"
#include "deadline.h"
#include "exports.h"
#include "faults.h"
#include "resource_manager.h"
#include "winscard_strings.h"

/* The name that stands for the list of readers. */
static const char pnp_notification[] = "\\\\?PnP?\\Notification";

#define ANY_USE (SCARD_STATE_INUSE | SCARD_STATE_EXCLUSIVE)

static bool is_watched(const SCARD_READERSTATE *state)
{
    return !(state->dwCurrentState & SCARD_STATE_IGNORE);
}

static bool is_pnp_notification(const SCARD_READERSTATE *state)
{
    return PCSC_NOTIFIES_OF_READERS && strcasecmp(state->szReader, pnp_notification) == 0;
}

/* As on pcsc-lite a reader is in use only if it holds a card. */
static DWORD current_flags(const struct reader *reader)
{
    DWORD flags = SCARD_STATE_EMPTY;
    if (reader->card != NULL)
        flags = reader->card->atr_length > 0 ? SCARD_STATE_PRESENT : SCARD_STATE_PRESENT | SCARD_STATE_MUTE;
    if (reader->exclusive_handle != NULL)
        flags |= SCARD_STATE_EXCLUSIVE;
    else if (reader->connection_count > 0 && reader->card != NULL)
        flags |= SCARD_STATE_INUSE;
    return flags;
}

/* Compare as pcsc-lite does: if the caller passes neither SCARD_STATE_INUSE nor SCARD_STATE_EXCLUSIVE, a first
 * connection is no change; an event counter of 0 is ignored. */
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
    return (known & ANY_USE & ~now) != 0;
}

static bool refresh_reader(SCARD_READERSTATE *state, const struct reader *reader)
{
    DWORD events = reader_event_counter(reader);
    DWORD now = current_flags(reader);
    bool changed = differs(state->dwCurrentState, now, events);
    state->dwEventState = now | events << 16 | (changed ? SCARD_STATE_CHANGED : 0);
    state->cbAtr = reader->card != NULL ? (DWORD)reader->card->atr_length : 0;
    if (state->cbAtr > 0)
        memcpy(state->rgbAtr, reader->card->atr, state->cbAtr);
    return changed;
}

/* Set the state of a reader that was unplugged during the wait. */
static bool refresh_unplugged(SCARD_READERSTATE *state)
{
    bool changed = !(state->dwCurrentState & SCARD_STATE_UNKNOWN);
    state->dwEventState = SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE | (changed ? SCARD_STATE_CHANGED : 0);
    state->cbAtr = 0;
    return changed;
}

/* The high word counts readers plugged in and unplugged. A caller that passes it back misses no change, as on pcsc-lite
 * since 2.3.0. */
static bool refresh_pnp_notification(SCARD_READERSTATE *state, unsigned changes_before)
{
    DWORD changes = manager_reader_changes & 0xFFFFu;
    DWORD known = state->dwCurrentState >> 16 & 0xFFFFu;
    bool changed = manager_reader_changes != changes_before || (known != 0 && known != changes);
    state->dwEventState = changes << 16 | (changed ? SCARD_STATE_CHANGED : 0);
    return changed;
}

static bool refresh_all(SCARD_READERSTATE *states, DWORD count, unsigned changes_before)
{
    bool changed = false;
    for (DWORD i = 0; i < count; i++) {
        const struct reader *reader = reader_find(states[i].szReader);
        states[i].dwEventState = 0;
        if (!is_watched(&states[i]))
            continue;
        if (reader != NULL)
            changed |= refresh_reader(&states[i], reader);
        else if (is_pnp_notification(&states[i]))
            changed |= refresh_pnp_notification(&states[i], changes_before);
        else
            changed |= refresh_unplugged(&states[i]);
    }
    return changed;
}

static LONG check_names(const SCARD_READERSTATE *states, DWORD count)
{
    for (DWORD i = 0; i < count; i++)
        if (reader_find(states[i].szReader) == NULL && !is_pnp_notification(&states[i]))
            return (LONG)SCARD_E_UNKNOWN_READER;
    return SCARD_S_SUCCESS;
}

/* During a wait the context may be released and its slot be used for another one, so look it up again. */
static LONG wait_locked(SCARDCONTEXT context_number, DWORD timeout, SCARD_READERSTATE *states, DWORD count)
{
    struct timespec deadline = deadline_after((uint64_t)timeout * 1000);
    struct context *context;
    LONG code = context_find_usable(context_number, &context);
    if (code == SCARD_S_SUCCESS)
        code = check_names(states, count);
    if (code != SCARD_S_SUCCESS)
        return code;

    unsigned cancel_count = context->cancel_count, changes_before = manager_reader_changes;
    bool expired = timeout == 0;
    while (!refresh_all(states, count, changes_before)) {
        if (expired)
            return (LONG)SCARD_E_TIMEOUT;
        if (timeout >= INFINITE)
            pthread_cond_wait(&manager_changed, &manager_mutex);
        else
            expired = !condition_wait_until(&manager_changed, &manager_mutex, &deadline);
        code = context_find_usable(context_number, &context);
        if (code != SCARD_S_SUCCESS)
            return code_if_stopped_during_call(code);
        if (context->cancel_count != cancel_count)
            return (LONG)SCARD_E_CANCELLED;
    }
    return SCARD_S_SUCCESS;
}

EXPORTED LONG PCSC_CALL STRING_FUNCTION(SCardGetStatusChange)(SCARDCONTEXT context_number, DWORD timeout,
                                                              SCARD_READERSTATE *states, DWORD count)
{
    LONG code;
    if (fault_ends_call(FUNCTION_SCardGetStatusChange, &code, NULL))
        return code;
    if ((states == NULL && count > 0) || count > MAX_READERS + 1) /* all readers and pnp_notification */
        return (LONG)SCARD_E_INVALID_PARAMETER;
    for (DWORD i = 0; i < count; i++)
        if (states[i].szReader == NULL)
            return (LONG)SCARD_E_INVALID_VALUE;

    DWORD ignored = 0;
    while (ignored < count && !is_watched(&states[ignored]))
        ignored++;
    if (ignored == count) /* true if `states` is empty, too */
        return SCARD_S_SUCCESS;
    pthread_mutex_lock(&manager_mutex);
    code = wait_locked(context_number, timeout, states, count);
    fault_wait_until_thawed();
    pthread_mutex_unlock(&manager_mutex);
    return code;
}
