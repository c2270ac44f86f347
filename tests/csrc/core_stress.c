/*
 * Drives the core through its C functions on the virtual library, whose path is the argument: every answer, buffers of
 * exactly the size that is told, and threads that attach, detach and transmit on one object. Built with sanitizers:
 * what it proves beyond its own checks is that they have nothing to report. Ends with 1 at the first check that fails.
 * With a second argument it breaks the rules instead, for the sanitizers to report it.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exchange.h"
#include "pcsc_default.h"
#include "pcsc_states.h"
#include "pcsc_strings.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                    \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Checks an HRESULT, and tells it where it is another one. */
#define ANSWERS(expected, call)                                                                                        \
    do {                                                                                                               \
        uint32_t answer = (call);                                                                                      \
        if (answer != (expected)) {                                                                                    \
            fprintf(stderr, "line %d: %s is 0x%08X, not %s\n", __LINE__, #call, answer, #expected);                    \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* The same for an exchange, which answers minus its failure. */
#define FAILS(expected, call) ANSWERS(expected, (uint32_t)-(call))

enum { THREADS = 4, EXCHANGES = 1000, RACES = 10000, LEAST_USES = 20 };

static const char READER[] = "scardffi Virtual Reader 0";
static const unsigned char READ_4[] = {0, 0xB0, 0, 0, 4};
static const scardffi_library *api;

static SCARDHANDLE connect_raw(SCARDCONTEXT *context)
{
    SCARDHANDLE handle;
    DWORD protocol;

    ANSWERS(SCARD_S_SUCCESS, pcsc_SCardEstablishContext(api, SCARD_SCOPE_SYSTEM, NULL, NULL, context));
    ANSWERS(SCARD_S_SUCCESS, pcsc_SCardConnect(api, *context, READER, SCARD_SHARE_SHARED, 3, &handle, &protocol));
    return handle;
}

static scardffi_manage *new_manage(void)
{
    scardffi_manage *manage;

    ANSWERS(SCARDFFI_OK, manage_new(api, &manage));
    return manage;
}

static uint32_t attach_by_ifd(scardffi_manage *manage)
{
    return manage_attach_by_ifd(manage, SCARD_SCOPE_SYSTEM, READER, SCARD_SHARE_SHARED, 3);
}

static uint32_t attach_by_handle(scardffi_manage *manage, SCARDHANDLE handle)
{
    uint32_t said;

    return manage_attach_by_handle(manage, handle, 0, SCARD_SHARE_SHARED, &said);
}

static scardffi_manage *new_attached(void)
{
    scardffi_manage *manage = new_manage();

    ANSWERS(SCARDFFI_OK, attach_by_ifd(manage));
    return manage;
}

static void detach_and_free(scardffi_manage *manage)
{
    ANSWERS(SCARDFFI_OK, manage_detach(manage, SCARD_LEAVE_CARD));
    manage_free(manage);
}

/* Opening */

static void opens_a_library_once(const char *path)
{
    char detail[256], tiny[1];
    scardffi_library *first, *second = NULL;

    CHECK(pcsc_open(path, &first, detail, sizeof detail) == 0);
    CHECK(pcsc_open(path, &second, detail, sizeof detail) == 0 && second == first);
    CHECK(pcsc_open("/nonexistent/libpcsc.so", &second, detail, sizeof detail) == SCARDFFI_LIBRARY_NOT_FOUND);
    CHECK(strstr(detail, "/nonexistent/libpcsc.so") != NULL);
    CHECK(pcsc_open("/nonexistent/libpcsc.so", &second, tiny, sizeof tiny) == SCARDFFI_LIBRARY_NOT_FOUND &&
          tiny[0] == '\0');
    CHECK(pcsc_open("/etc/passwd", &second, detail, sizeof detail) == SCARDFFI_LIBRARY_NOT_LOADABLE);
    CHECK(pcsc_open("libm.so.6", &second, detail, sizeof detail) == SCARDFFI_LIBRARY_MISSING_SYMBOL);
    CHECK(strstr(detail, "SCardTransmit") != NULL);
    CHECK(strcmp(pcsc_path(first), path) == 0);
    CHECK(strcmp(pcsc_function_name(0), "SCardEstablishContext") == 0 && pcsc_has_function(first, 0));
    CHECK(pcsc_function_name(1000) == NULL && !pcsc_has_function(first, 1000));
    pcsc_set_default(first);
    CHECK(pcsc_open_default(&second, detail, sizeof detail) == 0 && second == first);
    api = first;
}

static void tells_status_changes(void)
{
    enum { COUNT = 20 };
    const char *readers[COUNT];
    uint32_t states[3 * COUNT] = {0};
    unsigned char *atrs = malloc(PCSC_STATE_ATR * COUNT);
    SCARDCONTEXT context;

    for (size_t i = 0; i < COUNT; i++)
        readers[i] = READER;
    CHECK(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) == 0);
    ANSWERS(SCARD_S_SUCCESS, pcsc_get_status_change(api, context, 0, COUNT, readers, states, atrs));
    for (size_t i = 0; i < COUNT; i++)
        CHECK((states[3 * i + 1] & SCARD_STATE_PRESENT) && states[3 * i + 2] == 13 && atrs[PCSC_STATE_ATR * i] == 0x3B);
    states[0] = states[1];
    ANSWERS(SCARD_E_TIMEOUT, pcsc_get_status_change(api, context, 1, 1, readers, states, atrs));
    ANSWERS(SCARD_S_SUCCESS, pcsc_get_status_change(api, context, 0, 0, readers, states, atrs));
    readers[0] = "no such reader";
    ANSWERS(SCARD_E_UNKNOWN_READER, pcsc_get_status_change(api, context, 0, 1, readers, states, atrs));
    CHECK(SCardReleaseContext(context) == 0);
    ANSWERS(SCARD_E_INVALID_HANDLE, pcsc_get_status_change(api, context, 0, 1, readers, states, atrs));
    free(atrs);
}

/* Attach and detach */

static void refuses_what_is_no_handle(SCARDHANDLE stale)
{
    const SCARDHANDLE wrong[] = {0, -1, 12345, stale};
    scardffi_manage *manage = new_manage();
    uint32_t said;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        said = 0;
        ANSWERS(SCARDFFI_E_INVALIDARG, manage_attach_by_handle(manage, wrong[i], 0, 0, &said));
        ANSWERS(SCARD_E_INVALID_HANDLE, said);
    }
    ANSWERS(SCARDFFI_E_INVALIDARG, manage_attach_by_handle(manage, 1, 0, SCARD_SHARE_DIRECT + 1, &said));
    ANSWERS(SCARD_S_SUCCESS, said);
    ANSWERS(SCARDFFI_E_POINTER, manage_attach_by_handle(NULL, 1, 0, 0, &said));
    ANSWERS(SCARDFFI_E_POINTER, manage_attach_by_handle(manage, 1, 0, 0, NULL));
    manage_free(manage);
}

static void refuses_what_is_no_reader(void)
{
    scardffi_manage *manage = new_manage();

    ANSWERS(SCARDFFI_E_POINTER, manage_attach_by_ifd(NULL, SCARD_SCOPE_SYSTEM, READER, SCARD_SHARE_SHARED, 3));
    ANSWERS(SCARDFFI_E_POINTER, manage_attach_by_ifd(manage, SCARD_SCOPE_SYSTEM, NULL, SCARD_SHARE_SHARED, 3));
    ANSWERS(SCARDFFI_E_INVALIDARG, manage_attach_by_ifd(manage, SCARD_SCOPE_SYSTEM, READER, 0, 3));
    ANSWERS(SCARDFFI_E_INVALIDARG, manage_attach_by_ifd(manage, SCARD_SCOPE_SYSTEM, READER, SCARD_SHARE_DIRECT + 1, 3));
    ANSWERS(SCARD_E_UNKNOWN_READER, manage_attach_by_ifd(manage, SCARD_SCOPE_SYSTEM, "none", SCARD_SHARE_SHARED, 3));
    ANSWERS(SCARD_E_PROTO_MISMATCH, manage_attach_by_ifd(manage, SCARD_SCOPE_SYSTEM, READER, SCARD_SHARE_SHARED, 0));
    ANSWERS(SCARD_E_INVALID_VALUE, manage_attach_by_ifd(manage, 9, READER, SCARD_SHARE_SHARED, 3));
    manage_free(manage);
}

/* Every use of an object that is detached, or that is inherited over a fork. */
static void refuses_every_use(scardffi_manage *manage)
{
    unsigned char buffer[8];
    uint32_t number = sizeof buffer, other;
    SCARDHANDLE handle;

    ANSWERS(SCARDFFI_E_UNEXPECTED, manage_detach(manage, SCARD_LEAVE_CARD));
    ANSWERS(SCARDFFI_E_UNEXPECTED, manage_reconnect(manage, SCARD_SHARE_SHARED, 3, SCARD_LEAVE_CARD));
    ANSWERS(SCARDFFI_E_UNEXPECTED, manage_lock(manage));
    ANSWERS(SCARDFFI_E_UNEXPECTED, manage_unlock(manage, SCARD_LEAVE_CARD));
    ANSWERS(SCARDFFI_E_UNEXPECTED, manage_probe(manage));
    ANSWERS(SCARDFFI_E_UNEXPECTED, manage_status(manage, &number, &other, NULL, NULL, NULL, NULL));
    ANSWERS(SCARDFFI_E_UNEXPECTED, manage_control(manage, 0, NULL, 0, NULL, 0, &other));
    ANSWERS(SCARDFFI_E_UNEXPECTED, manage_get_attribute(manage, SCARD_ATTR_VENDOR_NAME, buffer, &number));
    ANSWERS(SCARDFFI_E_UNEXPECTED, manage_set_attribute(manage, SCARD_ATTR_VENDOR_NAME, buffer, 1));
    FAILS(SCARDFFI_E_UNEXPECTED, exchange_plain(manage, READ_4, sizeof READ_4, buffer, sizeof buffer));
    CHECK(!manage_handle(manage, &handle));
}

static void attaches_and_detaches(void)
{
    scardffi_manage *owner = new_manage(), *borrower = new_manage();
    SCARDCONTEXT context;
    SCARDHANDLE handle, own;
    uint32_t said;

    ANSWERS(SCARDFFI_E_POINTER, manage_new(NULL, &owner));
    ANSWERS(SCARDFFI_E_POINTER, manage_new(api, NULL));
    ANSWERS(SCARDFFI_E_POINTER, manage_detach(NULL, SCARD_LEAVE_CARD));
    manage_free(NULL);
    refuses_every_use(owner);
    handle = connect_raw(&context);
    ANSWERS(SCARDFFI_OK, manage_attach_by_handle(borrower, handle, 0, 0, &said));
    CHECK(manage_handle(borrower, &own) && own == handle && !manage_is_owned(borrower));
    ANSWERS(SCARDFFI_E_UNEXPECTED, attach_by_handle(borrower, handle));
    ANSWERS(SCARDFFI_E_UNEXPECTED, attach_by_ifd(borrower));
    ANSWERS(SCARDFFI_E_INVALIDARG, manage_detach(borrower, SCARD_EJECT_CARD + 1));
    ANSWERS(SCARDFFI_E_INVALIDARG, manage_reconnect(borrower, 0, 3, SCARD_LEAVE_CARD));
    ANSWERS(SCARDFFI_E_INVALIDARG, manage_reconnect(borrower, SCARD_SHARE_DIRECT + 1, 3, SCARD_LEAVE_CARD));
    ANSWERS(SCARDFFI_E_INVALIDARG, manage_reconnect(borrower, SCARD_SHARE_SHARED, 3, SCARD_EJECT_CARD));
    ANSWERS(SCARDFFI_OK, manage_reconnect(borrower, SCARD_SHARE_SHARED, 3, SCARD_LEAVE_CARD));
    ANSWERS(SCARDFFI_OK, manage_reconnect(borrower, 0, 3, SCARD_LEAVE_CARD)); /* the share mode is known now */
    ANSWERS(SCARDFFI_OK, manage_detach(borrower, SCARD_LEAVE_CARD));
    refuses_every_use(borrower);
    ANSWERS(SCARDFFI_OK, manage_attach_by_handle(owner, handle, 1, 0, &said));
    CHECK(manage_is_owned(owner));
    ANSWERS(SCARDFFI_OK, manage_detach(owner, SCARD_LEAVE_CARD));
    refuses_what_is_no_handle(handle);
    ANSWERS(SCARDFFI_OK, attach_by_ifd(owner));
    CHECK(manage_handle(owner, &own) && own != handle && manage_is_owned(owner));
    detach_and_free(owner);
    ANSWERS(SCARDFFI_OK, attach_by_ifd(borrower));
    manage_free(borrower); /* attached: the handle is forgotten */
    ANSWERS(SCARD_S_SUCCESS, pcsc_SCardReleaseContext(api, context));
    refuses_what_is_no_reader();
}

static void is_refused_in_a_fork(void)
{
    scardffi_manage *manage = new_attached();
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        refuses_every_use(manage);
        ANSWERS(SCARDFFI_E_UNEXPECTED, attach_by_ifd(manage));
        ANSWERS(SCARDFFI_E_UNEXPECTED, attach_by_handle(manage, 1));
        CHECK(manage_is_forked(manage));
        manage_free(manage);
        detach_and_free(new_attached());
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(!manage_is_forked(manage));
    detach_and_free(manage);
}

/* Exchanges */

static size_t read_command(unsigned char *command, size_t le)
{
    bool extended = le > 256;
    unsigned char short_le = (unsigned char)(extended ? 0 : le);
    unsigned char bytes[] = {0, 0xB0, 0, 0, short_le, (unsigned char)(le >> 8), (unsigned char)le};
    size_t length = extended ? 7 : 5;

    memcpy(command, bytes, length);
    return length;
}

static bool is_answer(const unsigned char *response, size_t le)
{
    for (size_t i = 0; i < le; i++)
        if (response[i] != (unsigned char)(i ^ i >> 8))
            return false;
    return response[le] == 0x90 && response[le + 1] == 0;
}

/* Both buffers have exactly the size that is told. */
static void reads(scardffi_manage *manage, size_t le)
{
    unsigned char header[7];
    size_t length = read_command(header, le);
    unsigned char *command = malloc(length), *response = malloc(le + 2);
    int64_t received;

    memcpy(command, header, length);
    received = exchange_plain(manage, command, length, response, le + 2);
    CHECK(received == (int64_t)le + 2 && is_answer(response, le));
    free(response);
    response = malloc(le + 1);
    received = exchange_plain(manage, command, length, response, le + 1);
    if (le + 1 >= 2) {
        FAILS(SCARD_E_INSUFFICIENT_BUFFER, received);
        CHECK(-received >> 32 == (int64_t)le + 2);
    }
    free(response);
    free(command);
}

static void transmits_every_length(void)
{
    static const size_t lengths[] = {257, 258, 511, 512, 4096, 32767, 32768, 65535, 65536};
    scardffi_manage *manage = new_attached();

    for (size_t le = 1; le <= 256; le++)
        reads(manage, le);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        reads(manage, lengths[i]);
    for (size_t length = 4; length <= MAX_BUFFER_SIZE_EXTENDED; length += length < 300 ? 1 : 5437) {
        unsigned char *command = calloc(1, length), response[2];
        command[0] = 0xFF;
        CHECK(exchange_plain(manage, command, length, response, sizeof response) == 2);
        free(command);
    }
    detach_and_free(manage);
}

static void refuses_wrong_buffers(void)
{
    static unsigned char memory[MAX_BUFFER_SIZE_EXTENDED + 64];
    scardffi_manage *manage = new_attached();

    memcpy(memory, READ_4, sizeof READ_4);
    FAILS(SCARDFFI_E_POINTER, exchange_plain(manage, NULL, 5, memory, 8));
    FAILS(SCARDFFI_E_POINTER, exchange_plain(manage, memory, 5, NULL, 8));
    FAILS(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory, 0, memory + 16, 8));
    FAILS(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory + 16, MAX_BUFFER_SIZE_EXTENDED + 1, memory, 8));
    FAILS(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory, 5, memory + 16, 0));
    FAILS(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory, 5, memory + 16, 1));
    FAILS(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory, 5, memory, 8));
    FAILS(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory, 5, memory + 4, 8));
    FAILS(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory + 7, 5, memory, 8));
    FAILS(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory + 2, 5, memory, 16));
    FAILS(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory, 16, memory + 4, 2));
    CHECK(exchange_plain(manage, memory, 5, memory + 5, 6) == 6 && is_answer(memory + 5, 4));
    memcpy(memory + 6, READ_4, sizeof READ_4);
    CHECK(exchange_plain(manage, memory + 6, 5, memory, 6) == 6 && is_answer(memory, 4));
    CHECK(exchange_plain(manage, READ_4, 5, memory, sizeof memory) == 6);
    detach_and_free(manage);
}

