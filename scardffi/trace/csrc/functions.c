/* PC/SC's functions: those of each slot, and those that are exported, which record each call and pass it on.
 *
 * Arguments may be anything that a program passes, and results anything that a library returns: only what the library
 * said that it wrote, and had room for, is read.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "exported.h"
#include "platform.h"
#include "record.h"
#include "scardtrace.h"
#include "wipe.h"

#define FEATURE_REQUEST SCARD_CTL_CODE(3400u) /* CM_IOCTL_GET_FEATURE_REQUEST */

#define EACH_RECORD(record, call)                                                                                      \
    struct record record;                                                                                              \
    for (record_begin(&record, &(call)); record.sink != NULL; record_write(&record))

/* What a library wrote to a caller's memory. `bytes` is NULL if it wrote nothing that can be read. */
struct written {
    const void *bytes;
    size_t length;
};

static struct written written(LONG result, const void *memory, DWORD room, const DWORD *length, DWORD most)
{
    struct written nothing = {NULL, 0};
    if (result != SCARD_S_SUCCESS || memory == NULL || length == NULL)
        return nothing;
    if (PCSC_AUTOALLOCATES(room)) { /* the memory is the library's, which nobody else knows the size of */
        const void *allocated;
        memcpy(&allocated, memory, sizeof allocated);
        return *length <= most && allocated != NULL ? (struct written){allocated, *length} : nothing;
    }
    return *length <= room ? (struct written){memory, *length} : nothing;
}

static DWORD room_of(const DWORD *length)
{
    return length != NULL ? *length : 0;
}

static void put_result_length(struct record *record, struct field_name name, const DWORD *length)
{
    if (length != NULL)
        record_number(record, name, *length);
}

static LONG traced_SCardEstablishContext(struct slot *slot, DWORD scope, const void *reserved1, const void *reserved2,
                                         SCARDCONTEXT *context)
{
    struct call call = call_begin(slot, "SCardEstablishContext");
    LONG result = call_end(&call, slot->real.SCardEstablishContext(scope, reserved1, reserved2, context));
    EACH_RECORD(record, call)
    {
        record_number(&record, FIELD("scope"), scope);
        if (result == SCARD_S_SUCCESS && context != NULL)
            record_handle(&record, FIELD("context"), *context);
    }
    return result;
}

