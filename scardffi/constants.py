"""The constants of PC/SC as enumerations, with the values of the platform that Python runs on.

Members have the names of PC/SC without the common part, for example ``Protocol.T0`` for ``SCARD_PROTOCOL_T0`` and
``Disposition.LEAVE`` for ``SCARD_LEAVE_CARD``. Only the members of :class:`ReturnCode` have the full names. All members
are ints, and a function that takes a member takes its number too.
"""

from __future__ import annotations

import sys
from enum import IntEnum, IntFlag
from typing import Final

_WINDOWS: Final = sys.platform == "win32"

MAX_ATR_SIZE: Final = 33
"""The longest answer to reset, in bytes (ISO/IEC 7816-3, clause 8.2)."""
MAX_BUFFER_SIZE_EXTENDED: Final = 65548
"""The longest command or response that a resource manager transmits, in bytes."""
INFINITE: Final = 0xFFFFFFFF
"""The timeout, in milliseconds, that makes a raw function wait without limit."""
PNP_NOTIFICATION: Final = "\\\\?PnP?\\Notification"
"""The name that stands for the list of readers: its state changes if a reader is plugged in or unplugged.

:meth:`scardffi.Context.get_status_change` takes it on every platform. Raw SCardGetStatusChange takes it only on Windows
and pcsc-lite, because macOS does not support it.
"""


class Scope(IntEnum):
    """Scopes of a context, for SCardEstablishContext."""

    USER = 0
    """Operations within the domain of the user."""
    TERMINAL = 1
    """Operations within the current terminal."""
    SYSTEM = 2
    """Operations within the domain of the system; the usual choice."""


class ShareMode(IntEnum):
    """Ways to share a card with other connections, for SCardConnect and SCardReconnect."""

    EXCLUSIVE = 1
    """No other connection may use the card."""
    SHARED = 2
    """Other connections that ask for SHARED may use the card too."""
    DIRECT = 3
    """A connection to the reader, which needs no card."""


class Protocol(IntFlag):
    """Transmission protocols (ISO/IEC 7816-3): one, or a combination to choose from."""

    UNDEFINED = 0
    """No protocol: there is no card, or no protocol was negotiated."""
    T0 = 1
    """T=0, which transmits bytes."""
    T1 = 2
    """T=1, which transmits blocks."""
    RAW = 0x10000 if _WINDOWS else 4
    """The bytes are transmitted unchanged, without a protocol."""
    ANY = 3
    """T=0 or T=1, as the card offers."""


class Disposition(IntEnum):
    """Actions on the card at the end of a connection or transaction, or at a reconnect."""

    LEAVE = 0
    """No action."""
    RESET = 1
    """Reset the card; the selected file and all verifications are lost."""
    UNPOWER = 2
    """Power the card down."""
    EJECT = 3
    """Eject the card, if the reader can."""


class CardState(IntFlag):
    """States of the card in a reader, from SCardStatus."""

    UNKNOWN = 0x01
    """The state is not known."""
    ABSENT = 0x02
    """The reader has no card."""
    PRESENT = 0x04
    """The reader has a card."""
    SWALLOWED = 0x08
    """The card is in position, but not powered."""
    POWERED = 0x10
    """The card is powered, but its mode is not known."""
    NEGOTIABLE = 0x20
    """The card was reset, and no protocol is set yet."""
    SPECIFIC = 0x40
    """The card was reset and a protocol is set."""