static void transmits_through_a_slot(void)
{
    scardffi_manage *manage = new_attached();
    struct exchange_slot *slot = exchange_slot_new(manage);
    unsigned char command[7];
    size_t length = read_command(command, 65536);
    const unsigned char *response = (const unsigned char *)exchange_slot_response(slot);

    CHECK(exchange_slot_send(slot, command, length) == 65538 && is_answer(response, 65536));
    FAILS(SCARDFFI_E_INVALIDARG, exchange_slot_send(slot, response, 5));
    FAILS(SCARDFFI_E_POINTER, exchange_slot_send(slot, NULL, 5));
    ANSWERS(SCARDFFI_OK, manage_detach(manage, SCARD_LEAVE_CARD));
    FAILS(SCARDFFI_E_UNEXPECTED, exchange_slot_send(slot, command, length));
    exchange_slot_free(slot);
    exchange_slot_free(NULL);
    manage_free(manage);
}

/* Status, attributes, control */

static void tells_the_status(void)
{
    scardffi_manage *manage = new_attached();
    uint32_t state, protocol, name_length, atr_length;
    char *name = malloc(sizeof READER);
    unsigned char *atr = malloc(13);

    ANSWERS(SCARDFFI_E_POINTER, manage_status(manage, NULL, &protocol, NULL, NULL, NULL, NULL));
    ANSWERS(SCARDFFI_E_POINTER, manage_status(manage, &state, NULL, NULL, NULL, NULL, NULL));
    ANSWERS(SCARDFFI_E_POINTER, manage_status(manage, &state, &protocol, name, NULL, NULL, NULL));
    ANSWERS(SCARDFFI_E_POINTER, manage_status(manage, &state, &protocol, NULL, NULL, atr, NULL));
    ANSWERS(SCARDFFI_OK, manage_status(manage, &state, &protocol, NULL, NULL, NULL, NULL));
    CHECK(state == (SCARD_PRESENT | SCARD_POWERED | SCARD_NEGOTIABLE) && protocol == SCARD_PROTOCOL_T1);
    ANSWERS(SCARDFFI_OK, manage_status(manage, &state, &protocol, NULL, &name_length, NULL, &atr_length));
    CHECK(name_length == sizeof READER && atr_length == 13);
    ANSWERS(SCARDFFI_OK, manage_status(manage, &state, &protocol, name, &name_length, atr, &atr_length));
    CHECK(strcmp(name, READER) == 0 && atr[0] == 0x3B);
    for (uint32_t room = 0; room < sizeof READER; room++) {
        name = realloc(name, room > 0 ? room : 1);
        name_length = room;
        ANSWERS(SCARD_E_INSUFFICIENT_BUFFER, manage_status(manage, &state, &protocol, name, &name_length, NULL, NULL));
        CHECK(name_length == sizeof READER);
    }
    atr = realloc(atr, 12);
    atr_length = 12;
    ANSWERS(SCARD_E_INSUFFICIENT_BUFFER, manage_status(manage, &state, &protocol, NULL, NULL, atr, &atr_length));
    CHECK(atr_length == 13);
    free(atr);
    free(name);
    detach_and_free(manage);
}

