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
typedef struct scardffi_library pcsc_api;
int pcsc_open(const char *path, pcsc_api **api, char *detail, size_t size);
int pcsc_open_default(pcsc_api **api, char *detail, size_t size);
pcsc_api *pcsc_set_default(pcsc_api *api);
const char *pcsc_path(const pcsc_api *api);
const char *pcsc_function_name(size_t index);
int pcsc_has_function(const pcsc_api *api, size_t index);

uint32_t pcsc_SCardEstablishContext(const pcsc_api *api, DWORD scope, const void *reserved1,
                                    const void *reserved2, SCARDCONTEXT *context);
uint32_t pcsc_SCardReleaseContext(const pcsc_api *api, SCARDCONTEXT context);
uint32_t pcsc_SCardIsValidContext(const pcsc_api *api, SCARDCONTEXT context);
uint32_t pcsc_SCardConnect(const pcsc_api *api, SCARDCONTEXT context, const char *reader, DWORD share_mode,
                           DWORD protocols, SCARDHANDLE *handle, DWORD *protocol);
uint32_t pcsc_SCardReconnect(const pcsc_api *api, SCARDHANDLE handle, DWORD share_mode, DWORD protocols,
                             DWORD initialization, DWORD *protocol);
uint32_t pcsc_SCardDisconnect(const pcsc_api *api, SCARDHANDLE handle, DWORD disposition);
uint32_t pcsc_SCardBeginTransaction(const pcsc_api *api, SCARDHANDLE handle);
uint32_t pcsc_SCardEndTransaction(const pcsc_api *api, SCARDHANDLE handle, DWORD disposition);
uint32_t pcsc_SCardStatus(const pcsc_api *api, SCARDHANDLE handle, char *reader, DWORD *reader_length,
                          DWORD *state, DWORD *protocol, unsigned char *atr, DWORD *atr_length);
uint32_t pcsc_SCardControl(const pcsc_api *api, SCARDHANDLE handle, DWORD control_code, const void *command,
                           DWORD command_length, void *response, DWORD capacity, DWORD *received);
uint32_t pcsc_SCardTransmit(const pcsc_api *api, SCARDHANDLE handle, const SCARD_IO_REQUEST *send_pci,
                            const unsigned char *command, DWORD command_length, SCARD_IO_REQUEST *receive_pci,
                            unsigned char *response, DWORD *received);
uint32_t pcsc_SCardListReaderGroups(const pcsc_api *api, SCARDCONTEXT context, char *groups, DWORD *length);
uint32_t pcsc_SCardListReaders(const pcsc_api *api, SCARDCONTEXT context, const char *groups, char *readers,
                               DWORD *length);
uint32_t pcsc_SCardFreeMemory(const pcsc_api *api, SCARDCONTEXT context, const void *memory);
uint32_t pcsc_SCardCancel(const pcsc_api *api, SCARDCONTEXT context);
uint32_t pcsc_SCardGetAttrib(const pcsc_api *api, SCARDHANDLE handle, DWORD attribute, unsigned char *value,
                             DWORD *length);
uint32_t pcsc_SCardSetAttrib(const pcsc_api *api, SCARDHANDLE handle, DWORD attribute,
                             const unsigned char *value, DWORD length);
uint32_t pcsc_get_status_change(const pcsc_api *api, SCARDCONTEXT context, DWORD timeout, size_t count,
                                const char *const *readers, uint32_t *states, unsigned char *atrs);
uint32_t pcsc_SCardState(const pcsc_api *api, SCARDHANDLE handle, DWORD *state, DWORD *protocol,
                         unsigned char *atr, DWORD *atr_length);
uint32_t pcsc_SCardCancelTransaction(const pcsc_api *api, SCARDHANDLE handle);
uint32_t pcsc_SCardGetTransmitCount(const pcsc_api *api, SCARDHANDLE handle, DWORD *count);
uint32_t pcsc_SCardAudit(const pcsc_api *api, SCARDCONTEXT context, DWORD event);
uint32_t pcsc_SCardListCards(const pcsc_api *api, SCARDCONTEXT context, const unsigned char *atr,
                             const unsigned char *interfaces, DWORD interface_count, char *cards,
                             DWORD *length);
