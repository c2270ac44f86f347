"""The constants of smartcard.scard, with the values that pyscard gives them on this platform: plain ints."""

import sys as _sys
from typing import Final as _Final

from .._loader import ffi as _ffi
from ..constants import Attribute as _Attribute
from ..constants import Disposition as _Disposition
from ..constants import Protocol as _Protocol
from ..constants import ReaderStateFlag as _State
from ..constants import ReturnCode as _ReturnCode
from ..constants import Scope as _Scope
from ..constants import ShareMode as _ShareMode

_IS_WINDOWS: _Final = _sys.platform == "win32"
_IS_SIGNED: _Final = _ffi.sizeof("LONG") == 4


def _code(code: int) -> int:
    """Return a code as pyscard does: signed if the platform's LONG has 32 bits."""
    return code - (1 << 32) if _IS_SIGNED and code > 0x7FFFFFFF else int(code)


resourceManager: _Final = "winscard" if _IS_WINDOWS else "pcsclite"
"""The kind of the PC/SC library."""
resourceManagerSubType: _Final = f"{resourceManager}-{_sys.platform}"
"""The kind of the PC/SC library, and the platform."""

INFINITE: _Final = 0x7FFFFFFF
"""The timeout of a wait without limit, in milliseconds."""
INVALID_HANDLE: _Final = _code(_ReturnCode.SCARD_E_INVALID_HANDLE)
"""The code SCARD_E_INVALID_HANDLE; pyscard has it under this name too."""

# Dispositions
SCARD_LEAVE_CARD: _Final = _Disposition.LEAVE.value
SCARD_RESET_CARD: _Final = _Disposition.RESET.value
SCARD_UNPOWER_CARD: _Final = _Disposition.UNPOWER.value
SCARD_EJECT_CARD: _Final = _Disposition.EJECT.value

# Protocols
SCARD_PROTOCOL_UNDEFINED: _Final = _Protocol.UNDEFINED.value
SCARD_PROTOCOL_UNSET: _Final = SCARD_PROTOCOL_UNDEFINED
SCARD_PROTOCOL_OPTIMAL: _Final = 0
SCARD_PROTOCOL_T0: _Final = _Protocol.T0.value
SCARD_PROTOCOL_T1: _Final = _Protocol.T1.value
SCARD_PROTOCOL_T15: _Final = 8
SCARD_PROTOCOL_RAW: _Final = _Protocol.RAW.value
SCARD_PROTOCOL_ANY: _Final = _Protocol.ANY.value
SCARD_PROTOCOL_Tx: _Final = SCARD_PROTOCOL_ANY
SCARD_PROTOCOL_DEFAULT: _Final = 0x80000000 if _IS_WINDOWS else SCARD_PROTOCOL_ANY
SCARD_PCI_T0: _Final = SCARD_PROTOCOL_T0
SCARD_PCI_T1: _Final = SCARD_PROTOCOL_T1
SCARD_PCI_RAW: _Final = SCARD_PROTOCOL_RAW

if _IS_WINDOWS:
    SCARD_PROVIDER_PRIMARY: _Final = 1
    SCARD_PROVIDER_CSP: _Final = 2

