"""The deliberate differences: what pcscd 1.9.9 was seen to do, what the virtual library does instead, and why."""

from typing import Any, Final, NamedTuple

from .codes import INTERNAL_ERROR, INVALID_HANDLE, INVALID_PARAMETER, NO_MEMORY, NOT_TRANSACTED, SUCCESS, TIMEOUT
from .places import Place


class Difference(NamedTuple):
    """Of one thing that a case looks at."""

    pcscd: Any
    virtual: Any
    reason: str


_ROOM = "The limit is the daemon's room, not PC/SC's; tests of programs with many cards shall not meet it."
_LOCK = "The daemon forgets to give the reader free, and whoever connects waits for ever: an error of its own."
_COUNT = "As pcsc-lite from 2.3.0: a reader that came or went between two waits is not missed."
_RELEASE = "The client waits for its own thread; ending the wait is what the caller wants, and stalls nobody."

DIFFERENCES: Final = {
    "code of the 201st handle of a context": Difference(NO_MEMORY, SUCCESS, _ROOM),
    "code of the 201st handle of a reader": Difference(INTERNAL_ERROR, SUCCESS, _ROOM),
    "code for 17 readers in a wait": Difference(INVALID_PARAMETER, SUCCESS, _ROOM),
    "others wait when exclusive access was given up": Difference(True, False, _LOCK),
    "code of ending the transaction that exclusive access left": Difference(SUCCESS, NOT_TRANSACTED, _LOCK),
    "the list's notification counts": Difference(False, True, _COUNT),
    "code of a list whose count is not the one of now": Difference(TIMEOUT, SUCCESS, _COUNT),
    "a release waits for a wait": Difference(True, False, _RELEASE),
    "code of a wait whose context is released": Difference(TIMEOUT, INVALID_HANDLE, _RELEASE),
}


def expected(place: Place, what: str) -> Any:
    """What a case shall see of this on the place."""
    return getattr(DIFFERENCES[what], place.name)
