/* TCP sockets on 127.0.0.1, as vpcd.c needs them, for every platform. */
#ifndef SCARDFFI_VIRTUAL_SOCKETS_H
#define SCARDFFI_VIRTUAL_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef intptr_t socket_number;
#define NO_SOCKET ((socket_number) - 1)

/* Each of these returns a socket or NO_SOCKET. Processes started by the program do not inherit it. */
socket_number socket_listen(uint16_t port, bool *refused);  /* *refused: the port is not available */
socket_number socket_connect(uint16_t port, bool *refused); /* *refused: no program listens at the port */
socket_number socket_accept(socket_number listener);        /* waits, also for a free descriptor; NO_SOCKET: no further
                                                               connection can come */
socket_number socket_duplicate(socket_number connection);

/* If `more` is true, the system may send the bytes together with the next ones. `length` is at most 64 KiB. */
bool socket_send(socket_number connection, const unsigned char *bytes, size_t length, bool more);

/* Receive exactly `length` bytes until the deadline; if that is NULL, without a time limit. */
bool socket_receive(socket_number connection, unsigned char *bytes, size_t length, const struct timespec *deadline);

void socket_wait_for_hangup(socket_number connection); /* reads nothing that arrives */
void socket_hang_up(socket_number connection);         /* ends the waits on both sides of the connection */
void socket_close(socket_number number);               /* NO_SOCKET is ignored */

#endif
