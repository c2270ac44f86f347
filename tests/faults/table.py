"""The table of faults: each row has a fault, its moment, the operation that it hits, and the expected outcomes."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from .operations import ODD_ANSWERS, OPERATIONS, Operation

RESULT: Final = "the result"
BOTH: Final = ("virtual", "pcscd")
DAEMON: Final = ("pcscd",)
VIRTUAL: Final = ("virtual",)
RESET: Final = "reset by another program"
REMOVED: Final = ("RemovedCardError", "NoSmartCardError")
UNPLUGGED: Final = ("ReaderUnavailableError",)
APART: Final = {"answer", "sharing", "bounded", "recovery"}
"""The kinds of operations that have rows of their own only: others stand for them elsewhere."""
GONE: Final = ("NoServiceError", "CommunicationError")


class Row(NamedTuple):
    """One row. The outcome of a call is its right result, or the class of its error."""

    fault: str
    moment: str
    """before, during or after the call."""
    operation: str
    expected: tuple[str, ...]
    places: tuple[str, ...] = BOTH

    @property
    def name(self) -> str:
        """The row's name in reports."""
        return f"{self.fault}, {self.moment} {self.operation}"


def of_the_service() -> Iterator[Row]:
    """Yield the rows in which the resource manager fails."""
    faults = (("stopped", BOTH), ("killed", DAEMON), ("restarted", BOTH), ("frozen, then continued", BOTH))
    for operation in OPERATIONS.values():
        if operation.kind in APART:
            continue  # the other operations stand for them
        for fault, places in faults:
            for moment in ("during",) if operation.blocks else ("before", "during", "after"):
                if expected := _without_service(operation, fault, moment):
                    yield Row(fault, moment, operation.name, expected, places)


def _without_service(operation: Operation, fault: str, moment: str) -> tuple[str, ...]:
    is_frozen = fault.startswith("frozen")
    if is_frozen and operation.blocks:
        return ()  # it waits anyway
    if moment == "after" or is_frozen or operation.kind in {"closing", "waiting"}:
        return (RESULT,)
    returns = fault == "restarted" and operation.kind in {"opening", "question"} and not operation.blocks
    if operation.name == "attach_by_handle" and fault == "restarted":
        return ("InvalidHandleError", *GONE)  # the number of the handle may have been given again
    if moment == "before":
        return (RESULT,) if returns else ("NoServiceError",)
    return (RESULT, *GONE) if returns else GONE


def of_a_frozen_service() -> Iterator[Row]:
    """Yield the rows in which the resource manager stays frozen, and a call has a timeout."""
    for operation in OPERATIONS.values():
        if operation.kind == "bounded":
            yield Row("frozen", "before", operation.name, ("SCardTimeoutError",))
            if not operation.name.startswith(("attach", "lock")):  # the detach or unlock after it has no timeout
                yield Row("frozen", "during", operation.name, ("SCardTimeoutError",))


def of_the_card() -> Iterator[Row]:
    """Yield the rows in which the card or the reader goes, or is reset."""
    on_cards = [operation for operation in OPERATIONS.values() if operation.kind == "card" and not operation.blocks]
    for operation in on_cards:
        for moment in ("before", "during", "after"):
            for fault, errors in (("card pulled", REMOVED), ("reader unplugged", UNPLUGGED)):
                is_of_the_reader = fault == "card pulled" and operation.name == "control"  # it needs no card
                yield Row(fault, moment, operation.name, (RESULT,) if moment == "after" or is_of_the_reader else errors)
        if operation.name not in {"reconnect", "control", "get_attribute", "set_attribute", "status"}:
            yield Row(RESET, "before", operation.name, ("ResetCardError",))
            yield Row(RESET, "during", operation.name, ("ResetCardError",))
            yield Row(RESET, "after", operation.name, (RESULT,))
    for name in ("get_status_change, waiting", "monitor"):
        yield Row("card of the wait pulled and inserted", "during", name, (RESULT,))
        unknown = () if name == "monitor" else ("UnknownReaderError",)
        yield Row("reader of the wait unplugged and plugged in", "during", name, (RESULT, *unknown))
    for fault in ("card pulled", "reader unplugged"):
        yield Row(fault, "before", "attach", (*REMOVED, *UNPLUGGED, "UnknownReaderError"))
        yield Row(fault, "during", "attach", (*REMOVED, *UNPLUGGED, "UnknownReaderError"))


