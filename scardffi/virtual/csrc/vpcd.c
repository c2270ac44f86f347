/* A card emulator is a card as long as its connection lasts. Each port has a thread that removes the card when the
 * connection ends. If emulators connect to the port, the thread inserts their cards too. */
#if !defined(_WIN32)
#  define _POSIX_C_SOURCE 200809L /* sigfillset, pthread_sigmask */
#endif
#include "vpcd.h"

#if !defined(_WIN32)
#  include <signal.h>
#endif
#include <stdlib.h>
#include <string.h>

#include "card_access.h"
#include "deadline.h"
#include "sockets.h"

enum { POWER_ON = 1, RESET = 2, GET_ATR = 4 }; /* messages of 1 byte; only GET_ATR has a response */
enum { MAX_MESSAGE_SIZE = 65535, MESSAGE_SECONDS = 5 };

/* A port of a reader. It is never freed, but it may be used again. */
struct vpcd_port {
    struct vpcd_port *next;
    char reader[MAX_READERNAME];    /* "": no reader has it */
    uint16_t number;                /* at which it listens */
    socket_number listener;         /* NO_SOCKET: the reader connects, once */
    socket_number connection;       /* to the emulator, until its card is released; NO_SOCKET: there is none */
    socket_number watched;          /* a duplicate that the thread owns, or NO_SOCKET */
    bool sends_codes;               /* the emulator: see vpcd_connect */
    unsigned long insertion_number; /* the reader's when the emulator was inserted */
};

struct vpcd_card {
    struct card card; /* the first member, so that a pointer to it points to the whole struct */
    socket_number connection;
    struct vpcd_port *port;
};

static struct vpcd_port *ports;

/* Messages */

/* Send the length together with the message: if the length arrives first, TCP may delay its acknowledgement. */
static bool send_message(socket_number connection, const unsigned char *message, size_t length)
{
    const unsigned char header[] = {(unsigned char)(length >> 8), (unsigned char)length};
    return socket_send(connection, header, sizeof header, true) && socket_send(connection, message, length, false);
}

static bool send_control_message(socket_number connection, unsigned char type)
{
    return send_message(connection, &type, 1);
}

/* Read a whole message, and keep it only if it fits. Returns its length, or -1. */
static int64_t receive_message(socket_number connection, unsigned char *message, size_t room,
                               const struct timespec *deadline)
{
    unsigned char header[2], discarded[256];
    if (!socket_receive(connection, header, sizeof header, deadline))
        return -1;
    size_t length = (size_t)header[0] << 8 | header[1];
    if (length <= room)
        return socket_receive(connection, message, length, deadline) ? (int64_t)length : -1;
    for (size_t left = length; left > 0;) {
        size_t part = left < sizeof discarded ? left : sizeof discarded;
        if (!socket_receive(connection, discarded, part, deadline))
            return -1;
        left -= part;
    }
    return (int64_t)length;
}

/* The card */

/* Receive what follows an empty message, see vpcd_connect. */
static int64_t receive_code(struct card *card, unsigned char *response, size_t room)
{
    const struct timespec deadline = deadline_after(MESSAGE_SECONDS * UINT64_C(1000000));
    unsigned char bytes[4];
    socket_number connection = ((struct vpcd_card *)card)->connection;
    uint32_t code = 0;
    if (receive_message(connection, bytes, sizeof bytes, &deadline) != sizeof bytes)
        return -(int64_t)SCARD_F_COMM_ERROR;
    for (unsigned i = 0; i < sizeof bytes; i++)
        code = code << 8 | bytes[i];
    if (code == SCARD_S_SUCCESS) {
        int64_t length = receive_message(connection, response, room, &deadline);
        card->leaves = length > 0;
        return length > 0 ? length : -(int64_t)SCARD_F_COMM_ERROR;
    }
    if (code == (uint32_t)SCARD_E_NO_SMARTCARD || code == (uint32_t)SCARD_W_REMOVED_CARD)
        card_remove_itself(card);
    return -(int64_t)code;
}

/* A command of 1 byte would be a control message, and the length of a command above 65 535 bytes does not fit into
 * 2 bytes. */
