"""A PC/SC library that records all calls and passes them on, its records, and a card that replays them.

If the environment variable ``SCARDFFI_TRACE`` is a path, or ``-`` for text on stderr, a program that uses scardffi is
recorded from its start. :func:`library_folder` is for other programs on Linux, :func:`record` for a part of a program.
The file is a pcapng file, which Wireshark decodes.
"""

from __future__ import annotations

from ._library_files import library_folder, library_path
from ._reading import read
from ._record import Record
from ._recording import log, record
from ._replay import Order, ReplayCard, UnexpectedCommandError

__all__ = [
    "Order",
    "Record",
    "ReplayCard",
    "UnexpectedCommandError",
    "library_folder",
    "library_path",
    "log",
    "read",
    "record",
]
