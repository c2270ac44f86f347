/*
 * Tests the virtual library with many threads and faulty emulators: some threads use its readers while others insert
 * and remove cards, plug and unplug readers, reset cards, stop the service and arm faults. It is compiled together with
 * the library and a sanitizer, which must report nothing. The argument is a free TCP port. Exits with 1 at the first
 * check that fails.
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"
#include "pcsc_api.h"
#include "scardvirtual.h"

#define DECLARE_FUNCTION(need, name, arguments, ...) LONG name(__VA_ARGS__);
PCSC_FUNCTIONS(DECLARE_FUNCTION)

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                    \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

enum { USERS = 4, WAITERS = 2, ROUNDS = 400, MIN_CHANGES = 1000, EMULATORS = 100, FORKS = 20, MANY = 1000 };

static const char *const READER_NAMES[] = {"scardffi Virtual Reader 0", "one", "two", "emulated"};
enum { READER_COUNT = sizeof READER_NAMES / sizeof READER_NAMES[0] };
static char many_names[MANY][16];
static const SCARD_IO_REQUEST T1 = {SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};

static atomic_bool users_are_done;
static atomic_ulong exchanges, changes, cancelled_waits;
static uint16_t port;

/* Returns a pseudo-random number below `limit`. */
static unsigned random_below(unsigned *seed, unsigned limit)
{
    return (unsigned)rand_r(seed) % limit;
}

/* Returns one of the first `count` readers of READER_NAMES, or one of the many. */
static const char *random_reader(unsigned *seed, unsigned count)
{
    if (random_below(seed, 2) == 0)
        return READER_NAMES[random_below(seed, count)];
    return many_names[random_below(seed, MANY)];
}

/* Threads that use readers */

/* Both kinds of cards echo the data, so the response must belong to this command whatever other threads do. */
static void exchange(SCARDHANDLE handle, unsigned *seed)
{
    unsigned char command[5 + 40] = {0x80, 0x18, 0, 0, 40}, response[42];
    DWORD length = sizeof response;
    for (unsigned i = 5; i < sizeof command; i++)
        command[i] = (unsigned char)random_below(seed, 256);
    if (SCardTransmit(handle, &T1, command, sizeof command, NULL, response, &length) != SCARD_S_SUCCESS)
        return;
    if (length == 3) { /* the answer of the fault in arm_random_fault */
        CHECK(memcmp(response, "\x01\x02\x03", 3) == 0);
        return;
    }
    CHECK(length == sizeof response && memcmp(response, command + 5, 40) == 0);
    CHECK(response[40] == 0x90 && response[41] == 0x00);
    exchanges++;
}

static void use_card(SCARDHANDLE handle, unsigned *seed)
{
    unsigned char attribute[MAX_BUFFER_SIZE];
    char name[200];
    DWORD name_length = sizeof name, state, protocol, length = sizeof attribute;
    bool has_transaction = random_below(seed, 3) == 0 && SCardBeginTransaction(handle) == SCARD_S_SUCCESS;
    for (unsigned i = 0; i < 4; i++)
        exchange(handle, seed);
    if (SCardStatus(handle, name, &name_length, &state, &protocol, attribute, &length) == SCARD_S_SUCCESS)
        CHECK(name_length <= sizeof name && length <= MAX_ATR_SIZE);
    length = sizeof attribute;
    SCardGetAttrib(handle, SCARD_ATTR_DEVICE_FRIENDLY_NAME, attribute, &length);
    SCardControl(handle, SCARD_CTL_CODE(3400), NULL, 0, attribute, sizeof attribute, &length);
    if (random_below(seed, 4) == 0)
        SCardReconnect(handle, SCARD_SHARE_SHARED, 3, random_below(seed, 3), &protocol);
    if (has_transaction)
        SCardEndTransaction(handle, random_below(seed, 3));
}

static void *use_readers(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    for (unsigned round = 0; round < ROUNDS; round++) {
        SCARDCONTEXT context;
        SCARDHANDLE handle;
        DWORD protocol, length;
        char names[16 * (MANY + 10)];
        if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
            continue;
        length = sizeof names;
        if (SCardListReaders(context, NULL, names, &length) == SCARD_S_SUCCESS)
            CHECK(length <= sizeof names && names[length - 1] == '\0' && names[length - 2] == '\0');
        DWORD mode = random_below(&seed, 10) == 0 ? SCARD_SHARE_EXCLUSIVE : SCARD_SHARE_SHARED;
        const char *reader = random_reader(&seed, READER_COUNT);
        if (SCardConnect(context, reader, mode, 3, &handle, &protocol) == SCARD_S_SUCCESS) {
            if (protocol == SCARD_PROTOCOL_T1 && strcmp(reader, "emulated") != 0)
                use_card(handle, &seed);
            if (random_below(&seed, 2) == 0)
                SCardDisconnect(handle, random_below(&seed, 3));
        }
        SCardReleaseContext(context);
    }
    return NULL;
}

