/* The table of scardffi.h: the functions of the core. Some have checks here that Python makes for its own calls. */
#include "embed.h"

#include "exchange.h"
#include "pcsc_default.h"
#include "script.h"

static uint32_t new_exchange(scardffi_manage *manage, unsigned flow, const unsigned char *command,
                             size_t command_length, unsigned char *response, size_t capacity,
                             scardffi_exchange **exchange)
{
    if (manage == NULL || exchange == NULL)
        return SCARDFFI_E_POINTER;
    uint32_t refusal = transmit_check(command, command_length, response, capacity);
    if (refusal != SCARDFFI_OK)
        return refusal;
    if ((flow & ~FLOW_ALL) != 0)
        return SCARDFFI_E_INVALIDARG;
    *exchange = exchange_new(manage, flow, command, command_length, response, capacity);
    return *exchange != NULL ? SCARDFFI_OK : SCARDFFI_E_OUTOFMEMORY;
}

static uint32_t new_script(size_t count, const unsigned char *packed, const uint32_t *lengths, unsigned flow,
                           scardffi_script **script)
{
    if (packed == NULL || lengths == NULL || script == NULL)
        return SCARDFFI_E_POINTER;
    if ((flow & ~FLOW_ALL) != 0)
        return SCARDFFI_E_INVALIDARG;
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (lengths[i] == 0 || lengths[i] > MAX_BUFFER_SIZE_EXTENDED || size > SIZE_MAX - lengths[i])
            return SCARDFFI_E_INVALIDARG;
        size += lengths[i];
    }
    *script = script_new(count, packed, lengths, flow);
    return *script != NULL ? SCARDFFI_OK : SCARDFFI_E_OUTOFMEMORY;
}

static LONG get_status_change(SCARDCONTEXT context, DWORD timeout, void *states, DWORD count)
{
    return SCardGetStatusChange(context, timeout, states, count);
}

static LONG transmit(SCARDHANDLE handle, const void *send_pci, const unsigned char *command, DWORD command_length,
                     void *receive_pci, unsigned char *response, DWORD *received)
{
    return SCardTransmit(handle, send_pci, command, command_length, receive_pci, response, received);
}

static const scardffi_api table = {
    .size = sizeof table,
    .version = SCARDFFI_VERSION,
    .transmit = exchange_plain,
    .exchange_new = new_exchange,
    .exchange_free = exchange_free,
    .exchange_send = exchange_send,
    .exchange_send_part = exchange_send_part,
    .exchange_sw = exchange_sw,
    .library_open = pcsc_open,
    .library_open_default = pcsc_open_default,
    .library_path = pcsc_path,
    .manage_new = manage_new,
    .manage_free = manage_free,
    .attach_by_handle = manage_attach_by_handle,
    .attach_by_ifd = manage_attach_by_ifd,
    .detach = manage_detach,
    .reconnect = manage_reconnect,
    .lock = manage_lock,
    .unlock = manage_unlock,
    .status = manage_status,
    .handle = manage_handle,
    .script_new = new_script,
    .script_free = script_free,
    .script_run_new = script_run_new,
    .script_run_free = script_run_free,
    .script_step = script_step,
    .script_run_index = script_run_index,
    .script_run_failure = script_run_failure,
    .script_run_count = script_run_count,
    .script_run_arena = script_run_arena,
    .script_run_offsets = script_run_offsets,
    .script_run_elapsed = script_run_elapsed,
    .SCardEstablishContext = SCardEstablishContext,
    .SCardReleaseContext = SCardReleaseContext,
    .SCardIsValidContext = SCardIsValidContext,
    .SCardConnect = SCardConnect,
    .SCardReconnect = SCardReconnect,
    .SCardDisconnect = SCardDisconnect,
    .SCardBeginTransaction = SCardBeginTransaction,
    .SCardEndTransaction = SCardEndTransaction,
    .SCardStatus = SCardStatus,
    .SCardGetStatusChange = get_status_change,
    .SCardControl = SCardControl,
    .SCardTransmit = transmit,
    .SCardListReaderGroups = SCardListReaderGroups,
    .SCardListReaders = SCardListReaders,
    .SCardFreeMemory = SCardFreeMemory,
    .SCardCancel = SCardCancel,
    .SCardGetAttrib = SCardGetAttrib,
    .SCardSetAttrib = SCardSetAttrib,
    .exchange_required = exchange_required,
};

const scardffi_api *embed_table(void)
{
    return &table;
}

const char *embed_capsule_name(void)
{
    return SCARDFFI_CAPSULE;
}
