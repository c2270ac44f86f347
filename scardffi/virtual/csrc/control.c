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

static LONG enter_reader(const char *name, struct reader **reader)
{
    if (name == NULL)
        return SCARD_E_UNKNOWN_READER;
    LONG code = enter_world();
    if (code != SCARD_S_SUCCESS)
        return code;
    *reader = find_reader(name);
    if (*reader != NULL)
        return SCARD_S_SUCCESS;
    pthread_mutex_unlock(&world_mutex);
    return SCARD_E_UNKNOWN_READER;
}

static uint32_t leave_world(LONG code)
{
    pthread_mutex_unlock(&world_mutex);
    return (uint32_t)code;
}

EXPORTED uint32_t scardvirtual_plug(const char *name, const struct scardvirtual_control *control)
{
    struct reader *reader;
    if (name == NULL)
        return SCARD_E_INVALID_VALUE;
    LONG code = enter_world();
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    code = plug_reader(name, &reader);
    if (code == SCARD_S_SUCCESS && control != NULL)
        reader->control = *control;
    return leave_world(code);
}

EXPORTED uint32_t scardvirtual_unplug(const char *name)
{
    struct reader *reader;
    LONG code = enter_reader(name, &reader);
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    unplug_reader(reader);
    return leave_world(code);
}

/* Takes the card over, also where it cannot be inserted. */
static uint32_t insert(const char *name, struct card *card, size_t atr_length)
{
    struct reader *reader;
    if (card == NULL)
        return atr_length > MAX_ATR_SIZE ? SCARD_E_INVALID_VALUE : SCARD_E_NO_MEMORY;
    LONG code = enter_reader(name, &reader);
    if (code == SCARD_S_SUCCESS) {
        code = insert_card(reader, card);
        leave_world(code);
    }
    if (code != SCARD_S_SUCCESS)
        card->release(card);
    return (uint32_t)code;
}

EXPORTED uint32_t scardvirtual_insert(const char *name, const unsigned char *atr, size_t atr_length,
                                      const struct scardvirtual_card *functions)
{
    if (functions == NULL || functions->transmit == NULL || (atr == NULL && atr_length > 0))
        return SCARD_E_INVALID_VALUE;
    return insert(name, new_callback_card(atr, atr_length, functions), atr_length);
}

EXPORTED uint32_t scardvirtual_insert_answering(const char *name, const unsigned char *atr, size_t atr_length)
{
    return insert(name, new_answering_card(atr, atr_length), atr_length);
}

EXPORTED uint32_t scardvirtual_remove(const char *name)
{
    struct reader *reader;
    LONG code = enter_reader(name, &reader);
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    if (reader->card == NULL)
        return leave_world((LONG)SCARD_E_NO_SMARTCARD);
    remove_card(reader);
    return leave_world(code);
}

EXPORTED uint32_t scardvirtual_reset(const char *name)
{
    struct reader *reader;
    LONG code = enter_reader(name, &reader);
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    while (reader->running != NULL)
        pthread_cond_wait(&reader->turn, &world_mutex);
    if (reader->card == NULL)
        return leave_world((LONG)SCARD_E_NO_SMARTCARD);
    reset_card(reader, NULL, true);
    return leave_world(code);
}

EXPORTED uint32_t scardvirtual_set_latency(const char *name, uint32_t microseconds)
{
    struct reader *reader;
    LONG code = enter_reader(name, &reader);
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    reader->latency_us = microseconds;
    return leave_world(code);
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

EXPORTED uint32_t scardvirtual_end_fault(uint32_t number)
{
    LONG code = enter_world();
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    return leave_world(end_fault(number) ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_INVALID_VALUE);
}

EXPORTED uint32_t scardvirtual_stop_service(void)
{
    LONG code = enter_world();
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    stop_service();
    return leave_world(code);
}

EXPORTED uint32_t scardvirtual_start_service(void)
{
    LONG code = enter_world();
    if (code != SCARD_S_SUCCESS)
        return (uint32_t)code;
    start_service();
    return leave_world(code);
}
