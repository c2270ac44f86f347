"""Readers and cards without hardware: a PC/SC library of our own, in plain C, and what one does to its world.

It has the ABI of the platform's PC/SC library and behaves as that does. Its world is one process: readers, cards,
sharing, transactions and events span the contexts and threads of that process. At the start there is one reader,
:data:`DEFAULT_READER`, with an :class:`AnsweringCard` in it, or what the environment variable ``SCARDFFI_VIRTUAL``
describes.
"""

from __future__ import annotations

from .card import ANSWERING_ATR, AnsweringCard
from .faults import Fault, fault, service_stopped
from .installation import installed, library_path
from .reader import DEFAULT_READER, VirtualReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .card import Card as Card

__all__ = [
    "ANSWERING_ATR",
    "DEFAULT_READER",
    "AnsweringCard",
    "Fault",
    "VirtualReader",
    "fault",
    "installed",
    "library_path",
    "service_stopped",
]
