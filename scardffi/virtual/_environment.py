"""The environment in which another program finds virtual readers and faults."""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self

from .._locks import ForkMutex, Gate
from ._fault_description import checked, written
from ._library_files import library_folder, library_path
from .card import AnsweringCard
from .faults import armed_now
from .vpcd import VpcdCard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType

    from .card import Card

_SEPARATORS = ",;"
_ACCEPT_SECONDS: Final = 0.1


class Environment(dict[str, str]):
    """The environment variables with which another program uses virtual readers; :func:`environment` returns it.

    It is a dictionary, and a copy of it is only a dictionary.

    Attributes:
        errors: the exceptions that the cards have raised, except those that give a return code, with their tracebacks.
            The program got SCARD_F_COMM_ERROR for each of them, except for those of a card's ``reset()`` and ``atr``.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.errors: list[BaseException] = []
        self._reports: list[tuple[str, _Report]] = []

    @property
    def missed_faults(self) -> list[str]:
        """The faults that have not happened in any program, as entries of ``SCARDFFI_VIRTUAL``."""
        return [entry for entry, report in self._reports if report.count() == 0]

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


class _Report:
    """A port to which a virtual library connects when a fault happens in its process for the first time.

    A thread accepts the connections: if too many wait, the next process waits too, with its PC/SC calls.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.setblocking(False)
        self._lock = ForkMutex()
        self._count = 0
        self._end = Gate()
        self._thread = threading.Thread(target=self._accept, name="fault reports", daemon=True)
        self.port: int = self._listener.getsockname()[1]

    def count(self) -> int:
        """Return the number of processes that have connected before the end of the context."""
        with self._lock:
            with suppress(OSError):  # there is no further connection, or the socket is closed
                while True:
                    self._listener.accept()[0].close()
                    self._count += 1
            return self._count

    def _accept(self) -> None:
        while not self._end.wait(_ACCEPT_SECONDS):
            self.count()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end.open()
        if not sys.is_finalizing():  # while the interpreter is ending, no other thread runs
            self._thread.join()
            self.count()
        self._listener.close()


class _CardOfProgram(VpcdCard):
    """A card for readers of the virtual library, which understands an empty message and a code as a failure."""

    _passes_codes = True

    def __init__(self, card: Card, errors: list[BaseException]) -> None:
        super().__init__(card, 0, listen=True)
        self.errors = errors


@contextmanager
def environment(
    cards: Mapping[str, Card | AnsweringCard | None], *, faults: Iterable[str] = ()
) -> Iterator[Environment]:
    """Return the environment variables with which another program uses virtual readers.

    On Linux they serve every program that loads libpcsclite.so.1, in any language; elsewhere, programs that use
    scardffi. The cards are in this process, and each program that is started gets them, while the context lasts. If a
    card raises an exception, the program gets SCARD_F_COMM_ERROR, and the exception is raised at the end of the
    context, unless it was removed from :attr:`Environment.errors` or another exception ends the context.

    The faults that are armed in this process (:func:`fault`) are faults of each program too, which counts its own
    calls. ``SCARDFFI_VIRTUAL`` of this process is not passed on.

    Args:
        cards: the card in each reader, by the reader's name; None for an empty reader.
        faults: further faults of each program, as in ``SCARDFFI_VIRTUAL``, such as
            ``"function=SCardTransmit,call=4,removal"``.

    Raises:
        ValueError: there are no readers, a name is empty or has a comma or a semicolon, or a fault is not valid.
        OSError: a socket could not be opened.
    """
    __tracebackhide__ = True
    if not cards:
        raise ValueError("cards: {} is not allowed; give at least one reader")
    variables = Environment({**os.environ, "SCARDFFI_LIBRARY": library_path()})
    with ExitStack() as stack:
        entries = []
        for name, card in cards.items():
            if not name or any(one in name for one in _SEPARATORS):
                raise ValueError(
                    f"cards: the name {name!r} is not allowed; give characters other than comma and semicolon"
                )
            entries.append(f"reader,name={name}")
            if card is None:
                entries[-1] += ",card=none"
            elif not isinstance(card, AnsweringCard):
                entries[-1] += f",python={stack.enter_context(_CardOfProgram(card, variables.errors)).port}"
        variables["SCARDFFI_VIRTUAL"] = ";".join([*entries, *_with_reports(faults, variables, stack)])
        if sys.platform.startswith("linux"):
            folders = [library_folder(), os.environ.get("LD_LIBRARY_PATH", "")]
            variables["LD_LIBRARY_PATH"] = ":".join(filter(None, folders))
        yield variables
    if variables.errors:
        raise variables.errors[0]


def _with_reports(faults: Iterable[str], variables: Environment, stack: ExitStack) -> Iterator[str]:
    """Yield the entries of the armed faults and of these, each with the port of its report."""
    here = [(written(fault), hits) for fault, hits in armed_now()]
    for entry, hits in [*here, *((checked(one), []) for one in faults)]:
        if ",report=" in entry:  # it is reported to another process
            yield entry
            continue
        report = stack.enter_context(_Report())
        hits.append(report.count)
        variables._reports.append((entry, report))  # noqa: SLF001  a class of this file
        yield f"{entry},report={report.port}"
