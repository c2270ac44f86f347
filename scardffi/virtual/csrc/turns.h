/* Who may use a reader now, and what a reset does to the others. Called with the world's mutex held. */
#ifndef SCARDFFI_VIRTUAL_TURNS_H
#define SCARDFFI_VIRTUAL_TURNS_H

#include "world.h"

/* Each waits without bound and finds the handle anew after each wait, since it may be closed meanwhile:
 * SCARD_S_SUCCESS with the handle, or SCARD_E_INVALID_HANDLE. */
LONG wait_for_reader(SCARDHANDLE number, struct handle **handle); /* no other handle's transaction */
LONG wait_for_card(SCARDHANDLE number, struct handle **handle);   /* and no command running */
LONG wait_for_own_command(SCARDHANDLE number, struct handle **handle); /* this handle's command has ended */

/* SCARD_E_SHARING_VIOLATION while another handle holds a transaction, for the calls that do not wait. */
LONG refuse_during_transaction(const struct handle *handle);

/* SCARD_W_RESET_CARD until this handle reconnects after somebody's reset. */
LONG refuse_after_reset(const struct handle *handle);

/* Each handle of the reader is told, the one that asked for it too; nothing is negotiated any more. */
void reset_card(struct reader *reader, bool powered);

#endif
