"""The builder of a second cffi module that includes scardffi's: its functions take and give scardffi's pointers."""

from cffi import FFI

from scardffi import embed

_DECLARATIONS = """
    int64_t drive(const scardffi_api *api, scardffi_exchange *exchange, unsigned count);
    scardffi_manage *attached(const scardffi_api *api, scardffi_library *library, const char *reader);
    LONG open_card(const scardffi_api *api, const char *reader, SCARDCONTEXT *context, SCARDHANDLE *handle);
"""

_SOURCE = """
    #include "pcsc_abi.h"
    #include "scardffi.h"

    static int64_t drive(const scardffi_api *api, scardffi_exchange *exchange, unsigned count)
    {
        int64_t total = 0, received;

        for (; count > 0 && total >= 0; count--) {
            received = api->exchange_send(exchange);
            total = received < 0 ? received : total + received;
        }
        return total;
    }

    static scardffi_manage *attached(const scardffi_api *api, scardffi_library *library, const char *reader)
    {
        scardffi_manage *manage;

        if (api->manage_new(library, &manage) != SCARDFFI_OK)
            return NULL;
        if (api->attach_by_ifd(manage, 2, reader, 2, 3) == SCARDFFI_OK)
            return manage;
        api->manage_free(manage);
        return NULL;
    }

    static LONG open_card(const scardffi_api *api, const char *reader, SCARDCONTEXT *context, SCARDHANDLE *handle)
    {
        DWORD protocol;
        LONG code = api->SCardEstablishContext(2, NULL, NULL, context);

        return code != 0 ? code : api->SCardConnect(*context, reader, 2, 3, handle, &protocol);
    }
"""


def builder() -> FFI:
    """The builder, ready to emit or to compile."""
    ffi = FFI()
    ffi.include(embed.ffi_builder())
    ffi.cdef(_DECLARATIONS)
    ffi.set_source("cffi_module", _SOURCE, include_dirs=[embed.get_include()])
    return ffi
