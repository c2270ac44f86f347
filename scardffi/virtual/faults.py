"""Faults on demand: codes, wrong answers, removals and resets in chosen calls, and a stopped or frozen service."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self, SupportsIndex

from .._arguments import text
from .._at_exit import silent_at_exit
from .._fork_guard import ForkGuard
from .._half_made import repr_if_half_made
from .._locks import ForkMutex
from .._not_copied import NotCopied
from ..constants import ReturnCode
from ..errors import InvalidArgumentError, OutOfMemoryError, from_code
from . import _scardvirtual
from ._fault_description import describe, fields, unknown_function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from typing_extensions import Buffer

    from ._fault_description import Description

__all__ = ["Fault", "fault", "service_frozen", "service_stopped"]

_TOO_MANY: Final = (
    "there are 64 faults already, and no more are possible",
    "End each fault, also one that has happened: arm it in a with statement, or call its method end().",
)


@repr_if_half_made
class Fault(NotCopied):
    """An armed fault, which :func:`fault` returns. As a context manager it is disarmed at the end of the context."""

    def __init__(self, number: int, description: Description) -> None:
        self._number = number
        self._description = description
        self._hits_elsewhere: list[Callable[[], int]] = []

    def end(self) -> None:
        """Disarm the fault. Calling this again has no effect.

        Raises:
            SCardError: the virtual library refuses it.
        """
        with _lock:
            if self in armed:  # false in the child of a fork too: its library has no faults
                armed.discard(self)
                _scardvirtual.end_fault(self._number)

    @property
    def hits(self) -> int:
        """The number of calls that the fault has hit; 0 after it was disarmed.

        Each process that got the fault by :func:`environment` and in which it has happened counts as one more, also
        after the fault was disarmed here.

        Raises:
            SCardError: the virtual library refuses the question.
        """
        elsewhere = sum(hits() for hits in self._hits_elsewhere)
        with _lock:
            return elsewhere + (_scardvirtual.fault_hits(self._number) if self in armed else 0)

    def __enter__(self) -> Self:
        return self

    @silent_at_exit
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def __repr__(self) -> str:
        end = "" if self in armed else ", ended"
        return f"<scardffi.virtual.Fault of {self._description.function}: {fields(self._description)}{end}>"


_lock: Final = ForkMutex()  # held while the following sets change
armed: Final[set[Fault]] = set()
"""All faults that were not disarmed."""
_stopped: Final[set[ForkGuard]] = set()
_frozen: Final[set[ForkGuard]] = set()
"""The contexts of :func:`service_stopped` and :func:`service_frozen` that have not ended."""


def _forget_all() -> None:
    """Clear the sets in the child of a fork: its library has no faults, and its resource manager runs."""
    armed.clear()
    _stopped.clear()
    _frozen.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def armed_now() -> list[tuple[Description, list[Callable[[], int]]]]:
    """Return what each armed fault does, and the list of functions that count the other processes that it has hit."""
    in_order = sorted(armed, key=lambda one: one._number)  # noqa: SLF001  this file's class
    return [(one._description, one._hits_elsewhere) for one in in_order]  # noqa: SLF001  the same


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

    Programs that get an :func:`environment` while the fault is armed have it too; they count their own calls.

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
        OutOfMemoryError: there are 64 faults already. A fault that has happened counts until it is disarmed.
    """
    described = describe(
        function,
        call=call,
        times=times,
        code=code,
        answer=answer,
        latency=latency,
        removal=removal,
        reset=reset,
        stop=stop,
    )
    try:
        number = _scardvirtual.fault(text("function", function), *described[1:])
    except InvalidArgumentError:
        raise unknown_function(function) from None
    except OutOfMemoryError:
        raise from_code(ReturnCode.SCARD_E_NO_MEMORY, "virtual.fault", reason=_TOO_MANY) from None
    new = Fault(number, described)
    armed.add(new)
    return new


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
    with _changed(_stopped, _scardvirtual.stop_service, _scardvirtual.start_service):
        yield


@contextmanager
@silent_at_exit
def service_frozen() -> Iterator[None]:
    """Let the resource manager not answer, like pcscd after SIGSTOP; a context manager that lets it go on at its end.

    If several of these context managers overlap, it goes on when the last one ends. Until then no PC/SC function
    that is called returns, not even SCardCancel, and no SCardGetStatusChange that is running. Other calls that are
    running return.
    """
    with _changed(_frozen, _scardvirtual.freeze_service, _scardvirtual.thaw_service):
        yield


@contextmanager
def _changed(contexts: set[ForkGuard], begin: Callable[[], None], end: Callable[[], None]) -> Iterator[None]:
    """Call ``begin``, and at the end of the context ``end``, if it is the last of these contexts to end."""
    context = ForkGuard()
    try:  # Ctrl-C may come before begin() returns
        with _lock:
            contexts.add(context)
            begin()
        yield
    finally:
        if not context.is_forked():
            with _lock:
                contexts.discard(context)
                if not contexts:
                    end()
