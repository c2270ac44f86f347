/* Access to a reader and its card: waiting for transactions, running commands and resets. */
#ifndef SCARDFFI_VIRTUAL_CARD_ACCESS_H
#define SCARDFFI_VIRTUAL_CARD_ACCESS_H

#include "resource_manager.h"

/* All functions except the last two are called with the mutex held.
 *
 * The waits have no time limit. A handle may be closed during a wait, so each wait looks its number up again and
 * returns SCARD_S_SUCCESS with the handle, or the code of handle_find_usable. A card that calls PC/SC during its own
 * command cannot wait for that command, so the call returns SCARD_E_SHARING_VIOLATION.
 *
 * The first function waits until no other handle has a transaction, the second also until no command runs. */
LONG handle_wait_for_transaction(SCARDHANDLE number, struct handle **handle);
LONG handle_wait_for_card(SCARDHANDLE number, struct handle **handle);

/* Wait until no command of this handle runs, so that it can be closed. Returns PCSC_NO_SUCH_HANDLE if it was closed
 * meanwhile. */
LONG handle_wait_for_own_command(SCARDHANDLE number, struct handle **handle);

/* Wait for the next change at the reader. Returns SCARD_E_SHARING_VIOLATION if the calling thread makes it busy. */
LONG reader_wait(struct reader *reader);

/* Returns SCARD_E_SHARING_VIOLATION if another handle holds a transaction. */
LONG handle_check_transaction(const struct handle *handle);

/* After a reset or removal of the card, returns SCARD_W_RESET_CARD or SCARD_W_REMOVED_CARD until the handle
 * reconnects. */
LONG handle_check_card_event(const struct handle *handle);

/* If the service stops during a call, the connection of the call breaks: return SCARD_F_COMM_ERROR in place of
 * SCARD_E_NO_SERVICE. */
LONG code_if_stopped_during_call(LONG code);

/* True for the dispositions that reset the card. */
bool disposition_resets_card(DWORD disposition);

/* Reset the card, or power it down if not `powered`. Each handle of the reader gets SCARD_W_RESET_CARD, and the
 * protocol is negotiated again. The reader must not be busy. `handle`, or NULL, is the handle that asks for the reset:
 * it is not closed before the reset ends. The mutex is unlocked during the reset. */
void reader_reset_card(struct reader *reader, struct handle *handle, bool powered);

/* Make the reader busy until reader_end_use, for a handle or for no handle (NULL). Meanwhile the mutex may be unlocked.
 * reader_end_use returns false if the card was removed or exchanged meanwhile. */
void reader_begin_use(struct reader *reader, struct handle *handle);
bool reader_end_use(struct reader *reader);

/* Remove a running card, unless it was removed already. */
void card_remove_itself(struct card *card);

/* Wait for this time. A running card calls this, without the mutex. Returns false at once if the card is removed, the
 * reader is unplugged or the service stops. */
bool card_pause(struct card *card, uint64_t microseconds);

#endif
