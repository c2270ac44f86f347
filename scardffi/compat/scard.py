"""The functions and constants of pyscard's smartcard.scard, under the same names and with the same arguments.

Every function returns what pyscard's returns: a code, or a list that begins with it. Codes are signed on the platforms
on which PC/SC's LONG has 32 bits, as pyscard's are. The functions use scardffi's default library; without a PC/SC
library they return SCARD_E_NO_SERVICE. They differ from pyscard's only if pyscard refuses an argument that is usable,
accepts one that is wrong, returns uninitialized memory, or crashes: see the page "Differences from pyscard".

A ``hcontext`` is a context that SCardEstablishContext has returned, a ``hcard`` a card handle of SCardConnect; a
``readername`` and a ``groupname`` are text. A command is a list, a tuple or a buffer of bytes. A wrong argument raises
a TypeError or an :class:`~scardffi.errors.InvalidArgumentError` that names it; nothing is sent then.
"""

from __future__ import annotations

import operator as _operator
import sys as _sys
from typing import TYPE_CHECKING

from .. import raw as _raw
from .._arguments import HANDLE_BITS as _HANDLE_BITS
from .._arguments import UNSIGNED_CHARS as _UNSIGNED_CHARS
from .._arguments import invalid as _invalid
from .._arguments import new_memory as _new_memory
from .._loader import calls as _calls
from .._loader import ffi as _ffi
from .._loader import lib as _lib
from .._reaper import wait_for_disconnects as _wait_for_disconnects
from ..constants import INFINITE as _FOR_EVER
from ..constants import MAX_BUFFER_SIZE_EXTENDED as _ROOM
from ..constants import ReturnCode as _ReturnCode
from ..constants import control_code as _control_code
from ..errors import InvalidArgumentError as _InvalidArgumentError
from ..errors import LibraryError as _LibraryError
from ..errors import SCardError as _SCardError
from ..errors import UnsupportedFunctionError as _UnsupportedFunctionError
from ..errors import lookup as _lookup
from . import _scard_constants
from ._scard_constants import *  # noqa: F403  every constant, under its own name
from ._scard_constants import _code

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, SupportsIndex, TypeAlias

    from typing_extensions import Buffer

    from .._native import CData

    _Bytes: TypeAlias = Buffer | Sequence[SupportsIndex]
    _State: TypeAlias = tuple[str, int] | tuple[str, int, _Bytes]

# pyscard's module is a package with these two modules; a program may import each function from any of the three.
scard = _scard = _sys.modules[__name__]

_ATTRIBUTE_ROOM = 264
_PROTOCOLS = (
    _scard_constants.SCARD_PROTOCOL_T0,
    _scard_constants.SCARD_PROTOCOL_T1,
    _scard_constants.SCARD_PROTOCOL_RAW,
)
_GUID_SIZE = 16


class error(Exception):  # noqa: N801, N818  pyscard's name
    """An error that the caller of these functions may raise; none of them raises it."""


# Arguments


def _integer(name: str, value: SupportsIndex) -> int:
    try:
        return int(_operator.index(value))
    except TypeError:
        raise TypeError(f"{name}: expected an int, got {type(value).__name__}") from None


def _dword(name: str, value: SupportsIndex) -> int:
    """Return a signed or unsigned number of 32 bits as an unsigned number."""
    number = _integer(name, value)
    if not -0x80000000 <= number <= 0xFFFFFFFF:
        raise _invalid(name, number, "a number of 32 bits")
    return number & 0xFFFFFFFF


def _handle(name: str, value: SupportsIndex) -> int:
    """Return a context or card handle; 0, which is never open, for a number that has too many bits."""
    number = _integer(name, value)
    return number if -(1 << _HANDLE_BITS - 1) <= number < 1 << _HANDLE_BITS else 0


