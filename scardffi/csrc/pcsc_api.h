/* The functions of a PC/SC library: their list, and a table of them for each library that is loaded at run time.
 *
 * PC/SC libraries keep threads and sockets, so a library is never unloaded and its table is never freed. A function
 * that a library lacks is NULL in its table; then pcsc_SCardX, which calls it, returns PCSC_NOT_IMPLEMENTED.
 */
#ifndef SCARDFFI_PCSC_API_H
#define SCARDFFI_PCSC_API_H

#include <stdbool.h>
#include <stddef.h>

#include "pcsc_abi.h"
#include "scardffi.h"

#define PCSC_REQUIRED 1
#define PCSC_OPTIONAL 0

/* The lists have an entry F(required or optional, name, (arguments), parameters...) for each function. _cdef.py reads
 * them too. The functions of the first two lists are also in the table of scardffi.h. A function with strings also
 * needs its conversion for Windows in pcsc_strings.c. */
/* clang-format off */

/* Functions without strings. */
#define PCSC_NUMBER_FUNCTIONS(F)                                                                                       \
    F(PCSC_REQUIRED, SCardEstablishContext, (scope, reserved1, reserved2, context), DWORD scope,                       \
      const void *reserved1, const void *reserved2, SCARDCONTEXT *context)                                             \
    F(PCSC_REQUIRED, SCardReleaseContext, (context), SCARDCONTEXT context)                                             \
    F(PCSC_OPTIONAL, SCardIsValidContext, (context), SCARDCONTEXT context)                                             \
    F(PCSC_REQUIRED, SCardReconnect, (handle, share_mode, protocols, initialization, protocol),                        \
      SCARDHANDLE handle, DWORD share_mode, DWORD protocols, DWORD initialization, DWORD *protocol)                    \
    F(PCSC_REQUIRED, SCardDisconnect, (handle, disposition), SCARDHANDLE handle, DWORD disposition)                    \
    F(PCSC_REQUIRED, SCardBeginTransaction, (handle), SCARDHANDLE handle)                                              \
    F(PCSC_REQUIRED, SCardEndTransaction, (handle, disposition), SCARDHANDLE handle, DWORD disposition)                \
    F(PCSC_OPTIONAL, SCardControl, (handle, control_code, command, command_length, response, capacity,                 \
      received), SCARDHANDLE handle, DWORD control_code, const void *command, DWORD command_length,                    \
      void *response, DWORD capacity, DWORD *received)                                                                 \
    F(PCSC_REQUIRED, SCardTransmit, (handle, send_pci, command, command_length, receive_pci, response,                 \
      received), SCARDHANDLE handle, const SCARD_IO_REQUEST *send_pci, const unsigned char *command,                   \
      DWORD command_length, SCARD_IO_REQUEST *receive_pci, unsigned char *response, DWORD *received)                   \
    F(PCSC_OPTIONAL, SCardFreeMemory, (context, memory), SCARDCONTEXT context, const void *memory)                     \
    F(PCSC_OPTIONAL, SCardCancel, (context), SCARDCONTEXT context)                                                     \
    F(PCSC_REQUIRED, SCardGetAttrib, (handle, attribute, value, length), SCARDHANDLE handle,                           \
      DWORD attribute, unsigned char *value, DWORD *length)                                                            \
    F(PCSC_OPTIONAL, SCardSetAttrib, (handle, attribute, value, length), SCARDHANDLE handle,                           \
      DWORD attribute, const unsigned char *value, DWORD length)