static int64_t transmit(struct card *card, const unsigned char *command, size_t length, unsigned char *response,
                        size_t room)
{
    socket_number connection = ((struct vpcd_card *)card)->connection;
    if (length < 2 || length > MAX_MESSAGE_SIZE)
        return -(int64_t)SCARD_E_NOT_TRANSACTED;
    int64_t received = -1;
    if (send_message(connection, command, length))
        received = receive_message(connection, response, room, NULL);
    if (received == 0 && ((struct vpcd_card *)card)->port->sends_codes)
        return receive_code(card, response, room);
    if (received >= 0)
        return received;
    socket_hang_up(connection); /* the thread removes the card */
    return -(int64_t)SCARD_E_NO_SMARTCARD;
}

static void reset(struct card *card)
{
    send_control_message(((struct vpcd_card *)card)->connection, RESET);
}

static void removed(struct card *card)
{
    socket_hang_up(((struct vpcd_card *)card)->connection);
}

static void release(struct card *card)
{
    const struct vpcd_card *self = (const struct vpcd_card *)card;
    if (self->port->connection == self->connection)
        self->port->connection = NO_SOCKET;
    socket_close(self->connection);
    free(card);
}

/* An emulator that sends codes answers or hangs up; before it answers, it ends a running command of another program. */
static bool request_atr(struct card *card)
{
    const struct vpcd_card *self = (const struct vpcd_card *)card;
    const struct timespec deadline = deadline_after(MESSAGE_SECONDS * UINT64_C(1000000));
    unsigned char atr[MAX_ATR_SIZE];
    if (!send_control_message(self->connection, POWER_ON) || !send_control_message(self->connection, GET_ATR))
        return false;
    int64_t length = receive_message(self->connection, atr, sizeof atr, self->port->sends_codes ? NULL : &deadline);
    return length >= 0 && card_set_atr(card, atr, (size_t)length);
}

/* Make a card that owns the port's connection, without an ATR yet. Returns NULL, with the connection closed, if memory
 * runs out. */
static struct card *new_card(struct vpcd_port *port)
{
    struct vpcd_card *self = card_new(sizeof *self, NULL, 0);
    if (self == NULL) {
        socket_close(port->connection);
        port->connection = NO_SOCKET;
        return NULL;
    }
    self->port = port;
    self->connection = port->connection;
    self->card.transmit = transmit;
    self->card.reset = reset;
    self->card.removed = removed;
    self->card.release = release;
    return &self->card;
}

/* Connections and threads */

/* Called with the mutex held. Releases the card if it has no ATR or cannot be inserted. Then it returns
 * SCARD_E_NO_MEMORY if there was no descriptor, otherwise SCARD_E_NO_SMARTCARD. */
static LONG insert_or_release(struct vpcd_port *port, struct card *card, bool has_atr)
{
    struct reader *reader = reader_find(port->reader);
    socket_number watched = socket_duplicate(port->connection);
    if (!has_atr || watched == NO_SOCKET || reader == NULL || reader_insert_card(reader, card) != SCARD_S_SUCCESS) {
        socket_close(watched);
        card->release(card);
        return watched == NO_SOCKET ? (LONG)SCARD_E_NO_MEMORY : (LONG)SCARD_E_NO_SMARTCARD;
    }
    port->watched = watched;
    port->insertion_number = reader->insertion_number;
    return SCARD_S_SUCCESS;
}

static void remove_after_hangup(struct vpcd_port *port)
{
    socket_wait_for_hangup(port->watched); /* it reads nothing, because only transmit() may read responses */
    pthread_mutex_lock(&manager_mutex);
    struct reader *reader = reader_find(port->reader);
    if (reader != NULL && reader->insertion_number == port->insertion_number)
        reader_remove_card(reader);
    socket_close(port->watched);
    port->watched = NO_SOCKET;
    pthread_mutex_unlock(&manager_mutex);
}

static void serve_connection(struct vpcd_port *port, socket_number connection)
{
    pthread_mutex_lock(&manager_mutex);
    port->connection = connection;
    struct card *card = new_card(port);
    pthread_mutex_unlock(&manager_mutex);
    if (card == NULL)
        return;
    bool has_atr = request_atr(card);
    pthread_mutex_lock(&manager_mutex);
    LONG code = insert_or_release(port, card, has_atr);
    pthread_mutex_unlock(&manager_mutex);
    if (code == SCARD_S_SUCCESS)
        remove_after_hangup(port);
}

