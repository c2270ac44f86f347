/* Transactions, commands and resets: waiting for a turn at a reader, and having it. */
#include "turns.h"

#include "deadline.h"

/* Another handle holds a transaction. */
static bool reader_busy(const struct handle *handle)
{
    const struct handle *owner = handle->reader->transaction_owner;
    return owner != NULL && owner != handle;
}

static bool card_busy(const struct handle *handle)
{
    return reader_busy(handle) || handle->reader->busy;
}

LONG wait_for_turn(struct reader *reader)
{
    if (reader->busy && pthread_equal(reader->worker, pthread_self()))
        return (LONG)SCARD_E_SHARING_VIOLATION;
    pthread_cond_wait(&reader->turn, &world_mutex);
    return SCARD_S_SUCCESS;
}

static LONG wait_while(bool (*busy)(const struct handle *), SCARDHANDLE number, struct handle **handle)
{
    LONG code;
    while ((code = find_usable_handle(number, handle)) == SCARD_S_SUCCESS && busy(*handle)) {
        code = wait_for_turn((*handle)->reader);
        if (code != SCARD_S_SUCCESS)
            return code;
    }
    return code;
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
    while ((*handle = find_handle(number)) != NULL) {
        struct reader *reader = (*handle)->reader;
        if (!reader->busy || reader->runner != *handle)
            return SCARD_S_SUCCESS;
        LONG code = wait_for_turn(reader);
        if (code != SCARD_S_SUCCESS)
            return code;
    }
    return (LONG)PCSC_NO_SUCH_HANDLE;
}

LONG code_after_wait(LONG code)
{
    return code == (LONG)SCARD_E_NO_SERVICE ? (LONG)SCARD_F_COMM_ERROR : code;
}

LONG refuse_during_transaction(const struct handle *handle)
{
    return reader_busy(handle) ? (LONG)SCARD_E_SHARING_VIOLATION : (LONG)SCARD_S_SUCCESS;
}

LONG refuse_after_event(const struct handle *handle)
{
    const struct reader *reader = handle->reader;
    return handle->events_seen != reader->card_events ? reader->last_card_event : (LONG)SCARD_S_SUCCESS;
}

void begin_run(struct reader *reader, struct handle *runner)
{
    reader->busy = true;
    reader->running = reader->card;
    reader->runner = runner;
    reader->worker = pthread_self();
    reader->run_plugging = reader->plugging;
}

bool end_run(struct reader *reader)
{
    struct card *card = reader->running;
    bool is_in = reader->card == card;
    reader->busy = false;
    reader->running = NULL;
    reader->runner = NULL;
    if (!is_in && card != NULL) /* NULL too in the child of a fork, whose world is another */
        card->release(card);
    pthread_cond_broadcast(&reader->turn);
    return is_in;
}

void reset_card(struct reader *reader, struct handle *runner, bool powered)
{
    struct card *card = reader->card;
    reader->powered = powered && card != NULL && card->atr_length > 0;
    reader->protocol = SCARD_PROTOCOL_UNDEFINED;
    tell_handles(reader, (LONG)SCARD_W_RESET_CARD);
    if (card == NULL)
        return;
    begin_run(reader, runner);
    pthread_mutex_unlock(&world_mutex);
    card->reset(card);
    pthread_mutex_lock(&world_mutex);
    end_run(reader);
}

bool pause_card(struct card *card, uint64_t microseconds)
{
    struct timespec deadline = deadline_in(microseconds);
    pthread_mutex_lock(&world_mutex);
    struct reader *reader = card->reader;
    bool is_over = false;
    while (reader->card == card && reader->plugging == reader->run_plugging && !is_over)
        is_over = !wait_until(&reader->turn, &world_mutex, &deadline);
    pthread_mutex_unlock(&world_mutex);
    return is_over;
}
