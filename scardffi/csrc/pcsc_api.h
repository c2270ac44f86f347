/* The function table: one list of the SCard* functions, bound to a PC/SC library at run time.
 *
 * A table is made once for each library and lives as long as the process: PC/SC libraries keep threads
 * and sockets, so they are never unloaded. A function that a library lacks is NULL in its table; the
 * callers below answer HR_NOTIMPL for it and never jump there.
 */
#ifndef SCARDFFI_PCSC_API_H
#define SCARDFFI_PCSC_API_H

#include <stddef.h>

#include "scardffi.h"

#define PCSC_REQUIRED 1
#define PCSC_OPTIONAL 0

/* F(required or optional, name, (arguments), parameters...): what every PC/SC library has or may have, without
 * strings and with them, */
#define PCSC_NUMBER_FUNCTIONS(F)                                                                            \
    F(PCSC_REQUIRED, SCardEstablishContext, (scope, reserved1, reserved2, context), DWORD scope,            \
      const void *reserved1, const void *reserved2, SCARDCONTEXT *context)                                  \
    F(PCSC_REQUIRED, SCardReleaseContext, (context), SCARDCONTEXT context)                                  \
    F(PCSC_OPTIONAL, SCardIsValidContext, (context), SCARDCONTEXT context)                                  \
    F(PCSC_REQUIRED, SCardReconnect, (handle, share_mode, protocols, initialization, protocol),             \
      SCARDHANDLE handle, DWORD share_mode, DWORD protocols, DWORD initialization, DWORD *protocol)         \
    F(PCSC_REQUIRED, SCardDisconnect, (handle, disposition), SCARDHANDLE handle, DWORD disposition)         \
    F(PCSC_REQUIRED, SCardBeginTransaction, (handle), SCARDHANDLE handle)                                   \
    F(PCSC_REQUIRED, SCardEndTransaction, (handle, disposition), SCARDHANDLE handle, DWORD disposition)     \
    F(PCSC_OPTIONAL, SCardControl, (handle, control_code, command, command_length, response, capacity,      \
      received), SCARDHANDLE handle, DWORD control_code, const void *command, DWORD command_length,         \
      void *response, DWORD capacity, DWORD *received)                                                      \
    F(PCSC_REQUIRED, SCardTransmit, (handle, send_pci, command, command_length, receive_pci, response,      \
      received), SCARDHANDLE handle, const SCARD_IO_REQUEST *send_pci, const unsigned char *command,        \
      DWORD command_length, SCARD_IO_REQUEST *receive_pci, unsigned char *response, DWORD *received)        \
    F(PCSC_OPTIONAL, SCardFreeMemory, (context, memory), SCARDCONTEXT context, const void *memory)          \
    F(PCSC_OPTIONAL, SCardCancel, (context), SCARDCONTEXT context)                                          \
    F(PCSC_REQUIRED, SCardGetAttrib, (handle, attribute, value, length), SCARDHANDLE handle,                \
      DWORD attribute, unsigned char *value, DWORD *length)                                                 \
    F(PCSC_OPTIONAL, SCardSetAttrib, (handle, attribute, value, length), SCARDHANDLE handle,                \
      DWORD attribute, const unsigned char *value, DWORD length)

#define PCSC_TEXT_FUNCTIONS(F)                                                                              \
    F(PCSC_REQUIRED, SCardConnect, (context, reader, share_mode, protocols, handle, protocol),              \
      SCARDCONTEXT context, const char *reader, DWORD share_mode, DWORD protocols, SCARDHANDLE *handle,     \
      DWORD *protocol)                                                                                      \
    F(PCSC_REQUIRED, SCardStatus, (handle, reader, reader_length, state, protocol, atr, atr_length),        \
      SCARDHANDLE handle, char *reader, DWORD *reader_length, DWORD *state, DWORD *protocol,                \
      unsigned char *atr, DWORD *atr_length)                                                                \
    F(PCSC_REQUIRED, SCardGetStatusChange, (context, timeout, states, count), SCARDCONTEXT context,         \
      DWORD timeout, SCARD_READERSTATE *states, DWORD count)                                                \
    F(PCSC_OPTIONAL, SCardListReaderGroups, (context, groups, length), SCARDCONTEXT context,                \
      char *groups, DWORD *length)                                                                          \
    F(PCSC_REQUIRED, SCardListReaders, (context, groups, readers, length), SCARDCONTEXT context,            \
      const char *groups, char *readers, DWORD *length)

#define PCSC_FUNCTIONS(F) PCSC_NUMBER_FUNCTIONS(F) PCSC_TEXT_FUNCTIONS(F)

/* and what Windows has beyond. An identifier of a card's interface, provider or cache is a GUID of 16 bytes. */
#define PCSC_WINDOWS_NUMBER_FUNCTIONS(F)                                                                    \
    F(PCSC_OPTIONAL, SCardState, (handle, state, protocol, atr, atr_length), SCARDHANDLE handle,            \
      DWORD *state, DWORD *protocol, unsigned char *atr, DWORD *atr_length)                                 \
    F(PCSC_OPTIONAL, SCardCancelTransaction, (handle), SCARDHANDLE handle)                                  \
    F(PCSC_OPTIONAL, SCardGetTransmitCount, (handle, count), SCARDHANDLE handle, DWORD *count)              \
    F(PCSC_OPTIONAL, SCardAudit, (context, event), SCARDCONTEXT context, DWORD event)

