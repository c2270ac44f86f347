/* A PC/SC library that lies: what it returns is impossible, in a way that the test chooses. It never writes beyond the
 * room that it has, so that each access beyond is one of the core. With SCARDFFI_ABI_WINDOWS it has Windows' functions
 * with strings in UTF-16, most of which allocate the memory of the string. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pcsc_abi.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

enum hostility {
    HONEST,
    ONE_ABOVE,   /* success, and a length of one more than the room */
    HUGE_LENGTH, /* success, and the largest length */
    NEGATIVE,    /* success, and a length with the highest bit of 32 bits */
    WITHOUT_END, /* success, and the whole room is filled, without NULs */
    GROWING,     /* SCARD_E_INSUFFICIENT_BUFFER, and a larger length at each call */
    HUGE_NEED,   /* SCARD_E_INSUFFICIENT_BUFFER, and the largest length */
    NO_NEED,     /* SCARD_E_INSUFFICIENT_BUFFER, and the length 0 */
    SHRINKING,   /* a need at the first call, and success with a shorter text at the next ones */
    LONG_ATR,    /* success, and an ATR of 200 bytes */
    HUGE_ATR,    /* success, and an ATR of the largest length */
    NO_LENGTH,   /* success, and the length 0 */
    ONLY_NULS,   /* success, and the room filled with NULs */
    ALL_ONES,    /* success, and all bits set in states, protocols, handles and what is written */
    CODE         /* a code that no library returns */
};

static enum hostility hostility;
static LONG code;
static unsigned calls;

void set_hostility(int number, uint32_t value);
void set_hostility(int number, uint32_t value)
{
    hostility = (enum hostility)number;
    code = (LONG)(int32_t)value;
    calls = 0;
}

static long allocated;

long allocated_now(void);
long allocated_now(void)
{
    return allocated;
}

/* Write `honest`, or something else, to the room of `*length` bytes. */
static LONG lie(void *memory, DWORD *length, const char *honest, DWORD size)
{
    DWORD room = memory != NULL ? *length : 0;
    calls++;
    if (hostility == CODE)
        return code;
    *length = size;
    if (memory != NULL && room >= size)
        memcpy(memory, honest, size);
    else if (memory != NULL)
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    switch (hostility) {
    case ONE_ABOVE:
        *length = room + 1;
        return 0;
    case HUGE_LENGTH:
        *length = (DWORD)-1;
        return 0;
    case NEGATIVE:
        *length = 0x80000000u;
        return 0;
    case WITHOUT_END:
        if (memory != NULL)
            memset(memory, 'x', room);
        *length = room;
        return 0;
    case GROWING:
        *length = room + 100;
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    case HUGE_NEED:
        *length = (DWORD)-1;
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    case NO_NEED:
        *length = 0;
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    case SHRINKING:
        if (calls % 2 == 0)
            return 0;
        *length = 4096;
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    case NO_LENGTH:
        *length = 0;
        return 0;
    case ONLY_NULS:
        if (memory != NULL)
            memset(memory, 0, room);
        *length = room;
        return 0;
    case ALL_ONES:
        if (memory != NULL)
            memset(memory, 0xFF, room);
        *length = room;
        return 0;
    default:
        return 0;
    }
}

/* A number in an answer. */
static DWORD number(DWORD honest)
{
    return hostility == ALL_ONES ? (DWORD)-1 : honest;
}

#if defined(SCARDFFI_ABI_WINDOWS)
#  define TEXT_FUNCTION(name) name##W
#else
#  define TEXT_FUNCTION(name) name
#endif

#define EXPORT(name, ...)                                                                                              \
    LONG name(__VA_ARGS__);                                                                                            \
    LONG name(__VA_ARGS__)

EXPORT(SCardEstablishContext, DWORD scope, const void *reserved1, const void *reserved2, SCARDCONTEXT *context)
{
    *context = (SCARDCONTEXT)number(1);
    return 0;
}

EXPORT(SCardReleaseContext, SCARDCONTEXT context)
{
    return 0;
}

EXPORT(SCardIsValidContext, SCARDCONTEXT context)
{
    return hostility == CODE ? code : 0;
}

EXPORT(SCardCancel, SCARDCONTEXT context)
{
    return 0;
}

