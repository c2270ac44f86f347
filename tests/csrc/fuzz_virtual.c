/* Fuzz targets of the virtual library, for libFuzzer or by themselves (fuzz.c): SCARDFFI_VIRTUAL, an emulator's
 * messages, commands for the answering card, and PC/SC's functions. The library is linked in without sockets.c: the
 * emulator is the input. */
#define _GNU_SOURCE

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "answering_card.h"
#include "configuration.h"
#include "faults.h"
#include "fuzz.h"
#include "pcsc_api.h"
#include "resource_manager.h"
#include "sockets.h"
#include "vpcd.h"

#define DECLARE_FUNCTION(need, name, arguments, ...) LONG name(__VA_ARGS__);
PCSC_FUNCTIONS(DECLARE_FUNCTION)

enum { CONNECTION = 3, WATCHED, MOST_TEXT = 4096, MOST_COMMAND = 300 };

static const char READER[] = "fuzzed";

/* What takes the place of sockets.c */

static pthread_mutex_t socket_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t socket_changed = PTHREAD_COND_INITIALIZER;
static bool is_hung_up, is_watched;

static void set_socket(bool *value, bool set)
{
    pthread_mutex_lock(&socket_mutex);
    *value = set;
    pthread_cond_broadcast(&socket_changed);
    pthread_mutex_unlock(&socket_mutex);
}

static void wait_for_socket(const bool *value, bool wanted)
{
    pthread_mutex_lock(&socket_mutex);
    while (*value != wanted)
        pthread_cond_wait(&socket_changed, &socket_mutex);
    pthread_mutex_unlock(&socket_mutex);
}

socket_number socket_listen(uint16_t port, bool *refused)
{
    *refused = port % 3 == 0;
    return port % 2 == 0 ? CONNECTION : NO_SOCKET;
}

socket_number socket_connect(uint16_t port, bool *refused)
{
    *refused = port % 3 == 0;
    if (port % 2 == 1)
        return NO_SOCKET;
    set_socket(&is_hung_up, false);
    return CONNECTION;
}

socket_number socket_accept(socket_number listener)
{
    (void)listener;
    return NO_SOCKET;
}

socket_number socket_duplicate(socket_number connection)
{
    CHECK(connection == CONNECTION);
    set_socket(&is_watched, true);
    return WATCHED;
}

bool socket_send(socket_number connection, const unsigned char *bytes, size_t length, bool more)
{
    (void)more;
    CHECK(connection == CONNECTION);
    unsigned sum = 0;
    for (size_t i = 0; i < length; i++)
        sum += bytes[i] & 1;
    return sum <= length && fuzz_left() > 0;
}

bool socket_receive(socket_number connection, unsigned char *bytes, size_t length, const struct timespec *deadline)
{
    (void)deadline;
    CHECK(connection == CONNECTION);
    return fuzz_bytes(bytes, length) == length;
}

void socket_wait_for_hangup(socket_number connection)
{
    (void)connection;
    wait_for_socket(&is_hung_up, true);
}

void socket_hang_up(socket_number connection)
{
    (void)connection;
    set_socket(&is_hung_up, true);
}

void socket_close(socket_number number)
{
    if (number == WATCHED)
        set_socket(&is_watched, false);
}

/* The targets */

static void begin(void)
{
    static bool is_ready;
    if (!is_ready)
        CHECK(setenv("SCARDFFI_VIRTUAL", "", 1) == 0 && SCardEstablishContext(0, NULL, NULL, &(SCARDCONTEXT){0}) == 0);
    is_ready = true;
    pthread_mutex_lock(&manager_mutex);
}

/* Remove the readers, and wait until no thread watches the emulator. */
static void end(void)
{
    while (manager_plugged_count > 0)
        reader_unplug(manager_plugged[0]);
    fault_reset_after_fork();
    pthread_mutex_unlock(&manager_mutex);
    wait_for_socket(&is_watched, false);
}

