"""The deliberate differences: what pcscd does, what the virtual library does instead, and why.

They were seen with pcscd 1.9.9 and 2.5.3.
"""

from typing import Any, Final, NamedTuple

from support.pcscd import pcscd_version

from .codes import (
    INTERNAL_ERROR,
    INVALID_HANDLE,
    INVALID_PARAMETER,
    NO_MEMORY,
    NOT_TRANSACTED,
    SUCCESS,
    TIMEOUT,
    UNEXPECTED,
)
from .places import Place


class Difference(NamedTuple):
    """The results of one thing that a case checks."""

    pcscd: Any
    virtual: Any
    reason: str
    gone_in_2: bool = False
    """True if pcscd 2 does what the virtual library does."""
    new_in_2: bool = False
    """True if pcscd 1 does what the virtual library does."""


_ROOM = "The limit is the daemon's, not PC/SC's; tests of programs with many cards should not meet it."
_LOCK = "The daemon does not unlock the reader, and every connection waits for ever; that is an error in pcscd."
_COUNT = "As in pcsc-lite from 2.3.0 on: a reader plugged in or unplugged between two waits is not missed."
_RELEASE = "The client waits for its own thread; the caller wants the wait to end, and then no thread is blocked."
_BUSY = "The client locks its context during a call, and then the whole process; PC/SC does not ask for that."

_FEWER = "An error in pcsc-lite 2.5: it compares the list's size with the largest that the process has seen."
_GONE = "An error in pcscd 2.5, seen seldom: while its list of readers changes, it may miss a reader that is there."

DIFFERENCES: Final = {
    "code of the 201st handle of a context": Difference(NO_MEMORY, SUCCESS, _ROOM),
    "code of the 201st handle of a reader": Difference(INTERNAL_ERROR, SUCCESS, _ROOM),
    "code for 17 readers in a wait": Difference(INVALID_PARAMETER, SUCCESS, _ROOM, gone_in_2=True),
    "others wait when exclusive access was given up": Difference(True, False, _LOCK),
    "code of ending the transaction that exclusive access left": Difference(SUCCESS, NOT_TRANSACTED, _LOCK),
    "the list's notification counts": Difference(False, True, _COUNT, gone_in_2=True),
    "code of a list whose count is not the one of now": Difference(TIMEOUT, SUCCESS, _COUNT, gone_in_2=True),
    "code of a list after a restart with fewer readers": Difference(UNEXPECTED, SUCCESS, _FEWER, new_in_2=True),
    "a wait ends while other readers come and go": Difference(True, False, _GONE, new_in_2=True),
    "a call on a card waits for a wait of its context": Difference(True, False, _BUSY),
    "then a call on another context waits": Difference(True, False, _BUSY),
    "a release waits for a wait": Difference(True, False, _RELEASE),
    "code of a wait whose context is released": Difference(SUCCESS, INVALID_HANDLE, _RELEASE),
}


PCSCD_2: Final = pcscd_version().startswith("pcscd 2")


def expected(place: Place, what: str) -> Any:
    """Return the result that a case must get in this place."""
    return expected_in(place.name, what)


def expected_in(place_name: str, what: str) -> Any:
    """Return the result that a case must get in the place of this name."""
    difference = DIFFERENCES[what]
    differs = not difference.gone_in_2 if PCSCD_2 else not difference.new_in_2
    return difference.pcscd if place_name == "pcscd" and differs else difference.virtual
