/* A library that opens a card by PC/SC's own functions and lends the handle. It knows nothing of scardffi. */
#include <stddef.h>

#include <winscard.h>

static SCARDCONTEXT context;

/* Connect to the card in a reader. Returns its handle, or 0. */
SCARDHANDLE open_card(const char *reader)
{
    SCARDHANDLE handle;
    DWORD protocol;

    if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
        return 0;
    if (SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &handle, &protocol) ==
        SCARD_S_SUCCESS)
        return handle;
    SCardReleaseContext(context);
    return 0;
}

void close_card(SCARDHANDLE handle)
{
    SCardDisconnect(handle, SCARD_LEAVE_CARD);
    SCardReleaseContext(context);
}
