/* One exchange, in three ways. */
#include "exchange.h"

#include <stdlib.h>

#include "apdu.h"

struct exchange_slot {
    scardffi_manage *manage;
    unsigned char response[MAX_BUFFER_SIZE_EXTENDED];
};

struct scardffi_exchange {
    scardffi_manage *manage;
    const unsigned char *command; /* NULL: closed */
    unsigned char *response;
    size_t command_length;
    size_t capacity;
    unsigned flow;
    uint32_t sw;
    uint32_t required;
    uint32_t arrived;
    platform_flag busy; /* held during a call */
};

/* Make an exchange with lengths that were checked. */
static int64_t transmit(scardffi_manage *manage, unsigned flow, const unsigned char *command, size_t command_length,
                        unsigned char *response, size_t capacity, uint32_t *arrived)
{
    struct card_handle *card = manage_enter(manage);
    if (card == NULL)
        return transmit_failure(SCARDFFI_E_UNEXPECTED, 0);
    int64_t result;
    if (flow == 0)
        result = transmit_locked(card, command, command_length, response, capacity);
    else
        result = flow_locked(card, flow, command, command_length, response, capacity, arrived);
    platform_mutex_unlock(&card->mutex);
    return result;
}

int64_t exchange_transmit(scardffi_manage *manage, unsigned flow, const unsigned char *command, size_t command_length,
                          unsigned char *response, size_t capacity, uint32_t *arrived)
{
    uint32_t refusal = transmit_check(command, command_length, response, capacity);
    if (refusal != SCARDFFI_OK)
        return transmit_failure(refusal, 0);
    return transmit(manage, flow, command, command_length, response, capacity, arrived);
}

int64_t exchange_plain(scardffi_manage *manage, const unsigned char *command, size_t command_length,
                       unsigned char *response, size_t capacity)
{
    return exchange_transmit(manage, 0, command, command_length, response, capacity, NULL);
}

struct exchange_slot *exchange_slot_new(scardffi_manage *manage)
{
    struct exchange_slot *slot = malloc(sizeof *slot);
    if (slot != NULL)
        slot->manage = manage;
    return slot;
}

void exchange_slot_free(struct exchange_slot *slot)
{
    free(slot);
}

const char *exchange_slot_response(const struct exchange_slot *slot)
{
    return (const char *)slot->response;
}

int64_t exchange_slot_send(struct exchange_slot *slot, const unsigned char *command, size_t command_length)
{
    return exchange_plain(slot->manage, command, command_length, slot->response, sizeof slot->response);
}

scardffi_exchange *exchange_new(scardffi_manage *manage, unsigned flow, const unsigned char *command,
                                size_t command_length, unsigned char *response, size_t capacity)
{
    scardffi_exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL)
        return NULL;
    exchange->manage = manage;
    exchange->flow = flow;
    exchange->command = command;
    exchange->command_length = command_length;
    exchange->response = response;
    exchange->capacity = capacity;
    return exchange;
}

void exchange_free(scardffi_exchange *exchange)
{
    free(exchange);
}

/* Send the first `length` bytes of the command. The exchange is open, and its flag is held. */
static int64_t send_held(scardffi_exchange *exchange, size_t length)
{
    int64_t result = transmit(exchange->manage, exchange->flow, exchange->command, length, exchange->response,
                              exchange->capacity, &exchange->arrived);
    exchange->sw = 0;
    if (result >= 0) {
        exchange->sw = apdu_status_word(exchange->response, (size_t)result);
        return result;
    }
    exchange->required = (uint32_t)((uint64_t)-result >> 32);
    return -(int64_t)((uint64_t)-result & 0xFFFFFFFFu);
}

/* Take the flag of the exchange, and send the first `length` bytes, at most the checked length of the command. */
static int64_t send(scardffi_exchange *exchange, size_t length)
{
    if (!platform_flag_take(&exchange->busy))
        return -(int64_t)SCARDFFI_E_UNEXPECTED;
    int64_t result = exchange->command != NULL ? send_held(exchange, length) : -(int64_t)SCARDFFI_E_UNEXPECTED;
    platform_flag_drop(&exchange->busy);
    return result;
}

int64_t exchange_send(scardffi_exchange *exchange)
{
    return send(exchange, exchange->command_length);
}

int64_t exchange_send_part(scardffi_exchange *exchange, size_t length)
{
    if (length == 0 || length > exchange->command_length)
        return -(int64_t)SCARDFFI_E_INVALIDARG;
    return send(exchange, length);
}

uint32_t exchange_sw(const scardffi_exchange *exchange)
{
    return exchange->sw;
}

uint32_t exchange_required(const scardffi_exchange *exchange)
{
    return exchange->required;
}

uint32_t exchange_arrived(const scardffi_exchange *exchange)
{
    return exchange->arrived;
}

bool exchange_close(scardffi_exchange *exchange)
{
    if (!platform_flag_take(&exchange->busy))
        return false;
    exchange->command = NULL;
    platform_flag_drop(&exchange->busy);
    return true;
}
