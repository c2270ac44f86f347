"""Recording the calls of this process: :func:`record`, and what it does with a callable."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from .._at_exit import silent_at_exit
from .._loader import default_replaced
from ..library import Library
from . import _scardtrace
from ._pcapng import records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._record import Record

_logger: Final = logging.getLogger("scardffi.trace")


def log(record: Record) -> None:
    """Write a record to the logger ``scardffi.trace``, with the level DEBUG; a destination for :func:`record`."""
    _logger.debug("%s", _Text(record))


class _Text:
    """A record as text, which is made only if a handler wants it."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def __str__(self) -> str:
        fields = self._record.as_dict()
        function, result, duration = fields.pop("function"), fields.pop("result"), fields.pop("duration_ns")
        del fields["time_ns"]
        rest = " ".join(f"{name}={value}" for name, value in fields.items())
        return f"{function} 0x{result:08X} duration_us={duration / 1000:.1f} {rest}"


@contextmanager
@silent_at_exit
def record(
    destination: str | os.PathLike[str] | Callable[[Record], object],
    *,
    library: Library | None = None,
    secrets: str = "",
    show_secrets: bool = False,
) -> Iterator[Library]:
    """Record the PC/SC calls of objects that are made while the context lasts.

    The context manager makes a library that records the default one, and yields it. Objects that exist already are not
    recorded, nor are calls of other modules of the process, such as pyscard, to a PC/SC library that they have loaded
    themselves. When the context ends, its objects can still be used, and are no longer recorded.

    Args:
        destination: a path, "-" for text on stderr, or a callable. A file is created, or appended to if it is a trace
            already. A callable is called with each :class:`Record` on a thread of its own, and must not use what is
            recorded; no call of it is made after the end of the context.
        library: the library that is recorded, instead of the default one.
        secrets: more commands whose data is replaced, in the form of ``SCARDFFI_TRACE_SECRETS``.
        show_secrets: True to keep all PINs and keys.

    Raises:
        ValueError: the file exists and is not a trace, or ``secrets`` is not valid.
        OSError: the file cannot be opened.
        LibraryError: no PC/SC library can be loaded.
    """
    rules = f"show,{secrets}" if show_secrets else secrets
    traced = (Library.default() if library is None else library).traced()
    recording = _scardtrace.Recording(traced.trace_slot)
    with ExitStack() as stack:
        if callable(destination):
            _start_with_callable(stack, recording, destination, rules)
        else:
            stack.callback(recording.stop)
            recording.start(os.fspath(destination), rules)
        stack.enter_context(default_replaced(traced.native))
        yield traced


def _start_with_callable(
    stack: ExitStack, recording: _scardtrace.Recording, destination: Callable[[Record], object], rules: str
) -> None:
    """Start a thread that calls ``destination`` with each record that it reads from a pipe, and the recording to it."""
    reading, writing = os.pipe()
    pipe = open(reading, "rb")  # noqa: PTH123, SIM115  a descriptor, which the thread closes

    def call_with_each() -> None:
        with pipe, suppress(ValueError):  # if the recording does not start, the pipe is empty
            for one in records(pipe, "the pipe"):
                try:
                    destination(one)
                except Exception:
                    _logger.exception("%r raised an exception", destination)

    thread = threading.Thread(target=call_with_each, name="scardffi.trace", daemon=True)
    try:
        try:
            thread.start()
        except RuntimeError:  # no more threads can be started
            pipe.close()
            raise
        stack.callback(thread.join)
        stack.callback(recording.stop)
        recording.start(writing, rules)
    finally:
        os.close(writing)
