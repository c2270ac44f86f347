/* One exchange by three ways: into the caller's memory; into a slot of the core's own; and on an exchange object
 * with both buffers bound beforehand. What they answer stands in transmit.h. */
#ifndef SCARDFFI_EXCHANGE_H
#define SCARDFFI_EXCHANGE_H

#include "flow.h"

/* [declarations] that Python sees */

/* `arrived` receives how many bytes of data lie in `response` when a continuation fails. */
int64_t exchange_transmit(scardffi_manage *manage, unsigned flow, const unsigned char *command,
                          size_t command_length, unsigned char *response, size_t capacity, uint32_t *arrived);
/* The same without continuations. */
int64_t exchange_plain(scardffi_manage *manage, const unsigned char *command, size_t command_length,
                       unsigned char *response, size_t capacity);

/* A receive buffer of the core's own, large enough for every response, bound to a manage object: with it an
 * exchange takes few arguments. It serves one call at a time. */
typedef struct exchange_slot exchange_slot;
exchange_slot *exchange_slot_new(scardffi_manage *manage); /* NULL where memory is out */
void exchange_slot_free(exchange_slot *slot);
const char *exchange_slot_response(const exchange_slot *slot);
int64_t exchange_slot_send(exchange_slot *slot, const unsigned char *command, size_t command_length);

/* An exchange with everything bound beforehand. The buffers are the caller's, who keeps them in place until
 * exchange_close. It serves one thread at a time: a second one gets HR_UNEXPECTED before anything is sent. */
scardffi_exchange *exchange_new(scardffi_manage *manage, unsigned flow, const unsigned char *command, size_t command_length,
                       unsigned char *response, size_t capacity); /* NULL where memory is out */
void exchange_free(scardffi_exchange *exchange);
/* The length of the response, or the negated HRESULT alone; exchange_required and exchange_arrived tell more. */
int64_t exchange_send(scardffi_exchange *exchange);
/* The first `length` bytes of the command buffer. */
int64_t exchange_send_part(scardffi_exchange *exchange, size_t length);
/* The status word of the last response, 0 while there is none. */
uint32_t exchange_sw(const scardffi_exchange *exchange);
uint32_t exchange_required(const scardffi_exchange *exchange);
uint32_t exchange_arrived(const scardffi_exchange *exchange);
/* From now on every use answers HR_UNEXPECTED. 0 where a call is under way: then nothing was done. */
int exchange_close(scardffi_exchange *exchange);

/* [end] */

#endif