/* A function that has only a context, or only a handle. */
#define TRACE_ONE_ARGUMENT(name, type, argument)                                                                       \
    static LONG traced_##name(struct slot *slot, type argument)                                                        \
    {                                                                                                                  \
        struct call call = call_begin(slot, #name);                                                                    \
        LONG result = call_end(&call, slot->real.name(argument));                                                      \
        EACH_RECORD(record, call)                                                                                      \
        record_handle(&record, FIELD(#argument), argument);                                                            \
        return result;                                                                                                 \
    }
TRACE_ONE_ARGUMENT(SCardReleaseContext, SCARDCONTEXT, context)
TRACE_ONE_ARGUMENT(SCardIsValidContext, SCARDCONTEXT, context)
TRACE_ONE_ARGUMENT(SCardCancel, SCARDCONTEXT, context)
TRACE_ONE_ARGUMENT(SCardBeginTransaction, SCARDHANDLE, handle)

/* A function that has a handle and a disposition. */
#define TRACE_DISPOSITION(name)                                                                                        \
    static LONG traced_##name(struct slot *slot, SCARDHANDLE handle, DWORD disposition)                                \
    {                                                                                                                  \
        struct call call = call_begin(slot, #name);                                                                    \
        LONG result = call_end(&call, slot->real.name(handle, disposition));                                           \
        EACH_RECORD(record, call)                                                                                      \
        {                                                                                                              \
            record_handle(&record, FIELD("handle"), handle);                                                           \
            record_number(&record, FIELD("disposition"), disposition);                                                 \
        }                                                                                                              \
        return result;                                                                                                 \
    }
TRACE_DISPOSITION(SCardDisconnect)
TRACE_DISPOSITION(SCardEndTransaction)

static LONG traced_SCardReconnect(struct slot *slot, SCARDHANDLE handle, DWORD share_mode, DWORD protocols,
                                  DWORD initialization, DWORD *protocol)
{
    struct call call = call_begin(slot, "SCardReconnect");
    LONG result = call_end(&call, slot->real.SCardReconnect(handle, share_mode, protocols, initialization, protocol));
    EACH_RECORD(record, call)
    {
        record_handle(&record, FIELD("handle"), handle);
        record_number(&record, FIELD("share_mode"), share_mode);
        record_number(&record, FIELD("protocols"), protocols);
        record_number(&record, FIELD("initialization"), initialization);
        if (result == SCARD_S_SUCCESS)
            put_result_length(&record, FIELD("protocol"), protocol);
    }
    return result;
}

/* Return true if the response overwrites the command. */
static bool overlaps(const void *command, size_t length, const void *response, size_t room)
{
    uintptr_t first = (uintptr_t)command, other = (uintptr_t)response;
    return command != NULL && response != NULL && first < other + room && other < first + length;
}

/* Return NULL if memory is exhausted. */
static unsigned char *copy_of(const void *bytes, size_t length)
{
    unsigned char *copy = malloc(length);
    if (copy != NULL)
        memcpy(copy, bytes, length);
    return copy;
}

static void free_copy(unsigned char *copy, size_t length)
{
    if (copy != NULL)
        wipe_memory(copy, length);
    free(copy);
}

static LONG traced_SCardTransmit(struct slot *slot, SCARDHANDLE handle, const SCARD_IO_REQUEST *send_pci,
                                 const unsigned char *command, DWORD command_length, SCARD_IO_REQUEST *receive_pci,
                                 unsigned char *response, DWORD *received)
{
    DWORD room = room_of(received);
    bool is_overwritten = overlaps(command, command_length, response, PCSC_AUTOALLOCATES(room) ? 0 : room);
    unsigned char *copy = is_overwritten ? copy_of(command, command_length) : NULL;
    struct call call = call_begin(slot, "SCardTransmit");
    LONG result = call_end(
        &call, slot->real.SCardTransmit(handle, send_pci, command, command_length, receive_pci, response, received));
    struct written answer = written(result, response, room, received, MAX_BUFFER_SIZE_EXTENDED);
    EACH_RECORD(record, call)
    {
        record_handle(&record, FIELD("handle"), handle);
        if (send_pci != NULL)
            record_number(&record, FIELD("protocol"), send_pci->dwProtocol);
        record_number(&record, FIELD("room"), room);
        put_result_length(&record, FIELD("received"), received);
        record_transmit(&record, is_overwritten ? copy : command, command_length, answer.bytes, answer.length);
    }
    free_copy(copy, command_length);
    return result;
}

static LONG traced_SCardControl(struct slot *slot, SCARDHANDLE handle, DWORD control_code, const void *command,
                                DWORD command_length, void *response, DWORD capacity, DWORD *received)
{
    bool is_overwritten = overlaps(command, command_length, response, capacity);
    unsigned char *copy = is_overwritten ? copy_of(command, command_length) : NULL;
    struct call call = call_begin(slot, "SCardControl");
    LONG result = call_end(
        &call, slot->real.SCardControl(handle, control_code, command, command_length, response, capacity, received));
    struct written answer = written(result, response, capacity, received, 0);
    if (control_code == FEATURE_REQUEST && answer.bytes != NULL)
        pin_codes_learn(&slot->pin_codes, answer.bytes, answer.length);
    bool is_secret = pin_codes_has(&slot->pin_codes, (uint32_t)control_code);
    EACH_RECORD(record, call)
    {
        record_handle(&record, FIELD("handle"), handle);
        record_flags(&record, FIELD("control_code"), (uint32_t)control_code);
        const unsigned char *sent = is_overwritten ? copy : command;
        if (sent != NULL && is_secret)
            record_secret(&record, FIELD("command"), sent, command_length);
        else if (sent != NULL)
            record_bytes(&record, FIELD("command"), sent, command_length);
        record_number(&record, FIELD("room"), capacity);
        put_result_length(&record, FIELD("received"), received);
        if (answer.bytes != NULL)
            record_bytes(&record, FIELD("response"), answer.bytes, answer.length);
    }
    free_copy(copy, command_length);
    return result;
}

static LONG traced_SCardFreeMemory(struct slot *slot, SCARDCONTEXT context, const void *memory)
{
    struct call call = call_begin(slot, "SCardFreeMemory");
    LONG result = call_end(&call, slot->real.SCardFreeMemory(context, memory));
    EACH_RECORD(record, call)
    record_handle(&record, FIELD("context"), context);
    return result;
}

static LONG traced_SCardGetAttrib(struct slot *slot, SCARDHANDLE handle, DWORD attribute, unsigned char *value,
                                  DWORD *length)
{
    DWORD room = room_of(length);
    struct call call = call_begin(slot, "SCardGetAttrib");
    LONG result = call_end(&call, slot->real.SCardGetAttrib(handle, attribute, value, length));
    struct written answer = written(result, value, room, length, MAX_BUFFER_SIZE);
    EACH_RECORD(record, call)
    {
        record_handle(&record, FIELD("handle"), handle);
        record_flags(&record, FIELD("attribute"), (uint32_t)attribute);
        record_number(&record, FIELD("room"), room);
        put_result_length(&record, FIELD("length"), length);
        if (answer.bytes != NULL)
            record_bytes(&record, FIELD("value"), answer.bytes, answer.length);
    }
    return result;
}

static LONG traced_SCardSetAttrib(struct slot *slot, SCARDHANDLE handle, DWORD attribute, const unsigned char *value,
                                  DWORD length)
{
    struct call call = call_begin(slot, "SCardSetAttrib");
    LONG result = call_end(&call, slot->real.SCardSetAttrib(handle, attribute, value, length));
    EACH_RECORD(record, call)
    {
        record_handle(&record, FIELD("handle"), handle);
        record_flags(&record, FIELD("attribute"), (uint32_t)attribute);
        if (value != NULL && length <= MAX_BUFFER_SIZE_EXTENDED)
            record_bytes(&record, FIELD("value"), value, length);
    }
    return result;
}

static LONG traced_SCardConnect(struct slot *slot, SCARDCONTEXT context, const char *reader, DWORD share_mode,
                                DWORD protocols, SCARDHANDLE *handle, DWORD *protocol)
{
    struct call call = call_begin(slot, "SCardConnect");
    LONG result = call_end(&call, slot->real.SCardConnect(context, reader, share_mode, protocols, handle, protocol));
    EACH_RECORD(record, call)
    {
        record_handle(&record, FIELD("context"), context);
        record_text(&record, FIELD("reader"), reader, SIZE_MAX);
        record_number(&record, FIELD("share_mode"), share_mode);
        record_number(&record, FIELD("protocols"), protocols);
        if (result == SCARD_S_SUCCESS && handle != NULL)
            record_handle(&record, FIELD("handle"), *handle);
        if (result == SCARD_S_SUCCESS)
            put_result_length(&record, FIELD("protocol"), protocol);
    }
    return result;
}

static LONG traced_SCardStatus(struct slot *slot, SCARDHANDLE handle, char *reader, DWORD *reader_length, DWORD *state,
                               DWORD *protocol, unsigned char *atr, DWORD *atr_length)
{
    DWORD reader_room = room_of(reader_length), atr_room = room_of(atr_length);
    struct call call = call_begin(slot, "SCardStatus");
    LONG result =
        call_end(&call, slot->real.SCardStatus(handle, reader, reader_length, state, protocol, atr, atr_length));
    struct written name = written(result, reader, reader_room, reader_length, MAX_BUFFER_SIZE);
    struct written its_atr = written(result, atr, atr_room, atr_length, MAX_ATR_SIZE);
    EACH_RECORD(record, call)
    {
        record_handle(&record, FIELD("handle"), handle);
        record_text(&record, FIELD("reader"), name.bytes, name.length);
        if (result == SCARD_S_SUCCESS && state != NULL)
            record_flags(&record, FIELD("state"), (uint32_t)*state);
        if (result == SCARD_S_SUCCESS)
            put_result_length(&record, FIELD("protocol"), protocol);
        if (its_atr.bytes != NULL && its_atr.length <= MAX_BUFFER_SIZE)
            record_bytes(&record, FIELD("atr"), its_atr.bytes, its_atr.length);
    }
    return result;
}

/* The names of readers as they were before a call: a library may overwrite the pointers. */
static const char **names_of(const SCARD_READERSTATE *states, DWORD count, const char **memory, DWORD room)
{
    const char **names = count <= room ? memory : calloc(count, sizeof *names);
    for (DWORD i = 0; states != NULL && names != NULL && i < count; i++)
        names[i] = states[i].szReader;
    return names;
}

static LONG traced_SCardGetStatusChange(struct slot *slot, SCARDCONTEXT context, DWORD timeout,
                                        SCARD_READERSTATE *states, DWORD count)
{
    const char *few[16], **names = names_of(states, count, few, sizeof few / sizeof few[0]);
    struct call call = call_begin(slot, "SCardGetStatusChange");
    LONG result = call_end(&call, slot->real.SCardGetStatusChange(context, timeout, states, count));
    EACH_RECORD(record, call)
    {
        record_handle(&record, FIELD("context"), context);
        record_number(&record, FIELD("timeout"), timeout);
        if (states != NULL && names != NULL)
            record_states(&record, states, names, count);
    }
    if (names != few)
        free(names);
    return result;
}

#define LONGEST_LIST 1048576u /* bytes of a list that a library has allocated */

static LONG traced_SCardListReaderGroups(struct slot *slot, SCARDCONTEXT context, char *groups, DWORD *length)
{
    DWORD room = room_of(length);
    struct call call = call_begin(slot, "SCardListReaderGroups");
    LONG result = call_end(&call, slot->real.SCardListReaderGroups(context, groups, length));
    struct written answer = written(result, groups, room, length, LONGEST_LIST);
    EACH_RECORD(record, call)
    {
        record_handle(&record, FIELD("context"), context);
        put_result_length(&record, FIELD("length"), length);
        record_texts(&record, FIELD("groups"), answer.bytes, answer.length);
    }
    return result;
}

static LONG traced_SCardListReaders(struct slot *slot, SCARDCONTEXT context, const char *groups, char *readers,
                                    DWORD *length)
{
    DWORD room = room_of(length);
    struct call call = call_begin(slot, "SCardListReaders");
    LONG result = call_end(&call, slot->real.SCardListReaders(context, groups, readers, length));
    struct written answer = written(result, readers, room, length, LONGEST_LIST);
    EACH_RECORD(record, call)
    {
        record_handle(&record, FIELD("context"), context);
        record_texts(&record, FIELD("groups"), groups, SIZE_MAX);
        put_result_length(&record, FIELD("length"), length);
        record_texts(&record, FIELD("readers"), answer.bytes, answer.length);
    }
    return result;
}

#define WITHOUT_PARENTHESES(...) __VA_ARGS__

#if defined(SCARDFFI_ABI_WINDOWS) /* the functions that only Windows has */

/* Record an argument by its type: a number, a name that is passed, or a number that the library returns. Other data is
 * not recorded: the cache of a card may hold secrets. */
static void record_word(struct record *record, struct field_name name, DWORD number)
{
    record_number(record, name, number);
}

static void record_passed_name(struct record *record, struct field_name name, const char *text)
{
    record_text(record, name, text, SIZE_MAX);
}

static void record_returned(struct record *record, struct field_name name, const DWORD *number)
{
    if (record->call->result == SCARD_S_SUCCESS)
        put_result_length(record, name, number);
}

static void record_nothing(struct record *record, struct field_name name, const void *data)
{
    (void)record;
    (void)name;
    (void)data;
}

#  define RECORD_ARGUMENT(argument)                                                                                    \
      _Generic((argument),                                                                                             \
          DWORD: record_word,                                                                                          \
          uintptr_t: record_handle,                                                                                    \
          const char *: record_passed_name,                                                                            \
          DWORD *: record_returned,                                                                                    \
          default: record_nothing)(&record, FIELD(#argument), argument);
#  define EACH_1(one) RECORD_ARGUMENT(one)
#  define EACH_2(one, ...) RECORD_ARGUMENT(one) EACH_1(__VA_ARGS__)
#  define EACH_3(one, ...) RECORD_ARGUMENT(one) EACH_2(__VA_ARGS__)
#  define EACH_4(one, ...) RECORD_ARGUMENT(one) EACH_3(__VA_ARGS__)
#  define EACH_5(one, ...) RECORD_ARGUMENT(one) EACH_4(__VA_ARGS__)
#  define EACH_6(one, ...) RECORD_ARGUMENT(one) EACH_5(__VA_ARGS__)
#  define EACH_7(one, ...) RECORD_ARGUMENT(one) EACH_6(__VA_ARGS__)
#  define EACH_8(one, ...) RECORD_ARGUMENT(one) EACH_7(__VA_ARGS__)
#  define NINTH(a, b, c, d, e, f, g, h, ninth, ...) ninth
#  define RECORD_ARGUMENTS(...)                                                                                        \
      NINTH(__VA_ARGS__, EACH_8, EACH_7, EACH_6, EACH_5, EACH_4, EACH_3, EACH_2, EACH_1, )(__VA_ARGS__)
#  define TRACE_WINDOWS(need, name, arguments, ...)                                                                    \
      static LONG traced_##name(struct slot *slot, __VA_ARGS__)                                                        \
      {                                                                                                                \
          struct call call = call_begin(slot, #name);                                                                  \
          LONG result = call_end(&call, slot->real.name arguments);                                                    \
          EACH_RECORD(record, call)                                                                                    \
          {                                                                                                            \
              RECORD_ARGUMENTS arguments                                                                               \
          }                                                                                                            \
          return result;                                                                                               \
      }
PCSC_WINDOWS_NUMBER_FUNCTIONS(TRACE_WINDOWS)
PCSC_WINDOWS_TEXT_FUNCTIONS(TRACE_WINDOWS)

#endif

/* The functions of the slots. A slot without destinations only passes on. */
#define DEFINE_OF_SLOT(number, name, arguments, ...)                                                                   \
    static LONG PCSC_CALL slot##number##_##name(__VA_ARGS__)                                                           \
    {                                                                                                                  \
        struct slot *slot = &slots[number];                                                                            \
        if (__atomic_load_n(&slot->sink_count, __ATOMIC_ACQUIRE) == 0)                                                 \
            return slot->real.name arguments;                                                                          \
        return traced_##name(slot, WITHOUT_PARENTHESES arguments);                                                     \
    }
#define DEFINE_OF_SLOT_0(need, ...) DEFINE_OF_SLOT(0, __VA_ARGS__)
#define DEFINE_OF_SLOT_1(need, ...) DEFINE_OF_SLOT(1, __VA_ARGS__)
#define DEFINE_OF_SLOT_2(need, ...) DEFINE_OF_SLOT(2, __VA_ARGS__)
#define DEFINE_OF_SLOT_3(need, ...) DEFINE_OF_SLOT(3, __VA_ARGS__)
#define DEFINE_OF_SLOT_4(need, ...) DEFINE_OF_SLOT(4, __VA_ARGS__)
#define DEFINE_OF_SLOT_5(need, ...) DEFINE_OF_SLOT(5, __VA_ARGS__)
#define DEFINE_OF_SLOT_6(need, ...) DEFINE_OF_SLOT(6, __VA_ARGS__)
#define DEFINE_OF_SLOT_7(need, ...) DEFINE_OF_SLOT(7, __VA_ARGS__)
TRACED_FUNCTIONS(DEFINE_OF_SLOT_0)
TRACED_FUNCTIONS(DEFINE_OF_SLOT_1)
TRACED_FUNCTIONS(DEFINE_OF_SLOT_2)
TRACED_FUNCTIONS(DEFINE_OF_SLOT_3)
TRACED_FUNCTIONS(DEFINE_OF_SLOT_4)
TRACED_FUNCTIONS(DEFINE_OF_SLOT_5)
TRACED_FUNCTIONS(DEFINE_OF_SLOT_6)
TRACED_FUNCTIONS(DEFINE_OF_SLOT_7)

static const struct real_functions slot_functions[SLOT_COUNT] = {
#define MEMBER(number, name) .name = slot##number##_##name,
#define MEMBER_0(need, name, ...) MEMBER(0, name)
#define MEMBER_1(need, name, ...) MEMBER(1, name)
#define MEMBER_2(need, name, ...) MEMBER(2, name)
#define MEMBER_3(need, name, ...) MEMBER(3, name)
#define MEMBER_4(need, name, ...) MEMBER(4, name)
#define MEMBER_5(need, name, ...) MEMBER(5, name)
#define MEMBER_6(need, name, ...) MEMBER(6, name)
#define MEMBER_7(need, name, ...) MEMBER(7, name)
    {TRACED_FUNCTIONS(MEMBER_0)}, {TRACED_FUNCTIONS(MEMBER_1)}, {TRACED_FUNCTIONS(MEMBER_2)},
    {TRACED_FUNCTIONS(MEMBER_3)}, {TRACED_FUNCTIONS(MEMBER_4)}, {TRACED_FUNCTIONS(MEMBER_5)},
    {TRACED_FUNCTIONS(MEMBER_6)}, {TRACED_FUNCTIONS(MEMBER_7)},
};

#define STRING_OF(name) #name
#define STRING(name) STRING_OF(name)

EXPORTED void *scardtrace_symbol(int number, const char *symbol)
{
    struct slot *slot = &slots[number];
    void *real = platform_library_symbol(slot->library, symbol), *own = real;
#define CHOOSE(name, its_symbol)                                                                                       \
    if (real != NULL && strcmp(symbol, its_symbol) == 0)                                                               \
        memcpy(&own, &slot_functions[number].name, sizeof own);
#define CHOOSE_NUMBER(need, name, ...) CHOOSE(name, strcmp(#name, "SCardControl") == 0 ? STRING(PCSC_CONTROL) : #name)
#define CHOOSE_TEXT(need, name, ...) CHOOSE(name, #name PCSC_TEXT_SUFFIX)
    TRACED_NUMBER_FUNCTIONS(CHOOSE_NUMBER)
    TRACED_TEXT_FUNCTIONS(CHOOSE_TEXT)
    return own;
}

#if defined(SCARDFFI_ABI_PCSCLITE) /* elsewhere only the core uses this library */

#  define EXPORT(need, name, arguments, ...)                                                                           \
      EXPORTED LONG name(__VA_ARGS__);                                                                                 \
      EXPORTED LONG name(__VA_ARGS__)                                                                                  \
      {                                                                                                                \
          struct slot *slot = slot_exported();                                                                         \
          if (slot->library == NULL)                                                                                   \
              return (LONG)SCARD_E_NO_SERVICE;                                                                         \
          if (slot->real.name == NULL)                                                                                 \
              return (LONG)SCARD_E_UNSUPPORTED_FEATURE;                                                                \
          if (__atomic_load_n(&slot->sink_count, __ATOMIC_ACQUIRE) == 0)                                               \
              return slot->real.name arguments;                                                                        \
          return traced_##name(slot, WITHOUT_PARENTHESES arguments);                                                   \
      }
PCSC_FUNCTIONS(EXPORT)

EXPORTED const char *pcsc_stringify_error(LONG code);
EXPORTED const char *pcsc_stringify_error(LONG code)
{
    struct slot *slot = slot_exported();
    const char *(*real)(LONG) = NULL;
    void *symbol = slot->library != NULL ? platform_library_symbol(slot->library, "pcsc_stringify_error") : NULL;
    memcpy(&real, &symbol, sizeof real);
    return real != NULL ? real(code) : "the trace library finds no PC/SC library";
}

extern const SCARD_IO_REQUEST g_rgSCardT0Pci, g_rgSCardT1Pci, g_rgSCardRawPci;
EXPORTED const SCARD_IO_REQUEST g_rgSCardT0Pci = {SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST)};
EXPORTED const SCARD_IO_REQUEST g_rgSCardT1Pci = {SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};
EXPORTED const SCARD_IO_REQUEST g_rgSCardRawPci = {SCARD_PROTOCOL_RAW, sizeof(SCARD_IO_REQUEST)};

#endif