#define PCSC_WINDOWS_TEXT_FUNCTIONS(F)                                                                      \
    F(PCSC_OPTIONAL, SCardListCards, (context, atr, interfaces, interface_count, cards, length),            \
      SCARDCONTEXT context, const unsigned char *atr, const unsigned char *interfaces,                      \
      DWORD interface_count, char *cards, DWORD *length)                                                    \
    F(PCSC_OPTIONAL, SCardListInterfaces, (context, card, interfaces, count), SCARDCONTEXT context,         \
      const char *card, unsigned char *interfaces, DWORD *count)                                            \
    F(PCSC_OPTIONAL, SCardGetProviderId, (context, card, provider), SCARDCONTEXT context,                   \
      const char *card, unsigned char *provider)                                                            \
    F(PCSC_OPTIONAL, SCardGetCardTypeProviderName, (context, card, kind, provider, length),                 \
      SCARDCONTEXT context, const char *card, DWORD kind, char *provider, DWORD *length)                    \
    F(PCSC_OPTIONAL, SCardSetCardTypeProviderName, (context, card, kind, provider), SCARDCONTEXT context,   \
      const char *card, DWORD kind, const char *provider)                                                   \
    F(PCSC_OPTIONAL, SCardIntroduceReaderGroup, (context, group), SCARDCONTEXT context,                     \
      const char *group)                                                                                    \
    F(PCSC_OPTIONAL, SCardForgetReaderGroup, (context, group), SCARDCONTEXT context, const char *group)     \
    F(PCSC_OPTIONAL, SCardIntroduceReader, (context, reader, device), SCARDCONTEXT context,                 \
      const char *reader, const char *device)                                                               \
    F(PCSC_OPTIONAL, SCardForgetReader, (context, reader), SCARDCONTEXT context, const char *reader)        \
    F(PCSC_OPTIONAL, SCardAddReaderToGroup, (context, reader, group), SCARDCONTEXT context,                 \
      const char *reader, const char *group)                                                                \
    F(PCSC_OPTIONAL, SCardRemoveReaderFromGroup, (context, reader, group), SCARDCONTEXT context,            \
      const char *reader, const char *group)                                                                \
    F(PCSC_OPTIONAL, SCardIntroduceCardType, (context, card, provider, interfaces, interface_count, atr,    \
      mask, atr_length), SCARDCONTEXT context, const char *card, const unsigned char *provider,             \
      const unsigned char *interfaces, DWORD interface_count, const unsigned char *atr,                     \
      const unsigned char *mask, DWORD atr_length)                                                          \
    F(PCSC_OPTIONAL, SCardForgetCardType, (context, card), SCARDCONTEXT context, const char *card)          \
    F(PCSC_OPTIONAL, SCardLocateCards, (context, cards, states, count), SCARDCONTEXT context,               \
      const char *cards, SCARD_READERSTATE *states, DWORD count)                                            \
    F(PCSC_OPTIONAL, SCardLocateCardsByATR, (context, masks, mask_count, states, count),                    \
      SCARDCONTEXT context, const SCARD_ATRMASK *masks, DWORD mask_count, SCARD_READERSTATE *states,        \
      DWORD count)                                                                                          \
    F(PCSC_OPTIONAL, SCardReadCache, (context, card, freshness, item, data, length),                        \
      SCARDCONTEXT context, const unsigned char *card, DWORD freshness, const char *item,                   \
      unsigned char *data, DWORD *length)                                                                   \
    F(PCSC_OPTIONAL, SCardWriteCache, (context, card, freshness, item, data, length),                       \
      SCARDCONTEXT context, const unsigned char *card, DWORD freshness, const char *item,                   \
      const unsigned char *data, DWORD length)                                                              \
    F(PCSC_OPTIONAL, SCardGetReaderIcon, (context, reader, icon, length), SCARDCONTEXT context,             \
      const char *reader, unsigned char *icon, DWORD *length)                                               \
    F(PCSC_OPTIONAL, SCardGetDeviceTypeId, (context, reader, kind), SCARDCONTEXT context,                   \
      const char *reader, DWORD *kind)                                                                      \
    F(PCSC_OPTIONAL, SCardGetReaderDeviceInstanceId, (context, reader, device, length),                     \
      SCARDCONTEXT context, const char *reader, char *device, DWORD *length)                                \
    F(PCSC_OPTIONAL, SCardListReadersWithDeviceInstanceId, (context, device, readers, length),              \
      SCARDCONTEXT context, const char *device, char *readers, DWORD *length)

#define PCSC_EVERY_NUMBER_FUNCTION(F) PCSC_NUMBER_FUNCTIONS(F) PCSC_WINDOWS_NUMBER_FUNCTIONS(F)
#define PCSC_EVERY_TEXT_FUNCTION(F) PCSC_TEXT_FUNCTIONS(F) PCSC_WINDOWS_TEXT_FUNCTIONS(F)
#define PCSC_EVERY_FUNCTION(F) PCSC_EVERY_NUMBER_FUNCTION(F) PCSC_EVERY_TEXT_FUNCTION(F)