static void reads_and_writes_attributes(void)
{
    scardffi_manage *manage = new_attached();
    unsigned char *value = malloc(sizeof "scardffi");
    uint32_t length = sizeof "scardffi";
    static unsigned char much[MAX_BUFFER_SIZE_EXTENDED + 1];

    ANSWERS(SCARDFFI_E_POINTER, manage_get_attribute(manage, SCARD_ATTR_VENDOR_NAME, NULL, &length));
    ANSWERS(SCARDFFI_E_POINTER, manage_get_attribute(manage, SCARD_ATTR_VENDOR_NAME, value, NULL));
    ANSWERS(SCARDFFI_OK, manage_get_attribute(manage, SCARD_ATTR_VENDOR_NAME, value, &length));
    CHECK(length == sizeof "scardffi" - 1 && memcmp(value, "scardffi", length) == 0);
    ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, manage_get_attribute(manage, 0x01234567, value, &length));
    value = realloc(value, sizeof "scardffi" - 2);
    length = sizeof "scardffi" - 2;
    ANSWERS(SCARD_E_INSUFFICIENT_BUFFER, manage_get_attribute(manage, SCARD_ATTR_VENDOR_NAME, value, &length));
    CHECK(length == sizeof "scardffi" - 1);
    ANSWERS(SCARDFFI_E_POINTER, manage_set_attribute(manage, SCARD_ATTR_VENDOR_NAME, NULL, 1));
    ANSWERS(SCARDFFI_E_INVALIDARG, manage_set_attribute(manage, SCARD_ATTR_VENDOR_NAME, much, sizeof much));
    ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, manage_set_attribute(manage, SCARD_ATTR_VENDOR_NAME, value, 1));
    free(value);
    detach_and_free(manage);
}

