/* The declarations that Python sees, read by cffi alone: `...` is filled in by the compiler. */

typedef int... DWORD;
typedef int... LONG;
typedef int... SCARDCONTEXT;
typedef int... SCARDHANDLE;

typedef struct {
    DWORD dwProtocol;
    DWORD cbPciLength;
    ...;
} SCARD_IO_REQUEST;

typedef struct {
    const char *szReader;
    void *pvUserData;
    DWORD dwCurrentState;
    DWORD dwEventState;
    DWORD cbAtr;
    unsigned char rgbAtr[...];
    ...;
} SCARD_READERSTATE;

#include "scardffi.h" /* _cdef.py puts its declarations here */

/* pcsc_abi.h */
#define PCSC_NOTIFIES_OF_READERS ...

/* On the default library, with the library's own code */
LONG SCardEstablishContext(DWORD scope, const void *reserved1, const void *reserved2, SCARDCONTEXT *context);
LONG SCardReleaseContext(SCARDCONTEXT context);
LONG SCardIsValidContext(SCARDCONTEXT context);
LONG SCardConnect(SCARDCONTEXT context, const char *reader, DWORD share_mode, DWORD protocols,
                  SCARDHANDLE *handle, DWORD *protocol);
LONG SCardReconnect(SCARDHANDLE handle, DWORD share_mode, DWORD protocols, DWORD initialization,
                    DWORD *protocol);
LONG SCardDisconnect(SCARDHANDLE handle, DWORD disposition);
LONG SCardBeginTransaction(SCARDHANDLE handle);
LONG SCardEndTransaction(SCARDHANDLE handle, DWORD disposition);
LONG SCardStatus(SCARDHANDLE handle, char *reader, DWORD *reader_length, DWORD *state, DWORD *protocol,
                 unsigned char *atr, DWORD *atr_length);
LONG SCardGetStatusChange(SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *states, DWORD count);
LONG SCardControl(SCARDHANDLE handle, DWORD control_code, const void *command, DWORD command_length,
                  void *response, DWORD capacity, DWORD *received);
LONG SCardTransmit(SCARDHANDLE handle, const SCARD_IO_REQUEST *send_pci, const unsigned char *command,
                   DWORD command_length, SCARD_IO_REQUEST *receive_pci, unsigned char *response,
                   DWORD *received);
LONG SCardListReaderGroups(SCARDCONTEXT context, char *groups, DWORD *length);
LONG SCardListReaders(SCARDCONTEXT context, const char *groups, char *readers, DWORD *length);
LONG SCardFreeMemory(SCARDCONTEXT context, const void *memory);
LONG SCardCancel(SCARDCONTEXT context);
LONG SCardGetAttrib(SCARDHANDLE handle, DWORD attribute, unsigned char *value, DWORD *length);
LONG SCardSetAttrib(SCARDHANDLE handle, DWORD attribute, const unsigned char *value, DWORD length);

/* platform.h */
unsigned platform_process(void);
void platform_wipe(void *memory, size_t size);

/* pcsc_api.h */
int pcsc_open(const char *path, scardffi_library **api, char *detail, size_t size);
int pcsc_open_default(scardffi_library **api, char *detail, size_t size);
scardffi_library *pcsc_set_default(scardffi_library *api);
const char *pcsc_path(const scardffi_library *api);
const char *pcsc_function_name(size_t index);
int pcsc_has_function(const scardffi_library *api, size_t index);

uint32_t pcsc_SCardEstablishContext(const scardffi_library *api, DWORD scope, const void *reserved1,
                                    const void *reserved2, SCARDCONTEXT *context);
uint32_t pcsc_SCardReleaseContext(const scardffi_library *api, SCARDCONTEXT context);
uint32_t pcsc_SCardIsValidContext(const scardffi_library *api, SCARDCONTEXT context);
uint32_t pcsc_SCardConnect(const scardffi_library *api, SCARDCONTEXT context, const char *reader, DWORD share_mode,
                           DWORD protocols, SCARDHANDLE *handle, DWORD *protocol);
