"""The competitors in Python, and the worker that times them (`python -m benchmarks.python_rows`).

Each is written for speed: it creates as much as possible before the loop. Each checks the return code. The environment
selects the PC/SC library: SCARDFFI_LIBRARY for the competitors that load it by path, LD_LIBRARY_PATH for pyscard, which
loads libpcsclite.so.1.
"""

import ctypes
import functools
import itertools
import os
import sys
import timeit
from collections.abc import Callable
from typing import Any, Final, NamedTuple

COMMANDS_IN_SCRIPT: Final = 100

_ABI: Final = """
    typedef unsigned long DWORD;
    typedef long LONG, SCARDCONTEXT, SCARDHANDLE;
    typedef struct { DWORD dwProtocol, cbPciLength; } SCARD_IO_REQUEST;
    LONG SCardEstablishContext(DWORD, const void *, const void *, SCARDCONTEXT *);
    LONG SCardListReaders(SCARDCONTEXT, const char *, char *, DWORD *);
    LONG SCardConnect(SCARDCONTEXT, const char *, DWORD, DWORD, SCARDHANDLE *, DWORD *);
    LONG SCardTransmit(SCARDHANDLE, const SCARD_IO_REQUEST *, const unsigned char *, DWORD, SCARD_IO_REQUEST *,
                       unsigned char *, DWORD *);
"""

Names = dict[str, Any]


class Row(NamedTuple):
    """One way to make an exchange from Python."""

    setup: Callable[[bytes, int], Names]
    """Connect to the first reader, and return the names that the statement uses."""
    statement: str
    """The statement that is timed."""
    answer: str
    """An expression for the response as bytes, evaluated after the statement."""
    is_script: bool = False
    """True if one statement makes `repeat` times COMMANDS_IN_SCRIPT exchanges."""


def fail(code: int) -> None:
    """Raise an error for a return code other than 0."""
    raise RuntimeError(f"SCardTransmit returned 0x{code & 0xFFFFFFFF:08X}; 0 was expected")


def _ctypes(command: bytes, capacity: int) -> Names:
    class Request(ctypes.Structure):
        _fields_ = (("protocol", ctypes.c_ulong), ("size", ctypes.c_ulong))

    library = ctypes.CDLL(os.environ["SCARDFFI_LIBRARY"])
    context, card, readers = ctypes.c_long(), ctypes.c_long(), ctypes.create_string_buffer(4096)
    received = ctypes.c_ulong(len(readers))
    pci = Request(0, ctypes.sizeof(Request))
    protocol = ctypes.cast(ctypes.byref(pci), ctypes.POINTER(ctypes.c_ulong))
    library.SCardEstablishContext(ctypes.c_ulong(2), None, None, ctypes.byref(context))
    library.SCardListReaders(context, None, readers, ctypes.byref(received))
    library.SCardConnect(context, readers, ctypes.c_ulong(2), ctypes.c_ulong(3), ctypes.byref(card), protocol)
    response = (ctypes.c_ubyte * capacity)()
    transmit = library.SCardTransmit
    transmit.restype = ctypes.c_long
    transmit.argtypes = (
        ctypes.c_long, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_void_p,
        ctypes.c_void_p,
    )  # fmt: skip
    return {
        "SCardTransmit": transmit, "card": card.value, "pci": ctypes.byref(pci), "command": command,
        "size": len(command), "response": response, "received": received, "length": ctypes.byref(received),
        "capacity": capacity, "fail": fail,
    }  # fmt: skip


def _cffi(ffi: Any, lib: Any, command: bytes, capacity: int) -> Names:
    context, card, protocol = ffi.new("SCARDCONTEXT *"), ffi.new("SCARDHANDLE *"), ffi.new("DWORD *")
    readers, received = ffi.new("char[]", 4096), ffi.new("DWORD *", 4096)
    lib.SCardEstablishContext(2, ffi.NULL, ffi.NULL, context)
    lib.SCardListReaders(context[0], ffi.NULL, readers, received)
    lib.SCardConnect(context[0], readers, 2, 3, card, protocol)
    return {
        "SCardTransmit": lib.SCardTransmit, "card": card[0], "command": command, "size": len(command),
        "pci": ffi.new("SCARD_IO_REQUEST *", [protocol[0], ffi.sizeof("SCARD_IO_REQUEST")]), "NULL": ffi.NULL,
        "response": ffi.new("unsigned char[]", capacity), "received": received, "capacity": capacity, "fail": fail,
        "buffer": ffi.buffer,
    }  # fmt: skip


def _cffi_abi(command: bytes, capacity: int) -> Names:
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(_ABI)
    return _cffi(ffi, ffi.dlopen(os.environ["SCARDFFI_LIBRARY"]), command, capacity)


def _by_hand(command: bytes, capacity: int) -> Names:
    import scardffi

    return _cffi(scardffi.ffi, scardffi.lib, command, capacity)


# libpcsclite searches for a handle in all contexts of the process. To keep the contexts of other rows from slowing down
# a row, each binding connects only once in a process, as the C loop does.


@functools.cache
def _scard_connected() -> tuple[int, int]:
    from smartcard import scard

    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    _, readers = scard.SCardListReaders(context, [])
    _, card, protocol = scard.SCardConnect(context, readers[0], scard.SCARD_SHARE_SHARED, 3)
    return card, scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1


@functools.cache
def _connection_connected() -> Any:
    from smartcard.System import readers

    connection = readers()[0].createConnection()
    connection.connect()
    return connection


@functools.cache
def _scardffi_connected() -> tuple[Any, Any]:
    import scardffi

    context = scardffi.Context()
    return context, context.attach(context.list_readers()[0])


