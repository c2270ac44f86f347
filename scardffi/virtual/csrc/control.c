/* The exported functions of scardvirtual.h. */
#include "scardvirtual.h"

#include "answering_card.h"
#include "callback_card.h"
#include "exports.h"
#include "faults.h"
#include "start.h"
#include "turns.h"
#include "world.h"

/* The mutex is held afterwards where the answer is SCARD_S_SUCCESS. */
static LONG enter_world(void)
{
    LONG code = start_world();
    if (code == SCARD_S_SUCCESS)
        pthread_mutex_lock(&world_mutex);
    return code;
}

static uint32_t leave_world(LONG code)
{
    pthread_mutex_unlock(&world_mutex);
    return (uint32_t)code;
}

/* Let something be done to a reader. */
static uint32_t with_reader(const char *name, LONG (*act)(struct reader *, void *), void *argument)
{
    LONG code = name != NULL ? enter_world() : (LONG)SCARD_E_UNKNOWN_READER;
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    struct reader *reader = find_reader(name);
    return leave_world(reader != NULL ? act(reader, argument) : (LONG)SCARD_E_UNKNOWN_READER);
}

EXPORTED uint32_t scardvirtual_plug(const char *name, const struct scardvirtual_control *control)
{
    struct reader *reader;
    LONG code = name != NULL ? enter_world() : (LONG)SCARD_E_INVALID_VALUE;
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    code = plug_reader(name, &reader);
    if (code == SCARD_S_SUCCESS && control != NULL)
        reader->control = *control;
    return leave_world(code);
}

static LONG unplug(struct reader *reader, void *nothing)
{
    (void)nothing;
    unplug_reader(reader);
    return SCARD_S_SUCCESS;
}

EXPORTED uint32_t scardvirtual_unplug(const char *name)
{
    return with_reader(name, unplug, NULL);
}

static LONG insert(struct reader *reader, void *card)
{
    return insert_card(reader, card);
}

/* Takes the card over, also where it cannot be inserted. */
static uint32_t insert_new(const char *name, struct card *card, size_t atr_length)
{
    if (card == NULL)
        return atr_length > MAX_ATR_SIZE ? SCARD_E_INVALID_VALUE : SCARD_E_NO_MEMORY;
    uint32_t code = with_reader(name, insert, card);
    if (code != SCARD_S_SUCCESS)
        card->release(card);
    return code;
}

EXPORTED uint32_t scardvirtual_insert(const char *name, const unsigned char *atr, size_t atr_length,
                                      const struct scardvirtual_card *functions)
{
    if (functions == NULL || functions->transmit == NULL || (atr == NULL && atr_length > 0))
        return SCARD_E_INVALID_VALUE;
    struct card *card = new_callback_card(atr, atr_length, functions);
    if (card == NULL && functions->released != NULL)
        functions->released(functions->data);
    return insert_new(name, card, atr_length);
}

EXPORTED uint32_t scardvirtual_insert_answering(const char *name, const unsigned char *atr, size_t atr_length)
{
    return insert_new(name, new_answering_card(atr, atr_length), atr_length);
}

static LONG remove_one(struct reader *reader, void *nothing)
{
    (void)nothing;
    if (reader->card == NULL)
        return (LONG)SCARD_E_NO_SMARTCARD;
    remove_card(reader);
    return SCARD_S_SUCCESS;
}

EXPORTED uint32_t scardvirtual_remove(const char *name)
{
    return with_reader(name, remove_one, NULL);
}

/* The reader may be unplugged, and its place another's, after each wait. */
static LONG reset(struct reader *reader, void *name)
{
    while (reader != NULL && reader->busy) {
        LONG code = wait_for_turn(reader);
        if (code != SCARD_S_SUCCESS)
            return code;
        reader = find_reader(name);
    }
    if (reader == NULL)
        return (LONG)SCARD_E_UNKNOWN_READER;
    if (reader->card == NULL)
        return (LONG)SCARD_E_NO_SMARTCARD;
    reset_card(reader, NULL, true);
    return SCARD_S_SUCCESS;
}

EXPORTED uint32_t scardvirtual_reset(const char *name)
{
    return with_reader(name, reset, (void *)(uintptr_t)name);
}

static LONG set_latency(struct reader *reader, void *microseconds)
{
    reader->latency_us = *(const uint32_t *)microseconds;
    return SCARD_S_SUCCESS;
}

EXPORTED uint32_t scardvirtual_set_latency(const char *name, uint32_t microseconds)
{
    return with_reader(name, set_latency, &microseconds);
}

EXPORTED uint32_t scardvirtual_fault(const char *function, uint32_t call, uint32_t times, uint32_t effect,
                                     uint32_t value, const unsigned char *answer, size_t answer_length,
                                     uint32_t *number)
{
    if (function == NULL || number == NULL || (answer == NULL && answer_length > 0))
        return SCARD_E_INVALID_VALUE;
    LONG code = enter_world();
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    return leave_world(
        arm_fault(function, call, times, (enum effect)effect, value, answer, answer_length, number));
}

EXPORTED uint32_t scardvirtual_fault_hits(uint32_t number, uint32_t *hits)
{
    LONG code = hits != NULL ? enter_world() : (LONG)SCARD_E_INVALID_VALUE;
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    return leave_world(count_hits(number, hits) ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_INVALID_VALUE);
}

EXPORTED uint32_t scardvirtual_end_fault(uint32_t number)
{
    LONG code = enter_world();
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    return leave_world(end_fault(number) ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_INVALID_VALUE);
}

static uint32_t change_service(void (*change)(void))
{
    LONG code = enter_world();
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    change();
    return leave_world(code);
}

EXPORTED uint32_t scardvirtual_stop_service(void)
{
    return change_service(stop_service);
}

EXPORTED uint32_t scardvirtual_start_service(void)
{
    return change_service(start_service);
}
