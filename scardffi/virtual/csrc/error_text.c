/* pcsc_stringify_error: a short text for each code. Windows does not have this function. */
#include "pcsc_abi.h"

#if !defined(SCARDFFI_ABI_WINDOWS)

#  include <stddef.h>
#  include <stdio.h>

#  include "exports.h"

static const struct {
    DWORD code;
    const char *text;
} texts[] = {
    {SCARD_S_SUCCESS, "Success"},
    {SCARD_F_INTERNAL_ERROR, "Internal error"},
    {SCARD_E_CANCELLED, "Cancelled"},
    {SCARD_E_INVALID_HANDLE, "Not a valid context or card handle"},
    {SCARD_E_INVALID_PARAMETER, "Invalid parameter"},
    {SCARD_E_INVALID_TARGET, "Invalid target"},
    {SCARD_E_NO_MEMORY, "Out of memory"},
    {SCARD_F_WAITED_TOO_LONG, "Internal timer expired"},
    {SCARD_E_INSUFFICIENT_BUFFER, "Buffer too small"},
    {SCARD_E_UNKNOWN_READER, "No reader of that name"},
    {SCARD_E_TIMEOUT, "Timed out"},
    {SCARD_E_SHARING_VIOLATION, "In use by another connection"},
    {SCARD_E_NO_SMARTCARD, "No card in the reader"},
    {SCARD_E_UNKNOWN_CARD, "Card not known"},
    {SCARD_E_CANT_DISPOSE, "Disposition not possible"},
    {SCARD_E_PROTO_MISMATCH, "Not the card's protocol"},
    {SCARD_E_NOT_READY, "Not ready"},
    {SCARD_E_INVALID_VALUE, "Invalid value"},
    {SCARD_E_SYSTEM_CANCELLED, "Cancelled by the system"},
    {SCARD_F_COMM_ERROR, "Communication failed"},
    {SCARD_F_UNKNOWN_ERROR, "Unknown internal error"},
    {SCARD_E_INVALID_ATR, "Invalid ATR"},
    {SCARD_E_NOT_TRANSACTED, "No transaction"},
    {SCARD_E_READER_UNAVAILABLE, "Reader unavailable"},
    {SCARD_E_PCI_TOO_SMALL, "Protocol header too small"},
    {SCARD_E_READER_UNSUPPORTED, "Reader not supported"},
    {SCARD_E_DUPLICATE_READER, "Reader of that name exists"},
    {SCARD_E_CARD_UNSUPPORTED, "Card not supported"},
    {SCARD_E_NO_SERVICE, "Resource manager not running"},
    {SCARD_E_SERVICE_STOPPED, "Resource manager stopped"},
    {SCARD_E_UNSUPPORTED_FEATURE, "Not supported"},
    {SCARD_E_NO_READERS_AVAILABLE, "No readers"},
    {SCARD_W_UNSUPPORTED_CARD, "Card cannot be talked to"},
    {SCARD_W_UNRESPONSIVE_CARD, "Card does not answer to reset"},
    {SCARD_W_UNPOWERED_CARD, "Card without power"},
    {SCARD_W_RESET_CARD, "Card was reset"},
    {SCARD_W_REMOVED_CARD, "Card was removed"},
    {SCARD_W_SECURITY_VIOLATION, "Access denied"},
};

/* The text for an unknown code is valid until the thread's next call. */
EXPORTED const char *pcsc_stringify_error(LONG code)
{
    static _Thread_local char unknown[40];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].code == (DWORD)code)
            return texts[i].text;
    snprintf(unknown, sizeof unknown, "Unknown code 0x%08lX", (unsigned long)(DWORD)code);
    return unknown;
}

#endif
