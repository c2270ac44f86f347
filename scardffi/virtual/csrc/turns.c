/* Transactions, commands and resets: waiting for a turn at a reader. */
#include "turns.h"

/* Another handle holds a transaction. */
static bool reader_busy(const struct handle *handle)
{
    const struct handle *owner = handle->reader->transaction_owner;
    return owner != NULL && owner != handle;
}

static bool card_busy(const struct handle *handle)
{
    return reader_busy(handle) || handle->reader->working != NULL;
}

static bool own_command_runs(const struct handle *handle)
{
    return handle->reader->working == handle;
}

static LONG wait_while(bool (*busy)(const struct handle *), SCARDHANDLE number, struct handle **handle)
{
    while ((*handle = find_handle(number)) != NULL) {
        if (!busy(*handle))
            return SCARD_S_SUCCESS;
        pthread_cond_wait(&(*handle)->reader->turn, &world_mutex);
    }
    return SCARD_E_INVALID_HANDLE;
}

LONG wait_for_reader(SCARDHANDLE number, struct handle **handle)
{
    return wait_while(reader_busy, number, handle);
}

LONG wait_for_card(SCARDHANDLE number, struct handle **handle)
{
    return wait_while(card_busy, number, handle);
}

LONG wait_for_own_command(SCARDHANDLE number, struct handle **handle)
{
    return wait_while(own_command_runs, number, handle);
}

LONG refuse_during_transaction(const struct handle *handle)
{
    return reader_busy(handle) ? (LONG)SCARD_E_SHARING_VIOLATION : (LONG)SCARD_S_SUCCESS;
}

LONG refuse_after_reset(const struct handle *handle)
{
    bool reset = handle->resets_seen != handle->reader->resets;
    return reset ? (LONG)SCARD_W_RESET_CARD : (LONG)SCARD_S_SUCCESS;
}

void reset_card(struct reader *reader, bool powered)
{
    reader->powered = powered;
    reader->protocol = SCARD_PROTOCOL_UNDEFINED;
    reader->resets++;
    pthread_cond_broadcast(&world_changed);
}
