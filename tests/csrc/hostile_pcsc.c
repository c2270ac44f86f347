/* A PC/SC library that lies: what it returns is impossible, in a way that the test chooses. It never writes beyond the
 * room that it has, so that each access beyond is one of the core. */
#include <stdbool.h>
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

EXPORT(SCardConnect, SCARDCONTEXT context, const char *reader, DWORD share_mode, DWORD protocols, SCARDHANDLE *handle,
       DWORD *protocol)
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

EXPORT(SCardStatus, SCARDHANDLE handle, char *reader, DWORD *reader_length, DWORD *state, DWORD *protocol,
       unsigned char *atr, DWORD *atr_length)
{
    DWORD length = 0, *needed = reader_length != NULL ? reader_length : &length;
    *state = number(SCARD_PRESENT);
    *protocol = number(SCARD_PROTOCOL_T1);
    if (atr_length != NULL) {
        DWORD room = *atr_length;
        if (atr != NULL && room >= 2)
            memcpy(atr, "\x3B\x00", 2);
        *atr_length = hostility == LONG_ATR ? 200 : hostility == HUGE_ATR ? (DWORD)-1 : 2;
    }
    return lie(reader, needed, "reader\0", 8);
}

EXPORT(SCardGetStatusChange, SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *states, DWORD count)
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

EXPORT(SCardListReaders, SCARDCONTEXT context, const char *groups, char *readers, DWORD *length)
{
    return lie(readers, length, "reader\0", 8);
}

EXPORT(SCardListReaderGroups, SCARDCONTEXT context, char *groups, DWORD *length)
{
    return lie(groups, length, "group\0", 7);
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
