/* Card emulators behind a socket, with the framing of vpcd: 2 bytes of length, big-endian, and the message. */
#ifndef SCARDFFI_VIRTUAL_EMULATOR_H
#define SCARDFFI_VIRTUAL_EMULATOR_H

#include "world.h"

/* Called with the world's mutex held. The port is one of 127.0.0.1. */

/* Emulators connect, one at a time; false where the port cannot be had. */
bool listen_for_emulators(const struct reader *reader, uint16_t port);

/* Connect to an emulator that listens, once. SCARD_E_NO_SMARTCARD: none is there, and the reader stays empty;
 * SCARD_E_NO_MEMORY, for a thread too. */
LONG connect_to_emulator(const struct reader *reader, uint16_t port);

void forget_emulators(void); /* in the child of a fork: the sockets are the parent's */

#endif