uint32_t pcsc_SCardReconnect(const scardffi_library *api, SCARDHANDLE handle, DWORD share_mode, DWORD protocols,
                             DWORD initialization, DWORD *protocol);
uint32_t pcsc_SCardDisconnect(const scardffi_library *api, SCARDHANDLE handle, DWORD disposition);
uint32_t pcsc_SCardBeginTransaction(const scardffi_library *api, SCARDHANDLE handle);
uint32_t pcsc_SCardEndTransaction(const scardffi_library *api, SCARDHANDLE handle, DWORD disposition);
uint32_t pcsc_SCardStatus(const scardffi_library *api, SCARDHANDLE handle, char *reader, DWORD *reader_length,
                          DWORD *state, DWORD *protocol, unsigned char *atr, DWORD *atr_length);
uint32_t pcsc_SCardControl(const scardffi_library *api, SCARDHANDLE handle, DWORD control_code, const void *command,
                           DWORD command_length, void *response, DWORD capacity, DWORD *received);
uint32_t pcsc_SCardTransmit(const scardffi_library *api, SCARDHANDLE handle, const SCARD_IO_REQUEST *send_pci,
                            const unsigned char *command, DWORD command_length, SCARD_IO_REQUEST *receive_pci,
                            unsigned char *response, DWORD *received);
uint32_t pcsc_SCardListReaderGroups(const scardffi_library *api, SCARDCONTEXT context, char *groups, DWORD *length);
uint32_t pcsc_SCardListReaders(const scardffi_library *api, SCARDCONTEXT context, const char *groups, char *readers,
                               DWORD *length);
uint32_t pcsc_SCardFreeMemory(const scardffi_library *api, SCARDCONTEXT context, const void *memory);
uint32_t pcsc_SCardCancel(const scardffi_library *api, SCARDCONTEXT context);
uint32_t pcsc_SCardGetAttrib(const scardffi_library *api, SCARDHANDLE handle, DWORD attribute, unsigned char *value,
                             DWORD *length);
uint32_t pcsc_SCardSetAttrib(const scardffi_library *api, SCARDHANDLE handle, DWORD attribute,
                             const unsigned char *value, DWORD length);
uint32_t pcsc_get_status_change(const scardffi_library *api, SCARDCONTEXT context, DWORD timeout, size_t count,
                                const char *const *readers, uint32_t *states, unsigned char *atrs);
uint32_t pcsc_SCardState(const scardffi_library *api, SCARDHANDLE handle, DWORD *state, DWORD *protocol,
                         unsigned char *atr, DWORD *atr_length);
uint32_t pcsc_SCardCancelTransaction(const scardffi_library *api, SCARDHANDLE handle);
uint32_t pcsc_SCardGetTransmitCount(const scardffi_library *api, SCARDHANDLE handle, DWORD *count);
uint32_t pcsc_SCardAudit(const scardffi_library *api, SCARDCONTEXT context, DWORD event);
uint32_t pcsc_SCardListCards(const scardffi_library *api, SCARDCONTEXT context, const unsigned char *atr,
                             const unsigned char *interfaces, DWORD interface_count, char *cards,
                             DWORD *length);
uint32_t pcsc_SCardListInterfaces(const scardffi_library *api, SCARDCONTEXT context, const char *card,
                                  unsigned char *interfaces, DWORD *count);
uint32_t pcsc_SCardGetProviderId(const scardffi_library *api, SCARDCONTEXT context, const char *card,
                                 unsigned char *provider);
uint32_t pcsc_SCardGetCardTypeProviderName(const scardffi_library *api, SCARDCONTEXT context, const char *card,
                                           DWORD kind, char *provider, DWORD *length);
uint32_t pcsc_SCardSetCardTypeProviderName(const scardffi_library *api, SCARDCONTEXT context, const char *card,
                                           DWORD kind, const char *provider);
