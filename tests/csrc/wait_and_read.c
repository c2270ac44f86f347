/* A program that waits for a card in the first reader and reads its serial number, for docs/testing-in-ci.md. */
#include <stdio.h>
#include <winscard.h>

int main(void)
{
    static const BYTE command[] = {0x00, 0xCA, 0x01, 0x01, 0x00};
    BYTE response[258];
    char readers[1024];
    DWORD size = sizeof readers, length = sizeof response, protocol;
    SCARDCONTEXT context;
    SCARDHANDLE card;
    LONG code = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);

    if (code == SCARD_S_SUCCESS)
        code = SCardListReaders(context, NULL, readers, &size);
    SCARD_READERSTATE reader = {.szReader = readers, .dwCurrentState = SCARD_STATE_UNAWARE};
    if (code == SCARD_S_SUCCESS)
        code = SCardGetStatusChange(context, 0, &reader, 1);
    if (code == SCARD_S_SUCCESS && !(reader.dwEventState & SCARD_STATE_PRESENT)) {
        puts("insert the card");
        fflush(stdout);
        while (code == SCARD_S_SUCCESS && !(reader.dwEventState & SCARD_STATE_PRESENT)) {
            reader.dwCurrentState = reader.dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
            code = SCardGetStatusChange(context, INFINITE, &reader, 1);
        }
    }
    if (code == SCARD_S_SUCCESS)
        code = SCardConnect(context, readers, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, &protocol);
    if (code == SCARD_S_SUCCESS)
        code = SCardTransmit(card, SCARD_PCI_T1, command, sizeof command, NULL, response, &length);
    if (code != SCARD_S_SUCCESS) {
        fprintf(stderr, "error %08lX\n", (unsigned long)code);
        return 1;
    }
    for (DWORD i = 0; i + 2 < length; i++)
        printf("%02X", response[i]);
    puts("");
    return 0;
}
