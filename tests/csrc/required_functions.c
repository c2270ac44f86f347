/* A PC/SC library that has only the required functions. Each of them returns 0x80100001. */
#include "pcsc_abi.h"

#define FUNCTION(name, ...)                                                                                            \
    LONG name(__VA_ARGS__);                                                                                            \
    LONG name(__VA_ARGS__)                                                                                             \
    {                                                                                                                  \
        return (LONG)SCARD_F_INTERNAL_ERROR;                                                                           \
    }

#pragma GCC diagnostic ignored "-Wunused-parameter"

FUNCTION(SCardEstablishContext, DWORD scope, const void *reserved1, const void *reserved2, SCARDCONTEXT *context)
FUNCTION(SCardReleaseContext, SCARDCONTEXT context)
FUNCTION(SCardConnect, SCARDCONTEXT context, const char *reader, DWORD share_mode, DWORD protocols, SCARDHANDLE *handle,
         DWORD *protocol)
FUNCTION(SCardReconnect, SCARDHANDLE handle, DWORD share_mode, DWORD protocols, DWORD initialization, DWORD *protocol)
FUNCTION(SCardDisconnect, SCARDHANDLE handle, DWORD disposition)
FUNCTION(SCardBeginTransaction, SCARDHANDLE handle)
FUNCTION(SCardEndTransaction, SCARDHANDLE handle, DWORD disposition)
FUNCTION(SCardStatus, SCARDHANDLE handle, char *reader, DWORD *reader_length, DWORD *state, DWORD *protocol,
         unsigned char *atr, DWORD *atr_length)
FUNCTION(SCardGetStatusChange, SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *states, DWORD count)
FUNCTION(SCardTransmit, SCARDHANDLE handle, const SCARD_IO_REQUEST *send_pci, const unsigned char *command,
         DWORD command_length, SCARD_IO_REQUEST *receive_pci, unsigned char *response, DWORD *received)
FUNCTION(SCardListReaders, SCARDCONTEXT context, const char *groups, char *readers, DWORD *length)
#if !defined(WITHOUT_GET_ATTRIB)
FUNCTION(SCardGetAttrib, SCARDHANDLE handle, DWORD attribute, unsigned char *value, DWORD *length)
#endif