/* Strings go to the members as the library has them: in UTF-16 on Windows. The callers below take UTF-8 everywhere. */
struct scardffi_library {
    void *library;
    char *path; /* the file it was loaded from */
    struct scardffi_library *next;
#define DECLARE_MEMBER(need, name, arguments, ...) LONG(PCSC_CALL *name)(__VA_ARGS__);
    PCSC_EVERY_FUNCTION(DECLARE_MEMBER)
#undef DECLARE_MEMBER
    void *(PCSC_CALL *SCardAccessStartedEvent)(void); /* these two of Windows answer no code */
    void(PCSC_CALL *SCardReleaseStartedEvent)(void);
    const char *(PCSC_CALL *pcsc_stringify_error)(LONG code); /* not on Windows; it returns a text */
};

/* What pcsc_open answers; with what `detail` then holds. */
enum {
    PCSC_OPENED = 0,
    PCSC_NOT_FOUND = 1,      /* the names that were tried, separated by ", " */
    PCSC_NOT_LOADABLE = 2,   /* the loader's message */
    PCSC_MISSING_SYMBOL = 3, /* the required functions that the file lacks, separated by ", " */
    PCSC_NO_MEMORY = 4
};

/* [declarations] that Python sees */

/* The table of the library at `path` (or of that name); of the platform's, or of the one that
 * SCARDFFI_LIBRARY names, where `path` is NULL. The same library gets the same table again. */
int pcsc_open(const char *path, scardffi_library **api, char *detail, size_t size);

/* The default table, loaded by pcsc_open(NULL) at the first call. */
int pcsc_open_default(scardffi_library **api, char *detail, size_t size);
/* Make `api` the default; NULL: the next use loads it anew. Answers the table that was the default. */
scardffi_library *pcsc_set_default(scardffi_library *api);

/* The file that a table was loaded from. */
const char *pcsc_path(const scardffi_library *api);
/* The name of the index-th function of the list, NULL behind the end; whether the table has it. */
const char *pcsc_function_name(size_t index);
int pcsc_has_function(const scardffi_library *api, size_t index);

/* [end] */

/* Each function on a table of one's choice: pcsc_SCardX(api, ...). Answers the library's code as an
 * unsigned 32-bit number on every platform, or HR_NOTIMPL where the table lacks the function.
 * On Windows a string that is no UTF-8 and SCARD_AUTOALLOCATE for one are SCARD_E_INVALID_PARAMETER. */
#define DECLARE_CALLER(need, name, arguments, ...) uint32_t pcsc_##name(const scardffi_library *api, __VA_ARGS__);
PCSC_EVERY_FUNCTION(DECLARE_CALLER)
#undef DECLARE_CALLER

/* [declarations] that Python sees */

uint32_t pcsc_SCardAccessStartedEvent(const scardffi_library *api, uintptr_t *event);
uint32_t pcsc_SCardReleaseStartedEvent(const scardffi_library *api);
/* The library's text for a return code, which its next call may overwrite; NULL if the library has no
 * pcsc_stringify_error. */
const char *pcsc_stringify(const scardffi_library *library, uint32_t code);

/* SCardGetStatusChange without a struct in the caller's hands: `states` has three numbers for each reader,
 * in: the current state; out: the event state and the length of the ATR; `atrs` has room for
 * PCSC_STATE_ATR bytes each. */
#define PCSC_STATE_ATR 36
uint32_t pcsc_get_status_change(const scardffi_library *api, SCARDCONTEXT context, DWORD timeout, size_t count,
                                const char *const *readers, uint32_t *states, unsigned char *atrs);
/* The same for SCardLocateCards, which looks for the cards of a multi-string, and SCardLocateCardsByATR: `masks` has
 * PCSC_STATE_ATR bytes of an ATR and as many of a mask for each length in `mask_lengths`. */
uint32_t pcsc_locate_cards(const scardffi_library *api, SCARDCONTEXT context, const char *cards, size_t count,
                           const char *const *readers, uint32_t *states, unsigned char *atrs);
uint32_t pcsc_locate_cards_by_atr(const scardffi_library *api, SCARDCONTEXT context, size_t mask_count,
                                  const unsigned char *masks, const uint32_t *mask_lengths, size_t count,
                                  const char *const *readers, uint32_t *states, unsigned char *atrs);

/* [end] */

/* Each function under its own name, on the default library, with the library's own code. Where there is no
 * PC/SC library these answer SCARD_E_NO_SERVICE, where it lacks the function SCARD_E_UNSUPPORTED_FEATURE.
 * They are hidden in the compiled module: nothing else in the process can be bound to them. */
#define DECLARE_PLAIN(need, name, arguments, ...) LONG name(__VA_ARGS__);
PCSC_FUNCTIONS(DECLARE_PLAIN)
#undef DECLARE_PLAIN

#define HR_NOTIMPL 0x80004001u

#endif
