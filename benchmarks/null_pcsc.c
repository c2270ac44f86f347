/* A PC/SC library with pcsc-lite's ABI whose functions return at once, so that a benchmark only measures the caller.
 *
 * It has one reader with one card, and accepts any context and handle. Its only state is the next context or handle.
 * SCardTransmit returns as many bytes as the command's Le says (ISO/IEC 7816-3, 12.1.3, short and extended), and 9000.
 * The byte at offset i is (i ^ i >> 8) & FF, as in the test card behind pcscd.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "pcsc_abi.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT const SCARD_IO_REQUEST g_rgSCardT0Pci = {SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST)};
EXPORT const SCARD_IO_REQUEST g_rgSCardT1Pci = {SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};
EXPORT const SCARD_IO_REQUEST g_rgSCardRawPci = {SCARD_PROTOCOL_RAW, sizeof(SCARD_IO_REQUEST)};

static const char READERS[] = "scardffi null reader 00 00\0"; /* a multi-string */
static const char GROUPS[] = "SCard$DefaultReaders\0";
static const unsigned char ATR[] = {0x3B, 0x80, 0x80, 0x01, 0x01};
static unsigned char pattern[65536];
static atomic_long next_number = 1;

__attribute__((constructor)) static void fill_pattern(void)
{
    for (unsigned i = 0; i < sizeof pattern; i++)
        pattern[i] = (unsigned char)(i ^ i >> 8);
}

/* Return the number of bytes that the command's Le field asks for. */
static DWORD expected_length(const unsigned char *command, DWORD length)
{
    if (length <= 4)
        return 0;
    if (length == 5)
        return command[4] ? command[4] : 256;
    DWORD extended = command[4] == 0;
    if (extended && length == 7)
        return command[5] || command[6] ? (DWORD)command[5] << 8 | command[6] : 65536;
    DWORD data = extended ? 7 + ((DWORD)command[5] << 8 | command[6]) : 5 + (DWORD)command[4];
    const unsigned char *le = command + data;
    if (!extended && length == data + 1)
        return le[0] ? le[0] : 256;
    if (extended && length == data + 2)
        return le[0] || le[1] ? (DWORD)le[0] << 8 | le[1] : 65536;
    return 0;
}

EXPORT LONG SCardTransmit(SCARDHANDLE handle, const SCARD_IO_REQUEST *send_pci, const unsigned char *command,
                          DWORD command_length, SCARD_IO_REQUEST *receive_pci, unsigned char *response, DWORD *received)
{
    (void)handle, (void)send_pci, (void)receive_pci;
    DWORD data = expected_length(command, command_length);
    DWORD room = *received;
    *received = data + 2;
    if (room < data + 2)
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    memcpy(response, pattern, data);
    response[data] = 0x90;
    response[data + 1] = 0x00;
    return 0;
}

