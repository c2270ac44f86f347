# scardffi.h for Cython: `from scardffi cimport scardffi_api, scardffi_import`. The header says what each is.
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from "scardffi.h" nogil:
    ctypedef unsigned long DWORD
    ctypedef long LONG
    ctypedef long long SCARDCONTEXT
    ctypedef long long SCARDHANDLE
    ctypedef struct SCARD_IO_REQUEST:
        DWORD dwProtocol
        DWORD cbPciLength
    ctypedef struct SCARD_READERSTATE:
        const char *szReader
        void *pvUserData
        DWORD dwCurrentState
        DWORD dwEventState
        DWORD cbAtr
        unsigned char *rgbAtr

    ctypedef struct scardffi_library:
        pass
    ctypedef struct scardffi_manage:
        pass
    ctypedef struct scardffi_exchange:
        pass
    ctypedef struct scardffi_script:
        pass
    ctypedef struct scardffi_run:
        pass
    ctypedef struct scardffi_api:
        uint32_t size
        uint32_t version
        int64_t (*transmit)(scardffi_manage *manage, const unsigned char *command, size_t command_length,
            unsigned char *response, size_t capacity) noexcept nogil
        uint32_t (*exchange_new)(scardffi_manage *manage, unsigned flow, const unsigned char *command,
            size_t command_length, unsigned char *response, size_t capacity,
            scardffi_exchange **exchange) noexcept nogil
        void (*exchange_free)(scardffi_exchange *exchange) noexcept nogil
        int64_t (*exchange_send)(scardffi_exchange *exchange) noexcept nogil
        int64_t (*exchange_send_part)(scardffi_exchange *exchange, size_t length) noexcept nogil
        uint32_t (*exchange_sw)(const scardffi_exchange *exchange) noexcept nogil
        int (*library_open)(const char *path, scardffi_library **library, char *detail,
            size_t detail_size) noexcept nogil
        int (*library_open_default)(scardffi_library **library, char *detail, size_t detail_size) noexcept nogil
        const char *(*library_path)(const scardffi_library *library) noexcept nogil
        uint32_t (*manage_new)(const scardffi_library *library, scardffi_manage **manage) noexcept nogil
        void (*manage_free)(scardffi_manage *manage) noexcept nogil
        uint32_t (*attach_by_handle)(scardffi_manage *manage, SCARDHANDLE handle, int owned, uint32_t share_mode,
            uint32_t *said) noexcept nogil
        uint32_t (*attach_by_ifd)(scardffi_manage *manage, uint32_t scope, const char *reader, uint32_t share_mode,
            uint32_t protocols) noexcept nogil
        uint32_t (*detach)(scardffi_manage *manage, uint32_t disposition) noexcept nogil
        uint32_t (*reconnect)(scardffi_manage *manage, uint32_t share_mode, uint32_t protocols,
            uint32_t initialization) noexcept nogil
        uint32_t (*lock)(scardffi_manage *manage) noexcept nogil
        uint32_t (*unlock)(scardffi_manage *manage, uint32_t disposition) noexcept nogil
        uint32_t (*status)(scardffi_manage *manage, uint32_t *state, uint32_t *protocol, char *reader,
            uint32_t *reader_length, unsigned char *atr, uint32_t *atr_length) noexcept nogil
        int (*handle)(const scardffi_manage *manage, SCARDHANDLE *handle) noexcept nogil
        uint32_t (*script_new)(size_t count, const unsigned char *bytes, const uint32_t *lengths, unsigned flow,
            scardffi_script **script) noexcept nogil
        void (*script_free)(scardffi_script *script) noexcept nogil
        scardffi_run *(*script_run_new)(const scardffi_script *script, scardffi_manage *manage, uint64_t repeat,
            int keep_all, int timed) noexcept nogil
        void (*script_run_free)(scardffi_run *run) noexcept nogil
        int (*script_step)(scardffi_run *run, uint32_t milliseconds) noexcept nogil
        size_t (*script_run_index)(const scardffi_run *run) noexcept nogil
        int64_t (*script_run_failure)(const scardffi_run *run) noexcept nogil
        size_t (*script_run_count)(const scardffi_run *run) noexcept nogil
        unsigned char *(*script_run_arena)(const scardffi_run *run) noexcept nogil
        const size_t *(*script_run_offsets)(const scardffi_run *run) noexcept nogil
        const uint64_t *(*script_run_elapsed)(const scardffi_run *run) noexcept nogil
        LONG (*SCardEstablishContext)(DWORD scope, const void *reserved1, const void *reserved2,
            SCARDCONTEXT *context) noexcept nogil
        LONG (*SCardReleaseContext)(SCARDCONTEXT context) noexcept nogil
        LONG (*SCardIsValidContext)(SCARDCONTEXT context) noexcept nogil
        LONG (*SCardConnect)(SCARDCONTEXT context, const char *reader, DWORD share_mode, DWORD protocols,
            SCARDHANDLE *handle, DWORD *protocol) noexcept nogil
        LONG (*SCardReconnect)(SCARDHANDLE handle, DWORD share_mode, DWORD protocols, DWORD initialization,
            DWORD *protocol) noexcept nogil
        LONG (*SCardDisconnect)(SCARDHANDLE handle, DWORD disposition) noexcept nogil
        LONG (*SCardBeginTransaction)(SCARDHANDLE handle) noexcept nogil
        LONG (*SCardEndTransaction)(SCARDHANDLE handle, DWORD disposition) noexcept nogil
        LONG (*SCardStatus)(SCARDHANDLE handle, char *reader, DWORD *reader_length, DWORD *state, DWORD *protocol,
            unsigned char *atr, DWORD *atr_length) noexcept nogil
        LONG (*SCardGetStatusChange)(SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *states,
            DWORD count) noexcept nogil
        LONG (*SCardControl)(SCARDHANDLE handle, DWORD control_code, const void *command, DWORD command_length,
            void *response, DWORD capacity, DWORD *received) noexcept nogil
        LONG (*SCardTransmit)(SCARDHANDLE handle, const SCARD_IO_REQUEST *send_pci, const unsigned char *command,
            DWORD command_length, SCARD_IO_REQUEST *receive_pci, unsigned char *response,
            DWORD *received) noexcept nogil
        LONG (*SCardListReaderGroups)(SCARDCONTEXT context, char *groups, DWORD *length) noexcept nogil
        LONG (*SCardListReaders)(SCARDCONTEXT context, const char *groups, char *readers, DWORD *length) noexcept nogil
        LONG (*SCardFreeMemory)(SCARDCONTEXT context, const void *memory) noexcept nogil
        LONG (*SCardCancel)(SCARDCONTEXT context) noexcept nogil
        LONG (*SCardGetAttrib)(SCARDHANDLE handle, DWORD attribute, unsigned char *value, DWORD *length) noexcept nogil
        LONG (*SCardSetAttrib)(SCARDHANDLE handle, DWORD attribute, const unsigned char *value,
            DWORD length) noexcept nogil

cdef extern from "scardffi.h":
    const scardffi_api *scardffi_import() except NULL