# Attributes
SCARD_ATTR_ASYNC_PROTOCOL_TYPES: _Final = _Attribute.ASYNC_PROTOCOL_TYPES.value
SCARD_ATTR_ATR_STRING: _Final = _Attribute.ATR_STRING.value
SCARD_ATTR_CHANNEL_ID: _Final = _Attribute.CHANNEL_ID.value
SCARD_ATTR_CHARACTERISTICS: _Final = _Attribute.CHARACTERISTICS.value
SCARD_ATTR_CURRENT_BWT: _Final = _Attribute.CURRENT_BWT.value
SCARD_ATTR_CURRENT_CLK: _Final = _Attribute.CURRENT_CLK.value
SCARD_ATTR_CURRENT_CWT: _Final = _Attribute.CURRENT_CWT.value
SCARD_ATTR_CURRENT_D: _Final = _Attribute.CURRENT_D.value
SCARD_ATTR_CURRENT_EBC_ENCODING: _Final = _Attribute.CURRENT_EBC_ENCODING.value
SCARD_ATTR_CURRENT_F: _Final = _Attribute.CURRENT_F.value
SCARD_ATTR_CURRENT_IFSC: _Final = _Attribute.CURRENT_IFSC.value
SCARD_ATTR_CURRENT_IFSD: _Final = _Attribute.CURRENT_IFSD.value
SCARD_ATTR_CURRENT_IO_STATE: _Final = _Attribute.CURRENT_IO_STATE.value
SCARD_ATTR_CURRENT_N: _Final = _Attribute.CURRENT_N.value
SCARD_ATTR_CURRENT_PROTOCOL_TYPE: _Final = _Attribute.CURRENT_PROTOCOL_TYPE.value
SCARD_ATTR_CURRENT_W: _Final = _Attribute.CURRENT_W.value
SCARD_ATTR_DEFAULT_CLK: _Final = _Attribute.DEFAULT_CLK.value
SCARD_ATTR_DEFAULT_DATA_RATE: _Final = _Attribute.DEFAULT_DATA_RATE.value
SCARD_ATTR_DEVICE_FRIENDLY_NAME: _Final = _Attribute.DEVICE_FRIENDLY_NAME.value
SCARD_ATTR_DEVICE_FRIENDLY_NAME_A: _Final = _Attribute.DEVICE_FRIENDLY_NAME.value
SCARD_ATTR_DEVICE_FRIENDLY_NAME_W: _Final = _Attribute.DEVICE_FRIENDLY_NAME_W.value
SCARD_ATTR_DEVICE_IN_USE: _Final = _Attribute.DEVICE_IN_USE.value
SCARD_ATTR_DEVICE_SYSTEM_NAME: _Final = _Attribute.DEVICE_SYSTEM_NAME.value
SCARD_ATTR_DEVICE_SYSTEM_NAME_A: _Final = _Attribute.DEVICE_SYSTEM_NAME.value
SCARD_ATTR_DEVICE_SYSTEM_NAME_W: _Final = _Attribute.DEVICE_SYSTEM_NAME_W.value
SCARD_ATTR_DEVICE_UNIT: _Final = _Attribute.DEVICE_UNIT.value
SCARD_ATTR_ESC_AUTHREQUEST: _Final = _Attribute.ESC_AUTHREQUEST.value
SCARD_ATTR_ESC_CANCEL: _Final = _Attribute.ESC_CANCEL.value
SCARD_ATTR_ESC_RESET: _Final = _Attribute.ESC_RESET.value
SCARD_ATTR_EXTENDED_BWT: _Final = _Attribute.EXTENDED_BWT.value
SCARD_ATTR_ICC_INTERFACE_STATUS: _Final = _Attribute.ICC_INTERFACE_STATUS.value
SCARD_ATTR_ICC_PRESENCE: _Final = _Attribute.ICC_PRESENCE.value
SCARD_ATTR_ICC_TYPE_PER_ATR: _Final = _Attribute.ICC_TYPE_PER_ATR.value
SCARD_ATTR_MAXINPUT: _Final = _Attribute.MAXINPUT.value
SCARD_ATTR_MAX_CLK: _Final = _Attribute.MAX_CLK.value
SCARD_ATTR_MAX_DATA_RATE: _Final = _Attribute.MAX_DATA_RATE.value
SCARD_ATTR_MAX_IFSD: _Final = _Attribute.MAX_IFSD.value
SCARD_ATTR_POWER_MGMT_SUPPORT: _Final = _Attribute.POWER_MGMT_SUPPORT.value
SCARD_ATTR_SUPRESS_T1_IFS_REQUEST: _Final = _Attribute.SUPRESS_T1_IFS_REQUEST.value
SCARD_ATTR_SYNC_PROTOCOL_TYPES: _Final = _Attribute.SYNC_PROTOCOL_TYPES.value
SCARD_ATTR_USER_AUTH_INPUT_DEVICE: _Final = _Attribute.USER_AUTH_INPUT_DEVICE.value
SCARD_ATTR_USER_TO_CARD_AUTH_DEVICE: _Final = _Attribute.USER_TO_CARD_AUTH_DEVICE.value
SCARD_ATTR_VENDOR_IFD_SERIAL_NO: _Final = _Attribute.VENDOR_IFD_SERIAL_NO.value
SCARD_ATTR_VENDOR_IFD_TYPE: _Final = _Attribute.VENDOR_IFD_TYPE.value
SCARD_ATTR_VENDOR_IFD_VERSION: _Final = _Attribute.VENDOR_IFD_VERSION.value
SCARD_ATTR_VENDOR_NAME: _Final = _Attribute.VENDOR_NAME.value

