/* A PC/SC library for Linux with Windows' ABI: strings in UTF-16, functions that end in W, 64-bit handles, card states
 * as numbers. calls() returns a log of the calls and their strings, in UTF-16. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pcsc_abi.h"

#define EXPORT(type, name, ...)                                                                                        \
    type name(__VA_ARGS__);                                                                                            \
    type name(__VA_ARGS__)

#define CONTEXT ((SCARDCONTEXT)0x123456789A)
#define HANDLE ((SCARDHANDLE)0xFEDCBA9876543210)

static const uint16_t readers[] = u"Leserger\u00E4t 0\0\u8AAD\u53D6\u6A5F \U0001F600 \xD800\0";
static const uint16_t second_reader[] = u"\u8AAD\u53D6\u6A5F \U0001F600 \xD800";
static const uint16_t groups[] = u"Gr\u00FCn\0";
static uint16_t call_log[4096];
static DWORD state_number = 6;
static long allocated;

static size_t length_of(const uint16_t *text)
{
    size_t length = 0;
    while (text[length] != 0)
        length++;
    return length;
}

static bool is_equal(const uint16_t *one, const uint16_t *other)
{
    size_t length = length_of(one);
    return length_of(other) == length && memcmp(one, other, 2 * length) == 0;
}

static void append_to_log(const uint16_t *text, size_t length)
{
    size_t used = length_of(call_log);
    if (used + length + 1 < sizeof call_log / 2)
        memcpy(call_log + used, text, 2 * length);
}

/* Log a call: the function's name and up to two strings. */
static LONG log_call(const char *name, const uint16_t *first, const uint16_t *other)
{
    for (; *name != '\0'; name++)
        append_to_log((const uint16_t[]){(unsigned char)*name}, 1);
    if (first != NULL) {
        append_to_log(u"|", 1);
        append_to_log(first, length_of(first));
    }
    if (other != NULL) {
        append_to_log(u"|", 1);
        append_to_log(other, length_of(other));
    }
    append_to_log(u"\n", 1);
    return SCARD_S_SUCCESS;
}