uint32_t pcsc_SCardListInterfaces(const pcsc_api *api, SCARDCONTEXT context, const char *card,
                                  unsigned char *interfaces, DWORD *count);
uint32_t pcsc_SCardGetProviderId(const pcsc_api *api, SCARDCONTEXT context, const char *card,
                                 unsigned char *provider);
uint32_t pcsc_SCardGetCardTypeProviderName(const pcsc_api *api, SCARDCONTEXT context, const char *card,
                                           DWORD kind, char *provider, DWORD *length);
uint32_t pcsc_SCardSetCardTypeProviderName(const pcsc_api *api, SCARDCONTEXT context, const char *card,
                                           DWORD kind, const char *provider);
uint32_t pcsc_SCardIntroduceReaderGroup(const pcsc_api *api, SCARDCONTEXT context, const char *group);
uint32_t pcsc_SCardForgetReaderGroup(const pcsc_api *api, SCARDCONTEXT context, const char *group);
uint32_t pcsc_SCardIntroduceReader(const pcsc_api *api, SCARDCONTEXT context, const char *reader,
                                   const char *device);
uint32_t pcsc_SCardForgetReader(const pcsc_api *api, SCARDCONTEXT context, const char *reader);
uint32_t pcsc_SCardAddReaderToGroup(const pcsc_api *api, SCARDCONTEXT context, const char *reader,
                                    const char *group);
uint32_t pcsc_SCardRemoveReaderFromGroup(const pcsc_api *api, SCARDCONTEXT context, const char *reader,
                                         const char *group);
uint32_t pcsc_SCardIntroduceCardType(const pcsc_api *api, SCARDCONTEXT context, const char *card,
                                     const unsigned char *provider, const unsigned char *interfaces,
                                     DWORD interface_count, const unsigned char *atr,
                                     const unsigned char *mask, DWORD atr_length);
uint32_t pcsc_SCardForgetCardType(const pcsc_api *api, SCARDCONTEXT context, const char *card);
uint32_t pcsc_SCardReadCache(const pcsc_api *api, SCARDCONTEXT context, const unsigned char *card,
                             DWORD freshness, const char *item, unsigned char *data, DWORD *length);
uint32_t pcsc_SCardWriteCache(const pcsc_api *api, SCARDCONTEXT context, const unsigned char *card,
                              DWORD freshness, const char *item, const unsigned char *data, DWORD length);
uint32_t pcsc_SCardGetReaderIcon(const pcsc_api *api, SCARDCONTEXT context, const char *reader,
                                 unsigned char *icon, DWORD *length);
uint32_t pcsc_SCardGetDeviceTypeId(const pcsc_api *api, SCARDCONTEXT context, const char *reader,
                                   DWORD *kind);
uint32_t pcsc_SCardGetReaderDeviceInstanceId(const pcsc_api *api, SCARDCONTEXT context, const char *reader,
                                             char *device, DWORD *length);
uint32_t pcsc_SCardListReadersWithDeviceInstanceId(const pcsc_api *api, SCARDCONTEXT context,
                                                   const char *device, char *readers, DWORD *length);
uint32_t pcsc_SCardAccessStartedEvent(const pcsc_api *api, uintptr_t *event);
uint32_t pcsc_SCardReleaseStartedEvent(const pcsc_api *api);
uint32_t pcsc_locate_cards(const pcsc_api *api, SCARDCONTEXT context, const char *cards, size_t count,
                           const char *const *readers, uint32_t *states, unsigned char *atrs);
uint32_t pcsc_locate_cards_by_atr(const pcsc_api *api, SCARDCONTEXT context, size_t mask_count,
                                  const unsigned char *masks, const uint32_t *mask_lengths, size_t count,
                                  const char *const *readers, uint32_t *states, unsigned char *atrs);

/* manage.h */
typedef struct scardffi_manage scard_manage;
uint32_t manage_new(const pcsc_api *api, scard_manage **manage);
void manage_free(scard_manage *manage);
uint32_t manage_attach_by_handle(scard_manage *manage, SCARDHANDLE handle, int owned, uint32_t share_mode,
                                 uint32_t *said);