static void controls_the_reader(void)
{
    static unsigned char much[MAX_BUFFER_SIZE_EXTENDED + 1];
    scardffi_manage *manage = new_attached();
    unsigned char byte = 0;
    uint32_t received = 1;

    ANSWERS(SCARDFFI_E_POINTER, manage_control(manage, SCARD_CTL_CODE(3400), NULL, 0, &byte, 1, NULL));
    ANSWERS(SCARDFFI_E_POINTER, manage_control(manage, SCARD_CTL_CODE(3400), NULL, 1, &byte, 1, &received));
    ANSWERS(SCARDFFI_E_POINTER, manage_control(manage, SCARD_CTL_CODE(3400), NULL, 0, NULL, 1, &received));
    ANSWERS(SCARDFFI_E_INVALIDARG,
            manage_control(manage, SCARD_CTL_CODE(3400), much, sizeof much, &byte, 1, &received));
    ANSWERS(SCARDFFI_E_INVALIDARG, manage_control(manage, SCARD_CTL_CODE(3400), NULL, 0, much, sizeof much, &received));
    ANSWERS(SCARDFFI_OK, manage_control(manage, SCARD_CTL_CODE(2000), NULL, 0, NULL, 0, &received));
    CHECK(received == 0);
    ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, manage_control(manage, 1, &byte, 1, much, sizeof much - 1, &received));
    detach_and_free(manage);
}

