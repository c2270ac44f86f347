/* The function table: one list of the SCard* functions, bound to a PC/SC library at run time.
 *
 * A table is made once for each library and lives as long as the process: PC/SC libraries keep threads
 * and sockets, so they are never unloaded. A function that a library lacks is NULL in its table; the
 * callers below answer HR_NOTIMPL for it and never jump there.
 */
#ifndef SCARDFFI_PCSC_API_H
#define SCARDFFI_PCSC_API_H

#include <stddef.h>

#include "pcsc_abi.h"

#define PCSC_REQUIRED 1
#define PCSC_OPTIONAL 0

/* F(required or optional, name, (arguments), parameters...) */
#define PCSC_FUNCTIONS(F)                                                                                   \
    F(PCSC_REQUIRED, SCardEstablishContext, (scope, reserved1, reserved2, context), DWORD scope,            \
      const void *reserved1, const void *reserved2, SCARDCONTEXT *context)                                  \
    F(PCSC_REQUIRED, SCardReleaseContext, (context), SCARDCONTEXT context)                                  \
    F(PCSC_OPTIONAL, SCardIsValidContext, (context), SCARDCONTEXT context)                                  \
    F(PCSC_REQUIRED, SCardConnect, (context, reader, share_mode, protocols, handle, protocol),              \
      SCARDCONTEXT context, const char *reader, DWORD share_mode, DWORD protocols, SCARDHANDLE *handle,     \
      DWORD *protocol)                                                                                      \
    F(PCSC_REQUIRED, SCardReconnect, (handle, share_mode, protocols, initialization, protocol),             \
      SCARDHANDLE handle, DWORD share_mode, DWORD protocols, DWORD initialization, DWORD *protocol)         \
    F(PCSC_REQUIRED, SCardDisconnect, (handle, disposition), SCARDHANDLE handle, DWORD disposition)         \
    F(PCSC_REQUIRED, SCardBeginTransaction, (handle), SCARDHANDLE handle)                                   \
    F(PCSC_REQUIRED, SCardEndTransaction, (handle, disposition), SCARDHANDLE handle, DWORD disposition)     \
    F(PCSC_REQUIRED, SCardStatus, (handle, reader, reader_length, state, protocol, atr, atr_length),        \
      SCARDHANDLE handle, char *reader, DWORD *reader_length, DWORD *state, DWORD *protocol,                \
      unsigned char *atr, DWORD *atr_length)                                                                \
    F(PCSC_REQUIRED, SCardGetStatusChange, (context, timeout, states, count), SCARDCONTEXT context,         \
      DWORD timeout, SCARD_READERSTATE *states, DWORD count)                                                \
    F(PCSC_OPTIONAL, SCardControl,                                                                          \
      (handle, control_code, command, command_length, response, capacity, received), SCARDHANDLE handle,    \
      DWORD control_code, const void *command, DWORD command_length, void *response, DWORD capacity,        \
      DWORD *received)                                                                                      \
    F(PCSC_REQUIRED, SCardTransmit,                                                                         \
      (handle, send_pci, command, command_length, receive_pci, response, received), SCARDHANDLE handle,     \
      const SCARD_IO_REQUEST *send_pci, const unsigned char *command, DWORD command_length,                 \
      SCARD_IO_REQUEST *receive_pci, unsigned char *response, DWORD *received)                              \
    F(PCSC_OPTIONAL, SCardListReaderGroups, (context, groups, length), SCARDCONTEXT context, char *groups,  \
      DWORD *length)                                                                                        \
    F(PCSC_REQUIRED, SCardListReaders, (context, groups, readers, length), SCARDCONTEXT context,            \
      const char *groups, char *readers, DWORD *length)                                                     \
    F(PCSC_OPTIONAL, SCardFreeMemory, (context, memory), SCARDCONTEXT context, const void *memory)          \
    F(PCSC_OPTIONAL, SCardCancel, (context), SCARDCONTEXT context)                                          \
    F(PCSC_REQUIRED, SCardGetAttrib, (handle, attribute, value, length), SCARDHANDLE handle,                \
      DWORD attribute, unsigned char *value, DWORD *length)                                                 \
    F(PCSC_OPTIONAL, SCardSetAttrib, (handle, attribute, value, length), SCARDHANDLE handle,                \
      DWORD attribute, const unsigned char *value, DWORD length)

typedef struct scardffi_library {
    void *library;
    char *path; /* the file it was loaded from */
    struct scardffi_library *next;
#define DECLARE_MEMBER(need, name, arguments, ...) LONG(PCSC_CALL *name)(__VA_ARGS__);
    PCSC_FUNCTIONS(DECLARE_MEMBER)
#undef DECLARE_MEMBER
} pcsc_api;

/* What pcsc_open answers; with what `detail` then holds. */
enum {
    PCSC_OPENED = 0,
    PCSC_NOT_FOUND = 1,      /* the names that were tried, separated by ", " */
    PCSC_NOT_LOADABLE = 2,   /* the loader's message */
    PCSC_MISSING_SYMBOL = 3, /* the required functions that the file lacks, separated by ", " */
    PCSC_NO_MEMORY = 4
};

/* The table of the library at `path` (or of that name); of the platform's, or of the one that
 * SCARDFFI_LIBRARY names, where `path` is NULL. The same library gets the same table again. */
int pcsc_open(const char *path, pcsc_api **api, char *detail, size_t size);

/* The default table, loaded by pcsc_open(NULL) at the first call. */
int pcsc_open_default(pcsc_api **api, char *detail, size_t size);
/* Make `api` the default; NULL: the next use loads it anew. Answers the table that was the default. */
pcsc_api *pcsc_set_default(pcsc_api *api);

/* The file that a table was loaded from. */
const char *pcsc_path(const pcsc_api *api);
/* The name of the index-th function of the list, NULL behind the end; whether the table has it. */
const char *pcsc_function_name(size_t index);
int pcsc_has_function(const pcsc_api *api, size_t index);

/* Each function on a table of one's choice: pcsc_SCardX(api, ...). Answers the library's code as an
 * unsigned 32-bit number on every platform, or HR_NOTIMPL where the table lacks the function. */
#define DECLARE_CALLER(need, name, arguments, ...) uint32_t pcsc_##name(const pcsc_api *api, __VA_ARGS__);
PCSC_FUNCTIONS(DECLARE_CALLER)
#undef DECLARE_CALLER

/* SCardGetStatusChange without a struct in the caller's hands: `states` has three numbers for each reader,
 * in: the current state; out: the event state and the length of the ATR; `atrs` has room for
 * PCSC_STATE_ATR bytes each. */
#define PCSC_STATE_ATR 36
uint32_t pcsc_get_status_change(const pcsc_api *api, SCARDCONTEXT context, DWORD timeout, size_t count,
                                const char *const *readers, uint32_t *states, unsigned char *atrs);

/* Each function under its own name, on the default library, with the library's own code. Where there is no
 * PC/SC library these answer SCARD_E_NO_SERVICE, where it lacks the function SCARD_E_UNSUPPORTED_FEATURE.
 * They are hidden in the compiled module: nothing else in the process can be bound to them. */
#define DECLARE_PLAIN(need, name, arguments, ...) LONG name(__VA_ARGS__);
PCSC_FUNCTIONS(DECLARE_PLAIN)
#undef DECLARE_PLAIN

#define HR_NOTIMPL 0x80004001u

#endif
