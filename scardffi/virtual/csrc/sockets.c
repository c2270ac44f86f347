/* The sockets of POSIX and of Windows, which are nearly the same. */
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

typedef SOCKET native_socket;
typedef int native_size;
enum { NO_SIGNAL = 0, MORE = 0, SHUT_BOTH = SD_BOTH };

static void start_sockets(void)
{
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data); /* if it fails, the following calls fail too */
}

static void disable_inheritance(native_socket number)
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

static bool may_accept_later(void)
{
    int code = WSAGetLastError();
    return code == WSAEMFILE || code == WSAENOBUFS;
}

static void sleep_milliseconds(int milliseconds)
{
    Sleep((DWORD)milliseconds);
}

static int poll(struct pollfd *sockets, unsigned long count, int milliseconds)
{
    return WSAPoll(sockets, count, milliseconds);
}

/* shutdown() does not end the waits of other threads. */
static void wake_waiters(socket_number connection)
{
    CancelIoEx((HANDLE)connection, NULL);
}

void socket_close(socket_number number)
{
    if (number != NO_SOCKET)
        closesocket((native_socket)number);
}

socket_number socket_duplicate(socket_number connection)
{
    WSAPROTOCOL_INFOW info;
    if (WSADuplicateSocketW((native_socket)connection, GetCurrentProcessId(), &info) != 0)
        return NO_SOCKET;
    return (socket_number)WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &info, 0,
                                     WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}

#else

typedef int native_socket;
typedef size_t native_size;
#  if defined(__linux__)
enum { NO_SIGNAL = MSG_NOSIGNAL, MORE = MSG_MORE, SHUT_BOTH = SHUT_RDWR };
#  else
enum { NO_SIGNAL = 0, MORE = 0, SHUT_BOTH = SHUT_RDWR };
#  endif

static void start_sockets(void)
{
}

static void disable_inheritance(native_socket number)
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

/* No descriptor or memory is free now. */
static bool may_accept_later(void)
{
    return errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
}

static void sleep_milliseconds(int milliseconds)
{
    poll(NULL, 0, milliseconds);
}

static void wake_waiters(socket_number connection)
{
    (void)connection;
}

void socket_close(socket_number number)
{
    if (number != NO_SOCKET)
        close((native_socket)number);
}

socket_number socket_duplicate(socket_number connection)
{
    return fcntl((native_socket)connection, F_DUPFD_CLOEXEC, 0);
}

#endif

enum { ACCEPT_AGAIN_MS = 100 };

static socket_number configure(native_socket number)
{
    const int on = 1;
    if ((socket_number)number == NO_SOCKET)
        return NO_SOCKET;
    disable_inheritance(number);
    setsockopt(number, IPPROTO_TCP, TCP_NODELAY, (const void *)&on, sizeof on);
#if defined(SO_NOSIGPIPE)
    setsockopt(number, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    return (socket_number)number;
}

static socket_number new_socket(void)
{
    start_sockets();
#if defined(SOCK_CLOEXEC)
    return configure(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
#else
    return configure(socket(AF_INET, SOCK_STREAM, 0));
#endif
}

static struct sockaddr_in loopback_address(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

socket_number socket_listen(uint16_t port, bool *refused)
{
    struct sockaddr_in address = loopback_address(port);
    socket_number listener = new_socket();
    *refused = listener != NO_SOCKET;
    if (listener == NO_SOCKET)
        return NO_SOCKET;
#if !defined(_WIN32) /* on Windows it would share the port with another program */
    const int on = 1;
    setsockopt((native_socket)listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
#endif
    if (bind((native_socket)listener, (const struct sockaddr *)&address, sizeof address) == 0 &&
        listen((native_socket)listener, 1) == 0)
        return listener;
    socket_close(listener);
    return NO_SOCKET;
}

/* If no program listens at the port, TCP may choose the same port for this side and connect the socket to itself. */
static bool is_connected_to_itself(socket_number connection, uint16_t port)
{
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    return getsockname((native_socket)connection, (struct sockaddr *)&own, &size) == 0 && ntohs(own.sin_port) == port;
}

socket_number socket_connect(uint16_t port, bool *refused)
{
    struct sockaddr_in address = loopback_address(port);
    socket_number connection = new_socket();
    *refused = connection != NO_SOCKET;
    if (connection == NO_SOCKET)
        return NO_SOCKET;
    if (connect((native_socket)connection, (const struct sockaddr *)&address, sizeof address) == 0 &&
        !is_connected_to_itself(connection, port))
        return connection;
    socket_close(connection);
    return NO_SOCKET;
}

static socket_number accept_once(socket_number listener)
{
#if defined(__linux__)
    return configure(accept4((native_socket)listener, NULL, NULL, SOCK_CLOEXEC));
#else
    return configure(accept((native_socket)listener, NULL, NULL));
#endif
}

socket_number socket_accept(socket_number listener)
{
    for (;;) {
        socket_number connection = accept_once(listener);
        if (connection != NO_SOCKET)
            return connection;
        if (may_accept_later())
            sleep_milliseconds(ACCEPT_AGAIN_MS);
        else if (!may_accept_again())
            return NO_SOCKET;
    }
}

bool socket_send(socket_number connection, const unsigned char *bytes, size_t length, bool more)
{
    while (length > 0) {
        int64_t sent =
            send((native_socket)connection, (const void *)bytes, (native_size)length, NO_SIGNAL | (more ? MORE : 0));
        if (sent < 0 && was_interrupted())
            continue;
        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

/* Wait until there is something to read, or the end of the connection. Returns false if the deadline has passed. */
static bool wait_for_input(socket_number connection, const struct timespec *deadline)
{
    struct pollfd polled = {.fd = (native_socket)connection, .events = POLLIN};
    int ready;
    do {
        int64_t left_ms = deadline_milliseconds_left(deadline);
        ready = left_ms > 0 ? poll(&polled, 1, (int)left_ms) : 0;
    } while (ready < 0 && was_interrupted());
    return ready > 0;
}

bool socket_receive(socket_number connection, unsigned char *bytes, size_t length, const struct timespec *deadline)
{
    while (length > 0) {
        if (deadline != NULL && !wait_for_input(connection, deadline))
            return false;
        int64_t received = recv((native_socket)connection, (void *)bytes, (native_size)length, 0);
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
    struct pollfd polled = {.fd = (native_socket)connection, .events = POLLRDHUP};
    while (poll(&polled, 1, -1) < 0 && was_interrupted())
        ;
}

#else

/* On these platforms only a read shows that the other side hung up, so peek from time to time. */
void socket_wait_for_hangup(socket_number connection)
{
    int64_t available;
    do {
        char byte;
        available = recv((native_socket)connection, &byte, 1, MSG_PEEK);
        if (available > 0)
            sleep_milliseconds(50);
    } while (available > 0 || (available < 0 && was_interrupted()));
}

#endif

void socket_hang_up(socket_number connection)
{
    shutdown((native_socket)connection, SHUT_BOTH);
    wake_waiters(connection);
}