EXPORT(TEXT_FUNCTION(SCardConnect), SCARDCONTEXT context, const char *reader, DWORD share_mode, DWORD protocols,
       SCARDHANDLE *handle, DWORD *protocol)
{
    *handle = (SCARDHANDLE)number(1000);
    *protocol = number(SCARD_PROTOCOL_T1);
    return 0;
}

EXPORT(SCardReconnect, SCARDHANDLE handle, DWORD share_mode, DWORD protocols, DWORD initialization, DWORD *protocol)
{
    *protocol = number(SCARD_PROTOCOL_T1);
    return hostility == CODE ? code : 0;
}

EXPORT(SCardDisconnect, SCARDHANDLE handle, DWORD disposition)
{
    return 0;
}

EXPORT(SCardBeginTransaction, SCARDHANDLE handle)
{
    return hostility == CODE ? code : 0;
}

EXPORT(SCardEndTransaction, SCARDHANDLE handle, DWORD disposition)
{
    return 0;
}

EXPORT(TEXT_FUNCTION(SCardGetStatusChange), SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *states, DWORD count)
{
    for (DWORD i = 0; i < count; i++) {
        states[i].dwEventState = number(SCARD_STATE_PRESENT | SCARD_STATE_CHANGED);
        memcpy(states[i].rgbAtr, "\x3B\x00", 2);
        states[i].cbAtr = hostility == LONG_ATR ? 200 : hostility == HUGE_ATR ? (DWORD)-1 : number(2);
        if (hostility == ALL_ONES)
            memset((void *)&states[i].szReader, 0xA5, sizeof states[i].szReader); /* it is the caller's */
    }
    return hostility == CODE ? code : 0;
}

EXPORT(SCardGetAttrib, SCARDHANDLE handle, DWORD attribute, unsigned char *value, DWORD *length)
{
    return attribute == SCARD_ATTR_DEVICE_FRIENDLY_NAME ? 0 : lie(value, length, "value", 5);
}

EXPORT(SCardSetAttrib, SCARDHANDLE handle, DWORD attribute, const unsigned char *value, DWORD length)
{
    return hostility == CODE ? code : 0;
}

EXPORT(SCardTransmit, SCARDHANDLE handle, const SCARD_IO_REQUEST *send_pci, const unsigned char *command,
       DWORD command_length, SCARD_IO_REQUEST *receive_pci, unsigned char *response, DWORD *received)
{
    return lie(response, received, "abcd\x90\x00", 6);
}

EXPORT(SCardControl, SCARDHANDLE handle, DWORD control_code, const void *command, DWORD command_length, void *response,
       DWORD capacity, DWORD *received)
{
    DWORD length = capacity;
    LONG result = lie(response, &length, "answer", 6);
    *received = length;
    return result;
}

/* The answer of SCardStatus but for the reader's name. */
static void lie_about_card(DWORD *state, DWORD *protocol, unsigned char *atr, DWORD *atr_length)
{
    *state = number(SCARD_PRESENT);
    *protocol = number(SCARD_PROTOCOL_T1);
    if (atr_length != NULL) {
        DWORD room = *atr_length;
        if (atr != NULL && room >= 2)
            memcpy(atr, "\x3B\x00", 2);
        *atr_length = hostility == LONG_ATR ? 200 : hostility == HUGE_ATR ? (DWORD)-1 : 2;
    }
}

#if !defined(SCARDFFI_ABI_WINDOWS)

EXPORT(SCardStatus, SCARDHANDLE handle, char *reader, DWORD *reader_length, DWORD *state, DWORD *protocol,
       unsigned char *atr, DWORD *atr_length)
{
    DWORD length = 0, *needed = reader_length != NULL ? reader_length : &length;
    lie_about_card(state, protocol, atr, atr_length);
    return lie(reader, needed, "reader\0", 8);
}

EXPORT(SCardListReaders, SCARDCONTEXT context, const char *groups, char *readers, DWORD *length)
{
    return lie(readers, length, "reader\0", 8);
}

EXPORT(SCardListReaderGroups, SCARDCONTEXT context, char *groups, DWORD *length)
{
    return lie(groups, length, "group\0", 7);
}

#else