struct waiter {
    pthread_t thread;
    _Atomic SCARDCONTEXT context;
};

static void *wait_for_changes(void *argument)
{
    struct waiter *self = argument;
    SCARD_READERSTATE states[2] = {{.szReader = "\\\\?PnP?\\Notification"}, {.szReader = READER_NAMES[0]}};
    while (!users_are_done) {
        SCARDCONTEXT context = 0;
        SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);
        self->context = context;
        for (unsigned i = 0; i < 50 && !users_are_done; i++) {
            LONG code = SCardGetStatusChange(context, 20, states, 2);
            changes += code == SCARD_S_SUCCESS;
            cancelled_waits += code == (LONG)SCARD_E_CANCELLED;
            for (unsigned reader = 0; reader < 2; reader++)
                states[reader].dwCurrentState = states[reader].dwEventState;
        }
        self->context = 0;
        SCardReleaseContext(context);
    }
    return NULL;
}

/* The thread that changes readers and cards */

static atomic_long echoing_cards; /* not released yet */

static void echo(uintptr_t data, const unsigned char *command, size_t length, unsigned char *response, size_t room,
                 int64_t *result)
{
    CHECK(data == 42 && echoing_cards > 0);
    size_t needed = length > 5 ? length - 5 + 2 : 2;
    *result = (int64_t)needed;
    if (needed > room)
        return;
    memmove(response, command + 5, needed - 2);
    memcpy(response + needed - 2, "\x90\x00", 2);
}

static void released(uintptr_t data)
{
    CHECK(data == 42);
    echoing_cards--;
}

static const struct scardvirtual_card ECHOING = {.data = 42, .transmit = echo, .released = released};
static const unsigned char ATR[] = {0x3B, 0x80, 0x80, 0x01, 0x01};

static void arm_random_fault(unsigned *seed)
{
    uint32_t number = 0;
    enum fault_effect effect = FAULT_CODE + random_below(seed, FAULT_ANSWER);
    uint32_t value = effect == FAULT_LATENCY ? 100 : SCARD_E_NO_MEMORY;
    if (effect == FAULT_STOP)
        return;
    CHECK(scardvirtual_fault("SCardTransmit", 1 + random_below(seed, 3), 2, effect, value,
                             (const unsigned char *)"\x01\x02\x03", effect == FAULT_ANSWER ? 3 : 0,
                             &number) == SCARD_S_SUCCESS);
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    CHECK(scardvirtual_end_fault(number) == SCARD_S_SUCCESS);
}

static void make_random_change(unsigned *seed)
{
    const char *reader = random_reader(seed, READER_COUNT - 1);
    switch (random_below(seed, 9)) {
    case 0:
        scardvirtual_plug(reader, NULL);
        break;
    case 1:
        scardvirtual_unplug(reader);
        break;
    case 2:
        scardvirtual_remove(reader);
        break;
    case 3:
        scardvirtual_reset(reader);
        break;
    case 4:
        scardvirtual_set_latency(reader, random_below(seed, 100));
        break;
    case 5:
        arm_random_fault(seed);
        break;
    case 6:
        if (random_below(seed, 20) != 0)
            break;
        CHECK(scardvirtual_stop_service() == SCARD_S_SUCCESS);
        CHECK(scardvirtual_start_service() == SCARD_S_SUCCESS);
        break;
    case 7:
        echoing_cards++;
        scardvirtual_insert(reader, ATR, sizeof ATR, &ECHOING);
        break;
    default:
        scardvirtual_plug(reader, NULL);
        scardvirtual_insert_answering(reader, NULL, 0);
    }
}

static void *make_random_changes(void *argument)
{
    struct waiter *waiters = argument;
    unsigned seed = 7;
    for (unsigned i = 0; i < MIN_CHANGES || !users_are_done; i++) {
        make_random_change(&seed);
        SCardCancel(waiters[i % WAITERS].context);
    }
    return NULL;
}

/* Emulators */

static int connect_to_library(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval timeout = {.tv_usec = 5000};
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connection >= 0);
    CHECK(setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
    CHECK(connect(connection, (const struct sockaddr *)&address, sizeof address) == 0);
    return connection;
}