static void fuzz_configuration(void)
{
    char text[MOST_TEXT + 1];
    text[fuzz_bytes(text, MOST_TEXT)] = '\0';
    begin();
    CHECK(setenv("SCARDFFI_VIRTUAL", text, 1) == 0);
    bool may_succeed_later;
    LONG code = configuration_apply(&may_succeed_later);
    const char *problem = configuration_problem();
    CHECK((problem != NULL) == (code == (LONG)SCARD_E_NO_SERVICE));
    CHECK(problem == NULL || strlen(problem) > 0);
    CHECK(problem != NULL || may_succeed_later);
    end();
}

static SCARDHANDLE connect_to_reader(SCARDCONTEXT *context, DWORD *protocol)
{
    SCARDHANDLE handle = 0;
    CHECK(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, context) == 0);
    SCardConnect(*context, READER, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &handle, protocol);
    return handle;
}

/* Send commands of the input, in memory of exactly the right size, to the reader's card. */
static void send_commands(SCARDHANDLE handle, DWORD protocol)
{
    const SCARD_IO_REQUEST pci = {protocol, sizeof pci};
    while (fuzz_left() > 0) {
        DWORD length = fuzz_number(2) % MOST_COMMAND, room = fuzz_number(3) % (MAX_BUFFER_SIZE_EXTENDED + 1);
        DWORD received = room;
        unsigned char *command = calloc(length + 1, 1), *response = calloc(room + 1, 1);
        CHECK(command != NULL && response != NULL);
        fuzz_bytes(command, length);
        LONG code = SCardTransmit(handle, &pci, command, length, NULL, response, &received);
        CHECK(code != 0 || received <= room);
        CHECK(response[room] == 0);
        free(command);
        free(response);
    }
}

static void fuzz_emulator(void)
{
    struct reader *reader;
    begin();
    CHECK(reader_plug(READER, &reader) == 0);
    LONG inserted = vpcd_connect(reader, 2, true);
    CHECK(reader->card == NULL || reader->card->atr_length <= MAX_ATR_SIZE);
    pthread_mutex_unlock(&manager_mutex);
    SCARDCONTEXT context;
    DWORD protocol = 0;
    SCARDHANDLE handle = connect_to_reader(&context, &protocol);
    CHECK(handle == 0 || inserted == 0);
    if (handle != 0)
        send_commands(handle, protocol);
    CHECK(SCardReleaseContext(context) == 0);
    pthread_mutex_lock(&manager_mutex);
    end();
}

/* A reader with an answering card, which has an ATR of the input. */
static void plug_answering_card(void)
{
    unsigned char atr[MAX_ATR_SIZE];
    size_t length = fuzz_bytes(atr, fuzz_byte() % (MAX_ATR_SIZE + 1));
    struct reader *reader;
    CHECK(reader_plug(READER, &reader) == 0);
    struct card *card = answering_card_new(length > 0 ? atr : NULL, length);
    CHECK(card != NULL && reader_insert_card(reader, card) == 0);
}

static void fuzz_answering_card(void)
{
    begin();
    plug_answering_card();
    pthread_mutex_unlock(&manager_mutex);
    SCARDCONTEXT context;
    DWORD protocol = 0;
    SCARDHANDLE handle = connect_to_reader(&context, &protocol);
    if (handle != 0)
        send_commands(handle, protocol);
    CHECK(SCardReleaseContext(context) == 0);
    pthread_mutex_lock(&manager_mutex);
    end();
}

static void ask_for_states(SCARDCONTEXT context)
{
    char name[20] = {0};
    fuzz_bytes(name, sizeof name - 1);
    SCARD_READERSTATE states[] = {{.szReader = READER, .dwCurrentState = fuzz_number(4)},
                                  {.szReader = "\\\\?PnP?\\Notification", .dwCurrentState = fuzz_number(4)},
                                  {.szReader = name, .dwCurrentState = fuzz_byte()}};
    SCardGetStatusChange(context, 0, states, fuzz_byte() % 4);
    for (unsigned i = 0; i < 3; i++)
        CHECK(states[i].cbAtr <= sizeof states[i].rgbAtr);
}