# Return codes
SCARD_E_BAD_SEEK: _Final = _code(_ReturnCode.SCARD_E_BAD_SEEK)
SCARD_E_CANCELLED: _Final = _code(_ReturnCode.SCARD_E_CANCELLED)
SCARD_E_CANT_DISPOSE: _Final = _code(_ReturnCode.SCARD_E_CANT_DISPOSE)
SCARD_E_CARD_UNSUPPORTED: _Final = _code(_ReturnCode.SCARD_E_CARD_UNSUPPORTED)
SCARD_E_CERTIFICATE_UNAVAILABLE: _Final = _code(_ReturnCode.SCARD_E_CERTIFICATE_UNAVAILABLE)
SCARD_E_COMM_DATA_LOST: _Final = _code(_ReturnCode.SCARD_E_COMM_DATA_LOST)
SCARD_E_DIR_NOT_FOUND: _Final = _code(_ReturnCode.SCARD_E_DIR_NOT_FOUND)
SCARD_E_DUPLICATE_READER: _Final = _code(_ReturnCode.SCARD_E_DUPLICATE_READER)
SCARD_E_FILE_NOT_FOUND: _Final = _code(_ReturnCode.SCARD_E_FILE_NOT_FOUND)
SCARD_E_ICC_CREATEORDER: _Final = _code(_ReturnCode.SCARD_E_ICC_CREATEORDER)
SCARD_E_ICC_INSTALLATION: _Final = _code(_ReturnCode.SCARD_E_ICC_INSTALLATION)
SCARD_E_INSUFFICIENT_BUFFER: _Final = _code(_ReturnCode.SCARD_E_INSUFFICIENT_BUFFER)
SCARD_E_INVALID_ATR: _Final = _code(_ReturnCode.SCARD_E_INVALID_ATR)
SCARD_E_INVALID_CHV: _Final = _code(_ReturnCode.SCARD_E_INVALID_CHV)
SCARD_E_INVALID_HANDLE: _Final = _code(_ReturnCode.SCARD_E_INVALID_HANDLE)
SCARD_E_INVALID_PARAMETER: _Final = _code(_ReturnCode.SCARD_E_INVALID_PARAMETER)
SCARD_E_INVALID_TARGET: _Final = _code(_ReturnCode.SCARD_E_INVALID_TARGET)
SCARD_E_INVALID_VALUE: _Final = _code(_ReturnCode.SCARD_E_INVALID_VALUE)
SCARD_E_NOT_READY: _Final = _code(_ReturnCode.SCARD_E_NOT_READY)
SCARD_E_NOT_TRANSACTED: _Final = _code(_ReturnCode.SCARD_E_NOT_TRANSACTED)
SCARD_E_NO_ACCESS: _Final = _code(_ReturnCode.SCARD_E_NO_ACCESS)
SCARD_E_NO_DIR: _Final = _code(_ReturnCode.SCARD_E_NO_DIR)
SCARD_E_NO_FILE: _Final = _code(_ReturnCode.SCARD_E_NO_FILE)
SCARD_E_NO_KEY_CONTAINER: _Final = _code(_ReturnCode.SCARD_E_NO_KEY_CONTAINER)
SCARD_E_NO_MEMORY: _Final = _code(_ReturnCode.SCARD_E_NO_MEMORY)
SCARD_E_NO_READERS_AVAILABLE: _Final = _code(_ReturnCode.SCARD_E_NO_READERS_AVAILABLE)
SCARD_E_NO_SERVICE: _Final = _code(_ReturnCode.SCARD_E_NO_SERVICE)
SCARD_E_NO_SMARTCARD: _Final = _code(_ReturnCode.SCARD_E_NO_SMARTCARD)
SCARD_E_NO_SUCH_CERTIFICATE: _Final = _code(_ReturnCode.SCARD_E_NO_SUCH_CERTIFICATE)
SCARD_E_PCI_TOO_SMALL: _Final = _code(_ReturnCode.SCARD_E_PCI_TOO_SMALL)
SCARD_E_PROTO_MISMATCH: _Final = _code(_ReturnCode.SCARD_E_PROTO_MISMATCH)
SCARD_E_READER_UNAVAILABLE: _Final = _code(_ReturnCode.SCARD_E_READER_UNAVAILABLE)
SCARD_E_READER_UNSUPPORTED: _Final = _code(_ReturnCode.SCARD_E_READER_UNSUPPORTED)
SCARD_E_SERVER_TOO_BUSY: _Final = _code(_ReturnCode.SCARD_E_SERVER_TOO_BUSY)
SCARD_E_SERVICE_STOPPED: _Final = _code(_ReturnCode.SCARD_E_SERVICE_STOPPED)
SCARD_E_SHARING_VIOLATION: _Final = _code(_ReturnCode.SCARD_E_SHARING_VIOLATION)
SCARD_E_SYSTEM_CANCELLED: _Final = _code(_ReturnCode.SCARD_E_SYSTEM_CANCELLED)
SCARD_E_TIMEOUT: _Final = _code(_ReturnCode.SCARD_E_TIMEOUT)
SCARD_E_UNEXPECTED: _Final = _code(_ReturnCode.SCARD_E_UNEXPECTED)
SCARD_E_UNKNOWN_CARD: _Final = _code(_ReturnCode.SCARD_E_UNKNOWN_CARD)
SCARD_E_UNKNOWN_READER: _Final = _code(_ReturnCode.SCARD_E_UNKNOWN_READER)
SCARD_E_UNKNOWN_RES_MNG: _Final = _code(_ReturnCode.SCARD_E_UNKNOWN_RES_MNG)
SCARD_E_UNSUPPORTED_FEATURE: _Final = _code(_ReturnCode.SCARD_E_UNSUPPORTED_FEATURE)
SCARD_E_WRITE_TOO_MANY: _Final = _code(_ReturnCode.SCARD_E_WRITE_TOO_MANY)
SCARD_F_COMM_ERROR: _Final = _code(_ReturnCode.SCARD_F_COMM_ERROR)
SCARD_F_INTERNAL_ERROR: _Final = _code(_ReturnCode.SCARD_F_INTERNAL_ERROR)
SCARD_F_UNKNOWN_ERROR: _Final = _code(_ReturnCode.SCARD_F_UNKNOWN_ERROR)
SCARD_F_WAITED_TOO_LONG: _Final = _code(_ReturnCode.SCARD_F_WAITED_TOO_LONG)
SCARD_P_SHUTDOWN: _Final = _code(_ReturnCode.SCARD_P_SHUTDOWN)
SCARD_S_SUCCESS: _Final = _code(_ReturnCode.SCARD_S_SUCCESS)
SCARD_W_CANCELLED_BY_USER: _Final = _code(_ReturnCode.SCARD_W_CANCELLED_BY_USER)
SCARD_W_CARD_NOT_AUTHENTICATED: _Final = _code(_ReturnCode.SCARD_W_CARD_NOT_AUTHENTICATED)
SCARD_W_CHV_BLOCKED: _Final = _code(_ReturnCode.SCARD_W_CHV_BLOCKED)
SCARD_W_EOF: _Final = _code(_ReturnCode.SCARD_W_EOF)
SCARD_W_REMOVED_CARD: _Final = _code(_ReturnCode.SCARD_W_REMOVED_CARD)
SCARD_W_RESET_CARD: _Final = _code(_ReturnCode.SCARD_W_RESET_CARD)
SCARD_W_SECURITY_VIOLATION: _Final = _code(_ReturnCode.SCARD_W_SECURITY_VIOLATION)
SCARD_W_UNPOWERED_CARD: _Final = _code(_ReturnCode.SCARD_W_UNPOWERED_CARD)
SCARD_W_UNRESPONSIVE_CARD: _Final = _code(_ReturnCode.SCARD_W_UNRESPONSIVE_CARD)
SCARD_W_UNSUPPORTED_CARD: _Final = _code(_ReturnCode.SCARD_W_UNSUPPORTED_CARD)
SCARD_W_WRONG_CHV: _Final = _code(_ReturnCode.SCARD_W_WRONG_CHV)

