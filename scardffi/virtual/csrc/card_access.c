/* Wait until a reader or its card is free, and mark the reader busy while its card works. */
#include "card_access.h"

#include "deadline.h"

static bool has_other_transaction(const struct handle *handle)
{
    const struct handle *owner = handle->reader->transaction_owner;
    return owner != NULL && owner != handle;
}

static bool is_card_in_use(const struct handle *handle)
{
    return has_other_transaction(handle) || handle->reader->is_busy;
}

LONG reader_wait(struct reader *reader)
{
    if (reader->is_busy && pthread_equal(reader->busy_thread, pthread_self()))
        return (LONG)SCARD_E_SHARING_VIOLATION;
    pthread_cond_wait(&reader->changed, &manager_mutex);
    return SCARD_S_SUCCESS;
}

static LONG wait_while(bool (*must_wait)(const struct handle *), SCARDHANDLE number, struct handle **handle)
{
    LONG code;
    while ((code = handle_find_usable(number, handle)) == SCARD_S_SUCCESS && must_wait(*handle)) {
        code = reader_wait((*handle)->reader);
        if (code != SCARD_S_SUCCESS)
            return code;
    }
    return code;
}

LONG handle_wait_for_transaction(SCARDHANDLE number, struct handle **handle)
{
    return wait_while(has_other_transaction, number, handle);
}

LONG handle_wait_for_card(SCARDHANDLE number, struct handle **handle)
{
    return wait_while(is_card_in_use, number, handle);
}

LONG handle_wait_for_own_command(SCARDHANDLE number, struct handle **handle)
{
    while ((*handle = handle_find(number)) != NULL) {
        struct reader *reader = (*handle)->reader;
        if (!reader->is_busy || reader->busy_handle != *handle)
            return SCARD_S_SUCCESS;
        LONG code = reader_wait(reader);
        if (code != SCARD_S_SUCCESS)
            return code;
    }
    return (LONG)PCSC_NO_SUCH_HANDLE;
}

LONG code_if_stopped_during_call(LONG code)
{
    return code == (LONG)SCARD_E_NO_SERVICE ? (LONG)SCARD_F_COMM_ERROR : code;
}

LONG handle_check_transaction(const struct handle *handle)
{
    return has_other_transaction(handle) ? (LONG)SCARD_E_SHARING_VIOLATION : (LONG)SCARD_S_SUCCESS;
}

LONG handle_check_card_event(const struct handle *handle)
{
    const struct reader *reader = handle->reader;
    return handle->card_events_seen != reader->card_event_count ? reader->last_card_event : (LONG)SCARD_S_SUCCESS;
}

void reader_begin_use(struct reader *reader, struct handle *handle)
{
    reader->is_busy = true;
    reader->busy_card = reader->card;
    reader->busy_handle = handle;
    reader->busy_thread = pthread_self();
    reader->busy_generation = reader->generation;
}

bool reader_end_use(struct reader *reader)
{
    struct card *card = reader->busy_card;
    bool is_same_card = reader->card == card;
    reader->is_busy = false;
    reader->busy_card = NULL;
    reader->busy_handle = NULL;
    if (!is_same_card && card != NULL) /* in the child of a fork it is NULL */
        card->release(card);
    pthread_cond_broadcast(&reader->changed);
    return is_same_card;
}

bool disposition_resets_card(DWORD disposition)
{
    return disposition == SCARD_RESET_CARD || disposition == SCARD_UNPOWER_CARD;
}

void reader_reset_card(struct reader *reader, struct handle *handle, bool powered)
{
    struct card *card = reader->card;
    reader->is_powered = powered && card != NULL && card->atr_length > 0;
    reader->protocol = SCARD_PROTOCOL_UNDEFINED;
    reader_set_card_event(reader, (LONG)SCARD_W_RESET_CARD);
    if (card == NULL)
        return;
    reader_begin_use(reader, handle);
    pthread_mutex_unlock(&manager_mutex);
    card->reset(card);
    pthread_mutex_lock(&manager_mutex);
    reader_end_use(reader);
}

void card_remove_itself(struct card *card)
{
    pthread_mutex_lock(&manager_mutex);
    if (card->reader->card == card)
        reader_remove_card(card->reader);
    pthread_mutex_unlock(&manager_mutex);
}

bool card_pause(struct card *card, uint64_t microseconds)
{
    struct timespec deadline = deadline_after(microseconds);
    pthread_mutex_lock(&manager_mutex);
    struct reader *reader = card->reader;
    bool has_passed = false;
    while (reader->card == card && reader->generation == reader->busy_generation && !has_passed)
        has_passed = !condition_wait_until(&reader->changed, &manager_mutex, &deadline);
    pthread_mutex_unlock(&manager_mutex);
    return has_passed;
}