class ReaderStateFlag(IntFlag):
    """States of a reader, for SCardGetStatusChange."""

    UNAWARE = 0x0000
    """The caller does not know the state: return it at once (for :data:`.PNP_NOTIFICATION`, wait all the same)."""
    IGNORE = 0x0001
    """Ignore this reader."""
    CHANGED = 0x0002
    """The state differs from the one that the caller gave."""
    UNKNOWN = 0x0004
    """No reader has this name."""
    UNAVAILABLE = 0x0008
    """The reader cannot be used."""
    EMPTY = 0x0010
    """The reader has no card."""
    PRESENT = 0x0020
    """The reader has a card."""
    ATRMATCH = 0x0040
    """The card's ATR matches one that SCardLocateCards searches for."""
    EXCLUSIVE = 0x0080
    """A connection uses the card exclusively."""
    INUSE = 0x0100
    """A connection uses the card."""
    MUTE = 0x0200
    """The card does not answer to a reset."""
    UNPOWERED = 0x0400
    """The card is not powered."""


class Attribute(IntEnum):
    """Attributes of a reader or its card, for SCardGetAttrib and SCardSetAttrib (PC/SC part 3, section 3.1)."""

    VENDOR_NAME = 0x00010100
    """Name of the manufacturer, as text."""
    VENDOR_IFD_TYPE = 0x00010101
    """The manufacturer's name of the model, as text."""
    VENDOR_IFD_VERSION = 0x00010102
    """Version of the reader: a DWORD 0xMMmmbbbb of major, minor and build number."""
    VENDOR_IFD_SERIAL_NO = 0x00010103
    """Serial number of the reader, as text."""
    CHANNEL_ID = 0x00020110
    """Connection of the reader: a DWORD 0xDDDDCCCC of channel type and number."""
    ASYNC_PROTOCOL_TYPES = 0x00030120
    """Asynchronous protocols of the reader: a DWORD of bits."""
    DEFAULT_CLK = 0x00030121
    """Default clock rate in kHz: a DWORD."""
    MAX_CLK = 0x00030122
    """Highest clock rate in kHz: a DWORD."""
    DEFAULT_DATA_RATE = 0x00030123
    """Default data rate in bit/s: a DWORD."""
    MAX_DATA_RATE = 0x00030124
    """Highest data rate in bit/s: a DWORD."""
    MAX_IFSD = 0x00030125
    """Longest information field of the reader, in bytes: a DWORD."""
    SYNC_PROTOCOL_TYPES = 0x00030126
    """Synchronous protocols of the reader: a DWORD of bits."""
    POWER_MGMT_SUPPORT = 0x00040131
    """1 if the reader can be powered down: a DWORD."""
    USER_TO_CARD_AUTH_DEVICE = 0x00050140
    """Devices by which the user is authenticated to the card: a DWORD of bits."""
    USER_AUTH_INPUT_DEVICE = 0x00050142
    """Devices by which the user is authenticated to the reader: a DWORD of bits."""
    CHARACTERISTICS = 0x00060150
    """Mechanical properties: a DWORD of bits."""
    CURRENT_PROTOCOL_TYPE = 0x00080201
    """Protocol in use: a DWORD."""
    CURRENT_CLK = 0x00080202
    """Clock rate in use, in kHz: a DWORD."""
    CURRENT_F = 0x00080203
    """Clock conversion factor in use: a DWORD."""
    CURRENT_D = 0x00080204
    """Bit rate adjustment factor in use: a DWORD."""
    CURRENT_N = 0x00080205
    """Guard time in use: a DWORD."""
    CURRENT_W = 0x00080206
    """Work waiting time in use: a DWORD."""
    CURRENT_IFSC = 0x00080207
    """Longest information field of the card, in bytes: a DWORD."""
    CURRENT_IFSD = 0x00080208
    """Present maximum length of the reader's information field, in bytes: a DWORD."""
    CURRENT_BWT = 0x00080209
    """Block waiting time in use: a DWORD."""
    CURRENT_CWT = 0x0008020A
    """Character waiting time in use: a DWORD."""
    CURRENT_EBC_ENCODING = 0x0008020B
    """Error check of blocks: a DWORD, 0 for LRC, 1 for CRC."""
    EXTENDED_BWT = 0x0008020C
    """Block waiting time extension in use: a DWORD."""
    ICC_PRESENCE = 0x00090300
    """Presence of a card: one byte."""
    ICC_INTERFACE_STATUS = 0x00090301
    """State of the contacts: one byte."""
    CURRENT_IO_STATE = 0x00090302
    """State of the I/O line: a DWORD."""
    ATR_STRING = 0x00090303
    """The card's answer to reset."""
    ICC_TYPE_PER_ATR = 0x00090304
    """Type of the card: one byte."""
    ESC_RESET = 0x0007A000
    """Reset by an escape command of the manufacturer."""
    ESC_CANCEL = 0x0007A003
    """Cancel by an escape command of the manufacturer."""
    ESC_AUTHREQUEST = 0x0007A005
    """Authentication request by an escape command of the manufacturer."""
    MAXINPUT = 0x0007A007
    """Longest input of the reader, in bytes: a DWORD."""
    DEVICE_UNIT = 0x7FFF0001
    """Number of the reader among those of the same model: a DWORD."""
    DEVICE_IN_USE = 0x7FFF0002
    """Reserved."""
    DEVICE_FRIENDLY_NAME = 0x7FFF0003
    """The reader's display name, as bytes of text."""
    DEVICE_SYSTEM_NAME = 0x7FFF0004
    """The reader's name in the system, as bytes of text."""
    DEVICE_FRIENDLY_NAME_W = 0x7FFF0005
    """The reader's display name in UTF-16 (Windows)."""
    DEVICE_SYSTEM_NAME_W = 0x7FFF0006
    """The reader's name in the system in UTF-16 (Windows)."""
    SUPRESS_T1_IFS_REQUEST = 0x7FFF0007
    """1 to leave out the IFS request of T=1. The spelling is PC/SC's."""


