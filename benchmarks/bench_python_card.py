"""Measure the time of a command to a card that is written in Python.

The card is a method that returns 16 bytes. In its own process the virtual library calls it: for the transmit methods of
scardffi, for pyscard, and for a loop in C that ctypes starts. One row has the same card behind a callback of ctypes, as
programs make one from scardvirtual.h. Programs in Java and Rust have no Python in their process: for them the card is a
`VpcdCard` in another process, and a second table compares all bindings with that. The rounds and the comparison of
responses are those of bench_exchange.py.

Does not show: the time of the card's own work. Through a `VpcdCard` most of the time is the kernel's, which wakes up
two processes for each command; both share one core, as in bench_pcscd.py.

`python -m benchmarks.bench_python_card KIND` is the worker for the rows in the card's process.
"""

import ctypes
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks import build
from benchmarks.bench_exchange import LABELS
from benchmarks.exchanges import exchange
from benchmarks.python_rows import Prepared
from benchmarks.workers import Competitor, Pinned, Worker, compare, python_worker
from scardffi.virtual import VirtualReader, library_folder, library_path, stand_in
from scardffi.virtual.vpcd import VpcdCard

LENGTH: Final = 16

_ATR: Final = bytes.fromhex("3B80800101")
_EMPTY_READER: Final = "reader,card=none"
_BY_CTYPES: Final = "ctypes-callback"
_IN_PROCESS: Final = {
    "c": "C loop",
    "exchange": LABELS["exchange"],
    "transmit": LABELS["transmit"],
    "pyscard-scard": LABELS["pyscard-scard"],
    _BY_CTYPES: f"{LABELS['transmit']}, card behind a ctypes callback",
}
_BY_SOCKET: Final = ("c", "rust", "java-buffer", "java-command", "exchange", "transmit", "pyscard-scard")


class _Card:
    atr = _ATR

    def transmit(self, _command: bytes, _answer: bytes = exchange(LENGTH).answer) -> bytes:
        return _answer


def measure(folder: Path, seconds: float) -> dict[str, Any]:
    """Return the rows of both tables, with the nanoseconds of a command.

    Args:
        folder: the folder for the programs to build.
        seconds: about how long each row is measured.
    """
    return {"card": _in_process(folder, seconds), "card-by-socket": _by_socket(folder, seconds)}


def _in_process(folder: Path, seconds: float) -> dict[str, Any]:
    environment = {"SCARDFFI_LIBRARY": library_path(), "SCARDFFI_VIRTUAL": _EMPTY_READER}
    command = [sys.executable, "-m", __name__]
    with ExitStack() as stack:
        direct = stack.enter_context(Worker([*command, "direct", str(build.c_loop_library(folder))], environment))
        workers = dict.fromkeys(_IN_PROCESS, direct)
        workers[_BY_CTYPES] = stack.enter_context(Worker([*command, _BY_CTYPES], environment))
        competitors = [Competitor(row, label, workers[row]) for row, label in _IN_PROCESS.items()]
        return {"rows": _shortened(compare(competitors, seconds, (LENGTH,))), "absent": []}


def _by_socket(folder: Path, seconds: float) -> dict[str, Any]:
    absent = []
    with ExitStack() as stack:
        stack.enter_context(Pinned())

        def environment() -> dict[str, str]:  # a card for each process, because a VpcdCard has a thread for each
            card = stack.enter_context(VpcdCard(_Card(), 0, listen=True))
            return {
                "SCARDFFI_LIBRARY": library_path(), "LD_LIBRARY_PATH": library_folder(),
                "SCARDFFI_VIRTUAL": f"reader,connect={card.port}",
            }  # fmt: skip

        workers = {"c": stack.enter_context(Worker([*build.c_loop(folder), library_path()], environment()))}
        workers |= dict.fromkeys(("exchange", "transmit"), stack.enter_context(python_worker(environment())))
        workers["pyscard-scard"] = stack.enter_context(python_worker(environment()))
        for rows, builder in (["rust"], build.rust_loop), (["java-buffer", "java-command"], build.java_loop):
            try:
                worker = stack.enter_context(Worker(builder(folder), environment()))
            except build.UnavailableError as why:
                absent += [{"row": row, "label": LABELS[row], "why": str(why)} for row in rows]
            else:
                workers |= dict.fromkeys(rows, worker)
        competitors = [Competitor(row, LABELS[row], workers[row]) for row in _BY_SOCKET if row in workers]
        return {"rows": _shortened(compare(competitors, seconds, (LENGTH,))), "absent": absent}


def _shortened(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"row": row["row"], "label": row["label"], "ns": row["ns"][str(LENGTH)]} for row in rows]


def _insert_behind_ctypes_callback(card: _Card) -> object:
    """Insert the card as scardvirtual.h describes it, and return what must live as long as the card."""
    address, size = ctypes.c_void_p, ctypes.c_size_t
    function = ctypes.CFUNCTYPE(None, size, address, size, address, size, ctypes.POINTER(ctypes.c_int64))

    class Functions(ctypes.Structure):
        _fields_ = (("data", size), ("transmit", function), ("reset", address), ("released", address))

    def transmit(_data: int, command: int, length: int, response: int, room: int, result: Any) -> None:
        answer = card.transmit(ctypes.string_at(command, length))
        if len(answer) <= room:
            ctypes.memmove(response, answer, len(answer))
        result[0] = len(answer)

    functions = Functions(0, function(transmit), None, None)
    insert = ctypes.CDLL(library_path()).scardvirtual_insert
    code = insert(VirtualReader().name.encode(), card.atr, size(len(card.atr)), ctypes.byref(functions))
    if code != 0:
        raise RuntimeError(f"scardvirtual_insert returned 0x{code & 0xFFFFFFFF:08X}")
    return functions, insert


def _serve(kind: str, c_loop: str = "") -> None:
    """Insert the card, read requests from the standard input, and print a line for each."""
    stand_in()
    card = _Card()
    if kind == _BY_CTYPES:
        kept = _insert_behind_ctypes_callback(card)  # noqa: F841  as long as the card
    else:
        VirtualReader().insert(card)
        time_exchanges = ctypes.CDLL(c_loop).time_exchanges
        time_exchanges.restype = ctypes.c_double
    prepared: dict[str, Prepared] = {}
    for line in sys.stdin:
        row, capacity, command, number = line.split()
        sent, count = bytes.fromhex(command), int(number)
        if row == "c" and count:
            size, times = ctypes.c_ulong(len(sent)), ctypes.c_ulong(count)
            print(time_exchanges(library_path().encode(), sent, size, times), flush=True)
            continue
        name = "transmit" if row in ("c", _BY_CTYPES) else row
        if name not in prepared:
            prepared[name] = Prepared(name, sent, int(capacity))
        print(prepared[name].nanoseconds(count) if count else prepared[name].answer().hex(), flush=True)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
