"""The functions of scardvirtual.h: what is done to the world of this process beside PC/SC, through ctypes."""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int64, c_size_t, c_uint32

from .._arguments import invalid, seconds
from ..errors import from_code
from .files import library_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

_ADDRESS: Final = ctypes.c_void_p  # a plain int on this side
TransmitFunction: Final = CFUNCTYPE(None, c_size_t, _ADDRESS, c_size_t, _ADDRESS, c_size_t, POINTER(c_int64))
"""(key of the card, command, its length, place for the answer, room, result: the answer's length or minus a code)"""
ResetFunction: Final = CFUNCTYPE(None, c_size_t)
"""(key of the card)"""
ReleasedFunction: Final = CFUNCTYPE(None, c_size_t)
"""(key of the card); Python has no use for it"""
ControlFunction: Final = CFUNCTYPE(None, c_size_t, c_uint32, _ADDRESS, c_size_t, _ADDRESS, c_size_t, POINTER(c_int64))
"""(key of the reader, code, command, its length, place for the answer, room, result: as above, or LEAVE_IT)"""
LEAVE_IT: Final = -(1 << 63)
"""Let the reader answer a control code by itself."""


class CardFunctions(ctypes.Structure):
    """``struct scardvirtual_card``."""

    _fields_ = [
        ("data", c_size_t),
        ("transmit", TransmitFunction),
        ("reset", ResetFunction),
        ("released", ReleasedFunction),
    ]


class ControlFunctions(ctypes.Structure):
    """``struct scardvirtual_control``."""

    _fields_ = [("data", c_size_t), ("control", ControlFunction)]


_loaded: ctypes.CDLL | None = None


def _library() -> ctypes.CDLL:
    global _loaded  # noqa: PLW0603  loaded once, at the first use
    if _loaded is None:
        _loaded = ctypes.CDLL(library_path())
    return _loaded


def _function(name: str, *arguments: Any) -> Callable[..., None]:
    """The function of this name: it raises for a code that is not 0."""
    prototype: Any = None

    def call(*values: Any) -> None:
        nonlocal prototype
        if prototype is None:
            prototype = CFUNCTYPE(c_uint32, *arguments)((f"scardvirtual_{name}", _library()))
        code = prototype(*values)
        if code != 0:
            detail = repr(values[0].decode("utf-8", "replace")) if values and isinstance(values[0], bytes) else ""
            raise from_code(code, f"virtual.{name}", detail)

    return call


plug: Final = _function("plug", c_char_p, POINTER(ControlFunctions))
unplug: Final = _function("unplug", c_char_p)
insert: Final = _function("insert", c_char_p, c_char_p, c_size_t, POINTER(CardFunctions))
insert_answering: Final = _function("insert_answering", c_char_p, c_char_p, c_size_t)
remove: Final = _function("remove", c_char_p)
reset: Final = _function("reset", c_char_p)
set_latency: Final = _function("set_latency", c_char_p, c_uint32)
end_fault: Final = _function("end_fault", c_uint32)
stop_service: Final = _function("stop_service")
start_service: Final = _function("start_service")
_fault: Final = _function(
    "fault", c_char_p, c_uint32, c_uint32, c_uint32, c_uint32, c_char_p, c_size_t, POINTER(c_uint32)
)
_fault_hits: Final = _function("fault_hits", c_uint32, POINTER(c_uint32))


def fault(function: bytes, call: int, times: int, effect: int, value: int, answer: bytes) -> int:
    """Arm a fault; answers its number, for :data:`end_fault`."""
    number = c_uint32()
    _fault(function, call, times, effect, value, answer, len(answer), byref(number))
    return number.value


def fault_hits(number: int) -> int:
    """How many calls a fault has hit."""
    hits = c_uint32()
    _fault_hits(number, byref(hits))
    return hits.value


_LONGEST_LATENCY: Final = 4294.0  # microseconds in 32 bits


def microseconds(latency: float) -> int:
    """The latency of a card, from seconds.

    Raises:
        InvalidArgumentError: none or more than C can hold.
    """
    checked = seconds("latency", latency)
    if checked is None or checked > _LONGEST_LATENCY:
        raise invalid("latency", latency, f"seconds from 0 to {_LONGEST_LATENCY:.0f}")
    return round(1e6 * checked)


def copied(name: str, value: object) -> bytes:
    """The bytes of a bytes-like object, and nothing else: bytes() takes a number for a length.

    Raises:
        TypeError: it is none.
    """
    try:
        return bytes(memoryview(value))  # type: ignore[arg-type]  # it raises for what is no buffer
    except TypeError:
        raise TypeError(f"{name}: expected bytes, got {type(value).__name__}") from None


def bytes_at(address: int | None, length: int) -> bytes:
    """A copy of memory that C has lent for one call."""
    return ctypes.string_at(address, length) if address and length else b""


def put_at(address: int | None, room: int, answer: bytes) -> int:
    """Write an answer into memory that C has lent for one call, where it fits; answers its length."""
    if address and len(answer) <= room:
        ctypes.memmove(address, answer, len(answer))
    return len(answer)
