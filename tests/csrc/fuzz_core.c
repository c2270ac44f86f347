/* Fuzz targets of the core, for libFuzzer or by themselves (fuzz.c). The bytes say how the core is called and what the
 * PC/SC library answers. It may break every rule but two: it writes only where it may, and it writes all bytes that it
 * claims and that have room. This file is also built in the shape of Windows, where the library's strings are UTF-16.
 */
#include <stdlib.h>
#include <string.h>

#include "binary_file.h"
#include "exchange.h"
#include "fuzz.h"
#include "pcsc_strings.h"
#include "script.h"

enum { MOST_STEPS = 1000, MOST_COMMANDS = 8, MOST_COMMAND = 700, MOST_STATES = 4 };

/* The library */

enum { FAILURE = 0xF0, LENGTH_ONLY, LACK_OF_ROOM, LONG_ANSWER };

/* The code of a call: in one of four cases, one of the input. */
static LONG answer_code(void)
{
    if (fuzz_left() == 0)
        return (LONG)SCARD_W_REMOVED_CARD;
    unsigned first = fuzz_byte();
    return first % 4 != 3 ? 0 : (LONG)(0x80100000u | fuzz_byte());
}

static void check_readable(const unsigned char *memory, size_t length)
{
    unsigned sum = 0;
    for (size_t i = 0; i < length; i++)
        sum += memory[i] & 1;
    CHECK(sum <= length);
}

/* The first byte of an answer is its length, or says what else the library does. */
static LONG transmit(SCARDHANDLE handle, const SCARD_IO_REQUEST *send_pci, const unsigned char *command,
                     DWORD command_length, SCARD_IO_REQUEST *receive_pci, unsigned char *response, DWORD *received)
{
    (void)handle, (void)send_pci, (void)receive_pci;
    check_readable(command, command_length);
    if (fuzz_left() == 0)
        return (LONG)SCARD_W_REMOVED_CARD;
    size_t length = fuzz_byte();
    if (length == FAILURE)
        return (LONG)(fuzz_number(4) | 1);
    if (length == LENGTH_ONLY) {
        DWORD capacity = *received;
        *received = fuzz_number(4);
        memset(response, 0xA5, *received < capacity ? *received : capacity);
        return 0;
    }
    if (length == LACK_OF_ROOM) {
        *received = fuzz_number(4);
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    }
    bool is_long = length == LONG_ANSWER;
    if (is_long)
        length = fuzz_number(3) % (MAX_BUFFER_SIZE_EXTENDED + 1);
    if (length > *received) {
        *received = (DWORD)length;
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    }
    memset(response, 0xA5, length);
    if (!is_long)
        fuzz_bytes(response, length);
    else if (length >= 2)
        fuzz_bytes(response + length - 2, 2);
    *received = (DWORD)length;
    return 0;
}

/* Claim a length of the input, and write as many bytes, or all that fit into memory of `*length` bytes. */
static LONG fill(unsigned char *memory, DWORD *length)
{
    unsigned claim = fuzz_byte();
    size_t given = fuzz_byte(), room = *length;
    *length = claim < 0xF0 ? claim : fuzz_number(4);
    size_t written = *length < room ? *length : room;
    if (memory != NULL) {
        memset(memory, 0xA5, written);
        fuzz_bytes(memory, given < written ? given : written);
    }
    return answer_code();
}

#if defined(SCARDFFI_ABI_WINDOWS)

/* Text that the library allocates has the length that it says. */
static LONG fill_text(char *text, DWORD *length)
{
    CHECK(*length == SCARD_AUTOALLOCATE);
    size_t units = fuzz_byte();
    uint16_t *memory = units % 8 != 7 ? calloc(units + 1, sizeof *memory) : NULL;
    if (memory != NULL)
        fuzz_bytes(memory, units * sizeof *memory);
    *length = memory != NULL ? (DWORD)units : fuzz_number(4);
    memcpy(text, &memory, sizeof memory);
    return answer_code();
}

static LONG fill_name(char *name, DWORD *units)
{
    DWORD length = *units * (DWORD)sizeof(uint16_t);
    LONG code = fill((unsigned char *)name, &length);
    *units = length / (DWORD)sizeof(uint16_t);
    return code;
}

#else

static LONG fill_text(char *text, DWORD *length)
{
    return fill((unsigned char *)text, length);
}

static LONG fill_name(char *name, DWORD *length)
{
    return fill_text(name, length);
}

#endif

static LONG establish(DWORD scope, const void *reserved1, const void *reserved2, SCARDCONTEXT *context)
{
    (void)scope, (void)reserved1, (void)reserved2;
    *context = 1;
    return 0;
}

static LONG release(SCARDCONTEXT context)
{
    (void)context;
    return 0;
}