def _scard(command: bytes, _: int) -> Names:
    from smartcard import scard

    card, pci = _scard_connected()
    return {
        "SCardTransmit": scard.SCardTransmit, "card": card, "pci": pci, "command": list(command), "fail": fail
    }  # fmt: skip


def _connection(command: bytes, _: int) -> Names:
    connection = _connection_connected()
    return {"connection": connection, "transmit": connection.transmit, "command": list(command)}


def _scardffi(command: bytes, capacity: int) -> Names:
    context, card = _scardffi_connected()
    return {"context": context, "card": card, "command": command, "response": bytearray(capacity)}


def _transmit(command: bytes, capacity: int) -> Names:
    names = _scardffi(command, capacity)
    return names | {"transmit": names["card"].transmit}


def _transmit_into(command: bytes, capacity: int) -> Names:
    names = _scardffi(command, capacity)
    return names | {"transmit_into": names["card"].transmit_into}


def _raw(command: bytes, capacity: int) -> Names:
    from scardffi import raw

    names = _scardffi(command, capacity)
    handle, protocol = names["card"].handle, int(names["card"].protocol)
    return names | {"SCardTransmit": raw.SCardTransmit, "handle": handle, "protocol": protocol, "fail": fail}


def _exchange(command: bytes, capacity: int) -> Names:
    names = _scardffi(command, capacity)
    return names | {"exchange": names["card"].exchange(names["command"], names["response"])}


def _unchecked(command: bytes, capacity: int) -> Names:
    names = _exchange(command, capacity)
    return names | {"unchecked": names["exchange"].unchecked}


def _script(command: bytes, capacity: int) -> Names:
    import scardffi

    script = scardffi.Script([command] * COMMANDS_IN_SCRIPT)
    return _scardffi(command, capacity) | {"run": script.run, "repeat": 1, "common_answer": _common_answer}


def _common_answer(replies: Any) -> bytes:
    """Return the response that all replies of the script have."""
    different = {bytes(reply) for reply in replies}
    if len(replies) != COMMANDS_IN_SCRIPT or len(different) != 1:
        raise RuntimeError(f"{len(replies)} replies with {len(different)} different responses; all must be equal")
    return different.pop()


_BY_HAND: Final = """\
received[0] = capacity
code = SCardTransmit(card, pci, command, size, NULL, response, received)
if code: fail(code)"""

ROWS: Final = {
    "ctypes": Row(
        _ctypes,
        "received.value = capacity\n"
        "code = SCardTransmit(card, pci, command, size, None, response, length)\n"
        "if code: fail(code)",
        "bytes(response[: received.value])",
    ),
    "cffi-abi": Row(_cffi_abi, _BY_HAND, "bytes(buffer(response, received[0]))"),
    "by-hand": Row(_by_hand, _BY_HAND, "bytes(buffer(response, received[0]))"),
    "pyscard-scard": Row(
        _scard, "code, response = SCardTransmit(card, pci, command)\nif code: fail(code)", "bytes(response)"
    ),
    "pyscard-connection": Row(
        _connection, "data, sw1, sw2 = transmit(command)", "bytes(data) + bytes([sw1, sw2])"
    ),
    "transmit": Row(_transmit, "response = transmit(command)", "response"),
    "transmit-into": Row(_transmit_into, "length = transmit_into(command, response)", "bytes(response[:length])"),
    "raw": Row(
        _raw,
        "code, length = SCardTransmit(handle, protocol, command, response)\nif code: fail(code)",
        "bytes(response[:length])",
    ),
    "exchange": Row(_exchange, "length = exchange()", "bytes(response[:length])"),
    "unchecked": Row(_unchecked, "length = unchecked()", "bytes(response[:length])"),
    "script": Row(_script, "replies = run(card, repeat=repeat)", "common_answer(replies)", is_script=True),
}  # fmt: skip


class Prepared:
    """A row that is connected and whose loop is compiled."""

    def __init__(self, name: str, command: bytes, capacity: int) -> None:
        self._row = ROWS[name]
        self._names = self._row.setup(command, capacity)
        self._timer = timeit.Timer(self._row.statement, globals=self._names)

    def answer(self) -> bytes:
        """Make one exchange and return the response."""
        exec(self._row.statement, self._names)  # noqa: S102  the statements are those in ROWS
        return bytes(eval(self._row.answer, self._names))  # noqa: S307  the expressions are those in ROWS

    def close(self) -> None:
        """Release the context of scardffi, which would otherwise emit a ResourceWarning."""
        if "context" in self._names:
            _scardffi_connected.cache_clear()
            self._names["context"].release()

    def loop(self, count: int) -> None:
        """Make `count` exchanges and keep no response. A script rounds the number up."""
        if self._row.is_script:
            self._names["repeat"], count = -(-count // COMMANDS_IN_SCRIPT), 1
        self._timer.inner(itertools.repeat(None, count), timeit.default_timer)  # type: ignore[attr-defined]  # the stubs lack Timer.inner

    def nanoseconds(self, count: int) -> float:
        """Return the time of one exchange in a loop of `count`. A script rounds the number up."""
        if not self._row.is_script:
            return self._timer.timeit(count) / count * 1e9
        repeat = self._names["repeat"] = -(-count // COMMANDS_IN_SCRIPT)
        return self._timer.timeit(1) / (repeat * COMMANDS_IN_SCRIPT) * 1e9


def serve() -> None:
    """Read the requests of workers.py from the standard input, and print a line for each."""
    prepared: dict[tuple[str, str], Prepared] = {}
    for line in sys.stdin:
        name, capacity, command, count = line.split()
        if (name, command) not in prepared:
            prepared[name, command] = Prepared(name, bytes.fromhex(command), int(capacity))
        row = prepared[name, command]
        sys.stdout.write(f"{row.nanoseconds(int(count))}\n" if int(count) else f"{row.answer().hex()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