/* Transactions and resets */

static void locks_and_unlocks(void)
{
    scardffi_manage *mine = new_manage(), *other = new_attached();
    unsigned char response[6];
    SCARDCONTEXT context;
    SCARDHANDLE handle = connect_raw(&context);

    ANSWERS(SCARDFFI_OK, attach_by_handle(mine, handle));
    ANSWERS(SCARD_E_NOT_TRANSACTED, manage_unlock(mine, SCARD_LEAVE_CARD));
    ANSWERS(SCARDFFI_E_INVALIDARG, manage_unlock(mine, SCARD_EJECT_CARD + 1));
    ANSWERS(SCARDFFI_OK, manage_lock(mine));
    ANSWERS(SCARDFFI_OK, manage_lock(mine));
    ANSWERS(SCARDFFI_OK, manage_unlock(mine, SCARD_LEAVE_CARD));
    ANSWERS(SCARD_E_SHARING_VIOLATION, manage_probe(other));
    ANSWERS(SCARDFFI_OK, manage_probe(mine));
    ANSWERS(SCARDFFI_OK, manage_lock(mine));
    ANSWERS(SCARDFFI_OK, manage_detach(mine, SCARD_LEAVE_CARD)); /* ends both transactions, leaves the handle open */
    ANSWERS(SCARDFFI_OK, manage_probe(other));
    ANSWERS(SCARDFFI_OK, attach_by_handle(mine, handle));
    ANSWERS(SCARDFFI_OK, manage_lock(mine));
    ANSWERS(SCARDFFI_OK, manage_unlock(mine, SCARD_RESET_CARD));
    FAILS(SCARD_W_RESET_CARD, exchange_plain(mine, READ_4, sizeof READ_4, response, sizeof response));
    ANSWERS(SCARDFFI_OK, manage_reconnect(mine, 0, 3, SCARD_LEAVE_CARD));
    CHECK(exchange_plain(mine, READ_4, sizeof READ_4, response, sizeof response) == 6);
    FAILS(SCARD_W_RESET_CARD, exchange_plain(other, READ_4, sizeof READ_4, response, sizeof response));
    ANSWERS(SCARDFFI_OK, manage_reconnect(other, 0, SCARD_PROTOCOL_T0, SCARD_UNPOWER_CARD));
    CHECK(exchange_plain(other, READ_4, sizeof READ_4, response, sizeof response) == 6);
    detach_and_free(mine);
    ANSWERS(SCARDFFI_OK, manage_reconnect(other, 0, 3, SCARD_RESET_CARD));
    ANSWERS(SCARDFFI_OK, manage_detach(other, SCARD_UNPOWER_CARD));
    manage_free(other);
    ANSWERS(SCARD_S_SUCCESS, pcsc_SCardReleaseContext(api, context));
    detach_and_free(new_attached());
}

