/* Lists the readers, and prints the protocol of SCARD_PCI_T1 and the text of the last code. */
#include <stdio.h>
#include <winscard.h>

int main(void)
{
    char names[200] = {0};
    DWORD size = sizeof names;
    SCARDCONTEXT context;
    LONG code = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);
    if (code == SCARD_S_SUCCESS)
        code = SCardListReaders(context, NULL, names, &size);
    printf("%s %lu %s\n", names, SCARD_PCI_T1->dwProtocol, pcsc_stringify_error(code));
}