def _name(name: str, value: str) -> str:
    """Return the part of a name before the first NUL."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected a str, got {type(value).__name__}")
    return value.partition("\0")[0]


def _names(name: str, values: Sequence[str]) -> list[str]:
    if not isinstance(values, (list, tuple)):
        raise TypeError(f"{name}: expected a list of str, got {type(values).__name__}")
    return [_name(f"{name}[{place}]", value) for place, value in enumerate(values)]


def _bytes(name: str, value: _Bytes) -> bytes:
    """Return a list, a tuple or a buffer as bytes."""
    if not isinstance(value, (list, tuple)):
        buffer: Any = value  # or not, which memoryview says
        try:
            return memoryview(buffer).tobytes()
        except TypeError:
            kind = type(value).__name__
            raise TypeError(f"{name}: expected a list, a tuple or a buffer of bytes, got {kind}") from None
    for place, item in enumerate(value):
        number = _integer(f"{name}[{place}]", item)
        if not 0 <= number <= 0xFF:
            raise _invalid(f"{name}[{place}]", number, "0 to 255")
    return bytes(value)


def _states(name: str, values: Sequence[_State]) -> list[tuple[str, int]]:
    """Return (reader, current state) of each reader. The ATR that pyscard also takes says nothing to PC/SC."""
    if not isinstance(values, (list, tuple)):
        raise TypeError(f"{name}: expected a list of tuples, got {type(values).__name__}")
    states = []
    for place, value in enumerate(values):
        if not isinstance(value, (list, tuple)) or len(value) not in {2, 3}:
            raise TypeError(f"{name}[{place}]: expected (reader, state) or (reader, state, ATR), got {value!r}")
        if len(value) == 3:
            _bytes(f"{name}[{place}][2]", value[2])
        current = _dword(f"{name}[{place}][1]", value[1])
        states.append((_name(f"{name}[{place}][0]", value[0]), current & ~_scard_constants.SCARD_STATE_CHANGED))
    return states


# Answers


def _code_of(failure: _SCardError) -> int:
    """Return the code in place of an error of the raw functions."""
    if isinstance(failure, _InvalidArgumentError):
        raise failure
    if isinstance(failure, _LibraryError):
        return _code(_ReturnCode.SCARD_E_NO_SERVICE)
    if isinstance(failure, _UnsupportedFunctionError):
        return _code(_ReturnCode.SCARD_E_UNSUPPORTED_FEATURE)
    return _code(_ReturnCode.SCARD_F_INTERNAL_ERROR)


def _answer(function: Callable[..., int], *arguments: object) -> int:
    """Return the code of a raw function."""
    try:
        return _code(function(*arguments))
    except _SCardError as failure:
        return _code_of(failure)


def _answers(function: Callable[..., Any], empty: tuple[object, ...], *arguments: object) -> list[Any]:
    """Return the list of a raw function's answers; ``empty`` stands for all but the code if there are none."""
    try:
        code, *values = function(*arguments)
    except _SCardError as failure:
        return [_code_of(failure), *empty]
    return [_code(code), *values]


def _exchanged(function: Callable[..., Any], *arguments: object) -> list[Any]:
    """Return [code, [byte, ...]] of a raw function whose last argument is memory for the answer, which is wiped."""
    memory: CData = _new_memory(_UNSIGNED_CHARS, _ROOM)
    length = 0
    try:
        code, length = _answers(function, (0,), *arguments, _ffi.buffer(memory))
        return [code, _ffi.unpack(memory, length) if code == 0 else []]
    finally:
        _lib.wipe_memory(memory, _ROOM)


def _atr_as_list(results: list[tuple[int, bytes]], states: Sequence[tuple[str, int]]) -> list[Any]:
    """Return (reader, state, ATR) of each reader."""
    return [(reader, state, list(atr)) for (reader, _), (state, atr) in zip(states, results, strict=True)]


# Contexts


def SCardEstablishContext(dwScope: SupportsIndex) -> list[Any]:
    """Return [code, context]. Wraps ``SCardEstablishContext``.

    Args:
        dwScope: SCARD_SCOPE_USER or SCARD_SCOPE_SYSTEM.
    """
    return _answers(_raw.SCardEstablishContext, (0,), _dword("dwScope", dwScope))


def SCardReleaseContext(hcontext: SupportsIndex) -> int:
    """Close a context and return the code. Wraps ``SCardReleaseContext``."""
    return _answer(_raw.SCardReleaseContext, _handle("hcontext", hcontext))


