/* One exchange, in two ways: with buffers of this call, and as an exchange object that keeps both buffers. transmit.h
 * describes the result of an exchange. */
#ifndef SCARDFFI_EXCHANGE_H
#define SCARDFFI_EXCHANGE_H

#include "flow.h"

/* [declarations] that Python sees */

/* Without the optional steps of flow.h. */
int64_t exchange_plain(scardffi_manage *manage, const unsigned char *command, size_t command_length,
                       unsigned char *response, size_t capacity);

/* An exchange object. The caller keeps the buffers in place until exchange_close. If a second thread uses it during a
 * call, that thread gets SCARDFFI_E_UNEXPECTED and nothing is sent. Returns NULL if memory is exhausted. */
scardffi_exchange *exchange_new(scardffi_manage *manage, unsigned flow, const unsigned char *command,
                                size_t command_length, unsigned char *response, size_t capacity);
/* Request no part of a continued response that would make it longer than this; by default the capacity. */
void exchange_limit(scardffi_exchange *exchange, size_t limit);
void exchange_free(scardffi_exchange *exchange);
/* Return the length of the response, or minus the HRESULT. exchange_required and exchange_arrived return the
 * other parts of a failure. */
int64_t exchange_send(scardffi_exchange *exchange);
/* Send only the first `length` bytes of the command buffer. */
int64_t exchange_send_part(scardffi_exchange *exchange, size_t length);
/* The same in steps, so that the caller can handle signals. A call with a flow may return FLOW_MORE after about 50 ms.
 * The same thread then goes on with exchange_step, or gives up the call by exchange_end. exchange_end returns the
 * number of data bytes that arrived; it does nothing and returns 0 if no call of this thread is between two steps. */
int64_t exchange_start(scardffi_exchange *exchange);
int64_t exchange_start_part(scardffi_exchange *exchange, size_t length);
int64_t exchange_step(scardffi_exchange *exchange);
uint32_t exchange_end(scardffi_exchange *exchange);
/* The status word of the last response; 0 if there is none. exchange_has_sw is false after a response without status
 * word and after a failure. */
uint32_t exchange_sw(const scardffi_exchange *exchange);
bool exchange_has_sw(const scardffi_exchange *exchange);
/* After a failure: the length that the response needs, 0 if it is not known; the number of data bytes that arrived
 * before the failure, at the start of the response; and the number of bytes after them that are no data. */
uint32_t exchange_required(const scardffi_exchange *exchange);
uint32_t exchange_arrived(const scardffi_exchange *exchange);
uint32_t exchange_rest(const scardffi_exchange *exchange);
/* True if SCARD_E_INSUFFICIENT_BUFFER means that the next part was not requested, false if the library returned
 * the code. */
bool exchange_is_refused(const scardffi_exchange *exchange);
/* Make every later use return SCARDFFI_E_UNEXPECTED. Returns false, and does nothing, during a call. */
bool exchange_close(scardffi_exchange *exchange);

/* [end] */

#endif