uint32_t pcsc_SCardIntroduceReaderGroup(const scardffi_library *api, SCARDCONTEXT context, const char *group);
uint32_t pcsc_SCardForgetReaderGroup(const scardffi_library *api, SCARDCONTEXT context, const char *group);
uint32_t pcsc_SCardIntroduceReader(const scardffi_library *api, SCARDCONTEXT context, const char *reader,
                                   const char *device);
uint32_t pcsc_SCardForgetReader(const scardffi_library *api, SCARDCONTEXT context, const char *reader);
uint32_t pcsc_SCardAddReaderToGroup(const scardffi_library *api, SCARDCONTEXT context, const char *reader,
                                    const char *group);
uint32_t pcsc_SCardRemoveReaderFromGroup(const scardffi_library *api, SCARDCONTEXT context, const char *reader,
                                         const char *group);
uint32_t pcsc_SCardIntroduceCardType(const scardffi_library *api, SCARDCONTEXT context, const char *card,
                                     const unsigned char *provider, const unsigned char *interfaces,
                                     DWORD interface_count, const unsigned char *atr,
                                     const unsigned char *mask, DWORD atr_length);
uint32_t pcsc_SCardForgetCardType(const scardffi_library *api, SCARDCONTEXT context, const char *card);
uint32_t pcsc_SCardReadCache(const scardffi_library *api, SCARDCONTEXT context, const unsigned char *card,
                             DWORD freshness, const char *item, unsigned char *data, DWORD *length);
uint32_t pcsc_SCardWriteCache(const scardffi_library *api, SCARDCONTEXT context, const unsigned char *card,
                              DWORD freshness, const char *item, const unsigned char *data, DWORD length);
uint32_t pcsc_SCardGetReaderIcon(const scardffi_library *api, SCARDCONTEXT context, const char *reader,
                                 unsigned char *icon, DWORD *length);
uint32_t pcsc_SCardGetDeviceTypeId(const scardffi_library *api, SCARDCONTEXT context, const char *reader,
                                   DWORD *kind);
uint32_t pcsc_SCardGetReaderDeviceInstanceId(const scardffi_library *api, SCARDCONTEXT context, const char *reader,
                                             char *device, DWORD *length);
uint32_t pcsc_SCardListReadersWithDeviceInstanceId(const scardffi_library *api, SCARDCONTEXT context,
                                                   const char *device, char *readers, DWORD *length);
uint32_t pcsc_SCardAccessStartedEvent(const scardffi_library *api, uintptr_t *event);
uint32_t pcsc_SCardReleaseStartedEvent(const scardffi_library *api);
uint32_t pcsc_locate_cards(const scardffi_library *api, SCARDCONTEXT context, const char *cards, size_t count,
                           const char *const *readers, uint32_t *states, unsigned char *atrs);
uint32_t pcsc_locate_cards_by_atr(const scardffi_library *api, SCARDCONTEXT context, size_t mask_count,
                                  const unsigned char *masks, const uint32_t *mask_lengths, size_t count,
                                  const char *const *readers, uint32_t *states, unsigned char *atrs);

/* manage.h */
uint32_t manage_new(const scardffi_library *api, scardffi_manage **manage);
void manage_free(scardffi_manage *manage);
uint32_t manage_attach_by_handle(scardffi_manage *manage, SCARDHANDLE handle, int owned, uint32_t share_mode,
                                 uint32_t *said);
uint32_t manage_attach_by_ifd(scardffi_manage *manage, uint32_t scope, const char *reader, uint32_t share_mode,
                              uint32_t protocols);
uint32_t manage_detach(scardffi_manage *manage, uint32_t disposition);
uint32_t manage_reconnect(scardffi_manage *manage, uint32_t share_mode, uint32_t protocols,
                          uint32_t initialization);
