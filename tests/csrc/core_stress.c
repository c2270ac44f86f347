/*
 * Tests the C functions of the core on the virtual library, whose path is the first argument: return codes, buffers of
 * exactly the required size, and threads that attach, detach and transmit on one object. It is built with sanitizers,
 * which must report nothing. Exits with 1 at the first check that fails.
 * With a second argument it makes errors that the sanitizers must report.
 */
#define _DEFAULT_SOURCE /* usleep */

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
#include "script.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                    \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Checks a return code, and prints it if it is another one. */
#define CHECK_CODE(expected, call)                                                                                     \
    do {                                                                                                               \
        uint32_t code = (call);                                                                                        \
        if (code != (expected)) {                                                                                      \
            fprintf(stderr, "line %d: %s is 0x%08X, not %s\n", __LINE__, #call, code, #expected);                      \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* The same for an exchange, which returns minus its failure. */
#define CHECK_FAILURE(expected, call) CHECK_CODE(expected, (uint32_t)-(call))

enum { THREADS = 4, EXCHANGES = 1000, RACES = 10000, MIN_USES = 20, COMMANDS = 200 };

static const char READER[] = "scardffi Virtual Reader 0";
static const unsigned char READ_4[] = {0, 0xB0, 0, 0, 4};
static const scardffi_library *api;

static SCARDHANDLE connect_raw(SCARDCONTEXT *context)
{
    SCARDHANDLE handle;
    DWORD protocol;
    CHECK_CODE(SCARD_S_SUCCESS, pcsc_SCardEstablishContext(api, SCARD_SCOPE_SYSTEM, NULL, NULL, context));
    CHECK_CODE(SCARD_S_SUCCESS, pcsc_SCardConnect(api, *context, READER, SCARD_SHARE_SHARED, 3, &handle, &protocol));
    return handle;
}

static scardffi_manage *new_manage(void)
{
    scardffi_manage *manage;
    CHECK_CODE(SCARDFFI_OK, manage_new(api, &manage));
    return manage;
}

static uint32_t attach_by_ifd(scardffi_manage *manage)
{
    return manage_attach_by_ifd(manage, SCARD_SCOPE_SYSTEM, READER, SCARD_SHARE_SHARED, 3);
}

static uint32_t attach_by_handle(scardffi_manage *manage, SCARDHANDLE handle)
{
    uint32_t pcsc_code;
    return manage_attach_by_handle(manage, handle, 0, SCARD_SHARE_SHARED, &pcsc_code);
}

static scardffi_manage *new_attached(void)
{
    scardffi_manage *manage = new_manage();
    CHECK_CODE(SCARDFFI_OK, attach_by_ifd(manage));
    return manage;
}

static void detach_and_free(scardffi_manage *manage)
{
    CHECK_CODE(SCARDFFI_OK, manage_detach(manage, SCARD_LEAVE_CARD));
    manage_free(manage);
}

/* Opening */

static void test_opening_twice(const char *path)
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

static void test_status_changes(void)
{
    enum { COUNT = 20 };
    char readers[COUNT * sizeof READER];
    uint32_t current[COUNT] = {0};
    struct pcsc_state_result *results = malloc(COUNT * sizeof *results);
    SCARDCONTEXT context;
    for (size_t i = 0; i < COUNT; i++)
        memcpy(readers + i * sizeof READER, READER, sizeof READER);
    CHECK(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) == 0);
    CHECK_CODE(SCARD_S_SUCCESS, pcsc_get_status_change(api, context, 0, COUNT, readers, current, results));
    for (size_t i = 0; i < COUNT; i++)
        CHECK((results[i].event_state & SCARD_STATE_PRESENT) && results[i].atr_length == 13 &&
              results[i].atr[0] == 0x3B);
    current[0] = results[0].event_state;
    CHECK_CODE(SCARD_E_TIMEOUT, pcsc_get_status_change(api, context, 1, 1, readers, current, results));
    CHECK_CODE(SCARD_S_SUCCESS, pcsc_get_status_change(api, context, 0, 0, readers, current, results));
    readers[0] = 'x'; /* no such reader */
    CHECK_CODE(SCARD_E_UNKNOWN_READER, pcsc_get_status_change(api, context, 0, 1, readers, current, results));
    CHECK(SCardReleaseContext(context) == 0);
    CHECK_CODE(SCARD_E_INVALID_HANDLE, pcsc_get_status_change(api, context, 0, 1, readers, current, results));
    free(results);
}

/* Attach and detach */

static void check_invalid_handles(SCARDHANDLE stale)
{
    const SCARDHANDLE wrong[] = {0, -1, 12345, stale};
    scardffi_manage *manage = new_manage();
    uint32_t pcsc_code;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        pcsc_code = 0;
        CHECK_CODE(SCARDFFI_E_INVALIDARG, manage_attach_by_handle(manage, wrong[i], 0, 0, &pcsc_code));
        CHECK_CODE(SCARD_E_INVALID_HANDLE, pcsc_code);
    }
    CHECK_CODE(SCARDFFI_E_INVALIDARG, manage_attach_by_handle(manage, 1, 0, SCARD_SHARE_DIRECT + 1, &pcsc_code));
    CHECK_CODE(SCARD_S_SUCCESS, pcsc_code);
    CHECK_CODE(SCARDFFI_E_POINTER, manage_attach_by_handle(NULL, 1, 0, 0, &pcsc_code));
    CHECK_CODE(SCARDFFI_E_POINTER, manage_attach_by_handle(manage, 1, 0, 0, NULL));
    manage_free(manage);
}

static void check_invalid_readers(void)
{
    scardffi_manage *manage = new_manage();
    CHECK_CODE(SCARDFFI_E_POINTER, manage_attach_by_ifd(NULL, SCARD_SCOPE_SYSTEM, READER, SCARD_SHARE_SHARED, 3));
    CHECK_CODE(SCARDFFI_E_POINTER, manage_attach_by_ifd(manage, SCARD_SCOPE_SYSTEM, NULL, SCARD_SHARE_SHARED, 3));
    CHECK_CODE(SCARDFFI_E_INVALIDARG, manage_attach_by_ifd(manage, SCARD_SCOPE_SYSTEM, READER, 0, 3));
    CHECK_CODE(SCARDFFI_E_INVALIDARG,
               manage_attach_by_ifd(manage, SCARD_SCOPE_SYSTEM, READER, SCARD_SHARE_DIRECT + 1, 3));
    CHECK_CODE(SCARD_E_UNKNOWN_READER, manage_attach_by_ifd(manage, SCARD_SCOPE_SYSTEM, "none", SCARD_SHARE_SHARED, 3));
    CHECK_CODE(SCARD_E_PROTO_MISMATCH, manage_attach_by_ifd(manage, SCARD_SCOPE_SYSTEM, READER, SCARD_SHARE_SHARED, 0));
    CHECK_CODE(SCARD_E_INVALID_VALUE, manage_attach_by_ifd(manage, 9, READER, SCARD_SHARE_SHARED, 3));
    manage_free(manage);
}

/* For an object that is detached, or that was made before a fork. */
static void check_all_unexpected(scardffi_manage *manage)
{
    unsigned char buffer[8];
    uint32_t number = sizeof buffer, other;
    SCARDHANDLE handle;
    CHECK_CODE(SCARDFFI_E_UNEXPECTED, manage_detach(manage, SCARD_LEAVE_CARD));
    CHECK_CODE(SCARDFFI_E_UNEXPECTED, manage_reconnect(manage, SCARD_SHARE_SHARED, 3, SCARD_LEAVE_CARD));
    CHECK_CODE(SCARDFFI_E_UNEXPECTED, manage_lock(manage));
    CHECK_CODE(SCARDFFI_E_UNEXPECTED, manage_unlock(manage, SCARD_LEAVE_CARD));
    CHECK_CODE(SCARDFFI_E_UNEXPECTED, manage_probe(manage));
    CHECK_CODE(SCARDFFI_E_UNEXPECTED, manage_status(manage, &number, &other, NULL, NULL, NULL, NULL));
    CHECK_CODE(SCARDFFI_E_UNEXPECTED, manage_control(manage, 0, NULL, 0, NULL, 0, &other));
    CHECK_CODE(SCARDFFI_E_UNEXPECTED, manage_get_attribute(manage, SCARD_ATTR_VENDOR_NAME, buffer, &number));
    CHECK_CODE(SCARDFFI_E_UNEXPECTED, manage_set_attribute(manage, SCARD_ATTR_VENDOR_NAME, buffer, 1));
    CHECK_FAILURE(SCARDFFI_E_UNEXPECTED, exchange_plain(manage, READ_4, sizeof READ_4, buffer, sizeof buffer));
    CHECK(!manage_handle(manage, &handle));
}

static void test_attach_and_detach(void)
{
    scardffi_manage *owner = new_manage(), *borrower = new_manage();
    SCARDCONTEXT context;
    SCARDHANDLE handle, own;
    uint32_t pcsc_code;
    CHECK_CODE(SCARDFFI_E_POINTER, manage_new(NULL, &owner));
    CHECK_CODE(SCARDFFI_E_POINTER, manage_new(api, NULL));
    CHECK_CODE(SCARDFFI_E_POINTER, manage_detach(NULL, SCARD_LEAVE_CARD));
    manage_free(NULL);
    check_all_unexpected(owner);
    handle = connect_raw(&context);
    CHECK_CODE(SCARDFFI_OK, manage_attach_by_handle(borrower, handle, 0, 0, &pcsc_code));
    CHECK(manage_handle(borrower, &own) && own == handle && !manage_is_owned(borrower));
    CHECK_CODE(SCARDFFI_E_UNEXPECTED, attach_by_handle(borrower, handle));
    CHECK_CODE(SCARDFFI_E_UNEXPECTED, attach_by_ifd(borrower));
    CHECK_CODE(SCARDFFI_E_INVALIDARG, manage_detach(borrower, SCARD_EJECT_CARD + 1));
    CHECK_CODE(SCARDFFI_E_INVALIDARG, manage_reconnect(borrower, 0, 3, SCARD_LEAVE_CARD));
    CHECK_CODE(SCARDFFI_E_INVALIDARG, manage_reconnect(borrower, SCARD_SHARE_DIRECT + 1, 3, SCARD_LEAVE_CARD));
    CHECK_CODE(SCARDFFI_E_INVALIDARG, manage_reconnect(borrower, SCARD_SHARE_SHARED, 3, SCARD_EJECT_CARD));
    CHECK_CODE(SCARDFFI_OK, manage_reconnect(borrower, SCARD_SHARE_SHARED, 3, SCARD_LEAVE_CARD));
    CHECK_CODE(SCARDFFI_OK, manage_reconnect(borrower, 0, 3, SCARD_LEAVE_CARD)); /* the share mode is known now */
    CHECK_CODE(SCARDFFI_OK, manage_detach(borrower, SCARD_LEAVE_CARD));
    check_all_unexpected(borrower);
    CHECK_CODE(SCARDFFI_OK, manage_attach_by_handle(owner, handle, 1, 0, &pcsc_code));
    CHECK(manage_is_owned(owner));
    CHECK_CODE(SCARDFFI_OK, manage_detach(owner, SCARD_LEAVE_CARD));
    check_invalid_handles(handle);
    CHECK_CODE(SCARDFFI_OK, attach_by_ifd(owner));
    CHECK(manage_handle(owner, &own) && own != handle && manage_is_owned(owner));
    detach_and_free(owner);
    CHECK_CODE(SCARDFFI_OK, attach_by_ifd(borrower));
    manage_free(borrower); /* the handle stays open */
    CHECK_CODE(SCARD_S_SUCCESS, pcsc_SCardReleaseContext(api, context));
    check_invalid_readers();
}

static void test_fork(void)
{
    scardffi_manage *manage = new_attached();
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        check_all_unexpected(manage);
        CHECK_CODE(SCARDFFI_E_UNEXPECTED, attach_by_ifd(manage));
        CHECK_CODE(SCARDFFI_E_UNEXPECTED, attach_by_handle(manage, 1));
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

static bool is_expected_response(const unsigned char *response, size_t le)
{
    for (size_t i = 0; i < le; i++)
        if (response[i] != (unsigned char)(i ^ i >> 8))
            return false;
    return response[le] == 0x90 && response[le + 1] == 0;
}

/* Both buffers have exactly the required size. */
static void check_read(scardffi_manage *manage, size_t le)
{
    unsigned char header[7];
    size_t length = read_command(header, le);
    unsigned char *command = malloc(length), *response = malloc(le + 2);
    int64_t received;
    memcpy(command, header, length);
    received = exchange_plain(manage, command, length, response, le + 2);
    CHECK(received == (int64_t)le + 2 && is_expected_response(response, le));
    free(response);
    response = malloc(le + 1);
    received = exchange_plain(manage, command, length, response, le + 1);
    if (le + 1 >= 2) {
        CHECK_FAILURE(SCARD_E_INSUFFICIENT_BUFFER, received);
        CHECK(-received >> 32 == (int64_t)le + 2);
    }
    free(response);
    free(command);
}

static void test_lengths(void)
{
    static const size_t lengths[] = {257, 258, 511, 512, 4096, 32767, 32768, 65535, 65536};
    scardffi_manage *manage = new_attached();
    for (size_t le = 1; le <= 256; le++)
        check_read(manage, le);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        check_read(manage, lengths[i]);
    for (size_t length = 4; length <= MAX_BUFFER_SIZE_EXTENDED; length += length < 300 ? 1 : 5437) {
        unsigned char *command = calloc(1, length), response[2];
        command[0] = 0xFF;
        CHECK(exchange_plain(manage, command, length, response, sizeof response) == 2);
        free(command);
    }
    detach_and_free(manage);
}

static void test_invalid_buffers(void)
{
    static unsigned char memory[MAX_BUFFER_SIZE_EXTENDED + 64];
    scardffi_manage *manage = new_attached();
    memcpy(memory, READ_4, sizeof READ_4);
    CHECK_FAILURE(SCARDFFI_E_POINTER, exchange_plain(manage, NULL, 5, memory, 8));
    CHECK_FAILURE(SCARDFFI_E_POINTER, exchange_plain(manage, memory, 5, NULL, 8));
    CHECK_FAILURE(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory, 0, memory + 16, 8));
    CHECK_FAILURE(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory + 16, MAX_BUFFER_SIZE_EXTENDED + 1, memory, 8));
    CHECK_FAILURE(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory, 5, memory + 16, 0));
    CHECK_FAILURE(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory, 5, memory + 16, 1));
    CHECK_FAILURE(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory, 5, memory, 8));
    CHECK_FAILURE(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory, 5, memory + 4, 8));
    CHECK_FAILURE(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory + 7, 5, memory, 8));
    CHECK_FAILURE(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory + 2, 5, memory, 16));
    CHECK_FAILURE(SCARDFFI_E_INVALIDARG, exchange_plain(manage, memory, 16, memory + 4, 2));
    CHECK(exchange_plain(manage, memory, 5, memory + 5, 6) == 6 && is_expected_response(memory + 5, 4));
    memcpy(memory + 6, READ_4, sizeof READ_4);
    CHECK(exchange_plain(manage, memory + 6, 5, memory, 6) == 6 && is_expected_response(memory, 4));
    CHECK(exchange_plain(manage, READ_4, 5, memory, sizeof memory) == 6);
    detach_and_free(manage);
}