def SCardIsValidContext(hcontext: SupportsIndex) -> int:
    """Return 0 if a context is open, otherwise an error code. Wraps ``SCardIsValidContext``."""
    return _answer(_raw.SCardIsValidContext, _handle("hcontext", hcontext))


def SCardCancel(hcontext: SupportsIndex) -> int:
    """Wake the thread that waits in SCardGetStatusChange on a context; return the code. Wraps ``SCardCancel``."""
    return _answer(_raw.SCardCancel, _handle("hcontext", hcontext))


# Readers


def SCardListReaders(hcontext: SupportsIndex, readergroups: Sequence[str]) -> list[Any]:
    """Return [code, [reader, ...]]. Wraps ``SCardListReaders``.

    Args:
        hcontext: an open context.
        readergroups: the groups whose readers are listed; an empty list for all readers.
    """
    number, groups = _handle("hcontext", hcontext), _names("readergroups", readergroups)
    return _answers(_raw.SCardListReaders, ([],), number, groups or None)


def SCardListReaderGroups(hcontext: SupportsIndex) -> list[Any]:
    """Return [code, [group, ...]]. Wraps ``SCardListReaderGroups``."""
    return _answers(_raw.SCardListReaderGroups, ([],), _handle("hcontext", hcontext))


def SCardGetStatusChange(
    hcontext: SupportsIndex, dwTimeout: SupportsIndex, readerstatelist: Sequence[_State]
) -> list[Any]:
    """Wait until the state of a reader differs from the given state. Wraps ``SCardGetStatusChange``.

    Args:
        hcontext: an open context that no other thread uses at the same time.
        dwTimeout: milliseconds; INFINITE, more than INFINITE, or less than 0 to wait without limit.
        readerstatelist: (reader, state) or (reader, state, ATR) of each reader.

    Returns:
        [code, [(reader, state, ATR as a list), ...]]
    """
    number, milliseconds = _handle("hcontext", hcontext), _integer("dwTimeout", dwTimeout)
    if not 0 <= milliseconds < _scard_constants.INFINITE:
        milliseconds = _FOR_EVER
    states = _states("readerstatelist", readerstatelist)
    nothing = [(0, b"")] * len(states)
    code, results = _answers(_raw.SCardGetStatusChange, (nothing,), number, milliseconds, states)
    return [code, _atr_as_list(results, states)]


# Cards


def SCardConnect(
    hcontext: SupportsIndex,
    readername: str | None,
    dwShareMode: SupportsIndex,
    dwPreferredProtocols: SupportsIndex,
) -> list[Any]:
    """Return [code, card handle, active protocol]. Wraps ``SCardConnect``.

    It waits until the collected connections of this process to the reader are disconnected, at most 5 s.

    Args:
        hcontext: an open context that no other thread uses at the same time.
        readername: the name of the reader.
        dwShareMode: one of SCARD_SHARE_*.
        dwPreferredProtocols: one or several of SCARD_PROTOCOL_*.
    """
    number = _handle("hcontext", hcontext)
    reader = "" if readername is None else _name("readername", readername)
    share, protocols = _dword("dwShareMode", dwShareMode), _dword("dwPreferredProtocols", dwPreferredProtocols)
    _wait_for_disconnects(reader)
    return _answers(_raw.SCardConnect, (0, 0), number, reader, share, protocols)


def SCardReconnect(
    hcard: SupportsIndex,
    dwShareMode: SupportsIndex,
    dwPreferredProtocols: SupportsIndex,
    dwInitialization: SupportsIndex,
) -> list[Any]:
    """Return [code, active protocol] of a new connection with the same handle. Wraps ``SCardReconnect``.

    It waits for collected connections as :func:`SCardConnect` does.

    Args:
        hcard: an open card handle.
        dwShareMode: one of SCARD_SHARE_*.
        dwPreferredProtocols: one or several of SCARD_PROTOCOL_*.
        dwInitialization: SCARD_LEAVE_CARD, SCARD_RESET_CARD or SCARD_UNPOWER_CARD.
    """
    number, share = _handle("hcard", hcard), _dword("dwShareMode", dwShareMode)
    protocols = _dword("dwPreferredProtocols", dwPreferredProtocols)
    action = _dword("dwInitialization", dwInitialization)
    _wait_for_disconnects(None)
    return _answers(_raw.SCardReconnect, (0,), number, share, protocols, action)