/* Return `units` of a text in allocated memory; fails without SCARD_AUTOALLOCATE. */
static LONG allocate_text(const uint16_t *text, size_t units, uint16_t *room, DWORD *length)
{
    uint16_t *memory;
    if (*length != SCARD_AUTOALLOCATE || (memory = malloc(2 * units)) == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    memcpy(memory, text, 2 * units);
    memcpy(room, &memory, sizeof memory);
    *length = (DWORD)units;
    allocated++;
    return SCARD_S_SUCCESS;
}

EXPORT(const uint16_t *, calls, void)
{
    return call_log;
}

EXPORT(void, forget_calls, void)
{
    memset(call_log, 0, sizeof call_log);
}

EXPORT(long, allocated_now, void)
{
    return allocated;
}

EXPORT(void, set_state, DWORD number)
{
    state_number = number;
}

EXPORT(LONG, SCardEstablishContext, DWORD scope, const void *reserved1, const void *reserved2, SCARDCONTEXT *context)
{
    (void)scope, (void)reserved1, (void)reserved2;
    *context = CONTEXT;
    return SCARD_S_SUCCESS;
}

EXPORT(LONG, SCardReleaseContext, SCARDCONTEXT context)
{
    return context == CONTEXT ? SCARD_S_SUCCESS : (LONG)PCSC_WIN32_INVALID_HANDLE;
}

EXPORT(LONG, SCardConnectW, SCARDCONTEXT context, const uint16_t *reader, DWORD share_mode, DWORD protocols,
       SCARDHANDLE *handle, DWORD *protocol)
{
    (void)share_mode, (void)protocols;
    if (context != CONTEXT || !is_equal(reader, second_reader))
        return (LONG)SCARD_E_UNKNOWN_READER;
    *handle = HANDLE;
    *protocol = 2;
    return SCARD_S_SUCCESS;
}

EXPORT(LONG, SCardReconnect, SCARDHANDLE handle, DWORD share_mode, DWORD protocols, DWORD initialization,
       DWORD *protocol)
{
    (void)share_mode, (void)protocols, (void)initialization;
    *protocol = 2;
    return handle == HANDLE ? SCARD_S_SUCCESS : (LONG)PCSC_WIN32_INVALID_HANDLE;
}

EXPORT(LONG, SCardDisconnect, SCARDHANDLE handle, DWORD disposition)
{
    (void)disposition;
    return handle == HANDLE ? SCARD_S_SUCCESS : (LONG)PCSC_WIN32_INVALID_HANDLE;
}

EXPORT(LONG, SCardBeginTransaction, SCARDHANDLE handle)
{
    return handle == HANDLE ? SCARD_S_SUCCESS : (LONG)PCSC_WIN32_INVALID_HANDLE;
}

EXPORT(LONG, SCardEndTransaction, SCARDHANDLE handle, DWORD disposition)
{
    (void)disposition;
    return handle == HANDLE ? SCARD_S_SUCCESS : (LONG)PCSC_WIN32_INVALID_HANDLE;
}

EXPORT(LONG, SCardStatusW, SCARDHANDLE handle, uint16_t *reader, DWORD *length, DWORD *state, DWORD *protocol,
       unsigned char *atr, DWORD *atr_length)
{
    size_t units = sizeof second_reader / 2 + 1; /* a multi-string */
    if (handle != HANDLE || *length < units || *atr_length < 2)
        return (LONG)PCSC_WIN32_INVALID_HANDLE;
    memcpy(reader, second_reader, sizeof second_reader);
    reader[units - 1] = 0;
    *length = (DWORD)units;
    *state = state_number;
    *protocol = 2;
    memcpy(atr, "\x3B\x00", 2);
    *atr_length = 2;
    return SCARD_S_SUCCESS;
}

/* The second reader holds a card, any other one is unknown. */
static LONG set_states(SCARD_READERSTATE *states, DWORD count)
{
    for (DWORD i = 0; i < count; i++) {
        const uint16_t *name = (const void *)states[i].szReader;
        states[i].dwEventState =
            is_equal(name, second_reader) ? SCARD_STATE_PRESENT | SCARD_STATE_CHANGED : SCARD_STATE_UNKNOWN;
        states[i].cbAtr = 2;
        memcpy(states[i].rgbAtr, "\x3B\x00", 2);
    }
    return SCARD_S_SUCCESS;
}

EXPORT(LONG, SCardGetStatusChangeW, SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *states, DWORD count)
{
    (void)context, (void)timeout;
    return set_states(states, count);
}

EXPORT(LONG, SCardTransmit, SCARDHANDLE handle, const SCARD_IO_REQUEST *send_pci, const unsigned char *command,
       DWORD command_length, SCARD_IO_REQUEST *receive_pci, unsigned char *response, DWORD *received)
{
    (void)send_pci, (void)command, (void)command_length, (void)receive_pci;
    if (handle != HANDLE || *received < 2)
        return (LONG)PCSC_WIN32_INVALID_HANDLE;
    memcpy(response, "\x90\x00", 2);
    *received = 2;
    return SCARD_S_SUCCESS;
}

EXPORT(LONG, SCardListReadersW, SCARDCONTEXT context, const uint16_t *group, uint16_t *names, DWORD *length)
{
    (void)context;
    if (group != NULL && (!is_equal(group, groups) || group[length_of(group) + 1] != 0))
        return (LONG)SCARD_E_NO_READERS_AVAILABLE;
    return allocate_text(readers, sizeof readers / 2, names, length);
}

EXPORT(LONG, SCardListReaderGroupsW, SCARDCONTEXT context, uint16_t *names, DWORD *length)
{
    (void)context;
    return allocate_text(groups, sizeof groups / 2, names, length);
}

EXPORT(LONG, SCardFreeMemory, SCARDCONTEXT context, const void *memory)
{
    (void)context;
    free((void *)(uintptr_t)memory);
    allocated--;
    return SCARD_S_SUCCESS;
}

EXPORT(LONG, SCardGetAttrib, SCARDHANDLE handle, DWORD attribute, unsigned char *value, DWORD *length)
{
    (void)attribute, (void)value, (void)length;
    return handle == HANDLE ? (LONG)PCSC_WIN32_NOT_SUPPORTED : (LONG)PCSC_WIN32_INVALID_HANDLE;
}

/* Functions that only Windows has */

EXPORT(LONG, SCardListCardsW, SCARDCONTEXT context, const unsigned char *atr, const unsigned char *interfaces,
       DWORD count, uint16_t *cards, DWORD *length)
{
    (void)context, (void)interfaces;
    if (count != 2 || atr == NULL || memcmp(atr, "\x3B\x00\x00", 3) != 0)
        return (LONG)SCARD_E_INVALID_VALUE;
    return allocate_text(readers, sizeof readers / 2, cards, length);
}

EXPORT(LONG, SCardListInterfacesW, SCARDCONTEXT context, const uint16_t *card, unsigned char *interfaces, DWORD *count)
{
    (void)context;
    if (interfaces != NULL && *count == 2)
        memcpy(interfaces, "0123456789abcdefFEDCBA9876543210", 32);
    *count = 2;
    return interfaces != NULL ? log_call("ListInterfaces", card, NULL) : (LONG)SCARD_S_SUCCESS;
}

EXPORT(LONG, SCardGetProviderIdW, SCARDCONTEXT context, const uint16_t *card, unsigned char *provider)
{
    (void)context;
    memcpy(provider, "0123456789abcdef", 16);
    return log_call("GetProviderId", card, NULL);
}

EXPORT(LONG, SCardGetCardTypeProviderNameW, SCARDCONTEXT context, const uint16_t *card, DWORD kind, uint16_t *provider,
       DWORD *length)
{
    (void)context;
    return kind == 2 && is_equal(card, second_reader) ? allocate_text(groups, sizeof groups / 2 - 1, provider, length)
                                                      : (LONG)SCARD_E_UNKNOWN_CARD;
}

EXPORT(LONG, SCardSetCardTypeProviderNameW, SCARDCONTEXT context, const uint16_t *card, DWORD kind,
       const uint16_t *provider)
{
    (void)context;
    return kind == 2 ? log_call("SetCardTypeProviderName", card, provider) : (LONG)SCARD_E_INVALID_VALUE;
}

#define WITH_ONE_NAME(name)                                                                                            \
    EXPORT(LONG, SCard##name##W, SCARDCONTEXT context, const uint16_t *text)                                           \
    {                                                                                                                  \
        return context == CONTEXT ? log_call(#name, text, NULL) : (LONG)PCSC_WIN32_INVALID_HANDLE;                     \
    }
WITH_ONE_NAME(IntroduceReaderGroup)
WITH_ONE_NAME(ForgetReaderGroup)
WITH_ONE_NAME(ForgetReader)
WITH_ONE_NAME(ForgetCardType)

#define WITH_TWO_NAMES(name)                                                                                           \
    EXPORT(LONG, SCard##name##W, SCARDCONTEXT context, const uint16_t *text, const uint16_t *other)                    \
    {                                                                                                                  \
        return context == CONTEXT ? log_call(#name, text, other) : (LONG)PCSC_WIN32_INVALID_HANDLE;                    \
    }
WITH_TWO_NAMES(IntroduceReader)
WITH_TWO_NAMES(AddReaderToGroup)
WITH_TWO_NAMES(RemoveReaderFromGroup)

EXPORT(LONG, SCardIntroduceCardTypeW, SCARDCONTEXT context, const uint16_t *card, const unsigned char *provider,
       const unsigned char *interfaces, DWORD count, const unsigned char *atr, const unsigned char *mask, DWORD length)
{
    (void)context, (void)interfaces;
    if (provider != NULL || count != 1 || length != 2 || memcmp(atr, "\x3B\x00", 2) != 0 ||
        memcmp(mask, "\xFF\xFF", 2) != 0)
        return (LONG)SCARD_E_INVALID_VALUE;
    return log_call("IntroduceCardType", card, NULL);
}

EXPORT(LONG, SCardLocateCardsW, SCARDCONTEXT context, const uint16_t *cards, SCARD_READERSTATE *states, DWORD count)
{
    (void)context;
    log_call("LocateCards", cards, cards + length_of(cards) + 1);
    return set_states(states, count);
}

EXPORT(LONG, SCardLocateCardsByATRW, SCARDCONTEXT context, const SCARD_ATRMASK *masks, DWORD mask_count,
       SCARD_READERSTATE *states, DWORD count)
{
    (void)context;
    if (mask_count != 2 || masks[1].cbAtr != 2 || memcmp(masks[1].rgbAtr, "\x3B\x01\x00", 3) != 0 ||
        memcmp(masks[1].rgbMask, "\xFF\x0F\x00", 3) != 0)
        return (LONG)SCARD_E_INVALID_VALUE;
    return set_states(states, count);
}

EXPORT(LONG, SCardReadCacheW, SCARDCONTEXT context, const unsigned char *card, DWORD freshness, const uint16_t *item,
       unsigned char *data, DWORD *length)
{
    (void)context;
    if (freshness != 7 || memcmp(card, "0123456789abcdef", 16) != 0 || *length < 3)
        return (LONG)SCARD_E_INVALID_VALUE;
    memcpy(data, "abc", 3);
    *length = 3;
    return log_call("ReadCache", item, NULL);
}

EXPORT(LONG, SCardWriteCacheW, SCARDCONTEXT context, const unsigned char *card, DWORD freshness, const uint16_t *item,
       const unsigned char *data, DWORD length)
{
    (void)context;
    if (freshness != 7 || memcmp(card, "0123456789abcdef", 16) != 0 || length != 3 || memcmp(data, "abc", 3) != 0)
        return (LONG)SCARD_E_INVALID_VALUE;
    return log_call("WriteCache", item, NULL);
}

EXPORT(LONG, SCardGetReaderIconW, SCARDCONTEXT context, const uint16_t *reader, unsigned char *icon, DWORD *length)
{
    (void)context;
    if (*length < 3)
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    memcpy(icon, "ico", 3);
    *length = 3;
    return log_call("GetReaderIcon", reader, NULL);
}

EXPORT(LONG, SCardGetDeviceTypeIdW, SCARDCONTEXT context, const uint16_t *reader, DWORD *kind)
{
    (void)context;
    *kind = 0x40;
    return log_call("GetDeviceTypeId", reader, NULL);
}

EXPORT(LONG, SCardGetReaderDeviceInstanceIdW, SCARDCONTEXT context, const uint16_t *reader, uint16_t *device,
       DWORD *length)
{
    (void)context;
    return is_equal(reader, second_reader) ? allocate_text(groups, sizeof groups / 2 - 1, device, length)
                                           : (LONG)SCARD_E_UNKNOWN_READER;
}

EXPORT(LONG, SCardListReadersWithDeviceInstanceIdW, SCARDCONTEXT context, const uint16_t *device, uint16_t *names,
       DWORD *length)
{
    (void)context;
    return is_equal(device, groups) ? allocate_text(readers, sizeof readers / 2, names, length)
                                    : (LONG)SCARD_E_UNKNOWN_READER;
}

EXPORT(LONG, SCardState, SCARDHANDLE handle, DWORD *state, DWORD *protocol, unsigned char *atr, DWORD *atr_length)
{
    uint16_t name[64];
    DWORD length = sizeof name / 2;
    return SCardStatusW(handle, name, &length, state, protocol, atr, atr_length);
}

EXPORT(LONG, SCardGetTransmitCount, SCARDHANDLE handle, DWORD *count)
{
    *count = 5;
    return handle == HANDLE ? SCARD_S_SUCCESS : (LONG)PCSC_WIN32_INVALID_HANDLE;
}

EXPORT(LONG, SCardAudit, SCARDCONTEXT context, DWORD event)
{
    return context == CONTEXT && event == 1 ? SCARD_S_SUCCESS : (LONG)PCSC_WIN32_INVALID_HANDLE;
}

EXPORT(void *, SCardAccessStartedEvent, void)
{
    return (void *)0x77;
}

EXPORT(void, SCardReleaseStartedEvent, void)
{
    log_call("ReleaseStartedEvent", NULL, NULL);
}