/* Write a text of `units` units, or something else, to memory that it allocates, exactly as long as what is in it. */
static LONG lie_in_new_memory(uint16_t **text, DWORD *length, const uint16_t *honest, DWORD units)
{
    if (*length != SCARD_AUTOALLOCATE)
        return (LONG)SCARD_E_INVALID_PARAMETER;
    if (hostility == CODE)
        return code;
    if (hostility == GROWING || hostility == HUGE_NEED) {
        *length = hostility == GROWING ? 100 * ++calls : (DWORD)-2;
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    }
    *length = units;
    if (hostility == NO_NEED) /* success, and no memory */
        return 0;
    if ((*text = malloc(2 * (size_t)units)) == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    allocated++;
    memcpy(*text, honest, 2 * (size_t)units);
    switch (hostility) {
    case ONE_ABOVE:
        *length = units + 1;
        return 0;
    case HUGE_LENGTH:
        *length = (DWORD)-1;
        return 0;
    case NEGATIVE:
        *length = 0x80000000u;
        return 0;
    case WITHOUT_END:
        memset(*text, 'x', 2 * (size_t)units);
        return 0;
    case SHRINKING:
        if (calls++ % 2 != 0) /* shorter at each second call */
            memcpy(*text, u"r\0", 6), *length = 3;
        return 0;
    case NO_LENGTH:
        *length = 0;
        return 0;
    case ONLY_NULS:
        memset(*text, 0, 2 * (size_t)units);
        return 0;
    case ALL_ONES:
        memset(*text, 0xFF, 2 * (size_t)units);
        return 0;
    default:
        return 0;
    }
}

EXPORT(SCardStatusW, SCARDHANDLE handle, uint16_t *reader, DWORD *length, DWORD *state, DWORD *protocol,
       unsigned char *atr, DWORD *atr_length)
{
    DWORD bytes = 2 * *length, room = *length;
    lie_about_card(state, protocol, atr, atr_length);
    LONG result = lie(reader, &bytes, (const char *)u"reader\0", 16);
    *length = hostility == ONE_ABOVE ? room + 1 : bytes < 2 * room ? bytes / 2 : bytes;
    if (hostility == WITHOUT_END || hostility == ONLY_NULS || hostility == ALL_ONES)
        *length = room;
    return result;
}

EXPORT(SCardFreeMemory, SCARDCONTEXT context, void *memory)
{
    free(memory);
    allocated--;
    return 0;
}

#  define LIST(name, text, ...)                                                                                        \
      EXPORT(name, SCARDCONTEXT context, __VA_ARGS__, uint16_t **names, DWORD *length)                                 \
      {                                                                                                                \
          return lie_in_new_memory(names, length, text, sizeof text / 2);                                              \
      }
LIST(SCardListReadersW, u"reader\0", const uint16_t *groups)
LIST(SCardListCardsW, u"card\0", const unsigned char *atr, const unsigned char *interfaces, DWORD count)
LIST(SCardListReadersWithDeviceInstanceIdW, u"reader\0", const uint16_t *device)
LIST(SCardGetReaderDeviceInstanceIdW, u"device", const uint16_t *reader)
LIST(SCardGetCardTypeProviderNameW, u"provider", const uint16_t *card, DWORD kind)

EXPORT(SCardListReaderGroupsW, SCARDCONTEXT context, uint16_t **groups, DWORD *length)
{
    return lie_in_new_memory(groups, length, u"group\0", 7);
}

EXPORT(SCardListInterfacesW, SCARDCONTEXT context, const uint16_t *card, unsigned char *interfaces, DWORD *count)
{
    DWORD length = interfaces != NULL ? 16 * *count : 0, room = *count;
    LONG result = lie(interfaces, &length, "0123456789abcdef", 16);
    *count = hostility == ONE_ABOVE ? room + 1 : length <= 4096 ? length / 16 : length;
    return result;
}

EXPORT(SCardLocateCardsW, SCARDCONTEXT context, const uint16_t *cards, SCARD_READERSTATE *states, DWORD count)
{
    return SCardGetStatusChangeW(context, 0, states, count);
}

EXPORT(SCardReadCacheW, SCARDCONTEXT context, const unsigned char *card, DWORD freshness, const uint16_t *item,
       unsigned char *data, DWORD *length)
{
    return lie(data, length, "cached", 6);
}

EXPORT(SCardGetReaderIconW, SCARDCONTEXT context, const uint16_t *reader, unsigned char *icon, DWORD *length)
{
    return lie(icon, length, "icon", 4);
}

EXPORT(SCardState, SCARDHANDLE handle, DWORD *state, DWORD *protocol, unsigned char *atr, DWORD *atr_length)
{
    lie_about_card(state, protocol, atr, atr_length);
    return hostility == CODE ? code : 0;
}

#endif