class ReturnCode(IntEnum):
    """Return codes of the resource manager, as unsigned 32-bit numbers, under their full PC/SC names.

    Outside Windows SCARD_E_UNEXPECTED and SCARD_E_UNSUPPORTED_FEATURE have the same value.
    :func:`scardffi.errors.lookup` returns the error class, the meaning and the remedy of a code.
    """

    SCARD_S_SUCCESS = 0x00000000
    SCARD_F_INTERNAL_ERROR = 0x80100001
    SCARD_E_CANCELLED = 0x80100002
    SCARD_E_INVALID_HANDLE = 0x80100003
    SCARD_E_INVALID_PARAMETER = 0x80100004
    SCARD_E_INVALID_TARGET = 0x80100005
    SCARD_E_NO_MEMORY = 0x80100006
    SCARD_F_WAITED_TOO_LONG = 0x80100007
    SCARD_E_INSUFFICIENT_BUFFER = 0x80100008
    SCARD_E_UNKNOWN_READER = 0x80100009
    SCARD_E_TIMEOUT = 0x8010000A
    SCARD_E_SHARING_VIOLATION = 0x8010000B
    SCARD_E_NO_SMARTCARD = 0x8010000C
    SCARD_E_UNKNOWN_CARD = 0x8010000D
    SCARD_E_CANT_DISPOSE = 0x8010000E
    SCARD_E_PROTO_MISMATCH = 0x8010000F
    SCARD_E_NOT_READY = 0x80100010
    SCARD_E_INVALID_VALUE = 0x80100011
    SCARD_E_SYSTEM_CANCELLED = 0x80100012
    SCARD_F_COMM_ERROR = 0x80100013
    SCARD_F_UNKNOWN_ERROR = 0x80100014
    SCARD_E_INVALID_ATR = 0x80100015
    SCARD_E_NOT_TRANSACTED = 0x80100016
    SCARD_E_READER_UNAVAILABLE = 0x80100017
    SCARD_P_SHUTDOWN = 0x80100018
    SCARD_E_PCI_TOO_SMALL = 0x80100019
    SCARD_E_READER_UNSUPPORTED = 0x8010001A
    SCARD_E_DUPLICATE_READER = 0x8010001B
    SCARD_E_CARD_UNSUPPORTED = 0x8010001C
    SCARD_E_NO_SERVICE = 0x8010001D
    SCARD_E_SERVICE_STOPPED = 0x8010001E
    SCARD_E_UNSUPPORTED_FEATURE = 0x80100022 if _WINDOWS else 0x8010001F
    SCARD_E_UNEXPECTED = 0x8010001F  # outside Windows another name of SCARD_E_UNSUPPORTED_FEATURE
    SCARD_E_ICC_INSTALLATION = 0x80100020
    SCARD_E_ICC_CREATEORDER = 0x80100021
    SCARD_E_DIR_NOT_FOUND = 0x80100023
    SCARD_E_FILE_NOT_FOUND = 0x80100024
    SCARD_E_NO_DIR = 0x80100025
    SCARD_E_NO_FILE = 0x80100026
    SCARD_E_NO_ACCESS = 0x80100027
    SCARD_E_WRITE_TOO_MANY = 0x80100028
    SCARD_E_BAD_SEEK = 0x80100029
    SCARD_E_INVALID_CHV = 0x8010002A
    SCARD_E_UNKNOWN_RES_MNG = 0x8010002B
    SCARD_E_NO_SUCH_CERTIFICATE = 0x8010002C
    SCARD_E_CERTIFICATE_UNAVAILABLE = 0x8010002D
    SCARD_E_NO_READERS_AVAILABLE = 0x8010002E
    SCARD_E_COMM_DATA_LOST = 0x8010002F
    SCARD_E_NO_KEY_CONTAINER = 0x80100030
    SCARD_E_SERVER_TOO_BUSY = 0x80100031
    SCARD_E_PIN_CACHE_EXPIRED = 0x80100032
    SCARD_E_NO_PIN_CACHE = 0x80100033
    SCARD_E_READ_ONLY_CARD = 0x80100034
    SCARD_W_UNSUPPORTED_CARD = 0x80100065
    SCARD_W_UNRESPONSIVE_CARD = 0x80100066
    SCARD_W_UNPOWERED_CARD = 0x80100067
    SCARD_W_RESET_CARD = 0x80100068
    SCARD_W_REMOVED_CARD = 0x80100069
    SCARD_W_SECURITY_VIOLATION = 0x8010006A
    SCARD_W_WRONG_CHV = 0x8010006B
    SCARD_W_CHV_BLOCKED = 0x8010006C
    SCARD_W_EOF = 0x8010006D
    SCARD_W_CANCELLED_BY_USER = 0x8010006E
    SCARD_W_CARD_NOT_AUTHENTICATED = 0x8010006F
    SCARD_W_CACHE_ITEM_NOT_FOUND = 0x80100070
    SCARD_W_CACHE_ITEM_STALE = 0x80100071
    SCARD_W_CACHE_ITEM_TOO_BIG = 0x80100072


class Flow(IntFlag):
    """Optional steps of an exchange, done only on request (ISO/IEC 7816-4, clause 5; ISO/IEC 7816-3, clause 12.2)."""

    GET_RESPONSE = 1
    """After 61xx, fetch the rest of the response with GET RESPONSE and append it."""
    CORRECT_LE = 2
    """After 6Cxx, send the same command once more with Le = xx."""
    CHAIN = 4
    """Send an extended command as a chain of short ones."""


def control_code(function: int) -> int:
    """Return the control code for a function number of a driver, as the macro SCARD_CTL_CODE does.

    Args:
        function: 0 to 4095; 3400 is GET_FEATURE_REQUEST of PC/SC part 10.

    Returns:
        The code for SCardControl on this platform.

    Raises:
        ValueError: the number is not in this range.
    """
    if not 0 <= function <= 4095:
        raise ValueError(f"function: {function} is not allowed; give 0 to 4095")
    return 0x00310000 + 4 * function if _WINDOWS else 0x42000000 + function