def SCardDisconnect(hcard: SupportsIndex, dwDisposition: SupportsIndex) -> int:
    """Close a card handle and return the code. Wraps ``SCardDisconnect``.

    Args:
        hcard: an open card handle.
        dwDisposition: SCARD_LEAVE_CARD, SCARD_RESET_CARD, SCARD_UNPOWER_CARD or SCARD_EJECT_CARD.
    """
    return _answer(_raw.SCardDisconnect, _handle("hcard", hcard), _dword("dwDisposition", dwDisposition))


def SCardBeginTransaction(hcard: SupportsIndex) -> int:
    """Begin a transaction and return the code. Wraps ``SCardBeginTransaction``."""
    return _answer(_raw.SCardBeginTransaction, _handle("hcard", hcard))


def SCardEndTransaction(hcard: SupportsIndex, dwDisposition: SupportsIndex) -> int:
    """End a transaction and return the code. Wraps ``SCardEndTransaction``.

    Args:
        hcard: the handle that began it.
        dwDisposition: as for :func:`SCardDisconnect`.
    """
    return _answer(_raw.SCardEndTransaction, _handle("hcard", hcard), _dword("dwDisposition", dwDisposition))


def SCardStatus(hcard: SupportsIndex) -> list[Any]:
    """Return [code, reader, state, active protocol, ATR as a list]. Wraps ``SCardStatus``."""
    *values, atr = _answers(_raw.SCardStatus, ("", 0, 0, b""), _handle("hcard", hcard))
    return [*values, list(atr)]


def SCardTransmit(hcard: SupportsIndex, pioSendPci: SupportsIndex, apducommand: _Bytes) -> list[Any]:
    """Send a command and return [code, response as a list]. Wraps ``SCardTransmit``.

    Args:
        hcard: an open card handle.
        pioSendPci: SCARD_PCI_T0, SCARD_PCI_T1 or SCARD_PCI_RAW; 0 stands for SCARD_PCI_RAW.
        apducommand: the command.
    """
    if _calls is not None:
        answer: list[Any] | None = _calls.transmit_list(hcard, pioSendPci, apducommand)
        if answer is not None:
            return answer  # else nothing was sent: an argument is wrong or to be converted, or no library is loaded
    number = _handle("hcard", hcard)
    protocol = _dword("pioSendPci", pioSendPci) or _scard_constants.SCARD_PROTOCOL_RAW
    command = _bytes("apducommand", apducommand)
    if protocol not in _PROTOCOLS or not command:
        return [_code(_ReturnCode.SCARD_E_INVALID_PARAMETER), []]
    return _exchanged(_raw.SCardTransmit, number, protocol, command)


def SCardControl(hcard: SupportsIndex, dwControlCode: SupportsIndex, inbuffer: _Bytes) -> list[Any]:
    """Send a command to the reader's driver and return [code, answer as a list]. Wraps ``SCardControl``.

    Args:
        hcard: an open card handle.
        dwControlCode: see :func:`SCARD_CTL_CODE`.
        inbuffer: the bytes for the driver.
    """
    number, control = _handle("hcard", hcard), _dword("dwControlCode", dwControlCode)
    return _exchanged(_raw.SCardControl, number, control, _bytes("inbuffer", inbuffer))


def SCardGetAttrib(hcard: SupportsIndex, dwAttrId: SupportsIndex) -> list[Any]:
    """Return [code, value as a list] of an attribute. Wraps ``SCardGetAttrib``.

    Args:
        hcard: an open card handle.
        dwAttrId: one of SCARD_ATTR_*.
    """
    number, attribute = _handle("hcard", hcard), _dword("dwAttrId", dwAttrId)
    value = bytearray(_ATTRIBUTE_ROOM)
    code, length = _answers(_raw.SCardGetAttrib, (0,), number, attribute, value)
    return [code, list(value[:length]) if code == 0 else []]