static bool send_bytes(int connection, const void *bytes, size_t length)
{
    return send(connection, bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
}

/* Emulators that answer every message, sometimes with too few, too many or wrong bytes. */
static void *emulate_faulty_cards(void *argument)
{
    unsigned seed = 99;
    (void)argument;
    for (unsigned i = 0; i < EMULATORS; i++) {
        int connection = connect_to_library();
        unsigned char message[512] = {0};
        send_bytes(connection, random_below(&seed, 5) == 0 ? "\x00\x40" : "\x00\x05", 2);
        send_bytes(connection, random_below(&seed, 5) == 0 ? "junk!" : (const char *)ATR, sizeof ATR);
        for (unsigned count = random_below(&seed, 4); count > 0; count--) {
            if (recv(connection, message, sizeof message, 0) <= 0)
                break;
            message[0] = (unsigned char)(random_below(&seed, 4) == 0);
            message[1] = (unsigned char)random_below(&seed, 256);
            send_bytes(connection, message, random_below(&seed, sizeof message));
        }
        close(connection);
    }
    return NULL;
}

static void *use_emulated_cards(void *argument)
{
    unsigned char response[300];
    while (!users_are_done) {
        SCARDCONTEXT context;
        SCARDHANDLE handle;
        DWORD protocol;
        if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
            continue;
        if (SCardConnect(context, "emulated", SCARD_SHARE_SHARED, 3, &handle, &protocol) == SCARD_S_SUCCESS) {
            const SCARD_IO_REQUEST pci = {protocol, sizeof pci};
            DWORD length = sizeof response;
            SCardTransmit(handle, &pci, (const unsigned char *)"\x00\x84\x00\x00\x08", 5, NULL, response, &length);
            SCardDisconnect(handle, SCARD_RESET_CARD);
        }
        SCardReleaseContext(context);
    }
    return argument;
}

/* A child does not inherit readers and contexts, whatever the parent's threads do. The port stays in use by the parent.
 */
static void fork_repeatedly(void)
{
    for (unsigned i = 0; i < FORKS; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            SCARDCONTEXT context;
            unsetenv("SCARDFFI_VIRTUAL");
            CHECK(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) == SCARD_S_SUCCESS);
            CHECK(SCardReleaseContext(context) == SCARD_S_SUCCESS);
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
}

int main(int argc, char **argv)
{
    char configuration[200];
    pthread_t users[USERS], emulator, emulated;
    struct waiter waiters[WAITERS] = {0};
    CHECK(argc == 2);
    port = (uint16_t)atoi(argv[1]);
    snprintf(configuration, sizeof configuration, "reader; reader,name=emulated,listen=%u", port);
    setenv("SCARDFFI_VIRTUAL", configuration, 1);
    CHECK(scardvirtual_plug("one", NULL) == SCARD_S_SUCCESS);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(many_names[i], sizeof many_names[i], "many %u", i);
        CHECK(scardvirtual_plug(many_names[i], NULL) == SCARD_S_SUCCESS);
        CHECK(scardvirtual_insert_answering(many_names[i], NULL, 0) == SCARD_S_SUCCESS);
    }

    for (uintptr_t i = 0; i < USERS; i++)
        CHECK(pthread_create(&users[i], NULL, use_readers, (void *)(i + 1)) == 0);
    for (unsigned i = 0; i < WAITERS; i++)
        CHECK(pthread_create(&waiters[i].thread, NULL, wait_for_changes, &waiters[i]) == 0);
    CHECK(pthread_create(&emulator, NULL, emulate_faulty_cards, NULL) == 0);
    CHECK(pthread_create(&emulated, NULL, use_emulated_cards, NULL) == 0);
    pthread_t changer;
    CHECK(pthread_create(&changer, NULL, make_random_changes, waiters) == 0);
    fork_repeatedly();
    for (unsigned i = 0; i < USERS; i++)
        pthread_join(users[i], NULL);
    pthread_join(emulator, NULL);
    users_are_done = true;
    pthread_join(changer, NULL);
    pthread_join(emulated, NULL);
    for (unsigned i = 0; i < WAITERS; i++)
        pthread_join(waiters[i].thread, NULL);

    for (unsigned i = 0; i < READER_COUNT - 1; i++)
        scardvirtual_unplug(READER_NAMES[i]);
    for (unsigned i = 0; i < MANY; i++)
        scardvirtual_unplug(many_names[i]);
    CHECK(echoing_cards == 0);
    printf("%lu exchanges, %lu changes, %lu cancelled waits\ndone\n", exchanges, changes, cancelled_waits);
    return 0;
}
