/* A card emulator is a card while its connection stands; a thread for each reader sees it come and go. */
#define _GNU_SOURCE
#include "emulator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deadline.h"

enum { POWER_ON = 1, RESET = 2, GET_ATR = 4 }; /* messages of one byte; the last is answered */
enum { LONGEST_MESSAGE = 65535, ATR_SECONDS = 5 };

/* A place where emulators come and go; it lasts as long as the process. */
struct port {
    struct port *next;
    char reader[MAX_READERNAME];
    int listener;    /* -1: the one connection is all there is */
    int connection;  /* the card's, from before it is one, -1: none */
    int watched;     /* the same connection, for the thread to close, -1: none */
    unsigned long insertion; /* the reader's, while the emulator is its card */
};

struct emulator {
    struct card card; /* the first member: a pointer to it is a pointer to the whole */
    int connection;
    struct port *port;
};

static struct port *ports;

/* Bytes over the socket */

static bool send_all(int connection, const unsigned char *bytes, size_t length, int flags)
{
    while (length > 0) {
        ssize_t sent = send(connection, bytes, length, flags | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

/* Something, or the end, before the deadline. */
static bool arrives(int connection, const struct timespec *deadline)
{
    struct pollfd awaited = {.fd = connection, .events = POLLIN};
    int ready;
    do {
        struct timespec now = deadline_in(0);
        int64_t left_ms =
            (deadline->tv_sec - now.tv_sec) * INT64_C(1000) + (deadline->tv_nsec - now.tv_nsec) / 1000000;
        ready = left_ms > 0 ? poll(&awaited, 1, (int)left_ms) : 0;
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* Until the deadline, without one as long as it takes. */
static bool receive_all(int connection, unsigned char *bytes, size_t length, const struct timespec *deadline)
{
    while (length > 0) {
        if (deadline != NULL && !arrives(connection, deadline))
            return false;
        ssize_t received = recv(connection, bytes, length, 0);
        if (received < 0 && errno == EINTR)
            continue;
        if (received <= 0)
            return false;
        bytes += received;
        length -= (size_t)received;
    }
    return true;
}

/* The length leaves together with the message: an emulator that read it alone would acknowledge it late. */
static bool send_message(int connection, const unsigned char *message, size_t length)
{
    const unsigned char header[] = {(unsigned char)(length >> 8), (unsigned char)length};
    return send_all(connection, header, sizeof header, MSG_MORE) && send_all(connection, message, length, 0);
}

static bool send_control(int connection, unsigned char control)
{
    return send_message(connection, &control, 1);
}

/* The whole message is taken from the socket, and kept only where it fits: its length, or -1. */
static int64_t receive_message(int connection, unsigned char *place, size_t room, const struct timespec *deadline)
{
    unsigned char header[2], dropped[256];
    if (!receive_all(connection, header, sizeof header, deadline))
        return -1;
    size_t length = (size_t)header[0] << 8 | header[1];
    if (length <= room)
        return receive_all(connection, place, length, deadline) ? (int64_t)length : -1;
    for (size_t left = length; left > 0;) {
        size_t part = left < sizeof dropped ? left : sizeof dropped;
        if (!receive_all(connection, dropped, part, deadline))
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
    int connection = ((struct emulator *)card)->connection;
    if (length < 2 || length > LONGEST_MESSAGE)
        return -(int64_t)SCARD_E_NOT_TRANSACTED;
    int64_t received = -1;
    if (send_message(connection, command, length))
        received = receive_message(connection, answer, room, NULL);
    if (received >= 0)
        return received;
    shutdown(connection, SHUT_RDWR); /* the thread takes the card out */
    return -(int64_t)SCARD_E_NO_SMARTCARD;
}

static void reset(struct card *card)
{
    send_control(((struct emulator *)card)->connection, RESET);
}

static void removed(struct card *card)
{
    shutdown(((struct emulator *)card)->connection, SHUT_RDWR);
}

static void release(struct card *card)
{
    const struct emulator *self = (const struct emulator *)card;
    if (self->port->connection == self->connection)
        self->port->connection = -1;
    close(self->connection);
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
    const int at_once = 1;
    struct emulator *self = calloc(1, sizeof *self);
    setsockopt(port->connection, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    if (self == NULL) {
        close(port->connection);
        port->connection = -1;
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
    int watched = fcntl(port->connection, F_DUPFD_CLOEXEC, 0);
    if (!has_atr || watched < 0 || reader == NULL || insert_card(reader, card) != SCARD_S_SUCCESS) {
        if (watched >= 0)
            close(watched);
        card->release(card);
        return false;
    }
    port->watched = watched;
    port->insertion = reader->insertion;
    return true;
}

/* Nothing is read here: what arrives answers a command, which is somebody else's. */
static void wait_for_hangup(int connection)
{
    struct pollfd waited = {.fd = connection, .events = POLLRDHUP};
    while (poll(&waited, 1, -1) < 0 && errno == EINTR)
        ;
}

static void watch_emulator(struct port *port)
{
    wait_for_hangup(port->watched);
    pthread_mutex_lock(&world_mutex);
    struct reader *reader = find_reader(port->reader);
    if (reader != NULL && reader->insertion == port->insertion)
        remove_card(reader);
    close(port->watched);
    port->watched = -1;
    pthread_mutex_unlock(&world_mutex);
}

static void serve_one(struct port *port, int connection)
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
    for (;;) {
        int connection = accept4(port->listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection >= 0)
            serve_one(port, connection);
        else if (errno != EINTR && errno != ECONNABORTED)
            return NULL;
    }
}

static void *watch(void *port)
{
    watch_emulator(port);
    return NULL;
}

/* Signals are the program's: its own threads take them. */
static bool start_thread(void *(*run)(void *), struct port *port)
{
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&thread, NULL, run, port) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        pthread_detach(thread);
    return started;
}

static struct port *new_port(const struct reader *reader)
{
    struct port *port = calloc(1, sizeof *port);
    if (port == NULL)
        return NULL;
    memcpy(port->reader, reader->name, sizeof port->reader);
    port->listener = port->connection = port->watched = -1;
    port->next = ports;
    ports = port;
    return port;
}

static struct sockaddr_in address_of(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

bool listen_for_emulators(const struct reader *reader, uint16_t number)
{
    const int reuse = 1;
    struct sockaddr_in address = address_of(number);
    struct port *port = new_port(reader);
    if (port == NULL)
        return false;
    port->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (port->listener < 0)
        return false;
    setsockopt(port->listener, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
    return bind(port->listener, (const struct sockaddr *)&address, sizeof address) == 0
           && listen(port->listener, 1) == 0 && start_thread(serve, port);
}

/* Where nobody listens, TCP may pick that very port for this side, and connect the socket to itself. */
static bool is_connected_to_itself(int connection, uint16_t number)
{
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    return getsockname(connection, (struct sockaddr *)&own, &size) == 0 && ntohs(own.sin_port) == number;
}

LONG connect_to_emulator(const struct reader *reader, uint16_t number)
{
    struct sockaddr_in address = address_of(number);
    struct port *port = new_port(reader);
    if (port == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    port->connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (port->connection < 0)
        return (LONG)SCARD_E_NO_MEMORY;
    if (connect(port->connection, (const struct sockaddr *)&address, sizeof address) != 0
        || is_connected_to_itself(port->connection, number)) {
        close(port->connection);
        port->connection = -1;
        return (LONG)SCARD_E_NO_SMARTCARD;
    }
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
        if (port->listener >= 0)
            close(port->listener);
        if (port->connection >= 0)
            close(port->connection);
        if (port->watched >= 0)
            close(port->watched);
    }
    ports = NULL;
}