/* Status, attributes, control */

static void test_status(void)
{
    scardffi_manage *manage = new_attached();
    uint32_t state, protocol, name_length, atr_length;
    char *name = malloc(sizeof READER);
    unsigned char *atr = malloc(13);
    CHECK_CODE(SCARDFFI_E_POINTER, manage_status(manage, NULL, &protocol, NULL, NULL, NULL, NULL));
    CHECK_CODE(SCARDFFI_E_POINTER, manage_status(manage, &state, NULL, NULL, NULL, NULL, NULL));
    CHECK_CODE(SCARDFFI_E_POINTER, manage_status(manage, &state, &protocol, name, NULL, NULL, NULL));
    CHECK_CODE(SCARDFFI_E_POINTER, manage_status(manage, &state, &protocol, NULL, NULL, atr, NULL));
    CHECK_CODE(SCARDFFI_OK, manage_status(manage, &state, &protocol, NULL, NULL, NULL, NULL));
    CHECK(state == (SCARD_PRESENT | SCARD_POWERED | SCARD_NEGOTIABLE) && protocol == SCARD_PROTOCOL_T1);
    CHECK_CODE(SCARDFFI_OK, manage_status(manage, &state, &protocol, NULL, &name_length, NULL, &atr_length));
    CHECK(name_length == sizeof READER && atr_length == 13);
    CHECK_CODE(SCARDFFI_OK, manage_status(manage, &state, &protocol, name, &name_length, atr, &atr_length));
    CHECK(strcmp(name, READER) == 0 && atr[0] == 0x3B);
    for (uint32_t room = 0; room < sizeof READER; room++) {
        name = realloc(name, room > 0 ? room : 1);
        name_length = room;
        CHECK_CODE(SCARD_E_INSUFFICIENT_BUFFER,
                   manage_status(manage, &state, &protocol, name, &name_length, NULL, NULL));
        CHECK(name_length == sizeof READER);
    }
    atr = realloc(atr, 12);
    atr_length = 12;
    CHECK_CODE(SCARD_E_INSUFFICIENT_BUFFER, manage_status(manage, &state, &protocol, NULL, NULL, atr, &atr_length));
    CHECK(atr_length == 13);
    free(atr);
    free(name);
    detach_and_free(manage);
}

