"""Leaves objects of every kind open until the interpreter ends. Arguments: the holder of the objects, and "kept" or "".

The holder is the kind of object that refers to them. With "kept" something refers to the package's modules until the
end: then Python sets their names to None before it finalizes the objects.

Prints the number of the objects.
"""

import builtins
import ctypes
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import scardffi
from scardffi import Context, Library, Monitor, SCardManage, Script
from scardffi.virtual import AnsweringCard, VirtualReader, VpcdCard, fault, installed, library_path, service_stopped

library = Library(library_path())
COMMAND = bytes.fromhex("00A4000C023F00")
numbers = itertools.count()
plugged: list[VirtualReader] = []


class Card:
    """A card in Python."""

    atr = b"\x3b\x00"

    def transmit(self, command: bytes) -> bytes:
        """Accept every command."""
        return b"\x90\x00" if command else b""


def attach() -> SCardManage:
    """Attach to a card in a reader of its own."""
    reader = VirtualReader(f"Reader {next(numbers)}", AnsweringCard())
    reader.plug()
    plugged.append(reader)
    return SCardManage(library).attach_by_ifd(reader.name)


def locked() -> SCardManage:
    card = attach()
    card.lock()
    return card


def borrowed() -> tuple[SCardManage, SCardManage]:
    owner = attach()
    card = SCardManage(library).attach_by_handle(owner)
    card.lock()
    return card, owner


def with_context() -> Context:
    context = Context(library=library)
    context.list_readers()
    return context


def with_monitor() -> Monitor:
    monitor = Monitor(library=library)
    monitor.subscribe(lambda _: None)
    monitor.wait(timeout=10)
    return monitor


def exchange() -> AbstractContextManager[Any]:
    return attach().exchange(COMMAND, bytearray(10))


def replies() -> tuple[object, ...]:
    script = Script([COMMAND] * 3)
    found = script.run(attach())
    return script, found, found[0]


def listening() -> VpcdCard:
    return VpcdCard(Card(), 0, listen=True)


def started() -> VpcdCard:
    card = listening()
    card.start()
    return card


def failing() -> AbstractContextManager[object]:
    return fault("SCardSetAttrib", code=0x80100006)


def suspended(make: Callable[[], AbstractContextManager[object]]) -> Iterator[None]:
    with make():
        yield


MAKERS: list[Callable[[], Any]] = [
    attach, locked, borrowed, with_context, with_monitor, exchange,
    lambda: attach().exchange(COMMAND, bytearray(10)).unchecked, replies,
    lambda: attach().create_file_access(), started,
]  # fmt: skip
CONTEXTS: list[Callable[[], AbstractContextManager[object]]] = [
    attach, with_context, with_monitor, exchange, listening, failing, installed, lambda: attach().transaction(),
    lambda: VirtualReader(f"Reader {next(numbers)}", Card()), service_stopped,
]  # fmt: skip


def left_open() -> list[object]:
    """Make the objects: those of each kind, entered contexts, and suspended generators that are in a context."""
    things: list[object] = [make() for make in MAKERS]
    for make in CONTEXTS:
        context = make()
        context.__enter__()
        generator = suspended(make)
        next(generator)
        things += [context, generator]
    return things


def main() -> None:
    holder, kept = sys.argv[1:]
    if kept:
        for name, module in list(sys.modules.items()):
            if name == "__main__" or name.partition(".")[0] == "scardffi":
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(module))
    things = left_open()
    sys.stdout.write(json.dumps(len(things)) + "\n")
    owner: Any = {
        "program": sys.modules["__main__"], "module": scardffi, "class": SCardManage, "sys": sys, "builtins": builtins,
        "cycle": ModuleType("cycle"),
    }[holder]  # fmt: skip
    owner.left = [owner, things] if holder == "cycle" else things


main()