uint32_t manage_lock(scardffi_manage *manage);
uint32_t manage_unlock(scardffi_manage *manage, uint32_t disposition);
uint32_t manage_probe(scardffi_manage *manage);
uint32_t manage_status(scardffi_manage *manage, uint32_t *state, uint32_t *protocol, char *reader,
                       uint32_t *reader_length, unsigned char *atr, uint32_t *atr_length);
uint32_t manage_control(scardffi_manage *manage, uint32_t control_code, const unsigned char *command,
                        size_t command_length, unsigned char *response, size_t capacity, uint32_t *received);
uint32_t manage_get_attribute(scardffi_manage *manage, uint32_t attribute, unsigned char *value,
                              uint32_t *length);
uint32_t manage_set_attribute(scardffi_manage *manage, uint32_t attribute, const unsigned char *value,
                              size_t length);
int manage_handle(const scardffi_manage *manage, SCARDHANDLE *handle);
int manage_is_owned(const scardffi_manage *manage);
int manage_needs_detach(const scardffi_manage *manage);
int manage_is_forked(const scardffi_manage *manage);

/* transmit.h */
uint32_t transmit_check(const unsigned char *command, size_t command_length, const unsigned char *response,
                        size_t capacity);

/* exchange.h */
typedef struct exchange_slot exchange_slot;
int64_t exchange_transmit(scardffi_manage *manage, unsigned flow, const unsigned char *command,
                          size_t command_length, unsigned char *response, size_t capacity, uint32_t *arrived);
int64_t exchange_plain(scardffi_manage *manage, const unsigned char *command, size_t command_length,
                       unsigned char *response, size_t capacity);
exchange_slot *exchange_slot_new(scardffi_manage *manage);
void exchange_slot_free(exchange_slot *slot);
const char *exchange_slot_response(const exchange_slot *slot);
int64_t exchange_slot_send(exchange_slot *slot, const unsigned char *command, size_t command_length);
scardffi_exchange *exchange_new(scardffi_manage *manage, unsigned flow, const unsigned char *command, size_t command_length,
                       unsigned char *response, size_t capacity);
void exchange_free(scardffi_exchange *object);
int64_t exchange_send(scardffi_exchange *object);
int64_t exchange_send_part(scardffi_exchange *object, size_t length);
uint32_t exchange_sw(const scardffi_exchange *object);
uint32_t exchange_required(const scardffi_exchange *object);
uint32_t exchange_arrived(const scardffi_exchange *object);
int exchange_close(scardffi_exchange *object);

/* script.h */
scardffi_script *script_new(size_t count, const unsigned char *bytes, const uint32_t *lengths, unsigned flow);
void script_free(scardffi_script *object);
int script_expect(scardffi_script *object, uint32_t index, size_t count, const uint16_t *values, const uint16_t *masks);
scardffi_run *script_run_new(const scardffi_script *object, scardffi_manage *manage, uint64_t repeat, int keep_all, int timed);
void script_run_free(scardffi_run *run);
int script_step(scardffi_run *run, uint32_t milliseconds);
uint64_t script_run_executed(const scardffi_run *run);
size_t script_run_index(const scardffi_run *run);
int64_t script_run_failure(const scardffi_run *run);
uint32_t script_run_arrived(const scardffi_run *run);
size_t script_run_count(const scardffi_run *run);
unsigned char *script_run_arena(const scardffi_run *run);
const size_t *script_run_offsets(const scardffi_run *run);
const uint64_t *script_run_elapsed(const scardffi_run *run);

/* binary_file.h */
int64_t binary_read(scardffi_manage *manage, unsigned char *memory, size_t size, size_t offset, size_t chunk,
                    uint32_t milliseconds, uint32_t *progress);
int64_t binary_update(scardffi_manage *manage, const unsigned char *memory, size_t size, size_t offset, size_t chunk,
                      uint32_t milliseconds, uint32_t *progress);

/* embed.h */
const scardffi_api *embed_table(void);
const char *embed_capsule_name(void);