/* Threads */

typedef struct {
    scardffi_manage *manage;
    SCARDHANDLE handle;
    size_t le;
    unsigned used, refused; /* atomic */
    bool *stop;             /* atomic */
} work;

static pthread_t start(void *(*job)(void *), work *mine)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, job, mine) == 0);
    return thread;
}

/* Its own answers, of a length that no other thread asks for. */
static void *transmit_many(void *argument)
{
    work *mine = argument;
    unsigned char command[7], *response = malloc(mine->le + 2);
    size_t length = read_command(command, mine->le);

    for (int i = 0; i < EXCHANGES; i++) {
        CHECK(exchange_plain(mine->manage, command, length, response, mine->le + 2) == (int64_t)mine->le + 2);
        CHECK(is_answer(response, mine->le));
    }
    free(response);
    return NULL;
}

static void serves_threads(scardffi_manage *const *objects, size_t count)
{
    pthread_t threads[THREADS];
    work works[THREADS] = {0};

    for (size_t i = 0; i < THREADS; i++) {
        works[i].manage = objects[i % count];
        works[i].le = 1 + 100 * i;
        threads[i] = start(transmit_many, &works[i]);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void serves_threads_on_one_object_and_on_two_with_one_handle(void)
{
    scardffi_manage *objects[2] = {new_manage(), new_manage()};
    SCARDCONTEXT context;
    SCARDHANDLE handle = connect_raw(&context);

    ANSWERS(SCARDFFI_OK, attach_by_handle(objects[0], handle));
    serves_threads(objects, 1);
    ANSWERS(SCARDFFI_OK, attach_by_handle(objects[1], handle));
    serves_threads(objects, 2);
    detach_and_free(objects[0]);
    detach_and_free(objects[1]);
    ANSWERS(SCARD_S_SUCCESS, pcsc_SCardReleaseContext(api, context));
}

static void count(work *mine, uint32_t answer)
{
    CHECK(answer == SCARDFFI_OK || answer == SCARDFFI_E_UNEXPECTED);
    __atomic_fetch_add(answer == SCARDFFI_OK ? &mine->used : &mine->refused, 1, __ATOMIC_RELAXED);
}

static void *transmit_in_a_race(void *argument)
{
    work *mine = argument;
    unsigned char response[6];

    while (!__atomic_load_n(mine->stop, __ATOMIC_RELAXED)) {
        int64_t answer = exchange_plain(mine->manage, READ_4, sizeof READ_4, response, sizeof response);
        CHECK(answer < 0 || (answer == 6 && is_answer(response, 4)));
        count(mine, answer < 0 ? (uint32_t)-answer : SCARDFFI_OK);
    }
    return NULL;
}

static void *look_in_a_race(void *argument)
{
    work *mine = argument;
    uint32_t state, protocol;
    SCARDHANDLE handle;

    while (!__atomic_load_n(mine->stop, __ATOMIC_RELAXED)) {
        int owned = manage_is_owned(mine->manage);
        CHECK(owned == 0 || owned == 1);
        CHECK(!manage_handle(mine->manage, &handle) || handle > 0);
        count(mine, manage_status(mine->manage, &state, &protocol, NULL, NULL, NULL, NULL));
    }
    return NULL;
}

static void *lock_in_a_race(void *argument)
{
    work *mine = argument;

    while (!__atomic_load_n(mine->stop, __ATOMIC_RELAXED)) {
        uint32_t answer = manage_lock(mine->manage);
        count(mine, answer);
        if (answer != SCARDFFI_OK)
            continue;
        answer = manage_unlock(mine->manage, SCARD_LEAVE_CARD);
        CHECK(answer == SCARDFFI_OK || answer == SCARDFFI_E_UNEXPECTED || answer == SCARD_E_NOT_TRANSACTED);
    }
    return NULL;
}

/* A second object that comes and goes on the same handle, so that the struct of the handle changes hands. */
static void *borrow_in_a_race(void *argument)
{
    work *mine = argument;
    scardffi_manage *own = new_manage();
    unsigned char response[6];

    while (!__atomic_load_n(mine->stop, __ATOMIC_RELAXED)) {
        count(mine, attach_by_handle(own, mine->handle));
        CHECK(exchange_plain(own, READ_4, sizeof READ_4, response, sizeof response) == 6);
        ANSWERS(SCARDFFI_OK, manage_detach(own, SCARD_LEAVE_CARD));
    }
    manage_free(own);
    return NULL;
}

static bool has_met_both(work *mine)
{
    unsigned used = __atomic_load_n(&mine->used, __ATOMIC_RELAXED);

    return used >= LEAST_USES && __atomic_load_n(&mine->refused, __ATOMIC_RELAXED) >= LEAST_USES;
}

static void survives_races_of_attach_and_detach(void)
{
    void *(*jobs[])(void *) = {borrow_in_a_race, transmit_in_a_race, transmit_in_a_race, look_in_a_race,
                               lock_in_a_race};
    enum { JOBS = sizeof jobs / sizeof jobs[0] };
    scardffi_manage *manage = new_manage();
    pthread_t threads[JOBS];
    work works[JOBS] = {0};
    SCARDCONTEXT context;
    SCARDHANDLE handle = connect_raw(&context);
    bool stop = false;
    size_t met = 1; /* the first is never refused */

    for (size_t i = 0; i < JOBS; i++) {
        works[i] = (work){.manage = manage, .handle = handle, .stop = &stop};
        threads[i] = start(jobs[i], &works[i]);
    }
    for (int i = 0; i < RACES || (met < JOBS && i < 1000 * RACES); i++) {
        while (met < JOBS && has_met_both(&works[met]))
            met++;
        ANSWERS(SCARDFFI_OK, i % 2 != 0 ? attach_by_ifd(manage) : attach_by_handle(manage, handle));
        if (i % 64 == 0)
            sched_yield(); /* let somebody in */
        ANSWERS(SCARDFFI_OK, manage_detach(manage, SCARD_LEAVE_CARD));
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < JOBS; i++) {
        pthread_join(threads[i], NULL);
        printf("thread %zu: %u uses, %u refused\n", i, works[i].used, works[i].refused);
        CHECK(i == 0 || has_met_both(&works[i]));
    }
    manage_free(manage);
    ANSWERS(SCARD_S_SUCCESS, pcsc_SCardReleaseContext(api, context));
}

static void *open_in_a_race(void *argument)
{
    work *mine = argument;
    const char *path = pcsc_path(api);
    char detail[256];
    scardffi_library *opened;

    for (int i = 0; i < EXCHANGES; i++) {
        CHECK(pcsc_open(path, &opened, detail, sizeof detail) == 0 && opened == api);
        pcsc_set_default(opened);
        CHECK(pcsc_open_default(&opened, detail, sizeof detail) == 0 && opened == api);
        mine->used++;
    }
    return NULL;
}

static void opens_a_library_from_several_threads(void)
{
    pthread_t threads[THREADS];
    work works[THREADS] = {0};

    for (size_t i = 0; i < THREADS; i++)
        threads[i] = start(open_in_a_race, &works[i]);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* What a sanitizer must report: a response longer than its memory, and memory that two threads use at a time. */

static unsigned char shared_response[6];

static void *transmit_into_shared_memory(void *argument)
{
    work *mine = argument;

    exchange_plain(mine->manage, READ_4, sizeof READ_4, shared_response, sizeof shared_response);
    mine->used = shared_response[0];
    return NULL;
}

static void break_the_rules(void)
{
    scardffi_manage *manage = new_attached();
    work first = {.manage = manage}, second = {.manage = manage};
    unsigned char *too_small = malloc(5);
    pthread_t thread = start(transmit_into_shared_memory, &first);

    sleep(1); /* after the other one in time, and by nothing else */
    transmit_into_shared_memory(&second);
    pthread_join(thread, NULL);
    CHECK(exchange_plain(manage, READ_4, sizeof READ_4, too_small, 6) == 6);
    free(too_small);
    detach_and_free(manage);
}

int main(int count, char **arguments)
{
    CHECK(count >= 2);
    opens_a_library_once(arguments[1]);
    if (count > 2) {
        break_the_rules();
        return 0;
    }
    tells_status_changes();
    attaches_and_detaches();
    is_refused_in_a_fork();
    transmits_every_length();
    refuses_wrong_buffers();
    transmits_through_a_slot();
    tells_the_status();
    reads_and_writes_attributes();
    controls_the_reader();
    locks_and_unlocks();
    opens_a_library_from_several_threads();
    serves_threads_on_one_object_and_on_two_with_one_handle();
    survives_races_of_attach_and_detach();
    puts("done");
    return 0;
}