static void test_attributes(void)
{
    scardffi_manage *manage = new_attached();
    unsigned char *value = malloc(sizeof "scardffi");
    uint32_t length = sizeof "scardffi";
    static unsigned char too_long[MAX_BUFFER_SIZE_EXTENDED + 1];
    CHECK_CODE(SCARDFFI_E_POINTER, manage_get_attribute(manage, SCARD_ATTR_VENDOR_NAME, NULL, &length));
    CHECK_CODE(SCARDFFI_E_POINTER, manage_get_attribute(manage, SCARD_ATTR_VENDOR_NAME, value, NULL));
    CHECK_CODE(SCARDFFI_OK, manage_get_attribute(manage, SCARD_ATTR_VENDOR_NAME, value, &length));
    CHECK(length == sizeof "scardffi" - 1 && memcmp(value, "scardffi", length) == 0);
    CHECK_CODE(SCARD_E_UNSUPPORTED_FEATURE, manage_get_attribute(manage, 0x01234567, value, &length));
    value = realloc(value, sizeof "scardffi" - 2);
    length = sizeof "scardffi" - 2;
    CHECK_CODE(SCARD_E_INSUFFICIENT_BUFFER, manage_get_attribute(manage, SCARD_ATTR_VENDOR_NAME, value, &length));
    CHECK(length == sizeof "scardffi" - 1);
    CHECK_CODE(SCARDFFI_E_POINTER, manage_set_attribute(manage, SCARD_ATTR_VENDOR_NAME, NULL, 1));
    CHECK_CODE(SCARDFFI_E_INVALIDARG, manage_set_attribute(manage, SCARD_ATTR_VENDOR_NAME, too_long, sizeof too_long));
    CHECK_CODE(SCARD_E_UNSUPPORTED_FEATURE, manage_set_attribute(manage, SCARD_ATTR_VENDOR_NAME, value, 1));
    free(value);
    detach_and_free(manage);
}

