"""The codes, states and small numbers of PC/SC that the cases name, as the headers of each platform have them."""

from support import shape
from support.shape import WINDOWS

from scardffi import control_code

SUCCESS = 0
INTERNAL_ERROR = 0x80100001
CANCELLED = 0x80100002
INVALID_HANDLE = shape.NO_SUCH_HANDLE
INVALID_PARAMETER = 0x80100004
NO_MEMORY = 0x80100006
INSUFFICIENT_BUFFER = 0x80100008
UNKNOWN_READER = 0x80100009
TIMEOUT = 0x8010000A
SHARING_VIOLATION = 0x8010000B
NO_SMARTCARD = 0x8010000C
PROTO_MISMATCH = 0x8010000F
INVALID_VALUE = 0x80100011
COMM_ERROR = 0x80100013
NOT_TRANSACTED = 0x80100016
READER_UNAVAILABLE = 0x80100017
NO_SERVICE = 0x8010001D
SERVICE_STOPPED = 0x8010001E
UNSUPPORTED_FEATURE = shape.UNSUPPORTED_FEATURE
NO_SUCH_ATTRIBUTE = shape.NO_SUCH_ATTRIBUTE
NO_READERS_AVAILABLE = 0x8010002E
UNRESPONSIVE_CARD = 0x80100066
UNPOWERED_CARD = 0x80100067
RESET_CARD = 0x80100068
REMOVED_CARD = 0x80100069

EXCLUSIVE, SHARED, DIRECT = 1, 2, 3
T0, T1, RAW, ANY = 1, 2, 0x10000 if WINDOWS else 4, 3
LEAVE, RESET, UNPOWER, EJECT = 0, 1, 2, 3
SYSTEM = 2
INFINITE = 0xFFFFFFFF

# SCardStatus of a reader without a card, with one that has no power, that is mute, that is connected to: a number on
# Windows, elsewhere bits, whose upper half counts the cards that came and went.
NO_CARD, UNPOWERED, MUTE_CARD, CONNECTED = (1, 2, 2, 6) if WINDOWS else (0x02, 0x04, 0x0C, 0x34)
EVENTS = 16
NAME_END = b"\0\0" if WINDOWS else b"\0"  # there it is a multi-string

# Control codes
FEATURES, ECHO = control_code(3400), control_code(2000)

# SCardGetStatusChange
UNAWARE, IGNORE, CHANGED, UNKNOWN, UNAVAILABLE, EMPTY = 0, 0x01, 0x02, 0x04, 0x08, 0x10
CARD, IN_EXCLUSIVE_USE, IN_USE, MUTE = 0x20, 0x80, 0x100, 0x200
PNP = "\\\\?PnP?\\Notification"

# ATRs: with T=0 and T=1 on offer, one of them alone, the shortest, and the longest.
ATR_BOTH = bytes.fromhex("3B80800101")
ATR_T0 = bytes.fromhex("3B021450")
ATR_T1 = bytes.fromhex("3B800181")
ATR_SHORT = bytes.fromhex("3B00")
ATR_LONG = bytes.fromhex("3BFF950000F1010000F1FE4500710000004142434445464748494A4B4C4D4E4FE1")
ATR_MUTE = b""