static LONG connect_card(SCARDCONTEXT context, const char *reader, DWORD share_mode, DWORD protocols,
                         SCARDHANDLE *handle, DWORD *protocol)
{
    (void)context, (void)reader, (void)share_mode;
    *handle = 1;
    *protocol = protocols;
    return 0;
}

static LONG reconnect(SCARDHANDLE handle, DWORD share_mode, DWORD protocols, DWORD initialization, DWORD *protocol)
{
    (void)handle, (void)share_mode, (void)protocols, (void)initialization;
    *protocol = fuzz_byte();
    return answer_code();
}

static LONG disconnect(SCARDHANDLE handle, DWORD disposition)
{
    (void)handle, (void)disposition;
    return 0;
}

static LONG begin_transaction(SCARDHANDLE handle)
{
    (void)handle;
    return answer_code();
}

static LONG end_transaction(SCARDHANDLE handle, DWORD disposition)
{
    (void)handle, (void)disposition;
    return answer_code();
}

static LONG status(SCARDHANDLE handle, char *reader, DWORD *reader_length, DWORD *state, DWORD *protocol,
                   unsigned char *atr, DWORD *atr_length)
{
    (void)handle;
    *state = fuzz_number(4);
    *protocol = fuzz_byte();
    fill(atr, atr_length);
    return fill_name(reader, reader_length);
}

static LONG get_attribute(SCARDHANDLE handle, DWORD attribute, unsigned char *value, DWORD *length)
{
    (void)handle, (void)attribute;
    return fill(value, length);
}

static LONG set_attribute(SCARDHANDLE handle, DWORD attribute, const unsigned char *value, DWORD length)
{
    (void)handle, (void)attribute;
    check_readable(value, length);
    return answer_code();
}

static LONG control(SCARDHANDLE handle, DWORD code, const void *command, DWORD command_length, void *response,
                    DWORD capacity, DWORD *received)
{
    (void)handle, (void)code;
    check_readable(command, command_length);
    *received = capacity;
    return fill(response, received);
}

static LONG get_status_change(SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *states, DWORD count)
{
    (void)context, (void)timeout;
    for (DWORD i = 0; i < count; i++) {
        states[i].dwEventState = fuzz_number(4);
        states[i].cbAtr = sizeof states[i].rgbAtr;
        fill(states[i].rgbAtr, &states[i].cbAtr);
    }
    return answer_code();
}

static LONG list_groups(SCARDCONTEXT context, char *groups, DWORD *length)
{
    (void)context;
    return fill_text(groups, length);
}

static LONG list_readers(SCARDCONTEXT context, const char *groups, char *readers, DWORD *length)
{
    (void)context, (void)groups;
    return fill_text(readers, length);
}

static LONG list_cards(SCARDCONTEXT context, const unsigned char *atr, const unsigned char *interfaces, DWORD count,
                       char *cards, DWORD *length)
{
    (void)context, (void)atr, (void)interfaces, (void)count;
    return fill_text(cards, length);
}

static LONG provider_name(SCARDCONTEXT context, const char *card, DWORD kind, char *provider, DWORD *length)
{
    (void)context, (void)card, (void)kind;
    return fill_text(provider, length);
}

static LONG device_or_readers(SCARDCONTEXT context, const char *name, char *text, DWORD *length)
{
    (void)context, (void)name;
    return fill_text(text, length);
}

#if defined(SCARDFFI_ABI_WINDOWS)
static LONG free_memory(SCARDCONTEXT context, const void *memory)
{
    (void)context;
    free((void *)(uintptr_t)memory);
    return 0;
}
#endif

static const scardffi_library library = {
    .SCardEstablishContext = establish,
    .SCardReleaseContext = release,
    .SCardConnect = connect_card,
    .SCardReconnect = reconnect,
    .SCardDisconnect = disconnect,
    .SCardBeginTransaction = begin_transaction,
    .SCardEndTransaction = end_transaction,
    .SCardTransmit = transmit,
    .SCardStatus = status,
    .SCardGetAttrib = get_attribute,
    .SCardSetAttrib = set_attribute,
    .SCardControl = control,
    .SCardGetStatusChange = get_status_change,
    .SCardListReaderGroups = list_groups,
    .SCardListReaders = list_readers,
    .SCardListCards = list_cards,
    .SCardGetCardTypeProviderName = provider_name,
    .SCardGetReaderDeviceInstanceId = device_or_readers,
    .SCardListReadersWithDeviceInstanceId = device_or_readers,
#if defined(SCARDFFI_ABI_WINDOWS)
    .SCardFreeMemory = free_memory,
#endif
};