static void arm_fault(void)
{
    static const char *const functions[] = {"SCardTransmit", "SCardStatus", "SCardConnect", "", "*"};
    unsigned char answer[40];
    uint32_t number, effect = fuzz_byte() % 8;
    size_t length = fuzz_bytes(answer, fuzz_byte() % sizeof answer);
    pthread_mutex_lock(&manager_mutex);
    if (effect != FAULT_LATENCY)
        fault_arm(functions[fuzz_byte() % 5], fuzz_byte() % 4, fuzz_byte() % 4, effect, 0x80100000u | fuzz_byte(),
                  answer, effect == FAULT_ANSWER ? length : 0, &number);
    pthread_mutex_unlock(&manager_mutex);
}

/* PC/SC's functions in any order. Lengths below 300 are those of the memory. */
static void fuzz_pcsc_calls(void)
{
    begin();
    plug_answering_card();
    pthread_mutex_unlock(&manager_mutex);
    SCARDCONTEXT context;
    DWORD protocol = 0, other, state;
    SCARDHANDLE handle = connect_to_reader(&context, &protocol);
    while (fuzz_left() > 0) {
        unsigned call = fuzz_byte() % 16;
        DWORD room = fuzz_byte(), length = room, second = room;
        char *text = calloc(room + 1, 1);
        unsigned char *bytes = calloc(room + 1, 1), command[64] = {0};
        DWORD command_length = (DWORD)fuzz_bytes(command, fuzz_byte() % sizeof command);
        CHECK(text != NULL && bytes != NULL);
        LONG code = 1;
        switch (call) {
        case 0:
            code = SCardListReaders(context, NULL, text, &length);
            break;
        case 1:
            code = SCardListReaderGroups(context, text, &length);
            break;
        case 2:
            code = SCardStatus(handle, text, &length, &state, &other, bytes, &second);
            CHECK(code != 0 || second <= room);
            break;
        case 3:
            code = SCardGetAttrib(handle, fuzz_number(4), bytes, &length);
            break;
        case 4:
            SCardSetAttrib(handle, fuzz_number(4), command, command_length);
            break;
        case 5:
            code = SCardControl(handle, fuzz_number(4), command, command_length, bytes, room, &length);
            break;
        case 6:
            ask_for_states(context);
            break;
        case 7:
            SCardReconnect(handle, fuzz_byte(), fuzz_byte(), fuzz_byte(), &protocol);
            break;
        case 8:
            SCardBeginTransaction(handle);
            break;
        case 9:
            SCardEndTransaction(handle, fuzz_byte());
            break;
        case 10:
            if (SCardDisconnect(handle, fuzz_byte()) == 0) /* otherwise it would wait for its own transaction */
                SCardConnect(context, READER, fuzz_byte(), fuzz_byte(), &handle, &protocol);
            break;
        case 11:
            arm_fault();
            break;
        case 12:
            SCardDisconnect((SCARDHANDLE)fuzz_number(4), SCARD_LEAVE_CARD);
            break;
        case 13:
            scardvirtual_remove(READER);
            scardvirtual_insert_answering(READER, command, command_length);
            break;
        case 14:
            scardvirtual_plug((const char *)command, NULL);
            break;
        default: {
            const SCARD_IO_REQUEST pci = {fuzz_byte(), sizeof pci};
            code = SCardTransmit(handle, &pci, command, command_length, NULL, bytes, &length);
        }
        }
        CHECK(code != 0 || length <= room);
        CHECK(text[room] == 0 && bytes[room] == 0);
        free(text);
        free(bytes);
    }
    pthread_mutex_lock(&manager_mutex);
    fault_reset_after_fork();
    if (manager_is_stopped)
        manager_start();
    pthread_mutex_unlock(&manager_mutex);
    SCardReleaseContext(context);
    pthread_mutex_lock(&manager_mutex);
    end();
}

const struct fuzz_target fuzz_targets[] = {
    {"configuration", fuzz_configuration},
    {"emulator", fuzz_emulator},
    {"answering_card", fuzz_answering_card},
    {"pcsc_calls", fuzz_pcsc_calls},
    {NULL, NULL},
};
