/* The manage object in C: attach, detach, reconnect, lock, unlock, status and the rest of what one does with
 * an attached card, each answering an HRESULT.
 *
 * Every function may be called from any thread. A code 0x8010xxxx of the resource manager is an HRESULT
 * already and passes through; another positive code becomes HRESULT_FROM_WIN32. A detached object, an object
 * that is attached already, and an object inherited over a fork answer HR_UNEXPECTED.
 */
#ifndef SCARDFFI_MANAGE_H
#define SCARDFFI_MANAGE_H

#include "card_handle.h"

#define HR_OK 0u
#define HR_POINTER 0x80004003u
#define HR_UNEXPECTED 0x8000FFFFu
#define HR_OUTOFMEMORY 0x8007000Eu
#define HR_INVALIDARG 0x80070057u


/* [declarations] that Python sees */

uint32_t manage_new(const scardffi_library *api, scardffi_manage **manage);
/* Free the object; an attached handle is forgotten and left as it is. Never blocks, never calls PC/SC. */
void manage_free(scardffi_manage *manage);

/* `owned`: detach shall disconnect the handle. `share_mode`: 0 where it is not known. `said` receives what the
 * resource manager answered, 0 where it was not the one to refuse. */
uint32_t manage_attach_by_handle(scardffi_manage *manage, SCARDHANDLE handle, int owned, uint32_t share_mode,
                                 uint32_t *said);
/* Connect on a native context of the attachment's own. */
uint32_t manage_attach_by_ifd(scardffi_manage *manage, uint32_t scope, const char *reader, uint32_t share_mode,
                              uint32_t protocols);
/* A borrowed handle stays open; transactions begun here and not ended are ended. Once the disposition is
 * accepted the object is detached, whatever the resource manager answers. */
uint32_t manage_detach(scardffi_manage *manage, uint32_t disposition);
/* `share_mode` 0: the one of the attachment, HR_INVALIDARG where that is not known. */
uint32_t manage_reconnect(scardffi_manage *manage, uint32_t share_mode, uint32_t protocols,
                          uint32_t initialization);
uint32_t manage_lock(scardffi_manage *manage);
uint32_t manage_unlock(scardffi_manage *manage, uint32_t disposition);
/* Whether a lock would have to wait: SCARD_E_SHARING_VIOLATION; HR_OK where not. Never waits itself. */
uint32_t manage_probe(scardffi_manage *manage);
/* State as the platform says it, without the event counter; `reader` and `atr` may be NULL, else their
 * lengths go in as capacities and come out as lengths. */
uint32_t manage_status(scardffi_manage *manage, uint32_t *state, uint32_t *protocol, char *reader,
                       uint32_t *reader_length, unsigned char *atr, uint32_t *atr_length);
uint32_t manage_control(scardffi_manage *manage, uint32_t control_code, const unsigned char *command,
                        size_t command_length, unsigned char *response, size_t capacity, uint32_t *received);
uint32_t manage_get_attribute(scardffi_manage *manage, uint32_t attribute, unsigned char *value,
                              uint32_t *length);
uint32_t manage_set_attribute(scardffi_manage *manage, uint32_t attribute, const unsigned char *value,
                              size_t length);

/* Without waiting for anything: whether it is attached, and then the handle; whether detach disconnects; whether
 * it has more to do than to forget the handle; whether this process is a fork of the one that made the object. */
int manage_handle(const scardffi_manage *manage, SCARDHANDLE *handle);
int manage_is_owned(const scardffi_manage *manage);
int manage_needs_detach(const scardffi_manage *manage);
int manage_is_forked(const scardffi_manage *manage);

/* [end] */

/* For the core's own use: the handle, locked, or NULL where HR_UNEXPECTED is the answer; and its end, which
 * turns the resource manager's code into an HRESULT. */
card_handle *manage_enter(scardffi_manage *manage);
uint32_t manage_leave(card_handle *card, uint32_t code);
uint32_t manage_hresult(uint32_t code);
/* Make sure that card->protocol is known. */
uint32_t manage_learn_protocol(card_handle *card);

#endif