def SCardSetAttrib(hcard: SupportsIndex, dwAttrId: SupportsIndex, ATTRIBUTESIN: _Bytes) -> int:
    """Write an attribute and return the code. Wraps ``SCardSetAttrib``.

    Args:
        hcard: an open card handle.
        dwAttrId: one of SCARD_ATTR_*.
        ATTRIBUTESIN: the new value.
    """
    number, attribute = _handle("hcard", hcard), _dword("dwAttrId", dwAttrId)
    return _answer(_raw.SCardSetAttrib, number, attribute, _bytes("ATTRIBUTESIN", ATTRIBUTESIN))


# Codes


def SCardGetErrorMessage(lErrCode: SupportsIndex) -> str:
    """Return the PC/SC library's text for a code, or scardffi's if the library has none.

    Wraps ``pcsc_stringify_error`` (pcsc-lite and macOS).
    """
    number = _integer("lErrCode", lErrCode) & 0xFFFFFFFF
    try:
        return _raw.pcsc_stringify_error(number)
    except _SCardError:
        return _lookup(number).meaning


def SCARD_CTL_CODE(code: SupportsIndex) -> int:
    """Return the control code for a function number of a driver, as the macro SCARD_CTL_CODE does."""
    number, first = _integer("code", code), _control_code(0)
    return first + (_control_code(1) - first) * number


# The database of Windows; on other platforms these functions return SCARD_E_UNSUPPORTED_FEATURE


def SCardIntroduceReader(hcontext: SupportsIndex, readername: str, devicename: str) -> int:
    """Add a name to a reader and return the code. Wraps ``SCardIntroduceReader``.

    Args:
        hcontext: an open context.
        readername: the new name.
        devicename: the reader's name in the system.
    """
    names = _name("readername", readername), _name("devicename", devicename)
    return _answer(_raw.SCardIntroduceReader, _handle("hcontext", hcontext), *names)


def SCardForgetReader(hcontext: SupportsIndex, readername: str) -> int:
    """Remove a name of a reader and return the code. Wraps ``SCardForgetReader``."""
    return _answer(_raw.SCardForgetReader, _handle("hcontext", hcontext), _name("readername", readername))


def SCardIntroduceReaderGroup(hcontext: SupportsIndex, groupname: str) -> int:
    """Add a reader group and return the code. Wraps ``SCardIntroduceReaderGroup``."""
    return _answer(_raw.SCardIntroduceReaderGroup, _handle("hcontext", hcontext), _name("groupname", groupname))


def SCardForgetReaderGroup(hcontext: SupportsIndex, groupname: str) -> int:
    """Remove a reader group and return the code. Wraps ``SCardForgetReaderGroup``."""
    return _answer(_raw.SCardForgetReaderGroup, _handle("hcontext", hcontext), _name("groupname", groupname))


def SCardAddReaderToGroup(hcontext: SupportsIndex, readername: str, groupname: str) -> int:
    """Add a reader to a reader group and return the code. Wraps ``SCardAddReaderToGroup``."""
    names = _name("readername", readername), _name("groupname", groupname)
    return _answer(_raw.SCardAddReaderToGroup, _handle("hcontext", hcontext), *names)


def SCardRemoveReaderFromGroup(hcontext: SupportsIndex, readername: str, groupname: str) -> int:
    """Remove a reader from a reader group and return the code. Wraps ``SCardRemoveReaderFromGroup``."""
    names = _name("readername", readername), _name("groupname", groupname)
    return _answer(_raw.SCardRemoveReaderFromGroup, _handle("hcontext", hcontext), *names)


def _guids(name: str, value: _Bytes) -> list[bytes]:
    """Return the GUIDs in a row of bytes."""
    row = _bytes(name, value)
    if len(row) % _GUID_SIZE:
        raise _invalid(name, row.hex(), f"GUIDs of {_GUID_SIZE} bytes")
    return [row[start : start + _GUID_SIZE] for start in range(0, len(row), _GUID_SIZE)]