def of_recovery() -> Iterator[Row]:
    """Yield the rows in which a program asks for the card again."""
    for fault in (RESET, "restarted", "card pulled and inserted", "reader unplugged and plugged in"):
        yield Row(fault, "before", "recover", (RESULT,))
    yield Row("stopped", "before", "recover", ("NoServiceError",))
    yield Row("killed", "before", "recover", ("NoServiceError",), DAEMON)
    yield Row("card pulled", "before", "recover", REMOVED)
    yield Row("reader unplugged", "before", "recover", (*UNPLUGGED, "UnknownReaderError"))
    for name in ("transmit", "script", "status"):
        yield Row("card pulled and inserted", "before", name, ("RemovedCardError", "ResetCardError"))
        yield Row("reader unplugged and plugged in", "before", name, UNPLUGGED)


def of_sharing() -> Iterator[Row]:
    """Yield the rows in which another program holds the card."""
    for name in ("attach", "attach exclusively"):
        yield Row("another program has the card exclusively", "before", name, ("SharingViolationError",))
    yield Row("another program is attached", "before", "attach exclusively", ("SharingViolationError",))
    yield Row("another program is attached", "before", "attach", (RESULT,))
    for name in ("control", "get_attribute", "set_attribute"):
        yield Row("another program holds a transaction", "before", name, ("SharingViolationError",))
    for name in ("lock(timeout=0.2)", "attach(timeout=0.2)", "reconnect(timeout=0.2)"):
        yield Row("another program holds a transaction", "before", name, ("SCardTimeoutError",))
    for name in (
        *("transmit", "transmit_into", "exchange", "transmit with a flow", "send", "script"),
        *("read_binary_into", "update_binary_from", "transaction", "attach"),
    ):
        yield Row("another program holds a transaction for a while", "before", name, (RESULT,))
        reset = RESULT if name == "attach" else "ResetCardError"  # the resource manager resets the card
        yield Row("another program is killed in its transaction", "before", name, (reset,))


def of_answers() -> Iterator[Row]:
    """Yield the rows in which the card answers slowly, too shortly, without an end, or at random."""
    errors = {
        "an answer of 0 bytes": {
            "script that expects 9000": ("ScriptError",),
            "send of any answer": ("MalformedResponseError",),
            "read_binary_into of any answer": ("CommunicationError",),
            "FileAccess.open": ("CommunicationError", "MalformedResponseError"),
        },
        "an answer without an end": {
            "script that expects 9000": ("ScriptError",),
            "transmit of any answer with a flow": ("InsufficientBufferError",),
            "send of any answer": ("StatusError", "MalformedResponseError"),
            "read_binary_into of any answer": ("InsufficientBufferError",),  # its last part is asked for with less
            "FileAccess.open": ("StatusError", "MalformedResponseError"),
        },
    }
    errors["an answer of 1 byte"] = errors["an answer of 0 bytes"]
    for fault, by_operation in errors.items():
        for name in ODD_ANSWERS:
            yield Row(fault, "before", name, by_operation.get(name, (RESULT,)))
    anything = (
        RESULT,
        "StatusError",
        "MalformedResponseError",
        "CommunicationError",
        "InsufficientBufferError",
        "ScriptError",
    )
    for name in ODD_ANSWERS:
        yield Row("random answers", "before", name, anything)
        is_missing = ("StatusError",) if name == "FileAccess.open" else ()
        yield Row("slow answers", "before", name, (RESULT, *is_missing))


