"""The table of the C library's functions that operations call, and of what comes of it if one of the calls fails."""

from typing import Final, NamedTuple

MEMORY: Final = "OutOfMemoryError"
RESULT: Final = "the result"
NO_CARD: Final = "the result, with an empty reader"
WINDOWS_NAMES: Final = "virtual, in the shape of Windows"


class FailingCall(NamedTuple):
    """One row: each call of the function that the operation makes is failed once."""

    operation: str
    function: str
    expected: str


_LOADING: Final = {
    "dlopen": "LibraryError",
    "calloc": MEMORY,
    "dlsym": f"MissingSymbolError, or {RESULT} if the function is optional",
}
_START: Final = {
    **dict.fromkeys(
        ("pthread_condattr_init", "pthread_condattr_setclock", "pthread_cond_init", "strdup", "calloc"), MEMORY
    )
}
_SCRIPT: Final = dict.fromkeys(("malloc", "calloc", "realloc"), f"ScriptError by {MEMORY}, with all replies")
_MALLOC: Final = {"malloc": MEMORY}
_CALLOC: Final = {"calloc": MEMORY}
_CALLS: Final[dict[str, dict[str, str]]] = {
    "Library": {**_LOADING, "dladdr": RESULT, "realpath": RESULT},
    "Library.default": _LOADING,
    "SCardManage": _CALLOC,
    "attach_by_ifd": _MALLOC,
    "attach_by_handle": _MALLOC,
    "transmit": _MALLOC,
    "transmit with a flow": _CALLOC,
    "transmit_into with a flow": _CALLOC,
    "exchange": _CALLOC,
    "read_binary_into": _MALLOC,
    "update_binary_from": _MALLOC,
    "get_status_change": _CALLOC,
    "a script": _SCRIPT,
    "a script with times": _SCRIPT,
    "a script with times and a flow": _SCRIPT,
    "a script of one pass": _SCRIPT,
    "a script into memory with times and a flow": _SCRIPT,
    "the table's exchange_new": _CALLOC,
    "the table's script_new": {"calloc": MEMORY, "malloc": MEMORY},
    "insertion of a card": _CALLOC,
    "insertion of the answering card": _CALLOC,
    "fault": _MALLOC,
    "SCARD_AUTOALLOCATE of the virtual library": _MALLOC,
    "start of the virtual library": _START,
    "start with a reader that listens": {
        **_START,
        "socket": MEMORY,
        "pthread_create": MEMORY,
        "bind": "NoServiceError",
        "listen": "NoServiceError",
        "fcntl": RESULT,
        "accept4": RESULT,
    },
    "start with a reader that connects": {
        **_START,
        "socket": MEMORY,
        "pthread_create": MEMORY,
        "fcntl": f"{MEMORY}, or {RESULT}",
        **dict.fromkeys(("connect", "send", "poll", "recv"), NO_CARD),
    },
    "SCardListReadersW into a buffer": _MALLOC,
    "SCardListReadersW into memory of the library": _MALLOC,
    "SCardGetStatusChangeW": {"calloc": MEMORY, "malloc": MEMORY},
    "SCardConnectW": _MALLOC,
    "SCardStatusW": _MALLOC,
}
FAILING_CALLS: Final = [
    FailingCall(operation, function, expected)
    for operation, functions in _CALLS.items()
    for function, expected in functions.items()
]
CALL_NOTHING: Final = {
    "a script into memory",
    "transmit again",
    "transmit_into",
    "status",
    "detach",
    "attach again",
    "plugging a reader in",
    "list of the readers",
    "connection to a reader",
}
"""Operations that call no function that can fail."""
NOT_ALWAYS_SEEN: Final = {"accept4", "poll", "recv", "fcntl"}
"""Functions that the library's own threads call too, at the time of an operation or later; and fcntl, which has another
name on machines of 32 bits.
"""
SEEN_IF_QUICK: Final = {("start with a reader that connects", "pthread_create")}
"""Calls that the library's own threads may make before the operation begins."""
