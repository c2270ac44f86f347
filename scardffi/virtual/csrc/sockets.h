/* TCP on 127.0.0.1, as far as the emulators need it, on every platform. */
#ifndef SCARDFFI_VIRTUAL_SOCKETS_H
#define SCARDFFI_VIRTUAL_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef intptr_t socket_number;
#define NO_SOCKET ((socket_number)-1)

/* Each answers a socket, or NO_SOCKET. No program that is started meanwhile inherits it. */
socket_number socket_listen(uint16_t port);
socket_number socket_connect(uint16_t port, bool *refused); /* *refused: nobody listens there */
socket_number socket_accept(socket_number listener);        /* waits for one; NO_SOCKET: there is no use in waiting */
socket_number socket_duplicate(socket_number connection);

/* Without `more` everything leaves at once. At most 64 KiB. */
bool socket_send(socket_number connection, const unsigned char *bytes, size_t length, bool more);

/* Until the deadline, without one (NULL) as long as it takes. */
bool socket_receive(socket_number connection, unsigned char *bytes, size_t length, const struct timespec *deadline);

void socket_wait_for_hangup(socket_number connection); /* takes nothing of what arrives */
void socket_hang_up(socket_number connection);         /* whoever waits at it, on either side, is told */
void socket_close(socket_number number);               /* NO_SOCKET is nothing */

#endif
