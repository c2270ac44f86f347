/* The exported functions of scardvirtual.h. */
#include "scardvirtual.h"

#include "answering_card.h"
#include "callback_card.h"
#include "card_access.h"
#include "configuration.h"
#include "exports.h"
#include "faults.h"
#include "initialization.h"
#include "resource_manager.h"

/* Lock the mutex; it is locked only if the code is SCARD_S_SUCCESS. */
static LONG lock_manager(void)
{
    LONG code = library_ensure_initialized();
    if (code == SCARD_S_SUCCESS)
        pthread_mutex_lock(&manager_mutex);
    return code;
}

static uint32_t unlock_manager(LONG code)
{
    pthread_mutex_unlock(&manager_mutex);
    return (uint32_t)code;
}

static uint32_t call_with_reader(const char *name, LONG (*function)(struct reader *, void *), void *argument)
{
    LONG code = name != NULL ? lock_manager() : (LONG)SCARD_E_UNKNOWN_READER;
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    struct reader *reader = reader_find(name);
    return unlock_manager(reader != NULL ? function(reader, argument) : (LONG)SCARD_E_UNKNOWN_READER);
}

EXPORTED uint32_t scardvirtual_plug(const char *name, const struct scardvirtual_control *control)
{
    struct reader *reader;
    LONG code = name != NULL ? lock_manager() : (LONG)SCARD_E_INVALID_VALUE;
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    code = reader_plug(name, &reader);
    if (code == SCARD_S_SUCCESS && control != NULL)
        reader->control = *control;
    return unlock_manager(code);
}

static LONG unplug(struct reader *reader, void *unused)
{
    (void)unused;
    reader_unplug(reader);
    return SCARD_S_SUCCESS;
}

EXPORTED uint32_t scardvirtual_unplug(const char *name)
{
    return call_with_reader(name, unplug, NULL);
}

static LONG insert(struct reader *reader, void *card)
{
    return reader_insert_card(reader, card);
}

/* Insert the card. It is released if it cannot be inserted. */
static uint32_t insert_new(const char *name, struct card *card, size_t atr_length)
{
    if (card == NULL)
        return atr_length > MAX_ATR_SIZE ? SCARD_E_INVALID_VALUE : SCARD_E_NO_MEMORY;
    uint32_t code = call_with_reader(name, insert, card);
    if (code != SCARD_S_SUCCESS)
        card->release(card);
    return code;
}

EXPORTED uint32_t scardvirtual_insert(const char *name, const unsigned char *atr, size_t atr_length,
                                      const struct scardvirtual_card *callbacks)
{
    if (callbacks == NULL || callbacks->transmit == NULL || (atr == NULL && atr_length > 0))
        return SCARD_E_INVALID_VALUE;
    struct card *card = callback_card_new(atr, atr_length, callbacks);
    if (card == NULL && callbacks->released != NULL)
        callbacks->released(callbacks->data);
    return insert_new(name, card, atr_length);
}

EXPORTED uint32_t scardvirtual_insert_answering(const char *name, const unsigned char *atr, size_t atr_length)
{
    return insert_new(name, answering_card_new(atr, atr_length), atr_length);
}

static LONG remove_card(struct reader *reader, void *unused)
{
    (void)unused;
    if (reader->card == NULL)
        return (LONG)SCARD_E_NO_SMARTCARD;
    reader_remove_card(reader);
    return SCARD_S_SUCCESS;
}

EXPORTED uint32_t scardvirtual_remove(const char *name)
{
    return call_with_reader(name, remove_card, NULL);
}

static LONG remove_after_command(struct reader *reader, void *unused)
{
    (void)unused;
    if (!reader->is_busy || reader->card == NULL || reader->card != reader->busy_card)
        return (LONG)SCARD_E_NO_SMARTCARD;
    reader->card->leaves = true;
    return SCARD_S_SUCCESS;
}

EXPORTED uint32_t scardvirtual_remove_after_command(const char *name)
{
    return call_with_reader(name, remove_after_command, NULL);
}

/* During a wait the reader may be unplugged and its slot be used for another one, so look it up again. */
static LONG reset(struct reader *reader, void *name)
{
    while (reader != NULL && reader->is_busy) {
        LONG code = reader_wait(reader);
        if (code != SCARD_S_SUCCESS)
            return code;
        reader = reader_find(name);
    }
    if (reader == NULL)
        return (LONG)SCARD_E_UNKNOWN_READER;
    if (reader->card == NULL)
        return (LONG)SCARD_E_NO_SMARTCARD;
    reader_reset_card(reader, NULL, true);
    return SCARD_S_SUCCESS;
}

EXPORTED uint32_t scardvirtual_reset(const char *name)
{
    return call_with_reader(name, reset, (void *)(uintptr_t)name);
}

static LONG set_latency(struct reader *reader, void *microseconds)
{
    reader->latency_us = *(const uint32_t *)microseconds;
    return SCARD_S_SUCCESS;
}

EXPORTED uint32_t scardvirtual_set_latency(const char *name, uint32_t microseconds)
{
    return call_with_reader(name, set_latency, &microseconds);
}

EXPORTED uint32_t scardvirtual_fault(const char *function, uint32_t call, uint32_t times, uint32_t effect,
                                     uint32_t value, const unsigned char *answer, size_t answer_length,
                                     uint32_t *number)
{
    if (function == NULL || number == NULL || (answer == NULL && answer_length > 0))
        return SCARD_E_INVALID_VALUE;
    LONG code = lock_manager();
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    return unlock_manager(
        fault_arm(function, call, times, (enum fault_effect)effect, value, answer, answer_length, number));
}

EXPORTED uint32_t scardvirtual_fault_hits(uint32_t number, uint32_t *hits)
{
    LONG code = hits != NULL ? lock_manager() : (LONG)SCARD_E_INVALID_VALUE;
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    return unlock_manager(fault_get_hits(number, hits) ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_INVALID_VALUE);
}

EXPORTED uint32_t scardvirtual_end_fault(uint32_t number)
{
    LONG code = lock_manager();
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    return unlock_manager(fault_end(number) ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_INVALID_VALUE);
}

static uint32_t call_with_manager(void (*function)(void))
{
    LONG code = lock_manager();
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    function();
    return unlock_manager(code);
}

EXPORTED const char *scardvirtual_configuration_problem(void)
{
    return configuration_problem();
}

EXPORTED uint32_t scardvirtual_stop_service(void)
{
    return call_with_manager(manager_stop);
}

EXPORTED uint32_t scardvirtual_start_service(void)
{
    return call_with_manager(manager_start);
}

EXPORTED uint32_t scardvirtual_freeze_service(void)
{
    return call_with_manager(fault_freeze);
}

EXPORTED uint32_t scardvirtual_thaw_service(void)
{
    return call_with_manager(fault_thaw);
}
