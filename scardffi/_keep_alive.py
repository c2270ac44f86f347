"""Keeps a transaction alive: Windows resets a card if there is no call for five seconds during a transaction."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from ._loader import lib
from ._locks import Gate
from ._threads import start

if TYPE_CHECKING:
    from ._native import CData, Manage

SECONDS: Final = 2.0
_EXIT_SECONDS: Final = 0.05


def keep_alive(native: Manage, attachment: int, ended: Gate) -> None:
    """Ask for the card's status every 2 seconds, on another thread, until the transaction ends.

    Args:
        native: the manage object in C.
        attachment: the number of its attachment that holds the transaction; 0 for any.
        ended: is opened when the transaction ends. The thread ends without it too, at its next call.
    """
    keeper = _Keeper(ended)
    _keepers.add(keeper)
    start(keeper.run, native, attachment)


class _Keeper:
    """The thread of one transaction."""

    def __init__(self, ended: Gate) -> None:
        self.ended = ended
        self.gone = Gate()

    def run(self, native: CData, attachment: int) -> None:
        while not self.ended.wait(SECONDS) and lib.manage_keep_alive(native, attachment):
            pass
        self.gone.open()


_keepers: Final[WeakSet[_Keeper]] = WeakSet()


def _end_all() -> None:
    """End the threads before the interpreter ends; one in a call that does not return is not waited for."""
    keepers = list(_keepers)
    for keeper in keepers:
        keeper.ended.open()
    for keeper in keepers:
        keeper.gone.wait(_EXIT_SECONDS)


atexit.register(_end_all)