FAILED: Final = ("OutOfMemoryError",)
EITHER: Final = (RESULT, *FAILED)
"""A wait asks again if its first question fails because of its own end."""
FUNCTIONS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "SCardEstablishContext": dict.fromkeys(
        ("Context", "attach", "attach exclusively", "get_status_change", "wait_for_card", "a new monitor"), FAILED
    ),
    "SCardReleaseContext": {
        **dict.fromkeys(("Context", "attach", "attach exclusively", "detach", "release"), FAILED),
        **dict.fromkeys(("get_status_change", "wait_for_card", "a new monitor"), (RESULT,)),  # nobody could do anything
    },
    "SCardConnect": dict.fromkeys(("attach", "attach exclusively"), FAILED),
    "SCardReconnect": {"reconnect": FAILED},
    "SCardBeginTransaction": dict.fromkeys(("lock", "lock(timeout=0.2)", "transaction"), FAILED),
    "SCardEndTransaction": dict.fromkeys(("lock", "lock(timeout=0.2)", "transaction", "unlock"), FAILED),
    "SCardStatus": dict.fromkeys(("status", "send"), FAILED),
    "SCardGetStatusChange": {
        "get_status_change": FAILED, **dict.fromkeys(("wait_for_card", "a new monitor"), EITHER)
    },
    "SCardControl": {"control": FAILED},
    "SCardTransmit": dict.fromkeys(
        (
            "transmit", "transmit_into", "exchange", "transmit with a flow", "send", "script", "read_binary_into",
            "update_binary_from", "transaction",
        ),
        FAILED,
    ),
    "SCardListReaders": {"list_readers": FAILED, **dict.fromkeys(("wait_for_card", "a new monitor"), EITHER)},
    "SCardSetAttrib": {"set_attribute": FAILED},
    "SCardGetAttrib": {
        "get_attribute": FAILED,
        "attach_by_handle": FAILED,
        **dict.fromkeys(("lock", "lock(timeout=0.2)"), (RESULT,)),  # it only asks whether another program has the card
    },
}  # fmt: skip
"""The functions of PC/SC that the operations call, and what comes of it if one of the calls fails."""


def of_functions() -> Iterator[Row]:
    """Yield the rows in which a function of PC/SC returns SCARD_E_NO_MEMORY, once in each call of the operation."""
    for function, operations in FUNCTIONS.items():
        for operation, expected in operations.items():
            yield Row(f"{function} fails", "during", operation, expected)


def of_the_system() -> Iterator[Row]:
    """Yield the rows in which the system refuses what a call needs, or disturbs the program."""
    for operation in OPERATIONS.values():
        if operation.blocks:
            continue
        needs_a_socket = operation.name in {"Context", "attach", "get_status_change"}
        if operation.kind not in APART:
            yield Row("no descriptor is left", "before", operation.name, (RESULT,), VIRTUAL)
            refused = ("NoServiceError",) if needs_a_socket else (RESULT,)
            yield Row("no descriptor is left", "before", operation.name, refused, DAEMON)
            # the call before may have been interrupted after it has unlocked the card
            unlocked = ("NotTransactedError",) if operation.name == "unlock" else ()
            # the virtual card that is not in Python, which a signal would interrupt too, refuses UPDATE BINARY
            places = DAEMON if operation.name == "update_binary_from" else BOTH
            yield Row("a storm of SIGINT", "during", operation.name, (RESULT, "KeyboardInterrupt", *unlocked), places)
            yield Row("a storm of SIGTERM", "during", operation.name, (RESULT, "SystemExit", *unlocked), places)
            yield Row("a storm of forks", "during", operation.name, (RESULT,))
    for operation in OPERATIONS.values():
        if operation.kind not in APART:
            yield Row("the interpreter ends", "during", operation.name, (RESULT,))
    for name in ("Context", "attach", "get_status_change"):
        yield Row("a daemon of another version", "before", name, ("ServiceStoppedError",))
    for name in ("list_readers", "wait_for_card", "a new monitor"):  # the waits go on until the right one is back
        yield Row("a daemon of another version", "before", name, (RESULT,))
    for name in ("get_status_change, waiting", "monitor"):
        yield Row("a storm of SIGINT", "during", name, ("KeyboardInterrupt",))
        yield Row("a storm of SIGTERM", "during", name, ("SystemExit",))
    yield Row("no space is left on the disk", "before", "FileSystemCard.save", ("OSError",), VIRTUAL)


ROWS: Final = (
    *of_the_service(),
    *of_a_frozen_service(),
    *of_the_card(),
    *of_recovery(),
    *of_sharing(),
    *of_answers(),
    *of_the_system(),
    *of_functions(),
)


def of_place(place: str, stride: int = 1) -> list[Row]:
    """Return the rows that this place can show; with a stride, one of so many."""
    return [row for row in ROWS if place in row.places][::stride]