def _list_cards(hcontext: SupportsIndex, atr: _Bytes, guids: _Bytes) -> list[Any]:
    """Return [code, [card type, ...]]. Wraps ``SCardListCards``.

    Args:
        hcontext: an open context.
        atr: list only card types with this ATR; an empty list for all.
        guids: the GUIDs of interfaces, one after the other; list only card types that have all of them.
    """
    number, known = _handle("hcontext", hcontext), _bytes("atr", atr)
    return _answers(_raw.SCardListCards, ([],), number, known or None, _guids("guids", guids))


def _list_interfaces(hcontext: SupportsIndex, cardname: str) -> list[Any]:
    """Return [code, [GUID as a list, ...]] of a card type. Wraps ``SCardListInterfaces``."""
    number, card = _handle("hcontext", hcontext), _name("cardname", cardname)
    code, guids = _answers(_raw.SCardListInterfaces, ([],), number, card)
    return [code, [list(guid) for guid in guids]]


def _locate_cards(hcontext: SupportsIndex, cardnames: Sequence[str], readerstatelist: Sequence[_State]) -> list[Any]:
    """Search readers for card types. Wraps ``SCardLocateCards``.

    Args:
        hcontext: an open context.
        cardnames: names of card types.
        readerstatelist: as for :func:`SCardGetStatusChange`.

    Returns:
        [code, [(reader, state, ATR as a list), ...]]
    """
    number, cards = _handle("hcontext", hcontext), _names("cardnames", cardnames)
    states = _states("readerstatelist", readerstatelist)
    nothing = [(0, b"")] * len(states)
    code, results = _answers(_raw.SCardLocateCards, (nothing,), number, cards, states)
    return [code, _atr_as_list(results, states)]


def _introduce_card_type(
    hcontext: SupportsIndex, cardname: str, provider: _Bytes, interfaces: _Bytes, atr: _Bytes, mask: _Bytes
) -> int:
    """Add a card type and return the code. Wraps ``SCardIntroduceCardType``.

    Args:
        hcontext: an open context.
        cardname: the name of the card type.
        provider: the GUID of its primary service provider; an empty list for none.
        interfaces: the GUIDs of its interfaces, one after the other.
        atr: its ATR.
        mask: the bits of the ATR that are compared.
    """
    number, card = _handle("hcontext", hcontext), _name("cardname", cardname)
    primary, guids = _bytes("provider", provider) or None, _guids("interfaces", interfaces)
    pattern = _bytes("atr", atr), _bytes("mask", mask)
    return _answer(_raw.SCardIntroduceCardType, number, card, *pattern, primary, guids)


def _forget_card_type(hcontext: SupportsIndex, cardname: str) -> int:
    """Remove a card type and return the code. Wraps ``SCardForgetCardType``."""
    return _answer(_raw.SCardForgetCardType, _handle("hcontext", hcontext), _name("cardname", cardname))


def _provider_name(hcontext: SupportsIndex, cardname: str, dwProviderId: SupportsIndex) -> list[Any]:
    """Return [code, name of a provider] of a card type. Wraps ``SCardGetCardTypeProviderName``.

    Args:
        hcontext: an open context.
        cardname: the name of the card type.
        dwProviderId: SCARD_PROVIDER_PRIMARY or SCARD_PROVIDER_CSP.
    """
    number, card = _handle("hcontext", hcontext), _name("cardname", cardname)
    return _answers(_raw.SCardGetCardTypeProviderName, ("",), number, card, _dword("dwProviderId", dwProviderId))


if _sys.platform == "win32":  # pyscard has these functions only on Windows
    SCardListCards = _list_cards
    SCardListInterfaces = _list_interfaces
    SCardLocateCards = _locate_cards
    SCardIntroduceCardType = _introduce_card_type
    SCardForgetCardType = _forget_card_type
    SCardGetCardTypeProviderName = _provider_name

_PUBLIC = ("SCard", "SCARD_", "INFINITE", "INVALID_HANDLE", "resourceManager", "error")
__all__ = [name for name in globals() if name.startswith(_PUBLIC)]  # pyright: ignore  names of the platform
