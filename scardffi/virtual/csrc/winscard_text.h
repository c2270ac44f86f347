/* The functions with strings: on Windows each has two names, and the one of these ends in A. */
#ifndef SCARDFFI_VIRTUAL_WINSCARD_TEXT_H
#define SCARDFFI_VIRTUAL_WINSCARD_TEXT_H

#include "pcsc_abi.h"

/* Their strings are in UTF-8, on Windows too: there programs call those in W (winscard_wide.c). */
#if defined(SCARDFFI_ABI_WINDOWS)
#  define TEXT_FUNCTION(name) name##A
#else
#  define TEXT_FUNCTION(name) name
#endif

LONG PCSC_CALL TEXT_FUNCTION(SCardConnect)(SCARDCONTEXT context_number, const char *reader_name, DWORD share_mode,
                                           DWORD protocols, SCARDHANDLE *handle_number, DWORD *active_protocol);
LONG PCSC_CALL TEXT_FUNCTION(SCardStatus)(SCARDHANDLE handle_number, char *reader_name, DWORD *name_length,
                                          DWORD *state, DWORD *protocol, unsigned char *atr, DWORD *atr_length);
LONG PCSC_CALL TEXT_FUNCTION(SCardGetStatusChange)(SCARDCONTEXT context_number, DWORD timeout,
                                                   SCARD_READERSTATE *states, DWORD count);
LONG PCSC_CALL TEXT_FUNCTION(SCardListReaders)(SCARDCONTEXT context_number, const char *groups, char *names,
                                               DWORD *length);
LONG PCSC_CALL TEXT_FUNCTION(SCardListReaderGroups)(SCARDCONTEXT context_number, char *names, DWORD *length);

#endif
