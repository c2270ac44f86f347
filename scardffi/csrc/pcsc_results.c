/* PC/SC's functions that return several numbers, for callers in Python. */
#include "pcsc_results.h"

#include <string.h>

#include "pcsc_strings.h"

SCARDHANDLE pcsc_opened(uint64_t *opened, const scardffi_library *library, uint32_t code, SCARDHANDLE number,
                        DWORD protocol)
{
    if (code != SCARD_S_SUCCESS)
        number = 0;
    opened[0] = sizeof number == sizeof(uint32_t) ? (uint32_t)number : (uint64_t)number;
    opened[1] = (uint32_t)protocol;
    opened[2] = code;
    opened[3] = (uintptr_t)library;
    return number;
}

SCARDCONTEXT pcsc_establish_context(const scardffi_library *library, uint32_t scope, uint64_t *opened)
{
    SCARDCONTEXT context = 0;
    library = pcsc_given_or_default(library);
    uint32_t code = pcsc_SCardEstablishContext(library, scope, NULL, NULL, &context);
    return pcsc_opened(opened, library, code, context, 0);
}

SCARDHANDLE pcsc_begin_transaction(const scardffi_library *library, SCARDHANDLE handle, uint64_t *opened)
{
    library = pcsc_given_or_default(library);
    return pcsc_opened(opened, library, pcsc_SCardBeginTransaction(library, handle), handle, 0);
}

static uint64_t packed(uint32_t code, DWORD number)
{
    return (uint64_t)pcsc_claimed_length(number) << 32 | code;
}

uint64_t pcsc_reconnect(const scardffi_library *library, SCARDHANDLE handle, uint32_t share_mode, uint32_t protocols,
                        uint32_t initialization)
{
    DWORD protocol = 0;
    uint32_t code = pcsc_SCardReconnect(library, handle, share_mode, protocols, initialization, &protocol);
    return packed(code, protocol);
}

/* Pack the code, and the length of what the library wrote to `capacity` bytes. */
static uint64_t packed_length(uint32_t code, size_t capacity, DWORD length)
{
    return packed(code == SCARD_S_SUCCESS && length > capacity ? PCSC_IMPOSSIBLE_ANSWER : code, length);
}

uint32_t pcsc_write_status(uint32_t code, struct pcsc_card_status *status, DWORD atr_length, char *memory, size_t size)
{
    const char *reader = memory + sizeof *status;
    const char *end = memchr(reader, '\0', size - sizeof *status);
    status->reader_length = (uint32_t)(end != NULL ? (size_t)(end - reader) : size - sizeof *status);
    status->atr_length = (unsigned char)(atr_length < sizeof status->atr ? atr_length : sizeof status->atr);
    memcpy(memory, status, sizeof *status);
    return code == SCARD_S_SUCCESS && end == NULL ? PCSC_IMPOSSIBLE_ANSWER : code;
}

uint32_t pcsc_status(const scardffi_library *library, SCARDHANDLE handle, char *memory, size_t size)
{
    struct pcsc_card_status status = {0};
    DWORD state = 0, protocol = 0, atr_length = sizeof status.atr, needed = (DWORD)(size - sizeof status);
    uint32_t code =
        pcsc_SCardStatus(library, handle, memory + sizeof status, &needed, &state, &protocol, status.atr, &atr_length);
    status.state = (uint32_t)state;
    status.protocol = (uint32_t)protocol;
    status.needed = pcsc_claimed_length(needed);
    if (code == SCARD_S_SUCCESS && (needed > size - sizeof status || atr_length > sizeof status.atr))
        code = PCSC_IMPOSSIBLE_ANSWER;
    return pcsc_write_status(code, &status, atr_length, memory, size);
}

uint64_t pcsc_control(const scardffi_library *library, SCARDHANDLE handle, uint32_t control_code,
                      const unsigned char *command, size_t command_length, unsigned char *response, size_t capacity)
{
    DWORD length = 0;
    uint32_t code = pcsc_SCardControl(library, handle, control_code, command, (DWORD)command_length, response,
                                      (DWORD)capacity, &length);
    return packed_length(code, capacity, length);
}

uint64_t pcsc_get_attribute(const scardffi_library *library, SCARDHANDLE handle, uint32_t attribute,
                            unsigned char *value, size_t capacity)
{
    DWORD length = (DWORD)capacity;
    uint32_t code = pcsc_SCardGetAttrib(library, handle, attribute, value, &length);
    return packed_length(code, capacity, length);
}

/* Pack the code, and the length of the strings, without the NULs after the last one. If they do not fit, it is the
 * length that they need. */
static uint64_t packed_strings(uint32_t code, const char *text, size_t room, DWORD length)
{
    if (code != SCARD_S_SUCCESS)
        return packed(code, length);
    if (length > room || (length > 0 && text[length - 1] != '\0'))
        return packed(PCSC_IMPOSSIBLE_ANSWER, length);
    DWORD end = 0;
    while (end < length && (text[end] != '\0' || (end > 0 && text[end - 1] != '\0')))
        end++;
    return packed(code, end > 0 && text[end - 1] == '\0' ? end - 1 : end);
}

uint64_t pcsc_list_readers(const scardffi_library *library, SCARDCONTEXT context, const char *groups, char *text,
                           uint32_t room)
{
    DWORD length = room;
    uint32_t code = pcsc_SCardListReaders(library, context, groups, text, &length);
    return packed_strings(code, text, room, length);
}

uint64_t pcsc_list_reader_groups(const scardffi_library *library, SCARDCONTEXT context, char *text, uint32_t room)
{
    DWORD length = room;
    uint32_t code = pcsc_SCardListReaderGroups(library, context, text, &length);
    return packed_strings(code, text, room, length);
}

uint64_t pcsc_list_cards(const scardffi_library *library, SCARDCONTEXT context, const unsigned char *atr,
                         const unsigned char *interfaces, uint32_t interface_count, char *text, uint32_t room)
{
    DWORD length = room;
    uint32_t code = pcsc_SCardListCards(library, context, atr, interfaces, interface_count, text, &length);
    return packed_strings(code, text, room, length);
}

uint64_t pcsc_provider_name(const scardffi_library *library, SCARDCONTEXT context, const char *card, uint32_t kind,
                            char *text, uint32_t room)
{
    DWORD length = room;
    uint32_t code = pcsc_SCardGetCardTypeProviderName(library, context, card, kind, text, &length);
    return packed_strings(code, text, room, length);
}

uint64_t pcsc_device_instance_id(const scardffi_library *library, SCARDCONTEXT context, const char *reader, char *text,
                                 uint32_t room)
{
    DWORD length = room;
    uint32_t code = pcsc_SCardGetReaderDeviceInstanceId(library, context, reader, text, &length);
    return packed_strings(code, text, room, length);
}

uint64_t pcsc_list_readers_of_device(const scardffi_library *library, SCARDCONTEXT context, const char *device,
                                     char *text, uint32_t room)
{
    DWORD length = room;
    uint32_t code = pcsc_SCardListReadersWithDeviceInstanceId(library, context, device, text, &length);
    return packed_strings(code, text, room, length);
}
