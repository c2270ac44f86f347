/* The manage object in C: attach, detach, reconnect, lock, unlock, status and the other calls on an attached card.
 *
 * Every function may be called from any thread and returns an HRESULT. A code 0x8010xxxx of the resource manager is an
 * HRESULT already and is returned unchanged; any other positive code becomes HRESULT_FROM_WIN32. A function returns
 * SCARDFFI_E_UNEXPECTED if the object is detached, if it is attached already and the function attaches, or if it was
 * inherited by a fork.
 */
#ifndef SCARDFFI_MANAGE_H
#define SCARDFFI_MANAGE_H

#include "card_handle.h"

/* [declarations] that Python sees */

uint32_t manage_new(const scardffi_library *library, scardffi_manage **manage);
/* The same, but returns the object; NULL if memory is exhausted. */
scardffi_manage *manage_create(const scardffi_library *library);
/* Free the object. The handle of an attached object stays open. Never blocks and never calls PC/SC. */
void manage_free(scardffi_manage *manage);
/* Detach, unless manage_abandon was called, and free the object. */
void manage_close(scardffi_manage *manage);
/* Let manage_close leave the handle open: another thread will detach, or the process ends. */
void manage_abandon(scardffi_manage *manage);

/* If `owned` is not 0, manage_detach disconnects the handle. `share_mode` is 0 if it is unknown. `*code` is set to the
 * resource manager's return code if it refuses the handle, otherwise to 0. */
uint32_t manage_attach_by_handle(scardffi_manage *manage, SCARDHANDLE handle, int owned, uint32_t share_mode,
                                 uint32_t *code);
uint32_t manage_attach_by_handle_recorded(scardffi_manage *manage, SCARDHANDLE handle, int owned, uint32_t share_mode,
                                          uint32_t *code, uint64_t *attachment);
/* Connect on a native context that belongs to this attachment. */
uint32_t manage_attach_by_ifd(scardffi_manage *manage, uint32_t scope, const char *reader, uint32_t share_mode,
                              uint32_t protocols);
uint32_t manage_attach_by_ifd_recorded(scardffi_manage *manage, uint32_t scope, const char *reader, uint32_t share_mode,
                                       uint32_t protocols, uint64_t *attachment);
/* End this attachment, if it is still the present one, as if it had never begun: only what the attach opened is closed.
 * No effect if `attachment` is 0. */
void manage_undo_attach(scardffi_manage *manage, uint64_t attachment);
/* End the transactions that were begun here, and disconnect an owned handle. If the disposition is valid, the object is
 * detached afterwards, even if the resource manager returns an error. */
uint32_t manage_detach(scardffi_manage *manage, uint32_t disposition);
/* For a call of manage_attach_by_ifd, manage_reconnect or manage_lock that is running in another thread, and for whose
 * end nobody waits any longer. From now on the object counts as detached, and every function returns
 * SCARDFFI_E_UNEXPECTED without waiting. After the call has returned, manage_end_given_up must be called: it detaches,
 * and the object can be used again. A second call of either has no effect. */
void manage_give_up(scardffi_manage *manage);
void manage_end_given_up(scardffi_manage *manage);
/* If `share_mode` is 0, the share mode of the attachment is used; if that is unknown, SCARDFFI_E_INVALIDARG is
 * returned. */
uint32_t manage_reconnect(scardffi_manage *manage, uint32_t share_mode, uint32_t protocols, uint32_t initialization);
uint32_t manage_lock(scardffi_manage *manage);
uint32_t manage_lock_recorded(scardffi_manage *manage, uint64_t *attachment);
/* End one transaction of this attachment, if it is still the present one. No effect if `attachment` is 0. */
void manage_undo_lock(scardffi_manage *manage, uint64_t attachment);
uint32_t manage_unlock(scardffi_manage *manage, uint32_t disposition);
/* Return SCARD_E_SHARING_VIOLATION if manage_lock would have to wait, otherwise SCARDFFI_OK. Does not wait. */
uint32_t manage_probe(scardffi_manage *manage);
/* `*state` has the bits of pcsc-lite on every platform, without an event counter. `reader` and `atr` may be NULL. If
 * they are not NULL, set the length of each to its capacity; the call changes it to the real length. */
uint32_t manage_status(scardffi_manage *manage, uint32_t *state, uint32_t *protocol, char *reader,
                       uint32_t *reader_length, unsigned char *atr, uint32_t *atr_length);
/* manage_status with the results of pcsc_status. */
uint32_t manage_packed_status(scardffi_manage *manage, char *memory, size_t size);
uint32_t manage_control(scardffi_manage *manage, uint32_t control_code, const unsigned char *command,
                        size_t command_length, unsigned char *response, size_t capacity, uint32_t *received);
uint32_t manage_get_attribute(scardffi_manage *manage, uint32_t attribute, unsigned char *value, uint32_t *length);
uint32_t manage_set_attribute(scardffi_manage *manage, uint32_t attribute, const unsigned char *value, size_t length);

/* These never wait. manage_handle returns 1 and the handle, or 0 if the object is not attached. */
int manage_handle(const scardffi_manage *manage, SCARDHANDLE *handle);
bool manage_is_owned(const scardffi_manage *manage);
/* True if manage_detach calls PC/SC: it disconnects the handle, or ends transactions. */
bool manage_needs_detach(const scardffi_manage *manage);
/* True if the object was attached to a handle that another object closed, or whose number belongs to another connection
 * now. */
bool manage_is_stale(const scardffi_manage *manage);
/* True between manage_give_up and manage_end_given_up. */
bool manage_is_given_up(const scardffi_manage *manage);
/* True if this process is a fork of the process that created the object. */
bool manage_is_forked(const scardffi_manage *manage);

/* A transaction that ends with this struct at the latest. It keeps the manage object in memory. */
struct transaction;
struct transaction *transaction_new(scardffi_manage *manage); /* NULL if memory is exhausted */
/* End the transaction if it was begun and not ended, and free the struct. This may wait. */
void transaction_free(struct transaction *transaction);
uint32_t transaction_begin(struct transaction *transaction);
uint32_t transaction_end(struct transaction *transaction);
/* End the transaction only if it was begun and not ended. */
void transaction_cancel(struct transaction *transaction);
/* Return the number of the attachment that holds the transaction; 0 if it is not held. */
uint64_t transaction_attachment(const struct transaction *transaction);
/* Ask for the card's status if this attachment, or any if it is 0, holds a transaction, and return whether it does. */
bool manage_keep_alive(scardffi_manage *manage, uint64_t attachment);

/* [end] */

/* For the other files of the core: lock and return the handle of an attached object; NULL if it cannot be used. */
struct card_handle *manage_enter(scardffi_manage *manage);
/* The same for a step of `flow`. Does not wait if this flow keeps its turn. */
struct card_handle *manage_enter_turn(scardffi_manage *manage, const struct flow *flow);
/* True while manage_detach waits for a running call. Calls of several commands end then. */
bool manage_is_detaching(const scardffi_manage *manage);
/* Wait until manage_detach has ended. No lock of a card handle is held. */
void manage_wait_for_detach(scardffi_manage *manage);
/* Unlock the handle, and convert the resource manager's code. */
uint32_t manage_leave(struct card_handle *card, uint32_t code);
uint32_t manage_hresult(uint32_t code);
/* Ask for card->protocol if it is unknown. Returns the resource manager's code. */
uint32_t manage_learn_protocol(struct card_handle *card);

#endif
