"""Faults on demand: return codes, garbage, removals and resets at the n-th call of a function; a stopped service."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager

from .._arguments import dword, integer, invalid, text
from ..errors import InvalidArgumentError
from . import world

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Final, Self, SupportsIndex

# enum effect of faults.h
_CODE, _STOP, _RESET, _LATENCY, _REMOVAL, _ANSWER = 1, 2, 3, 4, 5, 6


class Fault:
    """An armed fault; as a context manager it ends with the context. Ended or not, it happens no more than told."""

    def __init__(self, number: int, description: str) -> None:
        self._number = number
        self._description = description

    def end(self) -> None:
        """Disarm it. Ending twice is nothing."""
        if self in armed:  # else it has ended, or this is a fork, which never had it
            armed.discard(self)
            world.end_fault(self._number)

    @property
    def hits(self) -> int:
        """How many calls it has hit; 0 where it has ended."""
        return world.fault_hits(self._number) if self in armed else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def __repr__(self) -> str:
        return f"<scardffi.virtual.Fault {self._description}{'' if self in armed else ', ended'}>"


armed: Final[set[Fault]] = set()
"""All that have not ended."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=armed.clear)


def fault(
    function: str,
    *,
    call: SupportsIndex = 1,
    times: SupportsIndex = 1,
    code: SupportsIndex | None = None,
    answer: bytes | None = None,
    latency: float | None = None,
    removal: bool = False,
    reset: bool = False,
    stop: bool = False,
) -> Fault:
    """Arm a fault in our own PC/SC library, for the whole process. Exactly one effect is named.

    Args:
        function: the PC/SC function that it happens in, such as ``"SCardConnect"``.
        call: the first call that it hits, counted from now: 1 is the next one.
        times: how many calls it hits from there on.
        code: the call does nothing and answers this code, such as 0x80100006 (SCARD_E_NO_MEMORY).
        stop: the resource manager stops just before the call; :func:`service_stopped` tells what that means.
        answer: the card runs the command, and these bytes come back. This and what follows is for SCardTransmit.
        latency: the card takes so many seconds more.
        removal: the card is taken out when it has begun with the command: it runs it, and no answer comes back.
        reset: another program has reset the card just before the command, which the card does not see.

    Raises:
        InvalidArgumentError: an unknown function, a number out of range, no effect or several of them, or an effect
            that the function cannot have.
        OutOfMemoryError: there are 64 faults that have not ended.
    """
    wanted = {
        _CODE: code is not None,
        _ANSWER: answer is not None,
        _LATENCY: latency is not None,
        _REMOVAL: bool(removal),
        _RESET: bool(reset),
        _STOP: bool(stop),
    }
    named = [effect for effect, is_named in wanted.items() if is_named]
    if len(named) != 1:
        raise invalid("effect", len(named), "exactly one of code, answer, latency, removal, reset and stop")
    value = 0
    if code is not None:
        value = dword("code", code)
    if latency is not None:
        value = world.microseconds(latency)
    name, first, hits = text("function", function), _positive("call", call), _positive("times", times)
    if named[0] not in {_CODE, _STOP} and function != "SCardTransmit":
        raise invalid("function", function, "SCardTransmit, which alone can have answer, latency, removal and reset")
    data = b"" if answer is None else world.copied("answer", answer)
    try:
        number = world.fault(name, first, hits, named[0], value, data)
    except InvalidArgumentError:
        raise invalid("function", function, "a function of PC/SC, such as SCardConnect") from None
    one = Fault(number, f"of {function}")
    armed.add(one)
    return one


_stopping: Final = threading.Lock()
_stops = 0  # how many uses of service_stopped() are under way


@contextmanager
def service_stopped() -> Iterator[None]:
    """The resource manager does not run while the context lasts, or the outermost of several.

    Contexts and handles that exist are lost for good: their calls answer SCARD_E_NO_SERVICE, those that are under way
    SCARD_F_COMM_ERROR (or SCARD_E_NO_SERVICE where they wait for another's transaction). New contexts can be had when
    it runs again; readers and cards stay.
    """
    global _stops  # noqa: PLW0603  the resource manager is one for the process
    with _stopping:
        world.stop_service()
        _stops += 1
    try:
        yield
    finally:
        with _stopping:
            _stops -= 1
            if _stops == 0:
                world.start_service()


def _positive(name: str, value: SupportsIndex) -> int:
    number = integer(name, value)
    if not 1 <= number <= 0xFFFFFFFF:
        raise invalid(name, number, "1 to 0xFFFFFFFF")
    return number