# Scopes of a context
SCARD_SCOPE_SYSTEM: _Final = _Scope.SYSTEM.value
SCARD_SCOPE_TERMINAL: _Final = _Scope.TERMINAL.value
SCARD_SCOPE_USER: _Final = _Scope.USER.value

# Share modes
SCARD_SHARE_DIRECT: _Final = _ShareMode.DIRECT.value
SCARD_SHARE_EXCLUSIVE: _Final = _ShareMode.EXCLUSIVE.value
SCARD_SHARE_SHARED: _Final = _ShareMode.SHARED.value

# States of a reader
SCARD_STATE_ATRMATCH: _Final = _State.ATRMATCH.value
SCARD_STATE_CHANGED: _Final = _State.CHANGED.value
SCARD_STATE_EMPTY: _Final = _State.EMPTY.value
SCARD_STATE_EXCLUSIVE: _Final = _State.EXCLUSIVE.value
SCARD_STATE_IGNORE: _Final = _State.IGNORE.value
SCARD_STATE_INUSE: _Final = _State.INUSE.value
SCARD_STATE_MUTE: _Final = _State.MUTE.value
SCARD_STATE_PRESENT: _Final = _State.PRESENT.value
SCARD_STATE_UNAVAILABLE: _Final = _State.UNAVAILABLE.value
SCARD_STATE_UNAWARE: _Final = _State.UNAWARE.value
SCARD_STATE_UNKNOWN: _Final = _State.UNKNOWN.value
SCARD_STATE_UNPOWERED: _Final = _State.UNPOWERED.value
