"""Faults on demand: codes, wrong answers, removals and resets in chosen calls, and a stopped or frozen service."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Self, SupportsIndex

from .._arguments import dword, integer, invalid, text
from .._at_exit import silent_at_exit
from .._half_made import repr_if_half_made
from .._locks import ForkMutex
from .._not_copied import NotCopied
from ..errors import InvalidArgumentError, number_of
from . import _scardvirtual

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from typing_extensions import Buffer

__all__ = ["Fault", "fault", "service_frozen", "service_stopped"]


class _Effect(IntEnum):
    """``enum fault_effect`` of faults.h; the names are the arguments of :func:`fault`."""

    CODE = 1
    STOP = 2
    RESET = 3
    LATENCY = 4
    REMOVAL = 5
    ANSWER = 6


@repr_if_half_made
class Fault(NotCopied):
    """An armed fault, which :func:`fault` returns. As a context manager it is disarmed at the end of the context."""

    def __init__(self, number: int, description: str) -> None:
        self._number = number
        self._description = description

    def end(self) -> None:
        """Disarm the fault. Calling this again has no effect.

        Raises:
            SCardError: the virtual library refuses it.
        """
        if self in armed:  # false in the child of a fork too: its library has no faults
            armed.discard(self)
            _scardvirtual.end_fault(self._number)

    @property
    def hits(self) -> int:
        """The number of calls that the fault has hit; 0 after it was disarmed.

        Raises:
            SCardError: the virtual library refuses the question.
        """
        return _scardvirtual.fault_hits(self._number) if self in armed else 0

    def __enter__(self) -> Self:
        return self

    @silent_at_exit
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def __repr__(self) -> str:
        return f"<scardffi.virtual.Fault {self._description}{'' if self in armed else ', ended'}>"


armed: Final[set[Fault]] = set()
"""All faults that were not disarmed."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=armed.clear)


def fault(
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
) -> Fault:
    """Arm a fault in the virtual PC/SC library, for the whole process. Give exactly one effect.

    The effects are ``code`` and ``stop`` for every function; ``answer``, ``latency``, ``removal`` and ``reset`` only
    for SCardTransmit.

    Args:
        function: the PC/SC function that the fault is in, such as ``"SCardConnect"``.
        call: the first call that it hits, counted from now: 1 is the next one.
        times: the number of consecutive calls that it hits.
        code: the call does nothing and returns this code: a number such as 0x80100006, or a name of
            :class:`~scardffi.constants.ReturnCode` such as ``"SCARD_E_NO_MEMORY"``.
        answer: the card executes the command, and the call returns these bytes, or this hexadecimal text such as
            ``"6A82"``, instead of the card's answer.
        latency: the card takes this many seconds longer.
        removal: the card is removed while it executes the command. It executes the whole command, but the answer is
            lost.
        reset: another program resets the card just before the command; the card does not get the command.
        stop: the resource manager stops just before the call; see :func:`service_stopped`.

    Raises:
        InvalidArgumentError: the function is unknown, a number is out of range, no effect or more than one is given,
            or the function cannot have this effect.
        OutOfMemoryError: 64 faults are armed already.
    """
    given = {
        _Effect.CODE: code is not None,
        _Effect.ANSWER: answer is not None,
        _Effect.LATENCY: latency is not None,
        _Effect.REMOVAL: bool(removal),
        _Effect.RESET: bool(reset),
        _Effect.STOP: bool(stop),
    }
    effects = [effect for effect, is_given in given.items() if is_given]
    if len(effects) != 1:
        raise invalid("number of effects", len(effects), "exactly one of code, answer, latency, removal, reset, stop")
    value = 0
    if code is not None:
        value = number_of(code) if isinstance(code, str) else dword("code", code)
    if latency is not None:
        value = _scardvirtual.microseconds(latency)
    name, first, hits = text("function", function), _positive("call", call), _positive("times", times)
    if effects[0] not in {_Effect.CODE, _Effect.STOP} and function != "SCardTransmit":
        raise invalid(
            "function", function, f"SCardTransmit: no other function can have the effect {effects[0].name.lower()}"
        )
    data = b"" if answer is None else _bytes_of(answer)
    try:
        number = _scardvirtual.fault(name, first, hits, effects[0], value, data)
    except InvalidArgumentError:
        raise invalid("function", function, "a function of PC/SC, such as SCardConnect") from None
    new = Fault(number, f"of {function}")
    armed.add(new)
    return new


_lock: Final = ForkMutex()
_running: Final[Counter[str]] = Counter()
"""The number of the following contexts that have not ended, by name; the process has one resource manager."""


@contextmanager
@silent_at_exit
def service_stopped() -> Iterator[None]:
    """Stop the resource manager; a context manager that starts it again at its end.

    If several of these context managers overlap, the last one to end starts the resource manager. Existing PC/SC
    contexts and handles stay invalid: their calls return SCARD_E_NO_SERVICE. Commands and waits that are running
    return SCARD_F_COMM_ERROR, but a call on a card handle that waits for the end of a transaction or command returns
    SCARD_E_NO_SERVICE. New PC/SC contexts can be established after the resource manager has started again. Readers and
    cards stay.
    """
    _begin("stopped", _scardvirtual.stop_service)
    try:
        yield
    finally:
        _end("stopped", _scardvirtual.start_service)


@contextmanager
@silent_at_exit
def service_frozen() -> Iterator[None]:
    """Let the resource manager not answer, like pcscd after SIGSTOP; a context manager that lets it go on at its end.

    If several of these context managers overlap, it goes on when the last one ends. Until then no PC/SC function
    that is called returns, not even SCardCancel, and no SCardGetStatusChange that is running. Other calls that are
    running return.
    """
    _begin("frozen", _scardvirtual.freeze_service)
    try:
        yield
    finally:
        _end("frozen", _scardvirtual.thaw_service)


def _begin(state: str, change: Callable[[], None]) -> None:
    with _lock:
        change()
        _running[state] += 1


def _end(state: str, change: Callable[[], None]) -> None:
    with _lock:
        _running[state] -= 1
        if _running[state] == 0:
            change()


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