static void test_control(void)
{
    static unsigned char too_long[MAX_BUFFER_SIZE_EXTENDED + 1];
    scardffi_manage *manage = new_attached();
    unsigned char byte = 0;
    uint32_t received = 1;
    CHECK_CODE(SCARDFFI_E_POINTER, manage_control(manage, SCARD_CTL_CODE(3400), NULL, 0, &byte, 1, NULL));
    CHECK_CODE(SCARDFFI_E_POINTER, manage_control(manage, SCARD_CTL_CODE(3400), NULL, 1, &byte, 1, &received));
    CHECK_CODE(SCARDFFI_E_POINTER, manage_control(manage, SCARD_CTL_CODE(3400), NULL, 0, NULL, 1, &received));
    CHECK_CODE(SCARDFFI_E_INVALIDARG,
               manage_control(manage, SCARD_CTL_CODE(3400), too_long, sizeof too_long, &byte, 1, &received));
    CHECK_CODE(SCARDFFI_E_INVALIDARG,
               manage_control(manage, SCARD_CTL_CODE(3400), NULL, 0, too_long, sizeof too_long, &received));
    CHECK_CODE(SCARDFFI_OK, manage_control(manage, SCARD_CTL_CODE(2000), NULL, 0, NULL, 0, &received));
    CHECK(received == 0);
    CHECK_CODE(SCARD_E_UNSUPPORTED_FEATURE,
               manage_control(manage, 1, &byte, 1, too_long, sizeof too_long - 1, &received));
    detach_and_free(manage);
}