static void *accept_connections(void *argument)
{
    struct vpcd_port *port = argument;
    socket_number connection;
    while ((connection = socket_accept(port->listener)) != NO_SOCKET)
        serve_connection(port, connection);
    return NULL;
}

static void *watch_connection(void *port)
{
    remove_after_hangup(port);
    return NULL;
}

static bool start_detached(void *(*run)(void *), struct vpcd_port *port)
{
    pthread_t thread;
    bool started = pthread_create(&thread, NULL, run, port) == 0;
    if (started)
        pthread_detach(thread);
    return started;
}

#if defined(_WIN32)

static bool start_thread(void *(*run)(void *), struct vpcd_port *port)
{
    return start_detached(run, port);
}

#else

/* Signals are blocked in the thread, so that the program's own threads get them. */
static bool start_thread(void *(*run)(void *), struct vpcd_port *port)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = start_detached(run, port);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

#endif

/* Return a port without a reader: the one that listens at this number already, or else one without a socket. */
static struct vpcd_port *unused_port(uint16_t number)
{
    struct vpcd_port *unused = NULL;
    for (struct vpcd_port *port = ports; port != NULL; port = port->next) {
        if (port->reader[0] != '\0')
            continue;
        if (port->listener != NO_SOCKET && port->number == number)
            return port;
        if (port->listener == NO_SOCKET && port->connection == NO_SOCKET && port->watched == NO_SOCKET)
            unused = port;
    }
    return unused;
}

static struct vpcd_port *new_port(const struct reader *reader, uint16_t number)
{
    struct vpcd_port *port = unused_port(number);
    if (port == NULL) {
        port = calloc(1, sizeof *port);
        if (port == NULL)
            return NULL;
        port->listener = port->connection = port->watched = NO_SOCKET;
        port->next = ports;
        ports = port;
    }
    memcpy(port->reader, reader->name, sizeof port->reader);
    port->number = number;
    return port;
}

LONG vpcd_listen(const struct reader *reader, uint16_t number)
{
    bool refused;
    struct vpcd_port *port = new_port(reader, number);
    if (port == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    if (port->listener != NO_SOCKET) /* it has a thread */
        return SCARD_S_SUCCESS;
    port->listener = socket_listen(number, &refused);
    if (port->listener == NO_SOCKET)
        return refused ? (LONG)SCARD_E_SHARING_VIOLATION : (LONG)SCARD_E_NO_MEMORY;
    if (start_thread(accept_connections, port))
        return SCARD_S_SUCCESS;
    socket_close(port->listener);
    port->listener = NO_SOCKET;
    return (LONG)SCARD_E_NO_MEMORY;
}

LONG vpcd_connect(const struct reader *reader, uint16_t number, bool sends_codes)
{
    bool refused;
    struct vpcd_port *port = new_port(reader, 0);
    if (port == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    port->sends_codes = sends_codes;
    port->connection = socket_connect(number, &refused);
    if (port->connection == NO_SOCKET)
        return refused ? (LONG)SCARD_E_NO_SMARTCARD : (LONG)SCARD_E_NO_MEMORY;
    struct card *card = new_card(port);
    if (card == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    LONG code = insert_or_release(port, card, request_atr(card));
    if (code != SCARD_S_SUCCESS)
        return code;
    if (start_thread(watch_connection, port))
        return SCARD_S_SUCCESS;
    socket_close(port->watched); /* the initialization fails, and removes the card */
    port->watched = NO_SOCKET;
    return (LONG)SCARD_E_NO_MEMORY;
}

void vpcd_forget_readers(void)
{
    for (struct vpcd_port *port = ports; port != NULL; port = port->next)
        port->reader[0] = '\0';
}

/* If the child kept a connection open, the emulator would not notice the end of the parent. */
void vpcd_close_after_fork(void)
{
    for (const struct vpcd_port *port = ports; port != NULL; port = port->next) {
        socket_close(port->listener);
        socket_close(port->connection);
        socket_close(port->watched);
    }
    ports = NULL;
}
