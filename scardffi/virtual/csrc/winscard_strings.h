/* The PC/SC functions with strings. On Windows their names end in A for 8-bit strings, and in W for UTF-16. */
#ifndef SCARDFFI_VIRTUAL_WINSCARD_STRINGS_H
#define SCARDFFI_VIRTUAL_WINSCARD_STRINGS_H

#include "pcsc_abi.h"

/* These functions take UTF-8, on Windows too. Programs on Windows call the functions in W (winscard_utf16.c). */
#if defined(SCARDFFI_ABI_WINDOWS)
#  define STRING_FUNCTION(name) name##A
#else
#  define STRING_FUNCTION(name) name
#endif

LONG PCSC_CALL STRING_FUNCTION(SCardConnect)(SCARDCONTEXT context_number, const char *reader_name, DWORD share_mode,
                                             DWORD protocols, SCARDHANDLE *handle_number, DWORD *active_protocol);
LONG PCSC_CALL STRING_FUNCTION(SCardStatus)(SCARDHANDLE handle_number, char *reader_name, DWORD *name_length,
                                            DWORD *state, DWORD *protocol, unsigned char *atr, DWORD *atr_length);
LONG PCSC_CALL STRING_FUNCTION(SCardGetStatusChange)(SCARDCONTEXT context_number, DWORD timeout,
                                                     SCARD_READERSTATE *states, DWORD count);
LONG PCSC_CALL STRING_FUNCTION(SCardListReaders)(SCARDCONTEXT context_number, const char *groups, char *names,
                                                 DWORD *length);
LONG PCSC_CALL STRING_FUNCTION(SCardListReaderGroups)(SCARDCONTEXT context_number, char *names, DWORD *length);

#endif