/* Transactions and resets */

static void test_transactions(void)
{
    scardffi_manage *locker = new_manage(), *other = new_attached();
    unsigned char response[6];
    SCARDCONTEXT context;
    SCARDHANDLE handle = connect_raw(&context);
    CHECK_CODE(SCARDFFI_OK, attach_by_handle(locker, handle));
    CHECK_CODE(SCARD_E_NOT_TRANSACTED, manage_unlock(locker, SCARD_LEAVE_CARD));
    CHECK_CODE(SCARDFFI_E_INVALIDARG, manage_unlock(locker, SCARD_EJECT_CARD + 1));
    CHECK_CODE(SCARDFFI_OK, manage_lock(locker));
    CHECK_CODE(SCARDFFI_OK, manage_lock(locker));
    CHECK_CODE(SCARDFFI_OK, manage_unlock(locker, SCARD_LEAVE_CARD));
    CHECK_CODE(SCARD_E_SHARING_VIOLATION, manage_probe(other));
    CHECK_CODE(SCARDFFI_OK, manage_probe(locker));
    CHECK_CODE(SCARDFFI_OK, manage_lock(locker));
    CHECK_CODE(SCARDFFI_OK,
               manage_detach(locker, SCARD_LEAVE_CARD)); /* ends both transactions, and leaves the handle open */
    CHECK_CODE(SCARDFFI_OK, manage_probe(other));
    CHECK_CODE(SCARDFFI_OK, attach_by_handle(locker, handle));
    CHECK_CODE(SCARDFFI_OK, manage_lock(locker));
    CHECK_CODE(SCARDFFI_OK, manage_unlock(locker, SCARD_RESET_CARD));
    CHECK_FAILURE(SCARD_W_RESET_CARD, exchange_plain(locker, READ_4, sizeof READ_4, response, sizeof response));
    CHECK_CODE(SCARDFFI_OK, manage_reconnect(locker, 0, 3, SCARD_LEAVE_CARD));
    CHECK(exchange_plain(locker, READ_4, sizeof READ_4, response, sizeof response) == 6);
    CHECK_FAILURE(SCARD_W_RESET_CARD, exchange_plain(other, READ_4, sizeof READ_4, response, sizeof response));
    CHECK_CODE(SCARDFFI_OK, manage_reconnect(other, 0, SCARD_PROTOCOL_T0, SCARD_UNPOWER_CARD));
    CHECK(exchange_plain(other, READ_4, sizeof READ_4, response, sizeof response) == 6);
    detach_and_free(locker);
    CHECK_CODE(SCARDFFI_OK, manage_reconnect(other, 0, 3, SCARD_RESET_CARD));
    CHECK_CODE(SCARDFFI_OK, manage_detach(other, SCARD_UNPOWER_CARD));
    manage_free(other);
    CHECK_CODE(SCARD_S_SUCCESS, pcsc_SCardReleaseContext(api, context));
    detach_and_free(new_attached());
}

/* Threads */

struct work {
    scardffi_manage *manage;
    SCARDHANDLE handle;
    size_t le;
    unsigned used, refused; /* atomic */
    bool *stop;             /* atomic */
};

static pthread_t start(void *(*job)(void *), struct work *work)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, job, work) == 0);
    return thread;
}

/* Each thread reads another length. */
static void *transmit_repeatedly(void *argument)
{
    struct work *work = argument;
    unsigned char command[7], *response = malloc(work->le + 2);
    size_t length = read_command(command, work->le);
    for (int i = 0; i < EXCHANGES; i++) {
        CHECK(exchange_plain(work->manage, command, length, response, work->le + 2) == (int64_t)work->le + 2);
        CHECK(is_expected_response(response, work->le));
    }
    free(response);
    return NULL;
}