uint32_t manage_attach_by_ifd(scard_manage *manage, uint32_t scope, const char *reader, uint32_t share_mode,
                              uint32_t protocols);
uint32_t manage_detach(scard_manage *manage, uint32_t disposition);
uint32_t manage_reconnect(scard_manage *manage, uint32_t share_mode, uint32_t protocols,
                          uint32_t initialization);
uint32_t manage_lock(scard_manage *manage);
uint32_t manage_unlock(scard_manage *manage, uint32_t disposition);
uint32_t manage_probe(scard_manage *manage);
uint32_t manage_status(scard_manage *manage, uint32_t *state, uint32_t *protocol, char *reader,
                       uint32_t *reader_length, unsigned char *atr, uint32_t *atr_length);
uint32_t manage_control(scard_manage *manage, uint32_t control_code, const unsigned char *command,
                        size_t command_length, unsigned char *response, size_t capacity, uint32_t *received);
uint32_t manage_get_attribute(scard_manage *manage, uint32_t attribute, unsigned char *value,
                              uint32_t *length);
uint32_t manage_set_attribute(scard_manage *manage, uint32_t attribute, const unsigned char *value,
                              size_t length);
int manage_handle(const scard_manage *manage, SCARDHANDLE *handle);
int manage_is_owned(const scard_manage *manage);
int manage_needs_detach(const scard_manage *manage);
int manage_is_forked(const scard_manage *manage);

/* transmit.h */
uint32_t transmit_check(const unsigned char *command, size_t command_length, const unsigned char *response,
                        size_t capacity);

/* exchange.h */
typedef struct exchange_slot exchange_slot;
typedef struct scardffi_exchange exchange;
int64_t exchange_transmit(scard_manage *manage, unsigned flow, const unsigned char *command,
                          size_t command_length, unsigned char *response, size_t capacity, uint32_t *arrived);
int64_t exchange_plain(scard_manage *manage, const unsigned char *command, size_t command_length,
                       unsigned char *response, size_t capacity);
exchange_slot *exchange_slot_new(scard_manage *manage);
void exchange_slot_free(exchange_slot *slot);
const char *exchange_slot_response(const exchange_slot *slot);
int64_t exchange_slot_send(exchange_slot *slot, const unsigned char *command, size_t command_length);
exchange *exchange_new(scard_manage *manage, unsigned flow, const unsigned char *command, size_t command_length,
                       unsigned char *response, size_t capacity);
void exchange_free(exchange *object);
int64_t exchange_send(exchange *object);
int64_t exchange_send_part(exchange *object, size_t length);
uint32_t exchange_sw(const exchange *object);
uint32_t exchange_required(const exchange *object);
uint32_t exchange_arrived(const exchange *object);
int exchange_close(exchange *object);

/* script.h */
typedef struct scardffi_script script;
typedef struct scardffi_run script_run;
script *script_new(size_t count, const unsigned char *bytes, const uint32_t *lengths, unsigned flow);
void script_free(script *object);
int script_expect(script *object, uint32_t index, size_t count, const uint16_t *values, const uint16_t *masks);
script_run *script_run_new(const script *object, scard_manage *manage, uint64_t repeat, int keep_all, int timed);
void script_run_free(script_run *run);
int script_step(script_run *run, uint32_t milliseconds);
uint64_t script_run_executed(const script_run *run);
size_t script_run_index(const script_run *run);
int64_t script_run_failure(const script_run *run);
uint32_t script_run_arrived(const script_run *run);
size_t script_run_count(const script_run *run);
unsigned char *script_run_arena(const script_run *run);
const size_t *script_run_offsets(const script_run *run);
const uint64_t *script_run_elapsed(const script_run *run);

/* binary_file.h */
int64_t binary_read(scard_manage *manage, unsigned char *memory, size_t size, size_t offset, size_t chunk,
                    uint32_t milliseconds, uint32_t *progress);
int64_t binary_update(scard_manage *manage, const unsigned char *memory, size_t size, size_t offset, size_t chunk,
                      uint32_t milliseconds, uint32_t *progress);

/* embed.h */
const scardffi_api *embed_table(void);
const char *embed_capsule_name(void);