/* Functions with strings. */
#define PCSC_TEXT_FUNCTIONS(F)                                                                                         \
    F(PCSC_REQUIRED, SCardConnect, (context, reader, share_mode, protocols, handle, protocol),                         \
      SCARDCONTEXT context, const char *reader, DWORD share_mode, DWORD protocols, SCARDHANDLE *handle,                \
      DWORD *protocol)                                                                                                 \
    F(PCSC_REQUIRED, SCardStatus, (handle, reader, reader_length, state, protocol, atr, atr_length),                   \
      SCARDHANDLE handle, char *reader, DWORD *reader_length, DWORD *state, DWORD *protocol,                           \
      unsigned char *atr, DWORD *atr_length)                                                                           \
    F(PCSC_REQUIRED, SCardGetStatusChange, (context, timeout, states, count), SCARDCONTEXT context,                    \
      DWORD timeout, SCARD_READERSTATE *states, DWORD count)                                                           \
    F(PCSC_OPTIONAL, SCardListReaderGroups, (context, groups, length), SCARDCONTEXT context,                           \
      char *groups, DWORD *length)                                                                                     \
    F(PCSC_REQUIRED, SCardListReaders, (context, groups, readers, length), SCARDCONTEXT context,                       \
      const char *groups, char *readers, DWORD *length)

#define PCSC_FUNCTIONS(F) PCSC_NUMBER_FUNCTIONS(F) PCSC_TEXT_FUNCTIONS(F)

/* Functions that only Windows has. The identifier of an interface, a provider or a cache is a GUID of 16 bytes. */
#define PCSC_WINDOWS_NUMBER_FUNCTIONS(F)                                                                               \
    F(PCSC_OPTIONAL, SCardState, (handle, state, protocol, atr, atr_length), SCARDHANDLE handle,                       \
      DWORD *state, DWORD *protocol, unsigned char *atr, DWORD *atr_length)                                            \
    F(PCSC_OPTIONAL, SCardCancelTransaction, (handle), SCARDHANDLE handle)                                             \
    F(PCSC_OPTIONAL, SCardGetTransmitCount, (handle, count), SCARDHANDLE handle, DWORD *count)                         \
    F(PCSC_OPTIONAL, SCardAudit, (context, event), SCARDCONTEXT context, DWORD event)

