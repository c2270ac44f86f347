"""Measure the raw functions of scardffi and pyscard.

Calls each function of scardffi.raw and of smartcard.scard in one process, on null_pcsc.c, whose functions return at
once. Functions that belong together are measured together. The rounds of the two alternate; they are short, because
on a busy machine a short round is more likely to be undisturbed, and the minimum is the result. Both sides pass what
their users pass: scardffi the members of its enumerations and its buffers, pyscard its constants and lists.

Does not show: the time of a real resource manager, which is tens of microseconds for each function. SCardTransmit is
measured by bench_exchange.py.
"""

import json
import sys
import timeit
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import build
from benchmarks.workers import null_environment, run_module

NUMBERS: Final = "numbers"
DATA: Final = "data"

_READER: Final = "scardffi null reader 00 00"
_ROUND: Final = 200  # calls
_LONGER: Final = 4


class Row(NamedTuple):
    """Functions that are measured together."""

    label: str
    kind: str
    """NUMBERS if the functions take and return only numbers and a reader's name, otherwise DATA."""
    scardffi: str
    """The statement with the functions of scardffi.raw, which is called `module`."""
    pyscard: str
    """The same with those of smartcard.scard."""


ROWS: Final = (
    Row(
        "SCardEstablishContext, SCardReleaseContext",
        NUMBERS,
        *["code, one = module.SCardEstablishContext(scope)\nmodule.SCardReleaseContext(one)"] * 2,
    ),
    Row("SCardIsValidContext", NUMBERS, *["module.SCardIsValidContext(context)"] * 2),
    Row("SCardCancel", NUMBERS, *["module.SCardCancel(context)"] * 2),
    Row(
        "SCardConnect, SCardDisconnect",
        NUMBERS,
        *["code, one, active = module.SCardConnect(context, reader, shared, any)\nmodule.SCardDisconnect(one, leave)"]
        * 2,
    ),
    Row("SCardReconnect", NUMBERS, *["module.SCardReconnect(card, shared, any, leave)"] * 2),
    Row(
        "SCardBeginTransaction, SCardEndTransaction",
        NUMBERS,
        *["module.SCardBeginTransaction(card)\nmodule.SCardEndTransaction(card, leave)"] * 2,
    ),
    Row("SCardStatus", DATA, *["module.SCardStatus(card)"] * 2),
    Row("SCardGetStatusChange", DATA, *["module.SCardGetStatusChange(context, 0, states)"] * 2),
    Row("SCardListReaders", DATA, "module.SCardListReaders(context)", "module.SCardListReaders(context, [])"),
    Row(
        "SCardGetAttrib",
        DATA,
        "module.SCardGetAttrib(card, attribute, response)",
        "module.SCardGetAttrib(card, attribute)",
    ),
    Row(
        "SCardControl",
        DATA,
        "module.SCardControl(card, control, command, response)",
        "module.SCardControl(card, control, command)",
    ),
)


def measure(folder: Path, seconds: float) -> list[dict[str, Any]]:
    """Return an entry for each row, with the nanoseconds of both.

    Args:
        folder: the folder for the library to build.
        seconds: about how long a row of the other benchmarks is measured; here it is four times as long.
    """
    library = build.library_path_folder(build.null_library(folder)) / "libpcsclite.so.1"
    environment = {**null_environment(library), "LD_LIBRARY_PATH": str(library.parent)}
    measured: list[dict[str, Any]] = json.loads(run_module(__name__, environment, str(seconds)))
    return measured


def _names() -> dict[str, dict[str, Any]]:
    """Return the names that the statements use, for both."""
    from smartcard import scard

    import scardffi
    from scardffi import Attribute, Disposition, Protocol, Scope, ShareMode, raw

    common = {
        "context": raw.SCardEstablishContext(Scope.SYSTEM)[1], "card": 1, "reader": _READER, "states": [(_READER, 0)],
        "control": scardffi.control_code(1),
    }  # fmt: skip
    ours = {
        "module": raw, "scope": Scope.SYSTEM, "shared": ShareMode.SHARED, "any": Protocol.ANY,
        "leave": Disposition.LEAVE, "attribute": Attribute.ATR_STRING, "command": b"\1\2\3",
        "response": bytearray(264),
    }  # fmt: skip
    theirs = {
        "module": scard, "scope": scard.SCARD_SCOPE_SYSTEM, "shared": scard.SCARD_SHARE_SHARED,
        "any": scard.SCARD_PROTOCOL_ANY, "leave": scard.SCARD_LEAVE_CARD, "attribute": scard.SCARD_ATTR_ATR_STRING,
        "command": [1, 2, 3],
    }  # fmt: skip
    return {"scardffi": common | ours, "pyscard": common | theirs}


def _run(seconds: float) -> list[dict[str, Any]]:
    names = _names()
    results = []
    for row in ROWS:
        timers = {who: timeit.Timer(getattr(row, who), globals=used) for who, used in names.items()}
        once = sum(timer.timeit(_ROUND) for timer in timers.values())
        best = dict.fromkeys(timers, float("inf"))
        for _ in range(max(10, int(_LONGER * seconds / once))):
            for who, timer in timers.items():
                best[who] = min(best[who], timer.timeit(_ROUND) / _ROUND * 1e9)
        times = {who: round(value, 1) for who, value in best.items()}
        results.append({"label": row.label, "kind": row.kind, **times})
    return results


if __name__ == "__main__":
    json.dump(_run(float(sys.argv[1])), sys.stdout)
