/* One exchange, by three ways. */
#include "exchange.h"

#include <stdlib.h>
#include <string.h>

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
    platform_flag busy; /* a call is under way */
};

static int64_t exchange_checked(scardffi_manage *manage, unsigned flow, const unsigned char *command,
                                size_t command_length, unsigned char *response, size_t capacity,
                                uint32_t *arrived)
{
    card_handle *card = manage_enter(manage);
    int64_t result;

    if (card == NULL)
        return exchange_failure(HR_UNEXPECTED, 0);
    if (flow == 0)
        result = transmit_locked(card, command, command_length, response, capacity);
    else
        result = flow_locked(card, flow, command, command_length, response, capacity, arrived);
    platform_mutex_unlock(&card->mutex);
    return result;
}

int64_t exchange_transmit(scardffi_manage *manage, unsigned flow, const unsigned char *command,
                          size_t command_length, unsigned char *response, size_t capacity, uint32_t *arrived)
{
    uint32_t refusal = transmit_check(command, command_length, response, capacity);

    if (refusal != HR_OK)
        return exchange_failure(refusal, 0);
    return exchange_checked(manage, flow, command, command_length, response, capacity, arrived);
}

int64_t exchange_plain(scardffi_manage *manage, const unsigned char *command, size_t command_length,
                       unsigned char *response, size_t capacity)
{
    return exchange_transmit(manage, 0, command, command_length, response, capacity, NULL);
}

exchange_slot *exchange_slot_new(scardffi_manage *manage)
{
    exchange_slot *slot = malloc(sizeof *slot);

    if (slot != NULL)
        slot->manage = manage;
    return slot;
}

void exchange_slot_free(exchange_slot *slot)
{
    free(slot);
}

const char *exchange_slot_response(const exchange_slot *slot)
{
    return (const char *)slot->response;
}

int64_t exchange_slot_send(exchange_slot *slot, const unsigned char *command, size_t command_length)
{
    return exchange_plain(slot->manage, command, command_length, slot->response, sizeof slot->response);
}

scardffi_exchange *exchange_new(scardffi_manage *manage, unsigned flow, const unsigned char *command, size_t command_length,
                       unsigned char *response, size_t capacity)
{
    scardffi_exchange *object = calloc(1, sizeof *object);

    if (object == NULL)
        return NULL;
    object->manage = manage;
    object->flow = flow;
    object->command = command;
    object->command_length = command_length;
    object->response = response;
    object->capacity = capacity;
    return object;
}

void exchange_free(scardffi_exchange *object)
{
    free(object);
}

/* The lengths were checked when the buffers were bound; `length` is not above them. */
static int64_t send(scardffi_exchange *object, size_t length)
{
    int64_t result;

    if (!platform_flag_take(&object->busy))
        return -(int64_t)HR_UNEXPECTED;
    if (object->command == NULL) {
        result = -(int64_t)HR_UNEXPECTED;
    } else {
        result = exchange_checked(object->manage, object->flow, object->command, length, object->response,
                                  object->capacity, &object->arrived);
        object->sw = result > 0 ? apdu_status_word(object->response, (size_t)result) : 0;
        if (result < 0) {
            object->required = (uint32_t)((uint64_t)-result >> 32);
            result = -(int64_t)((uint64_t)-result & 0xFFFFFFFFu);
        }
    }
    platform_flag_drop(&object->busy);
    return result;
}

int64_t exchange_send(scardffi_exchange *object)
{
    return send(object, object->command_length);
}

int64_t exchange_send_part(scardffi_exchange *object, size_t length)
{
    if (length == 0 || length > object->command_length)
        return -(int64_t)HR_INVALIDARG;
    return send(object, length);
}

uint32_t exchange_sw(const scardffi_exchange *object)
{
    return object->sw;
}

uint32_t exchange_required(const scardffi_exchange *object)
{
    return object->required;
}

uint32_t exchange_arrived(const scardffi_exchange *object)
{
    return object->arrived;
}

int exchange_close(scardffi_exchange *object)
{
    if (!platform_flag_take(&object->busy))
        return 0;
    object->command = NULL;
    platform_flag_drop(&object->busy);
    return 1;
}
