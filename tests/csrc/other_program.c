/* A program that is attached to a card until its standard input ends: the arguments are the reader and, for the share
 * mode, "shared" or "exclusive". It does what the lines of the input say, and answers each with a line, the code:
 *   lock            begins a transaction
 *   transmit HEX    sends a command of at most 16 bytes
 *   reset           resets the card and detaches
 * The first line is the code of the attachment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winscard.h>

static SCARDCONTEXT context;
static SCARDHANDLE card;
static DWORD protocol;

static LONG attach(const char *reader, const char *share_mode)
{
    DWORD mode = strcmp(share_mode, "exclusive") == 0 ? SCARD_SHARE_EXCLUSIVE : SCARD_SHARE_SHARED;
    LONG code = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);
    if (code != SCARD_S_SUCCESS)
        return code;
    return SCardConnect(context, reader, mode, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card, &protocol);
}

static LONG transmit(const char *hex)
{
    unsigned char command[16], response[512];
    DWORD length = 0, room = sizeof response;
    unsigned byte;
    for (; length < sizeof command && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        command[length++] = (unsigned char)byte;
    const SCARD_IO_REQUEST *pci = protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
    return SCardTransmit(card, pci, command, length, NULL, response, &room);
}

static LONG act(const char *line)
{
    if (strcmp(line, "lock\n") == 0)
        return SCardBeginTransaction(card);
    if (strcmp(line, "reset\n") == 0)
        return SCardDisconnect(card, SCARD_RESET_CARD);
    return transmit(line + strlen("transmit "));
}

static void answer(LONG code)
{
    printf("%ld\n", (long)code);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char line[64];
    if (argc != 3)
        return 1;
    answer(attach(argv[1], argv[2]));
    while (fgets(line, sizeof line, stdin) != NULL)
        answer(act(line));
    SCardDisconnect(card, SCARD_LEAVE_CARD); /* fails after a reset */
    SCardReleaseContext(context);
}
