/* Cards that are emulators behind a socket, with the framing of vpcd (the reader driver of the project vsmartcard): a
 * message's length in 2 bytes, big-endian, and the message. */
#ifndef SCARDFFI_VIRTUAL_VPCD_H
#define SCARDFFI_VIRTUAL_VPCD_H

#include "resource_manager.h"

/* These are called with the mutex held. The ports are those of 127.0.0.1. */

/* Let emulators connect, one at a time. Returns SCARD_E_SHARING_VIOLATION if the port is not available, and
 * SCARD_E_NO_MEMORY if there is no memory, socket or thread. */
LONG vpcd_listen(const struct reader *reader, uint16_t port);

/* Connect once to an emulator that listens. If it sends codes, an empty message means that the command failed, and the
 * next message is a PC/SC return code: 4 bytes, big-endian. vpcd has no message for a failure. Returns
 * SCARD_E_NO_SMARTCARD if no emulator answers (the reader stays empty), and SCARD_E_NO_MEMORY if there is no memory,
 * socket or thread. */
LONG vpcd_connect(const struct reader *reader, uint16_t port, bool sends_codes);

void vpcd_forget_readers(void); /* after a failed initialization: the next one takes over the ports that listen */

void vpcd_close_after_fork(void); /* in the child: the connections belong to the parent */

#endif
