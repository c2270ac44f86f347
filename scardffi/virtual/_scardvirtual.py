"""The functions that scardvirtual.h declares, through ctypes: they change readers, cards, faults and the service."""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int64, c_size_t, c_uint32
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from .._arguments import invalid, seconds
from .._loader import calls
from .._service import configuration_reason
from ..constants import ReturnCode
from ..errors import from_code
from ._library_files import library_path

if TYPE_CHECKING:
    from collections.abc import Callable

_ADDRESS: Final = ctypes.c_void_p  # an int or None in Python
_TransmitFunction: Final = CFUNCTYPE(None, c_size_t, _ADDRESS, c_size_t, _ADDRESS, c_size_t, POINTER(c_int64))
"""Arguments: key of the card, command, its length, buffer for the answer, its size, result (the answer's length, or
a negated return code)."""
ResetFunction: Final = CFUNCTYPE(None, c_size_t)
"""Argument: key of the card."""
ReleasedFunction: Final = CFUNCTYPE(None, c_size_t)
"""Argument: key of the card. Python does not use this callback."""
ControlFunction: Final = CFUNCTYPE(None, c_size_t, c_uint32, _ADDRESS, c_size_t, _ADDRESS, c_size_t, POINTER(c_int64))
"""Arguments: key of the reader, control code, command, its length, buffer for the answer, its size, result (the
answer's length, a negated return code, or NOT_HANDLED)."""
NOT_HANDLED: Final = -(1 << 63)
"""SCARDVIRTUAL_NOT_HANDLED: the callback leaves the control code to the virtual reader."""


class CardFunctions(ctypes.Structure):
    """``struct scardvirtual_card``."""

    _fields_ = [
        ("data", c_size_t),
        ("transmit", _TransmitFunction),
        ("reset", ResetFunction),
        ("released", ReleasedFunction),
    ]


def transmit_function(answer: Callable[[int, bytes], bytes | int]) -> Any:
    """Return a callback that sends commands to ``answer(key of the card, command)``.

    That returns the answer, or minus a return code. If it raises, C returns SCARD_F_COMM_ERROR.
    """
    if calls is not None:
        return _TransmitFunction(calls.card_function(answer))

    def transmit(key: int, command: int | None, length: int, buffer: int | None, size: int, result: Any) -> None:
        answered = answer(key, bytes_at(command, length))
        result[0] = answered if isinstance(answered, int) else put_at(buffer, size, answered)

    return _TransmitFunction(transmit)


class ControlFunctions(ctypes.Structure):
    """``struct scardvirtual_control``."""

    _fields_ = [("data", c_size_t), ("control", ControlFunction)]


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(library_path())


def _configuration_problem() -> bytes | None:
    """Return why the library refuses ``SCARDFFI_VIRTUAL``; None if it does not."""
    problem: bytes | None = CFUNCTYPE(c_char_p)(("scardvirtual_configuration_problem", _library()))()
    return problem


def _function(name: str, *arguments: Any) -> Callable[..., None]:
    """Return a function that calls ``scardvirtual_<name>`` and raises an SCardError if the code is not 0."""
    prototype: Any = None

    def call(*values: Any) -> None:
        nonlocal prototype
        if prototype is None:
            prototype = CFUNCTYPE(c_uint32, *arguments)((f"scardvirtual_{name}", _library()))
        code = prototype(*values)
        if code != 0:
            detail = repr(values[0].decode("utf-8", "replace")) if values and isinstance(values[0], bytes) else ""
            problem = _configuration_problem() if code == ReturnCode.SCARD_E_NO_SERVICE else None
            reason = None if problem is None else configuration_reason(problem)
            raise from_code(code, f"virtual.{name}", detail, reason)

    return call


plug: Final = _function("plug", c_char_p, POINTER(ControlFunctions))
unplug: Final = _function("unplug", c_char_p)
insert: Final = _function("insert", c_char_p, c_char_p, c_size_t, POINTER(CardFunctions))
insert_answering: Final = _function("insert_answering", c_char_p, c_char_p, c_size_t)
remove: Final = _function("remove", c_char_p)
remove_after_command: Final = _function("remove_after_command", c_char_p)
reset: Final = _function("reset", c_char_p)
set_latency: Final = _function("set_latency", c_char_p, c_uint32)
end_fault: Final = _function("end_fault", c_uint32)
stop_service: Final = _function("stop_service")
start_service: Final = _function("start_service")
freeze_service: Final = _function("freeze_service")
thaw_service: Final = _function("thaw_service")
_fault: Final = _function(
    "fault", c_char_p, c_uint32, c_uint32, c_uint32, c_uint32, c_char_p, c_size_t, POINTER(c_uint32)
)
_fault_hits: Final = _function("fault_hits", c_uint32, POINTER(c_uint32))


def fault(function: bytes, call: int, times: int, effect: int, value: int, answer: bytes) -> int:
    """Arm a fault and return its number, for :data:`end_fault`."""
    number = c_uint32()
    _fault(function, call, times, effect, value, answer, len(answer), byref(number))
    return number.value


def fault_hits(number: int) -> int:
    """Return the number of calls that a fault has hit."""
    hits = c_uint32()
    _fault_hits(number, byref(hits))
    return hits.value


_LONGEST_LATENCY: Final = 4294.0  # microseconds in 32 bits


def microseconds(latency: float) -> int:
    """Convert the latency of a reader from seconds to microseconds.

    Raises:
        InvalidArgumentError: the latency is None or does not fit 32 bits.
    """
    checked = seconds("latency", latency)
    if checked is None or checked > _LONGEST_LATENCY:
        raise invalid("latency", latency, f"seconds from 0 to {_LONGEST_LATENCY:.0f}")
    return round(1e6 * checked)


def copied(name: str, value: object, allowed: str = "bytes") -> bytes:
    """Copy a bytes-like object; unlike ``bytes()``, this does not take an int for a length.

    Args:
        name: the argument's name, for the message of the error.
        value: the argument's value.
        allowed: what the caller allows, for the message.

    Raises:
        TypeError: the object is not bytes-like.
    """
    try:
        return bytes(memoryview(value))  # type: ignore[arg-type]  # it raises TypeError if this is not a buffer
    except TypeError:
        raise TypeError(f"{name}: expected {allowed}, got {type(value).__name__}") from None


def bytes_at(address: int | None, length: int) -> bytes:
    """Copy memory that C lends for one call."""
    return ctypes.string_at(address, length) if address and length else b""


def put_at(address: int | None, size: int, answer: bytes) -> int:
    """Write an answer into a buffer that C lends for one call, if it fits; return the answer's length."""
    if address and len(answer) <= size:
        ctypes.memmove(address, answer, len(answer))
    return len(answer)