#define PCSC_WINDOWS_TEXT_FUNCTIONS(F)                                                                                 \
    F(PCSC_OPTIONAL, SCardListCards, (context, atr, interfaces, interface_count, cards, length),                       \
      SCARDCONTEXT context, const unsigned char *atr, const unsigned char *interfaces,                                 \
      DWORD interface_count, char *cards, DWORD *length)                                                               \
    F(PCSC_OPTIONAL, SCardListInterfaces, (context, card, interfaces, count), SCARDCONTEXT context,                    \
      const char *card, unsigned char *interfaces, DWORD *count)                                                       \
    F(PCSC_OPTIONAL, SCardGetProviderId, (context, card, provider), SCARDCONTEXT context,                              \
      const char *card, unsigned char *provider)                                                                       \
    F(PCSC_OPTIONAL, SCardGetCardTypeProviderName, (context, card, kind, provider, length),                            \
      SCARDCONTEXT context, const char *card, DWORD kind, char *provider, DWORD *length)                               \
    F(PCSC_OPTIONAL, SCardSetCardTypeProviderName, (context, card, kind, provider), SCARDCONTEXT context,              \
      const char *card, DWORD kind, const char *provider)                                                              \
    F(PCSC_OPTIONAL, SCardIntroduceReaderGroup, (context, group), SCARDCONTEXT context,                                \
      const char *group)                                                                                               \
    F(PCSC_OPTIONAL, SCardForgetReaderGroup, (context, group), SCARDCONTEXT context, const char *group)                \
    F(PCSC_OPTIONAL, SCardIntroduceReader, (context, reader, device), SCARDCONTEXT context,                            \
      const char *reader, const char *device)                                                                          \
    F(PCSC_OPTIONAL, SCardForgetReader, (context, reader), SCARDCONTEXT context, const char *reader)                   \
    F(PCSC_OPTIONAL, SCardAddReaderToGroup, (context, reader, group), SCARDCONTEXT context,                            \
      const char *reader, const char *group)                                                                           \
    F(PCSC_OPTIONAL, SCardRemoveReaderFromGroup, (context, reader, group), SCARDCONTEXT context,                       \
      const char *reader, const char *group)                                                                           \
    F(PCSC_OPTIONAL, SCardIntroduceCardType, (context, card, provider, interfaces, interface_count, atr,               \
      mask, atr_length), SCARDCONTEXT context, const char *card, const unsigned char *provider,                        \
      const unsigned char *interfaces, DWORD interface_count, const unsigned char *atr,                                \
      const unsigned char *mask, DWORD atr_length)                                                                     \
    F(PCSC_OPTIONAL, SCardForgetCardType, (context, card), SCARDCONTEXT context, const char *card)                     \
    F(PCSC_OPTIONAL, SCardLocateCards, (context, cards, states, count), SCARDCONTEXT context,                          \
      const char *cards, SCARD_READERSTATE *states, DWORD count)                                                       \
    F(PCSC_OPTIONAL, SCardLocateCardsByATR, (context, masks, mask_count, states, count),                               \
      SCARDCONTEXT context, const SCARD_ATRMASK *masks, DWORD mask_count, SCARD_READERSTATE *states,                   \
      DWORD count)                                                                                                     \
    F(PCSC_OPTIONAL, SCardReadCache, (context, card, freshness, item, data, length),                                   \
      SCARDCONTEXT context, const unsigned char *card, DWORD freshness, const char *item,                              \
      unsigned char *data, DWORD *length)                                                                              \
    F(PCSC_OPTIONAL, SCardWriteCache, (context, card, freshness, item, data, length),                                  \
      SCARDCONTEXT context, const unsigned char *card, DWORD freshness, const char *item,                              \
      const unsigned char *data, DWORD length)                                                                         \
    F(PCSC_OPTIONAL, SCardGetReaderIcon, (context, reader, icon, length), SCARDCONTEXT context,                        \
      const char *reader, unsigned char *icon, DWORD *length)                                                          \
    F(PCSC_OPTIONAL, SCardGetDeviceTypeId, (context, reader, kind), SCARDCONTEXT context,                              \
      const char *reader, DWORD *kind)                                                                                 \
    F(PCSC_OPTIONAL, SCardGetReaderDeviceInstanceId, (context, reader, device, length),                                \
      SCARDCONTEXT context, const char *reader, char *device, DWORD *length)                                           \
    F(PCSC_OPTIONAL, SCardListReadersWithDeviceInstanceId, (context, device, readers, length),                         \
      SCARDCONTEXT context, const char *device, char *readers, DWORD *length)

/* clang-format on */
#define PCSC_EVERY_NUMBER_FUNCTION(F) PCSC_NUMBER_FUNCTIONS(F) PCSC_WINDOWS_NUMBER_FUNCTIONS(F)
#define PCSC_EVERY_TEXT_FUNCTION(F) PCSC_TEXT_FUNCTIONS(F) PCSC_WINDOWS_TEXT_FUNCTIONS(F)
#define PCSC_EVERY_FUNCTION(F) PCSC_EVERY_NUMBER_FUNCTION(F) PCSC_EVERY_TEXT_FUNCTION(F)

#define PCSC_NOT_IMPLEMENTED 0x80004001u /* E_NOTIMPL: the library lacks the function */

/* The members take strings as the library does: in UTF-16 on Windows, in UTF-8 elsewhere. */
struct scardffi_library {
    void *module;   /* from platform_library_open */
    char *path;     /* the file it was loaded from */
    int trace_slot; /* the slot of the trace library, whose functions the table has; -1 if it has the library's own */
    struct scardffi_library *next;
#define DECLARE_MEMBER(need, name, arguments, ...) LONG(PCSC_CALL *name)(__VA_ARGS__);
    PCSC_EVERY_FUNCTION(DECLARE_MEMBER)
#undef DECLARE_MEMBER
    /* These three return no code. The first two exist only on Windows, and the third does not exist there. */
    void *(PCSC_CALL *SCardAccessStartedEvent)(void);
    void(PCSC_CALL *SCardReleaseStartedEvent)(void);
    const char *(PCSC_CALL *pcsc_stringify_error)(LONG code);
};

