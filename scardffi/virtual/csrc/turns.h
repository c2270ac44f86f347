/* Who may use a reader or its card now. */
#ifndef SCARDFFI_VIRTUAL_TURNS_H
#define SCARDFFI_VIRTUAL_TURNS_H

#include "world.h"

/* These are called with the world's mutex held. Each wait has no bound and finds the handle anew afterwards,
 * since it may be closed meanwhile: SCARD_S_SUCCESS with the handle, or what find_usable_handle says. What a card
 * does from inside its own command cannot wait for that command: SCARD_E_SHARING_VIOLATION. */
LONG wait_for_reader(SCARDHANDLE number, struct handle **handle); /* no other handle's transaction */
LONG wait_for_card(SCARDHANDLE number, struct handle **handle);   /* and no command running */

/* Wait for the next change at the reader, but not for oneself: SCARD_E_SHARING_VIOLATION. */
LONG wait_for_turn(struct reader *reader);

/* For closing: nothing of this handle's is running any more; PCSC_NO_SUCH_HANDLE: it was closed meanwhile. */
LONG wait_for_own_command(SCARDHANDLE number, struct handle **handle);

/* What is said where the service has stopped in the middle of a call: the connection to it broke. */
LONG code_after_wait(LONG code);

/* SCARD_E_SHARING_VIOLATION while another handle holds a transaction, for the calls that do not wait. */
LONG refuse_during_transaction(const struct handle *handle);

/* SCARD_W_RESET_CARD or SCARD_W_REMOVED_CARD until this handle reconnects after either. */
LONG refuse_after_event(const struct handle *handle);

/* Reset the card or switch it off: each handle of the reader is told, nothing is negotiated any more. The reader
 * may not be busy; for whom it is done is kept from being closed. The mutex is given up meanwhile. */
void reset_card(struct reader *reader, struct handle *runner, bool powered);

/* Between the two the reader is busy for a handle, and the mutex may be given up. The second tells whether the
 * same card, or none as before, is in the reader. */
void begin_run(struct reader *reader, struct handle *runner);
bool end_run(struct reader *reader);

/* Called without the mutex, while the card works: wait so long; false where it is taken out meanwhile, or nobody
 * waits for its answer any more. */
bool pause_card(struct card *card, uint64_t microseconds);

#endif