static void transmit_in_threads(scardffi_manage *const *objects, size_t count)
{
    pthread_t threads[THREADS];
    struct work works[THREADS] = {0};
    for (size_t i = 0; i < THREADS; i++) {
        works[i].manage = objects[i % count];
        works[i].le = 1 + 100 * i;
        threads[i] = start(transmit_repeatedly, &works[i]);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void test_threads(void)
{
    scardffi_manage *objects[2] = {new_manage(), new_manage()};
    SCARDCONTEXT context;
    SCARDHANDLE handle = connect_raw(&context);
    CHECK_CODE(SCARDFFI_OK, attach_by_handle(objects[0], handle));
    transmit_in_threads(objects, 1);
    CHECK_CODE(SCARDFFI_OK, attach_by_handle(objects[1], handle));
    transmit_in_threads(objects, 2);
    detach_and_free(objects[0]);
    detach_and_free(objects[1]);
    CHECK_CODE(SCARD_S_SUCCESS, pcsc_SCardReleaseContext(api, context));
}

static void count_result(struct work *work, uint32_t result)
{
    CHECK(result == SCARDFFI_OK || result == SCARDFFI_E_UNEXPECTED);
    __atomic_fetch_add(result == SCARDFFI_OK ? &work->used : &work->refused, 1, __ATOMIC_RELAXED);
}

static void *transmit_in_a_race(void *argument)
{
    struct work *work = argument;
    unsigned char response[6];
    while (!__atomic_load_n(work->stop, __ATOMIC_RELAXED)) {
        int64_t answer = exchange_plain(work->manage, READ_4, sizeof READ_4, response, sizeof response);
        CHECK(answer < 0 || (answer == 6 && is_expected_response(response, 4)));
        count_result(work, answer < 0 ? (uint32_t)-answer : SCARDFFI_OK);
    }
    return NULL;
}

static void *query_in_a_race(void *argument)
{
    struct work *work = argument;
    uint32_t state, protocol;
    SCARDHANDLE handle;
    while (!__atomic_load_n(work->stop, __ATOMIC_RELAXED)) {
        int owned = manage_is_owned(work->manage);
        CHECK(owned == 0 || owned == 1);
        CHECK(!manage_handle(work->manage, &handle) || handle > 0);
        count_result(work, manage_status(work->manage, &state, &protocol, NULL, NULL, NULL, NULL));
    }
    return NULL;
}

static void *lock_in_a_race(void *argument)
{
    struct work *work = argument;
    while (!__atomic_load_n(work->stop, __ATOMIC_RELAXED)) {
        uint32_t answer = manage_lock(work->manage);
        count_result(work, answer);
        if (answer != SCARDFFI_OK)
            continue;
        answer = manage_unlock(work->manage, SCARD_LEAVE_CARD);
        CHECK(answer == SCARDFFI_OK || answer == SCARDFFI_E_UNEXPECTED || answer == SCARD_E_NOT_TRANSACTED);
    }
    return NULL;
}

/* Attach a second object to the same handle, and detach it, so that the handle's struct is freed and reused. */
static void *borrow_in_a_race(void *argument)
{
    struct work *work = argument;
    scardffi_manage *own = new_manage();
    unsigned char response[6];
    while (!__atomic_load_n(work->stop, __ATOMIC_RELAXED)) {
        count_result(work, attach_by_handle(own, work->handle));
        CHECK(exchange_plain(own, READ_4, sizeof READ_4, response, sizeof response) == 6);
        CHECK_CODE(SCARDFFI_OK, manage_detach(own, SCARD_LEAVE_CARD));
    }
    manage_free(own);
    return NULL;
}

static bool was_used_and_refused(struct work *work)
{
    unsigned used = __atomic_load_n(&work->used, __ATOMIC_RELAXED);
    return used >= MIN_USES && __atomic_load_n(&work->refused, __ATOMIC_RELAXED) >= MIN_USES;
}

static void test_races_of_attach_and_detach(void)
{
    void *(*jobs[])(void *) = {borrow_in_a_race, transmit_in_a_race, transmit_in_a_race, query_in_a_race,
                               lock_in_a_race};
    enum { JOBS = sizeof jobs / sizeof jobs[0] };
    scardffi_manage *manage = new_manage();
    pthread_t threads[JOBS];
    struct work works[JOBS] = {0};
    SCARDCONTEXT context;
    SCARDHANDLE handle = connect_raw(&context);
    bool stop = false;
    size_t satisfied = 1; /* the first job is never refused */

    for (size_t i = 0; i < JOBS; i++) {
        works[i] = (struct work){.manage = manage, .handle = handle, .stop = &stop};
        threads[i] = start(jobs[i], &works[i]);
    }
    for (int i = 0; i < RACES || (satisfied < JOBS && i < 1000 * RACES); i++) {
        while (satisfied < JOBS && was_used_and_refused(&works[satisfied]))
            satisfied++;
        CHECK_CODE(SCARDFFI_OK, i % 2 != 0 ? attach_by_ifd(manage) : attach_by_handle(manage, handle));
        if (i % 64 == 0)
            sched_yield(); /* let another thread run */
        CHECK_CODE(SCARDFFI_OK, manage_detach(manage, SCARD_LEAVE_CARD));
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < JOBS; i++) {
        pthread_join(threads[i], NULL);
        printf("thread %zu: %u uses, %u refused\n", i, works[i].used, works[i].refused);
        CHECK(i == 0 || was_used_and_refused(&works[i]));
    }
    manage_free(manage);
    CHECK_CODE(SCARD_S_SUCCESS, pcsc_SCardReleaseContext(api, context));
}

/* Fetch a response of 1000 bytes in parts, one in each step. Every eighth response is given up after two steps. */
static void *fetch_in_steps(void *argument)
{
    struct work *work = argument;
    unsigned char command[] = {0x80, 0x1C, 0x03, 0xE8}, response[1002];
    struct flow flow = {0};
    for (unsigned i = 0; !__atomic_load_n(work->stop, __ATOMIC_RELAXED); i++) {
        int64_t received = FLOW_MORE;
        command[0] = 0x80;
        flow_begin(&flow, work->manage, SCARDFFI_FLOW_GET_RESPONSE, command, sizeof command, response, sizeof response,
                   sizeof response);
        for (unsigned steps = 0; received == FLOW_MORE && (i % 8 != 7 || steps < 2); steps++) {
            struct card_handle *card = flow_enter(&flow, work->manage);
            received = card != NULL ? flow_step(&flow, card, 0) : transmit_failure(SCARDFFI_E_UNEXPECTED, 0);
            if (card != NULL)
                flow_leave(&flow, card, received == FLOW_MORE);
            command[0] = 0; /* the card takes GET RESPONSE in this class */
        }
        flow_end(&flow);
        CHECK(received < 0 || (received == 1002 && is_expected_response(response, 1000)));
        if (received != FLOW_MORE)
            count_result(work, received < 0 ? (uint32_t)-received : SCARDFFI_OK);
    }
    return NULL;
}

/* The parts of a response are not mixed with those of other threads on the same handle, while an object that is used by
 * one of the threads is detached and attached. */
static void test_turns(void)
{
    scardffi_manage *objects[2] = {new_manage(), new_manage()};
    pthread_t threads[3];
    struct work works[3] = {0};
    SCARDCONTEXT context;
    SCARDHANDLE handle = connect_raw(&context);
    bool stop = false;
    CHECK_CODE(SCARDFFI_OK, attach_by_handle(objects[0], handle));
    for (size_t i = 0; i < 3; i++) {
        works[i] = (struct work){.manage = objects[i / 2], .handle = handle, .stop = &stop};
        threads[i] = start(fetch_in_steps, &works[i]);
    }
    while (!was_used_and_refused(&works[2]) || __atomic_load_n(&works[0].used, __ATOMIC_RELAXED) < MIN_USES ||
           __atomic_load_n(&works[1].used, __ATOMIC_RELAXED) < MIN_USES) {
        CHECK_CODE(SCARDFFI_OK, attach_by_handle(objects[1], handle));
        usleep(300);
        CHECK_CODE(SCARDFFI_OK, manage_detach(objects[1], SCARD_LEAVE_CARD));
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    detach_and_free(objects[0]);
    manage_free(objects[1]);
    CHECK_CODE(SCARD_S_SUCCESS, pcsc_SCardReleaseContext(api, context));
}

static void *open_in_a_race(void *argument)
{
    struct work *work = argument;
    const char *path = pcsc_path(api);
    char detail[256];
    scardffi_library *opened;
    for (int i = 0; i < EXCHANGES; i++) {
        CHECK(pcsc_open(path, &opened, detail, sizeof detail) == 0 && opened == api);
        pcsc_set_default(opened);
        CHECK(pcsc_open_default(&opened, detail, sizeof detail) == 0 && opened == api);
        work->used++;
    }
    return NULL;
}

static void test_opening_in_threads(void)
{
    pthread_t threads[THREADS];
    struct work works[THREADS] = {0};
    for (size_t i = 0; i < THREADS; i++)
        threads[i] = start(open_in_a_race, &works[i]);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* Errors that a sanitizer must report: a response longer than its memory, and memory that two threads write to. */

/* Return the length of the response to command `index` of the scripts: short ones, and a long one now and then. */
static size_t script_le(size_t index)
{
    return index % 50 == 49 ? 65536 : 1 + index % 256;
}

static size_t script_replies_size(void)
{
    size_t size = 0;
    for (size_t i = 0; i < COMMANDS; i++)
        size += script_le(i) + 2;
    return size;
}

static scardffi_script *read_script(unsigned flow)
{
    static const uint16_t value = 0x9000, mask = 0xFFFF;
    unsigned char packed[COMMANDS * 7];
    uint32_t lengths[COMMANDS];
    size_t size = 0;
    for (size_t i = 0; i < COMMANDS; i++) {
        lengths[i] = (uint32_t)read_command(packed + size, script_le(i));
        size += lengths[i];
    }
    scardffi_script *script = script_new(COMMANDS, packed, lengths, flow);
    CHECK(script != NULL);
    CHECK(script_expect(script, SCRIPT_ALL, 1, &value, &mask));
    return script;
}

static void check_replies(const scardffi_run *run, size_t count)
{
    const size_t *offsets = script_run_offsets(run);
    CHECK(script_run_count(run) == count);
    for (size_t i = 0; i < count; i++) {
        CHECK(offsets[i + 1] - offsets[i] == script_le(i) + 2);
        CHECK(is_expected_response(script_run_arena(run) + offsets[i], script_le(i)));
    }
}

static int run_to_its_end(scardffi_run *run)
{
    int state;
    while ((state = script_step(run, 50)) == SCARDFFI_SCRIPT_MORE)
        ;
    return state;
}

/* Run in memory of exactly the required size, and go on with a run that grows. */
static void check_placed_run(scardffi_script *script, scardffi_manage *manage)
{
    size_t size = script_run_size(script, true);
    unsigned char *memory = malloc(size);
    CHECK(memory != NULL);
    scardffi_run *placed = script_run_place(memory, size, script, manage, 2);
    CHECK(run_to_its_end(placed) == SCRIPT_FULL);
    scardffi_run *run = script_run_continue(placed);
    CHECK(run != NULL);
    free(memory);
    CHECK(run_to_its_end(run) == SCARDFFI_SCRIPT_DONE);
    CHECK(script_run_executed(run) == 2 * COMMANDS);
    check_replies(run, COMMANDS);
    script_run_free(run);
}

/* Receive in memory of the caller's, with room for every response, or with one byte less. */
static void check_run_into(scardffi_script *script, scardffi_manage *manage, bool is_placed, size_t less)
{
    size_t last = script_le(COMMANDS - 1) + 2, size = script_replies_size() - last + MAX_BUFFER_SIZE_EXTENDED - less;
    unsigned char *memory = malloc(size), *placed = malloc(script_run_size(script, false));
    CHECK(memory != NULL && placed != NULL);
    scardffi_run *run = is_placed ? script_run_place(placed, script_run_size(script, false), script, manage, 1)
                                  : script_run_new(script, manage, 1, 0, 1);
    CHECK(run != NULL);
    CHECK(script_run_receive_in(run, memory, size));
    CHECK(run_to_its_end(run) == (less > 0 ? SCRIPT_FULL : SCARDFFI_SCRIPT_DONE));
    check_replies(run, less > 0 ? COMMANDS - 1 : COMMANDS);
    if (!is_placed)
        script_run_free(run);
    free(placed);
    free(memory);
}

static void *run_scripts(void *argument)
{
    struct work *work = argument;
    scardffi_script *script = read_script(0), *with_flow = read_script(SCARDFFI_FLOW_GET_RESPONSE);
    check_placed_run(script, work->manage);
    for (size_t less = 0; less < 2; less++) {
        check_run_into(script, work->manage, true, less);
        check_run_into(script, work->manage, false, less);
        check_run_into(with_flow, work->manage, false, less);
    }
    script_free(script);
    script_free(with_flow);
    return NULL;
}

static void test_scripts(void)
{
    struct work work[THREADS];
    pthread_t threads[THREADS];
    scardffi_manage *manage = new_attached();
    for (size_t i = 0; i < THREADS; i++) {
        work[i] = (struct work){.manage = manage};
        threads[i] = start(run_scripts, &work[i]);
    }
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    detach_and_free(manage);
}

static unsigned char shared_response[6];

static void *transmit_into_shared_memory(void *argument)
{
    struct work *work = argument;
    exchange_plain(work->manage, READ_4, sizeof READ_4, shared_response, sizeof shared_response);
    work->used = shared_response[0];
    return NULL;
}

static void cause_sanitizer_reports(void)
{
    scardffi_manage *manage = new_attached();
    struct work first = {.manage = manage}, second = {.manage = manage};
    unsigned char *too_small = malloc(5);
    pthread_t thread = start(transmit_into_shared_memory, &first);
    sleep(1); /* later than the other thread, but not synchronized with it */
    transmit_into_shared_memory(&second);
    pthread_join(thread, NULL);
    CHECK(exchange_plain(manage, READ_4, sizeof READ_4, too_small, 6) == 6);
    free(too_small);
    unsigned char *unset = malloc(sizeof READ_4);
    exchange_plain(manage, unset, sizeof READ_4, shared_response, sizeof shared_response);
    free(unset);
    detach_and_free(manage);
}

int main(int count, char **arguments)
{
    CHECK(count >= 2);
    test_opening_twice(arguments[1]);
    if (count > 2) {
        cause_sanitizer_reports();
        return 0;
    }
    test_status_changes();
    test_attach_and_detach();
    test_fork();
    test_lengths();
    test_invalid_buffers();
    test_status();
    test_attributes();
    test_control();
    test_transactions();
    test_opening_in_threads();
    test_threads();
    test_races_of_attach_and_detach();
    test_turns();
    test_scripts();
    puts("done");
    return 0;
}