static scardffi_manage *attach(void)
{
    scardffi_manage *manage = manage_create(&library);
    CHECK(manage_attach_by_ifd(manage, SCARD_SCOPE_SYSTEM, "reader", SCARD_SHARE_SHARED, fuzz_byte() & 3) == 0);
    return manage;
}

/* Memory of exactly the wanted size, so that the address sanitizer sees every byte outside. */
static unsigned char *exact(size_t size)
{
    unsigned char *memory = calloc(size > 0 ? size : 1, 1);
    CHECK(memory != NULL);
    return memory;
}

/* A command of the input: its length, and its first bytes. */
static size_t take_command(unsigned char *command)
{
    size_t length = 1 + fuzz_number(2) % MOST_COMMAND;
    memset(command, 0x11, length);
    unsigned given = fuzz_byte() % 16;
    fuzz_bytes(command, given < length ? given : length);
    return length;
}

/* The targets */

static void fuzz_exchange(void)
{
    scardffi_manage *manage = attach();
    unsigned flow = fuzz_byte() & FLOW_ALL;
    size_t capacity = 2 + fuzz_number(3) % FLOW_ROOM;
    unsigned char *command = exact(MOST_COMMAND), *response = exact(capacity);
    size_t length = take_command(command);
    scardffi_exchange *exchange = exchange_new(manage, flow, command, length, response, capacity);
    CHECK(exchange != NULL);
    if (fuzz_byte() % 2 == 1)
        exchange_limit(exchange, capacity / 2);
    while (fuzz_left() > 0) {
        bool ends = fuzz_byte() % 4 == 3;
        int64_t received = exchange_start(exchange);
        while (received == FLOW_MORE && !ends)
            received = exchange_step(exchange);
        if (received == FLOW_MORE)
            CHECK(exchange_end(exchange) <= capacity);
        CHECK(received <= (int64_t)capacity);
        CHECK((size_t)exchange_arrived(exchange) + exchange_rest(exchange) <= capacity);
        CHECK(!exchange_has_sw(exchange) || received >= APDU_SW_SIZE);
        received = exchange_plain(manage, command, length, response, capacity);
        CHECK(received <= (int64_t)capacity);
    }
    CHECK(exchange_close(exchange));
    exchange_free(exchange);
    manage_close(manage);
    free(command);
    free(response);
}

static void check_replies(const scardffi_run *run)
{
    const size_t *offsets = script_run_offsets(run);
    for (size_t i = 0; i < script_run_count(run); i++)
        CHECK(offsets[i] <= offsets[i + 1]);
    check_readable(script_run_arena(run), offsets[script_run_count(run)]);
}

static void fuzz_script(void)
{
    scardffi_manage *manage = attach();
    unsigned flow = fuzz_byte() & FLOW_ALL, options = fuzz_byte();
    size_t count = fuzz_byte() % (MOST_COMMANDS + 1), packed_length = 0;
    unsigned char *packed = exact(MOST_COMMANDS * MOST_COMMAND), *memory = exact(3 * MAX_BUFFER_SIZE_EXTENDED);
    uint32_t lengths[MOST_COMMANDS];
    for (size_t i = 0; i < count; i++) {
        lengths[i] = (uint32_t)take_command(packed + packed_length);
        packed_length += lengths[i];
    }
    scardffi_script *script = script_new(count, packed, lengths, flow);
    CHECK(script != NULL);
    uint16_t value = (uint16_t)fuzz_number(2), mask = (uint16_t)fuzz_number(2);
    if (options & 1)
        CHECK(script_expect(script, fuzz_byte() % 2 == 0 ? SCRIPT_ALL : 0, 1, &value, &mask));
    scardffi_run *run, *placed = NULL;
    if ((options & 2) && flow == 0)
        run = placed = script_run_place(memory, script_run_size(script, true), script, manage, 1 + options / 64);
    else
        run = script_run_new(script, manage, 1 + options / 64, options & 4, options & 8);
    CHECK(run != NULL);
    if ((options & 16) && placed == NULL)
        CHECK(script_run_receive_in(run, memory, 3 * MAX_BUFFER_SIZE_EXTENDED - fuzz_byte()));
    int result = SCARDFFI_SCRIPT_MORE;
    for (unsigned steps = 0; steps < MOST_STEPS && result == SCARDFFI_SCRIPT_MORE; steps++) {
        result = script_step(run, options & 32 ? 0 : 1000);
        check_replies(run);
        if (result == SCRIPT_FULL && run == placed) {
            run = script_run_continue(placed);
            CHECK(run != NULL);
            result = SCARDFFI_SCRIPT_MORE;
        }
    }
    script_run_end(run);
    if (run != placed)
        script_run_free(run);
    script_free(script);
    manage_close(manage);
    free(packed);
    free(memory);
}

