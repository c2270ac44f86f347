/* A card emulator is a card while its connection stands; a thread for each reader sees it come and go. */
#include "emulator.h"

#if !defined(_WIN32)
#  include <signal.h>
#endif
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "sockets.h"

enum { POWER_ON = 1, RESET = 2, GET_ATR = 4 }; /* messages of one byte; the last is answered */
enum { LONGEST_MESSAGE = 65535, ATR_SECONDS = 5 };

/* A place where emulators come and go; it lasts as long as the process. */
struct port {
    struct port *next;
    char reader[MAX_READERNAME];
    socket_number listener;   /* NO_SOCKET: the one connection is all there is */
    socket_number connection; /* the card's, from before it is one, NO_SOCKET: none */
    socket_number watched;    /* the same connection, for the thread to close, NO_SOCKET: none */
    unsigned long insertion;  /* the reader's, while the emulator is its card */
};

struct emulator {
    struct card card; /* the first member: a pointer to it is a pointer to the whole */
    socket_number connection;
    struct port *port;
};

static struct port *ports;

/* Messages */

/* The length leaves together with the message: an emulator that read it alone would acknowledge it late. */
static bool send_message(socket_number connection, const unsigned char *message, size_t length)
{
    const unsigned char header[] = {(unsigned char)(length >> 8), (unsigned char)length};
    return socket_send(connection, header, sizeof header, true) && socket_send(connection, message, length, false);
}

static bool send_control(socket_number connection, unsigned char control)
{
    return send_message(connection, &control, 1);
}

/* The whole message is taken from the socket, and kept only where it fits: its length, or -1. */
static int64_t receive_message(socket_number connection, unsigned char *place, size_t room,
                               const struct timespec *deadline)
{
    unsigned char header[2], dropped[256];
    if (!socket_receive(connection, header, sizeof header, deadline))
        return -1;
    size_t length = (size_t)header[0] << 8 | header[1];
    if (length <= room)
        return socket_receive(connection, place, length, deadline) ? (int64_t)length : -1;
    for (size_t left = length; left > 0;) {
        size_t part = left < sizeof dropped ? left : sizeof dropped;
        if (!socket_receive(connection, dropped, part, deadline))
            return -1;
        left -= part;
    }
    return (int64_t)length;
}

/* The card */

/* A message of one byte is none of a command, and a longer one than 65 535 cannot be framed. */
static int64_t transmit(struct card *card, const unsigned char *command, size_t length, unsigned char *answer,
                        size_t room)
{
    socket_number connection = ((struct emulator *)card)->connection;
    if (length < 2 || length > LONGEST_MESSAGE)
        return -(int64_t)SCARD_E_NOT_TRANSACTED;
    int64_t received = -1;
    if (send_message(connection, command, length))
        received = receive_message(connection, answer, room, NULL);
    if (received >= 0)
        return received;
    socket_hang_up(connection); /* the thread takes the card out */
    return -(int64_t)SCARD_E_NO_SMARTCARD;
}

static void reset(struct card *card)
{
    send_control(((struct emulator *)card)->connection, RESET);
}

static void removed(struct card *card)
{
    socket_hang_up(((struct emulator *)card)->connection);
}

static void release(struct card *card)
{
    const struct emulator *self = (const struct emulator *)card;
    if (self->port->connection == self->connection)
        self->port->connection = NO_SOCKET;
    socket_close(self->connection);
    free(card);
}

static bool ask_for_atr(struct card *card)
{
    const struct emulator *self = (const struct emulator *)card;
    const struct timespec deadline = deadline_in(ATR_SECONDS * UINT64_C(1000000));
    unsigned char atr[MAX_ATR_SIZE];
    if (!send_control(self->connection, POWER_ON) || !send_control(self->connection, GET_ATR))
        return false;
    int64_t length = receive_message(self->connection, atr, sizeof atr, &deadline);
    return length >= 0 && card_set_atr(card, atr, (size_t)length);
}

