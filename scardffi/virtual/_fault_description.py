"""The description of a fault: its checked arguments, and its entry in SCARDFFI_VIRTUAL."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, SupportsIndex

from .._arguments import dword, integer, invalid, text
from ..errors import InvalidArgumentError, number_of
from ..library import Library
from . import _scardvirtual

if TYPE_CHECKING:
    from typing_extensions import Buffer

_FLAGS: Final = ("removal", "reset", "stop")
_KEYS: Final = ("function", "call", "times", "code", "answer", "latency", "report")
_LONGEST_ANSWER: Final = 400  # bytes; configuration.c has room for entries of 1 023 characters


class Effect(IntEnum):
    """``enum fault_effect`` of faults.h; the names are the arguments of :func:`fault`."""

    CODE = 1
    STOP = 2
    RESET = 3
    LATENCY = 4
    REMOVAL = 5
    ANSWER = 6


class Description(NamedTuple):
    """The effect of a fault, and the calls that it hits."""

    function: str
    call: int
    times: int
    effect: Effect
    value: int
    """The code, or the latency in microseconds."""
    answer: bytes


def describe(
    function: str,
    *,
    call: SupportsIndex = 1,
    times: SupportsIndex = 1,
    code: SupportsIndex | str | None = None,
    answer: Buffer | str | None = None,
    latency: float | None = None,
    removal: bool = False,
    reset: bool = False,
    stop: bool = False,
) -> Description:
    """Check the arguments of :func:`fault`, except that there is such a function."""
    given = {
        Effect.CODE: code is not None,
        Effect.ANSWER: answer is not None,
        Effect.LATENCY: latency is not None,
        Effect.REMOVAL: bool(removal),
        Effect.RESET: bool(reset),
        Effect.STOP: bool(stop),
    }
    effects = [effect for effect, is_given in given.items() if is_given]
    if len(effects) != 1:
        raise invalid("number of effects", len(effects), "exactly one of code, answer, latency, removal, reset, stop")
    value = 0
    if code is not None:
        value = number_of(code) if isinstance(code, str) else dword("code", code)
    if latency is not None:
        value = _scardvirtual.microseconds(latency)
    text("function", function)
    first, hits = _positive("call", call), _positive("times", times)
    if effects[0] not in {Effect.CODE, Effect.STOP} and function != "SCardTransmit":
        raise invalid(
            "function", function, f"SCardTransmit: no other function can have the effect {effects[0].name.lower()}"
        )
    return Description(function, first, hits, effects[0], value, b"" if answer is None else _bytes_of(answer))


def unknown_function(function: str) -> InvalidArgumentError:
    """Return the error for a function that can have no fault."""
    return invalid("function", function, "a function of PC/SC, such as SCardConnect")


def fields(fault: Description) -> str:
    """Return the calls and the effect of a fault as fields, such as ``call=4,times=1,removal``."""
    values = {
        Effect.CODE: f"=0x{fault.value:08X}",
        Effect.ANSWER: f"={fault.answer.hex()}",
        Effect.LATENCY: f"={-(-fault.value // 1000)}",  # milliseconds, rounded up
    }
    return f"call={fault.call},times={fault.times},{fault.effect.name.lower()}{values.get(fault.effect, '')}"


def written(fault: Description) -> str:
    """Return the entry of a fault in ``SCARDFFI_VIRTUAL``.

    Raises:
        InvalidArgumentError: the answer is too long for an entry.
    """
    if len(fault.answer) > _LONGEST_ANSWER:
        length = len(fault.answer)
        raise invalid("length of the answer of a fault for another program", length, f"at most {_LONGEST_ANSWER} bytes")
    return f"fault,function={fault.function},{fields(fault)}"


def checked(entry: str) -> str:
    """Check an entry and return it in the form of :func:`written`, with the field ``report`` if it has one.

    Args:
        entry: its fields, such as ``"function=SCardTransmit,call=4,removal"``. They may come after ``"fault,"``.

    Raises:
        InvalidArgumentError: the entry is not valid. The message names the field.
    """
    arguments: dict[str, Any] = {}
    for field in entry.strip().removeprefix("fault,").split(","):
        key, equals, value = field.strip().partition("=")
        if key in arguments:
            raise invalid("fault", entry, f"{key} once")
        if key not in (_KEYS if equals else _FLAGS):
            raise invalid("field of a fault", field.strip(), f"one of {'=, '.join(_KEYS)}=, {', '.join(_FLAGS)}")
        arguments[key] = _value(key, value) if equals else True
    report = arguments.pop("report", None)
    function = arguments.pop("function", "")
    if not function.startswith("SCard") or not hasattr(Library, function):
        raise unknown_function(function)
    return written(describe(function, **arguments)) + ("" if report is None else f",report={report}")


def _value(key: str, value: str) -> Any:
    """Return the value of a field as an argument of :func:`fault`."""
    if key in {"function", "answer"} or (key == "code" and not value[:1].isdecimal()):
        return value
    try:
        number = int(value, 16 if value.startswith("0x") else 10)
    except ValueError:
        raise invalid(key, value, "a decimal number, or a hexadecimal one after 0x") from None
    return number / 1000 if key == "latency" else number


def _bytes_of(answer: Buffer | str) -> bytes:
    if not isinstance(answer, str):
        return _scardvirtual.copied("answer", answer, "bytes, or hexadecimal text")
    try:
        return bytes.fromhex(answer)
    except ValueError:
        raise invalid("answer", answer, "two hexadecimal digits for each byte, such as 6A82") from None


def _positive(name: str, value: SupportsIndex) -> int:
    number = integer(name, value)
    if not 1 <= number <= 0xFFFFFFFF:
        raise invalid(name, number, "1 to 0xFFFFFFFF")
    return number