static void fuzz_binary_file(void)
{
    scardffi_manage *manage = attach();
    bool is_read = fuzz_byte() % 2 == 1;
    size_t size = fuzz_number(3) % 0x20000, offset = fuzz_number(3), chunk = 1 + fuzz_number(2);
    unsigned char *memory = exact(size);
    struct binary_file *file = binary_new(manage, is_read, memory, size, offset, chunk);
    if (file != NULL) {
        int64_t result = FLOW_MORE;
        for (unsigned steps = 0; result == FLOW_MORE && steps < MOST_STEPS; steps++) {
            result = binary_step(file, fuzz_left() % 2 == 0 ? 0 : 1000);
            CHECK(binary_done(file) <= size);
        }
        binary_end(file);
        CHECK(result <= 0 && binary_done(file) <= size && binary_sw(file) <= 0xFFFF);
        check_readable(binary_partial(file), binary_partial_length(file));
        binary_free(file);
    }
    manage_close(manage);
    free(memory);
}

static void check_strings(uint64_t packed, uint32_t room)
{
    if ((uint32_t)packed == SCARD_S_SUCCESS)
        CHECK(packed >> 32 <= room);
}

static void check_status(char *memory, size_t size)
{
    struct pcsc_card_status got;
    memcpy(&got, memory, sizeof got);
    CHECK(got.reader_length <= size - sizeof got && got.atr_length <= PCSC_STATE_ATR);
}

static void check_states(void)
{
    const char readers[] = "one\0two\0three\0four";
    const uint32_t current[MOST_STATES] = {0};
    size_t count = fuzz_byte() % (MOST_STATES + 1);
    struct pcsc_state_result *results = calloc(MOST_STATES, sizeof *results);
    pcsc_get_status_change(&library, 1, 0, count, readers, current, results);
    for (size_t i = 0; i < count; i++)
        CHECK(results[i].atr_length <= PCSC_STATE_ATR);
    free(results);
}

/* What the library answers to questions. */
static void fuzz_answers(void)
{
    scardffi_manage *manage = attach();
    uint32_t room = fuzz_byte();
    size_t status_size = sizeof(struct pcsc_card_status) + room;
    char *text = (char *)exact(room), *status_memory = (char *)exact(status_size);
    while (fuzz_left() > 0) {
        uint32_t length = room, state, protocol;
        DWORD native_length = room;
        memset(text, 0, room);
        switch (fuzz_byte() % 15) {
        case 0:
            check_strings(pcsc_list_readers(&library, 1, "group\0", text, room), room);
            break;
        case 1:
            check_strings(pcsc_list_reader_groups(&library, 1, text, room), room);
            break;
        case 2:
            check_strings(pcsc_list_cards(&library, 1, NULL, NULL, 0, text, room), room);
            break;
        case 3:
            check_strings(pcsc_provider_name(&library, 1, "card", 1, text, room), room);
            break;
        case 4:
            check_strings(pcsc_device_instance_id(&library, 1, "reader", text, room), room);
            break;
        case 5:
            check_strings(pcsc_list_readers_of_device(&library, 1, "device", text, room), room);
            break;
        case 6:
            pcsc_status(&library, 1, status_memory, status_size);
            check_status(status_memory, status_size);
            break;
        case 7:
            manage_packed_status(manage, status_memory, status_size);
            check_status(status_memory, status_size);
            break;
        case 8:
            pcsc_control(&library, 1, 0, NULL, 0, (unsigned char *)text, room);
            break;
        case 9:
            if (manage_control(manage, 0, NULL, 0, (unsigned char *)text, room, &length) == 0)
                CHECK(length <= room);
            break;
        case 10:
            if (manage_get_attribute(manage, 1, (unsigned char *)text, &length) == 0)
                CHECK(length <= room);
            break;
        case 11:
            check_states();
            break;
        case 12:
            if (manage_status(manage, &state, &protocol, text, &length, NULL, NULL) == 0)
                CHECK(length <= room);
            break;
        case 13:
            pcsc_SCardListReaders(&library, 1, NULL, fuzz_byte() % 2 == 0 ? NULL : text, &native_length);
            break;
        default:
            manage_reconnect(manage, SCARD_SHARE_SHARED, 3, SCARD_LEAVE_CARD);
            if (manage_lock(manage) == 0)
                manage_unlock(manage, SCARD_LEAVE_CARD);
        }
    }
    manage_close(manage);
    free(text);
    free(status_memory);
}

const struct fuzz_target fuzz_targets[] = {
    {"exchange", fuzz_exchange},
    {"script", fuzz_script},
    {"binary_file", fuzz_binary_file},
#if defined(SCARDFFI_ABI_WINDOWS)
    {"answers_in_utf16", fuzz_answers},
#else
    {"answers", fuzz_answers},
#endif
    {NULL, NULL},
};