/* The card at the end of the port's connection, which it closes; NULL where there is no memory for it. */
static struct card *new_emulator(struct port *port)
{
    struct emulator *self = calloc(1, sizeof *self);
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

/* Coming and going */

/* Called with the mutex held; the card is inserted, or released where it has no ATR or no place. */
static bool insert_emulator(struct port *port, struct card *card, bool has_atr)
{
    struct reader *reader = find_reader(port->reader);
    socket_number watched = socket_duplicate(port->connection);
    if (!has_atr || watched == NO_SOCKET || reader == NULL || insert_card(reader, card) != SCARD_S_SUCCESS) {
        socket_close(watched);
        card->release(card);
        return false;
    }
    port->watched = watched;
    port->insertion = reader->insertion;
    return true;
}

static void watch_emulator(struct port *port)
{
    socket_wait_for_hangup(port->watched); /* what arrives answers a command, which is somebody else's */
    pthread_mutex_lock(&world_mutex);
    struct reader *reader = find_reader(port->reader);
    if (reader != NULL && reader->insertion == port->insertion)
        remove_card(reader);
    socket_close(port->watched);
    port->watched = NO_SOCKET;
    pthread_mutex_unlock(&world_mutex);
}

static void serve_one(struct port *port, socket_number connection)
{
    pthread_mutex_lock(&world_mutex);
    port->connection = connection;
    struct card *card = new_emulator(port);
    pthread_mutex_unlock(&world_mutex);
    if (card == NULL)
        return;
    bool has_atr = ask_for_atr(card);
    pthread_mutex_lock(&world_mutex);
    bool inserted = insert_emulator(port, card, has_atr);
    pthread_mutex_unlock(&world_mutex);
    if (inserted)
        watch_emulator(port);
}

static void *serve(void *argument)
{
    struct port *port = argument;
    socket_number connection;
    while ((connection = socket_accept(port->listener)) != NO_SOCKET)
        serve_one(port, connection);
    return NULL;
}

static void *watch(void *port)
{
    watch_emulator(port);
    return NULL;
}

static bool start_detached(void *(*run)(void *), struct port *port)
{
    pthread_t thread;
    bool started = pthread_create(&thread, NULL, run, port) == 0;
    if (started)
        pthread_detach(thread);
    return started;
}

#if defined(_WIN32)

static bool start_thread(void *(*run)(void *), struct port *port)
{
    return start_detached(run, port);
}

#else

/* Signals are the program's: its own threads take them. */
static bool start_thread(void *(*run)(void *), struct port *port)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = start_detached(run, port);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

#endif

static struct port *new_port(const struct reader *reader)
{
    struct port *port = calloc(1, sizeof *port);
    if (port == NULL)
        return NULL;
    memcpy(port->reader, reader->name, sizeof port->reader);
    port->listener = port->connection = port->watched = NO_SOCKET;
    port->next = ports;
    ports = port;
    return port;
}

bool listen_for_emulators(const struct reader *reader, uint16_t number)
{
    struct port *port = new_port(reader);
    if (port == NULL)
        return false;
    port->listener = socket_listen(number);
    return port->listener != NO_SOCKET && start_thread(serve, port);
}

LONG connect_to_emulator(const struct reader *reader, uint16_t number)
{
    bool refused;
    struct port *port = new_port(reader);
    if (port == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    port->connection = socket_connect(number, &refused);
    if (port->connection == NO_SOCKET)
        return refused ? (LONG)SCARD_E_NO_SMARTCARD : (LONG)SCARD_E_NO_MEMORY;
    struct card *card = new_emulator(port);
    if (card == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    if (!insert_emulator(port, card, ask_for_atr(card)))
        return (LONG)SCARD_E_NO_SMARTCARD;
    return start_thread(watch, port) ? (LONG)SCARD_S_SUCCESS : (LONG)SCARD_E_NO_MEMORY;
}

/* As long as the child holds a connection, its emulator would not see the parent go. */
void forget_emulators(void)
{
    for (const struct port *port = ports; port != NULL; port = port->next) {
        socket_close(port->listener);
        socket_close(port->connection);
        socket_close(port->watched);
    }
    ports = NULL;
}
