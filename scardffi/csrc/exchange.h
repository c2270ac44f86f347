/* One exchange, in three ways: with the caller's memory; with a receive buffer that the core owns; and as an exchange
 * object that keeps both buffers. transmit.h describes the result of an exchange. */
#ifndef SCARDFFI_EXCHANGE_H
#define SCARDFFI_EXCHANGE_H

#include "flow.h"

/* [declarations] that Python sees */

/* If a continuation fails, `*arrived` is the number of data bytes in `response`. */
int64_t exchange_transmit(scardffi_manage *manage, unsigned flow, const unsigned char *command, size_t command_length,
                          unsigned char *response, size_t capacity, uint32_t *arrived);
/* The same without continuations. */
int64_t exchange_plain(scardffi_manage *manage, const unsigned char *command, size_t command_length,
                       unsigned char *response, size_t capacity);

/* A receive buffer of the core that is large enough for every response, with the manage object to send by. Only one
 * call at a time can use it. */
struct exchange_slot;
struct exchange_slot *exchange_slot_new(scardffi_manage *manage); /* NULL if memory is exhausted */
void exchange_slot_free(struct exchange_slot *slot);
const char *exchange_slot_response(const struct exchange_slot *slot);
int64_t exchange_slot_send(struct exchange_slot *slot, const unsigned char *command, size_t command_length);

/* An exchange object. The caller keeps the buffers in place until exchange_close. If a second thread uses it during a
 * call, that thread gets SCARDFFI_E_UNEXPECTED and nothing is sent. */
scardffi_exchange *exchange_new(scardffi_manage *manage, unsigned flow, const unsigned char *command,
                                size_t command_length, unsigned char *response,
                                size_t capacity); /* NULL if memory is exhausted */
void exchange_free(scardffi_exchange *exchange);
/* Return the length of the response, or minus the HRESULT. exchange_required and exchange_arrived return the
 * other parts of a failure. */
int64_t exchange_send(scardffi_exchange *exchange);
/* Send only the first `length` bytes of the command buffer. */
int64_t exchange_send_part(scardffi_exchange *exchange, size_t length);
/* The status word of the last response; 0 if there is none. */
uint32_t exchange_sw(const scardffi_exchange *exchange);
uint32_t exchange_required(const scardffi_exchange *exchange);
uint32_t exchange_arrived(const scardffi_exchange *exchange);
/* Make every later use return SCARDFFI_E_UNEXPECTED. Returns false, and does nothing, during a call. */
bool exchange_close(scardffi_exchange *exchange);

/* [end] */

#endif