/* Return the default library, which the first call loads. If none can be loaded, return a table without functions, for
 * which pcsc_missing returns PCSC_NO_LIBRARY. Defined in pcsc_default.c. */
const scardffi_library *pcsc_default(void);
/* Return the code for a function that is NULL in the table. */
uint32_t pcsc_missing(const scardffi_library *library);

/* A function of Python passes NULL for the default library of the moment. */
static inline const scardffi_library *pcsc_given_or_default(const scardffi_library *library)
{
    return library != NULL ? library : pcsc_default();
}

/* Each function on a given library, or on the default library for NULL: pcsc_SCardX(library, ...). It returns the
 * library's code as an unsigned 32-bit number on every platform, PCSC_NOT_IMPLEMENTED or PCSC_NO_LIBRARY. The functions
 * with strings are in pcsc_strings.h. */
#define PCSC_DECLARE_CALLER(need, name, arguments, ...)                                                                \
    uint32_t pcsc_##name(const scardffi_library *library, __VA_ARGS__);
#define PCSC_DEFINE_CALLER(need, name, arguments, ...)                                                                 \
    uint32_t pcsc_##name(const scardffi_library *library, __VA_ARGS__)                                                 \
    {                                                                                                                  \
        library = pcsc_given_or_default(library);                                                                      \
        return library->name != NULL ? (uint32_t)library->name arguments : pcsc_missing(library);                      \
    }
PCSC_EVERY_NUMBER_FUNCTION(PCSC_DECLARE_CALLER)

/* [declarations] that Python sees */

#define PCSC_NO_LIBRARY 0x8007007Eu /* ERROR_MOD_NOT_FOUND as an HRESULT: no default library can be loaded */
/* ERROR_INVALID_DATA as an HRESULT: the library says that it succeeded, but what it returned cannot be right: a length
 * above the room that it had, or a name without an end. */
#define PCSC_IMPOSSIBLE_ANSWER 0x8007000Du

uint32_t pcsc_SCardAccessStartedEvent(const scardffi_library *library, uintptr_t *event);
uint32_t pcsc_SCardReleaseStartedEvent(const scardffi_library *library);
/* Return the library's text for a return code, which its next call may overwrite; NULL if the library has no
 * pcsc_stringify_error. */
const char *pcsc_stringify(const scardffi_library *library, uint32_t code);

/* Load the library at `path`, or of that name. If `path` is NULL, load the library that SCARDFFI_LIBRARY names, or the
 * platform's. If SCARDFFI_TRACE is set, the table is a traced one. The same library gets the same table again. Returns
 * 0, or a SCARDFFI_LIBRARY_* code and writes to `detail`: the names that were tried, the loader's message, or the
 * required functions that are missing. */
int pcsc_open(const char *path, scardffi_library **library, char *detail, size_t size);

/* Return a table of the same library whose functions record and pass on; the same one if `library` is traced already.
 * Returns as pcsc_open. */
int pcsc_open_traced(const scardffi_library *library, scardffi_library **traced, char *detail, size_t size);
/* The slot of a traced table in the trace library (scardtrace.h); -1 for other tables. */
int pcsc_trace_slot(const scardffi_library *library);

/* The file that a library was loaded from. */
const char *pcsc_path(const scardffi_library *library);

/* Why the virtual library refuses SCARDFFI_VIRTUAL; NULL if it does not, and for other libraries. */
const char *pcsc_configuration_problem(const scardffi_library *library);
/* The name of a function by its number, from 0; NULL after the last function. */
const char *pcsc_function_name(size_t index);
bool pcsc_has_function(const scardffi_library *library, size_t index);

/* [end] */

#endif
