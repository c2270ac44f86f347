"""Short names for the codes, states and numbers of PC/SC in the cases."""

from support import shape
from support.shape import WINDOWS

from scardffi import ReturnCode, constants, control_code

SUCCESS = ReturnCode.SCARD_S_SUCCESS
INTERNAL_ERROR = ReturnCode.SCARD_F_INTERNAL_ERROR
CANCELLED = ReturnCode.SCARD_E_CANCELLED
INVALID_HANDLE = shape.NO_SUCH_HANDLE
INVALID_PARAMETER = ReturnCode.SCARD_E_INVALID_PARAMETER
NO_MEMORY = ReturnCode.SCARD_E_NO_MEMORY
INSUFFICIENT_BUFFER = ReturnCode.SCARD_E_INSUFFICIENT_BUFFER
UNKNOWN_READER = ReturnCode.SCARD_E_UNKNOWN_READER
TIMEOUT = ReturnCode.SCARD_E_TIMEOUT
SHARING_VIOLATION = ReturnCode.SCARD_E_SHARING_VIOLATION
NO_SMARTCARD = ReturnCode.SCARD_E_NO_SMARTCARD
PROTO_MISMATCH = ReturnCode.SCARD_E_PROTO_MISMATCH
INVALID_VALUE = ReturnCode.SCARD_E_INVALID_VALUE
COMM_ERROR = ReturnCode.SCARD_F_COMM_ERROR
NOT_TRANSACTED = ReturnCode.SCARD_E_NOT_TRANSACTED
READER_UNAVAILABLE = ReturnCode.SCARD_E_READER_UNAVAILABLE
NO_SERVICE = ReturnCode.SCARD_E_NO_SERVICE
SERVICE_STOPPED = ReturnCode.SCARD_E_SERVICE_STOPPED
UNSUPPORTED_FEATURE = ReturnCode.SCARD_E_UNSUPPORTED_FEATURE
NO_SUCH_ATTRIBUTE = shape.NO_SUCH_ATTRIBUTE
NO_READERS_AVAILABLE = ReturnCode.SCARD_E_NO_READERS_AVAILABLE
UNRESPONSIVE_CARD = ReturnCode.SCARD_W_UNRESPONSIVE_CARD
UNPOWERED_CARD = ReturnCode.SCARD_W_UNPOWERED_CARD
RESET_CARD = ReturnCode.SCARD_W_RESET_CARD
REMOVED_CARD = ReturnCode.SCARD_W_REMOVED_CARD

EXCLUSIVE, SHARED, DIRECT = 1, 2, 3
T0, T1, RAW, ANY = 1, 2, 0x10000 if WINDOWS else 4, 3
LEAVE, RESET, UNPOWER, EJECT = 0, 1, 2, 3
SYSTEM = 2
INFINITE, PNP = constants.INFINITE, constants.PNP_NOTIFICATION

# States in SCardStatus of a reader without a card, and with a card that has no power, is mute, is connected: a number
# on Windows, elsewhere bits, of which the upper half counts insertions and removals.
NO_CARD, UNPOWERED, MUTE_CARD, CONNECTED = (1, 2, 2, 6) if WINDOWS else (0x02, 0x04, 0x0C, 0x34)
EVENTS = 16
NAME_END = b"\0\0" if WINDOWS else b"\0"  # on Windows it is a multi-string

# Control codes
FEATURES, ECHO = control_code(3400), control_code(2000)

# SCardGetStatusChange
UNAWARE, IGNORE, CHANGED, UNKNOWN, UNAVAILABLE, EMPTY = 0, 0x01, 0x02, 0x04, 0x08, 0x10
CARD, IN_EXCLUSIVE_USE, IN_USE, MUTE = 0x20, 0x80, 0x100, 0x200

# ATRs that offer T=0 and T=1, only one of them, the shortest one, and the longest.
ATR_BOTH = bytes.fromhex("3B80800101")
ATR_T0 = bytes.fromhex("3B021450")
ATR_T1 = bytes.fromhex("3B800181")
ATR_SHORT = bytes.fromhex("3B00")
ATR_LONG = bytes.fromhex("3BFF950000F1010000F1FE4500710000004142434445464748494A4B4C4D4E4FE1")
ATR_MUTE = b""