/* Write the length of the source to `*length` and, unless `target` is NULL, the source to `target` or to new memory. */
static LONG copy_out(const void *source, DWORD size, void *target, DWORD *length)
{
    if (length == NULL)
        return 0;
    DWORD room = *length;
    *length = size;
    if (target == NULL)
        return 0;
    if (room == SCARD_AUTOALLOCATE) {
        void *memory = malloc(size);
        memcpy(target, &memory, sizeof memory);
        target = memory;
    } else if (room < size) {
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    }
    if (target == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    memcpy(target, source, size);
    return 0;
}

EXPORT LONG SCardEstablishContext(DWORD scope, const void *reserved1, const void *reserved2, SCARDCONTEXT *context)
{
    (void)scope, (void)reserved1, (void)reserved2;
    *context = atomic_fetch_add(&next_number, 1);
    return 0;
}

EXPORT LONG SCardConnect(SCARDCONTEXT context, const char *reader, DWORD share_mode, DWORD protocols,
                         SCARDHANDLE *handle, DWORD *protocol)
{
    (void)context, (void)reader, (void)share_mode, (void)protocols;
    *handle = atomic_fetch_add(&next_number, 1);
    *protocol = SCARD_PROTOCOL_T1;
    return 0;
}

EXPORT LONG SCardReconnect(SCARDHANDLE handle, DWORD share_mode, DWORD protocols, DWORD initialization, DWORD *protocol)
{
    (void)handle, (void)share_mode, (void)protocols, (void)initialization;
    *protocol = SCARD_PROTOCOL_T1;
    return 0;
}

EXPORT LONG SCardStatus(SCARDHANDLE handle, char *reader, DWORD *reader_length, DWORD *state, DWORD *protocol,
                        unsigned char *atr, DWORD *atr_length)
{
    (void)handle;
    if (state != NULL)
        *state = SCARD_PRESENT | SCARD_POWERED | SCARD_SPECIFIC;
    if (protocol != NULL)
        *protocol = SCARD_PROTOCOL_T1;
    LONG code = copy_out(READERS, sizeof READERS - 1, reader, reader_length);
    return code ? code : copy_out(ATR, sizeof ATR, atr, atr_length);
}

EXPORT LONG SCardGetStatusChange(SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *states, DWORD count)
{
    (void)context, (void)timeout;
    for (DWORD i = 0; i < count; i++) {
        states[i].dwEventState = SCARD_STATE_CHANGED | SCARD_STATE_PRESENT;
        states[i].cbAtr = sizeof ATR;
        memcpy(states[i].rgbAtr, ATR, sizeof ATR);
    }
    return 0;
}

EXPORT LONG SCardListReaders(SCARDCONTEXT context, const char *groups, char *readers, DWORD *length)
{
    (void)context, (void)groups;
    return copy_out(READERS, sizeof READERS, readers, length);
}

EXPORT LONG SCardListReaderGroups(SCARDCONTEXT context, char *groups, DWORD *length)
{
    (void)context;
    return copy_out(GROUPS, sizeof GROUPS, groups, length);
}

EXPORT LONG SCardGetAttrib(SCARDHANDLE handle, DWORD attribute, unsigned char *value, DWORD *length)
{
    (void)handle, (void)attribute;
    return copy_out(READERS, sizeof READERS - 1, value, length);
}

EXPORT LONG SCardSetAttrib(SCARDHANDLE handle, DWORD attribute, const unsigned char *value, DWORD length)
{
    (void)handle, (void)attribute, (void)value, (void)length;
    return 0;
}

EXPORT LONG SCardControl(SCARDHANDLE handle, DWORD control_code, const void *command, DWORD command_length,
                         void *response, DWORD capacity, DWORD *received)
{
    (void)handle, (void)control_code, (void)command, (void)command_length, (void)response, (void)capacity;
    *received = 0;
    return 0;
}

EXPORT LONG SCardReleaseContext(SCARDCONTEXT context)
{
    (void)context;
    return 0;
}

EXPORT LONG SCardIsValidContext(SCARDCONTEXT context)
{
    (void)context;
    return 0;
}

EXPORT LONG SCardCancel(SCARDCONTEXT context)
{
    (void)context;
    return 0;
}

EXPORT LONG SCardDisconnect(SCARDHANDLE handle, DWORD disposition)
{
    (void)handle, (void)disposition;
    return 0;
}

EXPORT LONG SCardBeginTransaction(SCARDHANDLE handle)
{
    (void)handle;
    return 0;
}

EXPORT LONG SCardEndTransaction(SCARDHANDLE handle, DWORD disposition)
{
    (void)handle, (void)disposition;
    return 0;
}

EXPORT LONG SCardFreeMemory(SCARDCONTEXT context, const void *memory)
{
    (void)context;
    free((void *)memory);
    return 0;
}

EXPORT const char *pcsc_stringify_error(const LONG code)
{
    return code ? "the null library refused" : "no error";
}
