/* One exchange, in two ways. */
#include "exchange.h"

#include <stdlib.h>

enum { EXCHANGE_STEP = 50 }; /* milliseconds */

struct scardffi_exchange {
    scardffi_manage *manage;
    const unsigned char *command; /* NULL: closed */
    unsigned char *response;
    size_t command_length;
    size_t capacity;
    size_t limit;
    unsigned flags;
    uint32_t sw;
    bool has_sw;
    uint32_t required;
    platform_flag busy; /* held during a call, also between its steps */
    uintptr_t caller;   /* atomic; the thread whose call is between two steps, 0: none */
    struct flow flow;
};

int64_t exchange_plain(scardffi_manage *manage, const unsigned char *command, size_t command_length,
                       unsigned char *response, size_t capacity)
{
    uint32_t refusal = transmit_check(command, command_length, response, capacity);
    if (refusal != SCARDFFI_OK)
        return transmit_failure(refusal, 0);
    struct card_handle *card = manage_enter(manage);
    if (card == NULL)
        return transmit_failure(SCARDFFI_E_UNEXPECTED, 0);
    int64_t result = transmit_locked(card, command, command_length, response, capacity);
    platform_mutex_unlock(&card->mutex);
    return result;
}

scardffi_exchange *exchange_new(scardffi_manage *manage, unsigned flow, const unsigned char *command,
                                size_t command_length, unsigned char *response, size_t capacity)
{
    scardffi_exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL)
        return NULL;
    exchange->manage = manage;
    exchange->flags = flow;
    exchange->command = command;
    exchange->command_length = command_length;
    exchange->response = response;
    exchange->capacity = capacity;
    exchange->limit = capacity;
    exchange->has_sw = true;
    return exchange;
}

void exchange_limit(scardffi_exchange *exchange, size_t limit)
{
    exchange->limit = limit;
}

void exchange_free(scardffi_exchange *exchange)
{
    if (exchange != NULL)
        flow_end(&exchange->flow);
    free(exchange);
}

/* Keep what the accessors return, and return `result` without the required length. */
static int64_t finish(scardffi_exchange *exchange, int64_t result)
{
    if (result >= 0) {
        exchange->sw = apdu_status_word(exchange->response, (size_t)result);
        exchange->has_sw = result >= APDU_SW_SIZE;
        return result;
    }
    exchange->sw = 0;
    exchange->has_sw = false;
    exchange->required = (uint32_t)((uint64_t)-result >> 32);
    return -(int64_t)((uint64_t)-result & 0xFFFFFFFFu);
}

static int64_t run_plain(scardffi_exchange *exchange, size_t length)
{
    struct card_handle *card = manage_enter(exchange->manage);
    if (card == NULL)
        return finish(exchange, transmit_failure(SCARDFFI_E_UNEXPECTED, 0));
    int64_t result = transmit_locked(card, exchange->command, length, exchange->response, exchange->capacity);
    platform_mutex_unlock(&card->mutex);
    return finish(exchange, result);
}

static int64_t run_flow(scardffi_exchange *exchange, uint64_t deadline)
{
    struct card_handle *card = flow_enter(&exchange->flow, exchange->manage);
    if (card == NULL)
        return finish(exchange, transmit_failure(SCARDFFI_E_UNEXPECTED, 0));
    int64_t result = flow_step(&exchange->flow, card, deadline);
    flow_leave(&exchange->flow, card, result == FLOW_MORE);
    return result == FLOW_MORE ? FLOW_MORE : finish(exchange, result);
}

static uint64_t deadline_after(uint32_t milliseconds)
{
    return platform_nanoseconds() + milliseconds * 1000000ull;
}

/* Send the first `length` bytes of the command, which has at least so many. If `milliseconds` is 0, there is no limit
 * of time. */
static int64_t send(scardffi_exchange *exchange, size_t length, uint32_t milliseconds)
{
    if (!platform_flag_take(&exchange->busy))
        return -(int64_t)SCARDFFI_E_UNEXPECTED;
    int64_t result;
    if (exchange->command == NULL) {
        result = -(int64_t)SCARDFFI_E_UNEXPECTED;
    } else if (exchange->flags == 0) {
        result = run_plain(exchange, length);
    } else {
        flow_begin(&exchange->flow, exchange->manage, exchange->flags, exchange->command, length, exchange->response,
                   exchange->capacity, exchange->limit);
        result = run_flow(exchange, milliseconds > 0 ? deadline_after(milliseconds) : FLOW_NO_DEADLINE);
        if (result == FLOW_MORE) {
            platform_atomic_store(&exchange->caller, platform_thread());
            return result;
        }
    }
    platform_flag_drop(&exchange->busy);
    return result;
}

int64_t exchange_send(scardffi_exchange *exchange)
{
    return send(exchange, exchange->command_length, 0);
}

int64_t exchange_send_part(scardffi_exchange *exchange, size_t length)
{
    if (length == 0 || length > exchange->command_length)
        return -(int64_t)SCARDFFI_E_INVALIDARG;
    return send(exchange, length, 0);
}

int64_t exchange_start(scardffi_exchange *exchange)
{
    return send(exchange, exchange->command_length, EXCHANGE_STEP);
}

int64_t exchange_start_part(scardffi_exchange *exchange, size_t length)
{
    if (length == 0 || length > exchange->command_length)
        return -(int64_t)SCARDFFI_E_INVALIDARG;
    return send(exchange, length, EXCHANGE_STEP);
}

int64_t exchange_step(scardffi_exchange *exchange)
{
    if (platform_atomic_load(&exchange->caller) != platform_thread())
        return -(int64_t)SCARDFFI_E_UNEXPECTED;
    int64_t result = run_flow(exchange, deadline_after(EXCHANGE_STEP));
    if (result != FLOW_MORE) {
        platform_atomic_store(&exchange->caller, 0);
        platform_flag_drop(&exchange->busy);
    }
    return result;
}

uint32_t exchange_end(scardffi_exchange *exchange)
{
    if (platform_atomic_load(&exchange->caller) != platform_thread())
        return 0;
    flow_end(&exchange->flow);
    uint32_t arrived = exchange_arrived(exchange);
    exchange->sw = 0;
    exchange->has_sw = false;
    platform_atomic_store(&exchange->caller, 0);
    platform_flag_drop(&exchange->busy);
    return arrived;
}

uint32_t exchange_sw(const scardffi_exchange *exchange)
{
    return exchange->sw;
}

bool exchange_has_sw(const scardffi_exchange *exchange)
{
    return exchange->has_sw;
}

uint32_t exchange_required(const scardffi_exchange *exchange)
{
    return exchange->required;
}

uint32_t exchange_arrived(const scardffi_exchange *exchange)
{
    return (uint32_t)exchange->flow.arrived;
}

uint32_t exchange_rest(const scardffi_exchange *exchange)
{
    return (uint32_t)exchange->flow.rest;
}

bool exchange_is_refused(const scardffi_exchange *exchange)
{
    return exchange->flow.is_refused;
}

bool exchange_close(scardffi_exchange *exchange)
{
    if (!platform_flag_take(&exchange->busy))
        return false;
    exchange->command = NULL;
    platform_flag_drop(&exchange->busy);
    return true;
}
