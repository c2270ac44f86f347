/* A PC/SC library with one reader, whose card is a callback of the test: for cards that break the rules. With a claim,
 * the library itself breaks them: it says that every list, name, ATR and attribute has that many bytes. */
#define _POSIX_C_SOURCE 200809L

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "pcsc_abi.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

/* Writes a response of at most `capacity` bytes. Returns its length, or minus a PC/SC code. */
typedef int64_t (*card_function)(const unsigned char *command, uint32_t length, unsigned char *response,
                                 uint32_t capacity);

static card_function card;
static SCARDHANDLE next_handle = 1000;
static DWORD active_protocol = SCARD_PROTOCOL_T0;

void set_card(card_function function);
void set_card(card_function function)
{
    card = function;
}

static DWORD claim;         /* 0: no list, and empty names */
static bool claim_succeeds; /* whether a call that gets memory succeeds, or says that it is too short */

void set_claim(uint64_t length, int succeeds);
void set_claim(uint64_t length, int succeeds)
{
    claim = (DWORD)length;
    claim_succeeds = succeeds != 0;
}

static LONG claimed(const void *memory, DWORD *length)
{
    *length = claim;
    return memory == NULL || claim_succeeds ? 0 : (LONG)SCARD_E_INSUFFICIENT_BUFFER;
}

static DWORD silent_length;

/* Let each SCardTransmit say that it has received so many bytes, and write nothing; 0: the card answers again. */
void set_silent(uint64_t length);
void set_silent(uint64_t length)
{
    silent_length = (DWORD)length;
}

static long drip_nanoseconds;
static unsigned char drips;
static size_t data_length;
static volatile uint32_t slow_commands;

/* Return the number of commands that the slow card has begun to execute. */
uint32_t count_slow_commands(void);
uint32_t count_slow_commands(void)
{
    return slow_commands;
}

/* Answers each command with one byte, a counter, and the announcement of one more. It is in C, so that no Python code
 * runs in the thread that sends the commands. */
static int64_t drip(const unsigned char *command, uint32_t length, unsigned char *response, uint32_t capacity)
{
    struct timespec time = {.tv_nsec = drip_nanoseconds};
    slow_commands++;
    nanosleep(&time, NULL);
    response[0] = drips++;
    response[1] = 0x61;
    response[2] = 1;
    return 3;
}

/* Answers each command with `data_length` bytes A5 and 9000. */
static int64_t accept_slowly(const unsigned char *command, uint32_t length, unsigned char *response, uint32_t capacity)
{
    struct timespec time = {.tv_nsec = drip_nanoseconds};
    slow_commands++;
    nanosleep(&time, NULL);
    memset(response, 0xA5, data_length);
    response[data_length] = 0x90;
    response[data_length + 1] = 0;
    return (int64_t)data_length + 2;
}

void set_slow_card(long nanoseconds, int drips_data, size_t data);
void set_slow_card(long nanoseconds, int drips_data, size_t data)
{
    drip_nanoseconds = nanoseconds;
    data_length = data;
    drips = 0;
    slow_commands = 0;
    card = drips_data ? drip : accept_slowly;
}

#define EXPORT(name, ...)                                                                                              \
    LONG name(__VA_ARGS__);                                                                                            \
    LONG name(__VA_ARGS__)

EXPORT(SCardEstablishContext, DWORD scope, const void *reserved1, const void *reserved2, SCARDCONTEXT *context)
{
    *context = 1;
    return 0;
}

EXPORT(SCardReleaseContext, SCARDCONTEXT context)
{
    return 0;
}

EXPORT(SCardConnect, SCARDCONTEXT context, const char *reader, DWORD share_mode, DWORD protocols, SCARDHANDLE *handle,
       DWORD *protocol)
{
    *handle = next_handle++;
    *protocol = active_protocol;
    return 0;
}

EXPORT(SCardReconnect, SCARDHANDLE handle, DWORD share_mode, DWORD protocols, DWORD initialization, DWORD *protocol)
{
    active_protocol = protocols & SCARD_PROTOCOL_T1 ? SCARD_PROTOCOL_T1 : SCARD_PROTOCOL_T0;
    *protocol = active_protocol;
    return 0;
}

EXPORT(SCardDisconnect, SCARDHANDLE handle, DWORD disposition)
{
    return 0;
}

EXPORT(SCardBeginTransaction, SCARDHANDLE handle)
{
    return 0;
}

EXPORT(SCardEndTransaction, SCARDHANDLE handle, DWORD disposition)
{
    return 0;
}

EXPORT(SCardStatus, SCARDHANDLE handle, char *reader, DWORD *reader_length, DWORD *state, DWORD *protocol,
       unsigned char *atr, DWORD *atr_length)
{
    *protocol = active_protocol;
    *state = SCARD_PRESENT;
    *reader_length = *atr_length = 0;
    if (claim == 0)
        return 0;
    if (atr_length != NULL)
        *atr_length = claim;
    return claimed(reader, reader_length);
}

EXPORT(SCardGetStatusChange, SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *states, DWORD count)
{
    for (DWORD i = 0; claim != 0 && i < count; i++)
        states[i].cbAtr = claim;
    return claim != 0 ? 0 : (LONG)SCARD_E_TIMEOUT;
}

EXPORT(SCardListReaders, SCARDCONTEXT context, const char *groups, char *readers, DWORD *length)
{
    return claim != 0 ? claimed(readers, length) : (LONG)SCARD_E_NO_READERS_AVAILABLE;
}

EXPORT(SCardListReaderGroups, SCARDCONTEXT context, char *groups, DWORD *length)
{
    return claim != 0 ? claimed(groups, length) : 0;
}

EXPORT(SCardGetAttrib, SCARDHANDLE handle, DWORD attribute, unsigned char *value, DWORD *length)
{
    return claim != 0 ? claimed(value, length) : 0;
}

EXPORT(SCardTransmit, SCARDHANDLE handle, const SCARD_IO_REQUEST *send_pci, const unsigned char *command,
       DWORD command_length, SCARD_IO_REQUEST *receive_pci, unsigned char *response, DWORD *received)
{
    if (send_pci->dwProtocol != active_protocol)
        return (LONG)SCARD_E_PROTO_MISMATCH;
    if (silent_length > 0) {
        *received = silent_length;
        return 0;
    }
    unsigned char answer[MAX_BUFFER_SIZE_EXTENDED];
    int64_t length = card(command, (uint32_t)command_length, answer, sizeof answer);
    if (length < 0)
        return (LONG)-length;
    if ((DWORD)length > *received) {
        *received = (DWORD)length;
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    }
    memcpy(response, answer, (size_t)length);
    *received = (DWORD)length;
    return 0;
}
