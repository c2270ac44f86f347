/* The sockets of POSIX, and those of Windows, which are nearly the same. */
#if defined(_WIN32)
#  define WIN32_LEAN_AND_MEAN
#  include <winsock2.h>
#  include <windows.h>
#  include <ws2tcpip.h>
#else
#  define _GNU_SOURCE
#  include <arpa/inet.h>
#  include <errno.h>
#  include <fcntl.h>
#  include <netinet/tcp.h>
#  include <poll.h>
#  include <sys/socket.h>
#  include <unistd.h>
#endif

#include "deadline.h"
#include "sockets.h"

#if defined(_WIN32)

typedef SOCKET native;
typedef int native_size;
enum { NOT_A_SIGNAL = 0, MORE = 0, BOTH_WAYS = SD_BOTH };

static void start(void)
{
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data); /* where it fails, so does what follows */
}

static void keep_from_children(native number)
{
    SetHandleInformation((HANDLE)number, HANDLE_FLAG_INHERIT, 0);
}

static bool was_interrupted(void)
{
    return WSAGetLastError() == WSAEINTR;
}

static bool may_accept_again(void)
{
    return WSAGetLastError() == WSAECONNRESET;
}

static int poll(struct pollfd *awaited, unsigned long count, int milliseconds)
{
    return WSAPoll(awaited, count, milliseconds);
}

/* A shutdown does not reach those who wait already. */
static void wake_waiters(socket_number connection)
{
    CancelIoEx((HANDLE)connection, NULL);
}

void socket_close(socket_number number)
{
    if (number != NO_SOCKET)
        closesocket((native)number);
}

socket_number socket_duplicate(socket_number connection)
{
    WSAPROTOCOL_INFOW info;
    if (WSADuplicateSocketW((native)connection, GetCurrentProcessId(), &info) != 0)
        return NO_SOCKET;
    return (socket_number)WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &info, 0,
                                     WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}

#else

typedef int native;
typedef size_t native_size;
#  if defined(__linux__)
enum { NOT_A_SIGNAL = MSG_NOSIGNAL, MORE = MSG_MORE, BOTH_WAYS = SHUT_RDWR };
#  else
enum { NOT_A_SIGNAL = 0, MORE = 0, BOTH_WAYS = SHUT_RDWR };
#  endif

static void start(void)
{
}

static void keep_from_children(native number)
{
    fcntl(number, F_SETFD, FD_CLOEXEC);
}

static bool was_interrupted(void)
{
    return errno == EINTR;
}

static bool may_accept_again(void)
{
    return errno == EINTR || errno == ECONNABORTED;
}

static void wake_waiters(socket_number connection)
{
    (void)connection;
}

void socket_close(socket_number number)
{
    if (number != NO_SOCKET)
        close((native)number);
}

socket_number socket_duplicate(socket_number connection)
{
    return fcntl((native)connection, F_DUPFD_CLOEXEC, 0);
}

#endif

static socket_number prepared(native number)
{
    const int on = 1;
    if ((socket_number)number == NO_SOCKET)
        return NO_SOCKET;
    keep_from_children(number);
    setsockopt(number, IPPROTO_TCP, TCP_NODELAY, (const void *)&on, sizeof on);
#if defined(SO_NOSIGPIPE)
    setsockopt(number, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    return (socket_number)number;
}

static socket_number new_socket(void)
{
    start();
#if defined(SOCK_CLOEXEC)
    return prepared(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
#else
    return prepared(socket(AF_INET, SOCK_STREAM, 0));
#endif
}

static struct sockaddr_in address_of(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

socket_number socket_listen(uint16_t port)
{
    struct sockaddr_in address = address_of(port);
    socket_number listener = new_socket();
    if (listener == NO_SOCKET)
        return NO_SOCKET;
#if !defined(_WIN32) /* there it would share the port with another program */
    const int on = 1;
    setsockopt((native)listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
#endif
    if (bind((native)listener, (const struct sockaddr *)&address, sizeof address) == 0
        && listen((native)listener, 1) == 0)
        return listener;
    socket_close(listener);
    return NO_SOCKET;
}

/* Where nobody listens, TCP may pick that very port for this side, and connect the socket to itself. */
static bool is_connected_to_itself(socket_number connection, uint16_t port)
{
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    return getsockname((native)connection, (struct sockaddr *)&own, &size) == 0 && ntohs(own.sin_port) == port;
}

socket_number socket_connect(uint16_t port, bool *refused)
{
    struct sockaddr_in address = address_of(port);
    socket_number connection = new_socket();
    *refused = connection != NO_SOCKET;
    if (connection == NO_SOCKET)
        return NO_SOCKET;
    if (connect((native)connection, (const struct sockaddr *)&address, sizeof address) == 0
        && !is_connected_to_itself(connection, port))
        return connection;
    socket_close(connection);
    return NO_SOCKET;
}

socket_number socket_accept(socket_number listener)
{
    socket_number connection;
    do {
#if defined(__linux__)
        connection = prepared(accept4((native)listener, NULL, NULL, SOCK_CLOEXEC));
#else
        connection = prepared(accept((native)listener, NULL, NULL));
#endif
    } while (connection == NO_SOCKET && may_accept_again());
    return connection;
}

bool socket_send(socket_number connection, const unsigned char *bytes, size_t length, bool more)
{
    while (length > 0) {
        int64_t sent = send((native)connection, (const void *)bytes, (native_size)length, NOT_A_SIGNAL | (more ? MORE : 0));
        if (sent < 0 && was_interrupted())
            continue;
        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

/* Something, or the end, before the deadline. */
static bool arrives(socket_number connection, const struct timespec *deadline)
{
    struct pollfd awaited = {.fd = (native)connection, .events = POLLIN};
    int ready;
    do {
        int64_t left_ms = milliseconds_until(deadline);
        ready = left_ms > 0 ? poll(&awaited, 1, (int)left_ms) : 0;
    } while (ready < 0 && was_interrupted());
    return ready > 0;
}

bool socket_receive(socket_number connection, unsigned char *bytes, size_t length, const struct timespec *deadline)
{
    while (length > 0) {
        if (deadline != NULL && !arrives(connection, deadline))
            return false;
        int64_t received = recv((native)connection, (void *)bytes, (native_size)length, 0);
        if (received < 0 && was_interrupted())
            continue;
        if (received <= 0)
            return false;
        bytes += received;
        length -= (size_t)received;
    }
    return true;
}

#if defined(__linux__)

void socket_wait_for_hangup(socket_number connection)
{
    struct pollfd awaited = {.fd = (native)connection, .events = POLLRDHUP};
    while (poll(&awaited, 1, -1) < 0 && was_interrupted())
        ;
}

#else

static void rest(int milliseconds)
{
#  if defined(_WIN32)
    Sleep((DWORD)milliseconds);
#  else
    poll(NULL, 0, milliseconds);
#  endif
}

/* Nothing tells of it but what can be read: a peek every now and then. */
void socket_wait_for_hangup(socket_number connection)
{
    int64_t there;
    do {
        char byte;
        there = recv((native)connection, &byte, 1, MSG_PEEK);
        if (there > 0)
            rest(50);
    } while (there > 0 || (there < 0 && was_interrupted()));
}

#endif

void socket_hang_up(socket_number connection)
{
    shutdown((native)connection, BOTH_WAYS);
    wake_waiters(connection);
}
