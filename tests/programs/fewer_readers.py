"""Restarts the resource manager with fewer readers, and prints what calls and monitors do then as one JSON object.

Arguments: the place, a folder for files. For each call of a Context: whether its result is right, or the code of its
error, and the error's text. For each monitor: the kinds of its events after the first ones, and the error's text.
"""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.commands import ANSWER_4, READ_4
from support.pcscd import PrivatePcscd

from scardffi import Context, Library, Monitor, SCardError, aio, virtual
from scardffi.monitor import Event

SECONDS = 10


def outcome(call: Callable[[], object]) -> list[Any]:
    try:
        return [call(), ""]
    except SCardError as error:
        return [error.code, f"{type(error).__name__}: {error}"]


class Seen:
    """What one monitor gives."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.error = ""
        self.has_begun, self.has_ended = threading.Event(), threading.Event()

    def take(self, event: Event) -> bool:
        """Take the next event; return False if the readers that are gone were reported, so that the test is over."""
        self.kinds.append(event.kind.name)
        if self.kinds.count("CARD_INSERTED") >= 3:
            self.has_begun.set()
        return self.kinds.count("READER_REMOVED") < 2 or "SERVICE_STARTED" not in self.kinds

    def fail(self, error: SCardError) -> None:
        """Take the error that ends the monitor."""
        self.error = f"{type(error).__name__}: {error}"

    def after_the_first(self) -> list[Any]:
        """Return the kinds of the other events, and the error."""
        assert self.has_ended.wait(SECONDS)
        return [self.kinds[6:], self.error]


def watch(library: Library, seen: Seen) -> None:
    """Take the events of a monitor."""
    with Monitor(library=library) as monitor:
        try:
            while seen.take(monitor.wait(timeout=SECONDS)):
                pass
        except SCardError as error:
            seen.fail(error)
    seen.has_ended.set()


def watch_with_asyncio(library: Library, seen: Seen) -> None:
    """Take the events of a monitor of scardffi.aio."""

    async def program() -> None:
        async with aio.Context(library=library) as context, context.monitor() as monitor:
            try:
                async for event in monitor:
                    if not seen.take(event):
                        break
            except SCardError as error:
                seen.fail(error)

    asyncio.run(program())
    seen.has_ended.set()


@contextmanager
def pcscd(folder: Path, readers: int) -> Iterator[str]:
    """Run a daemon with this number of readers, and yield the name of the first."""
    link = Path(os.environ["PCSCLITE_CSOCK_NAME"])
    folder.mkdir()
    with PrivatePcscd(folder, readers) as daemon:
        link.symlink_to(daemon.socket)
        yield daemon.ifd_reader(0)
    link.unlink()


@contextmanager
def virtual_library(_folder: Path, readers: int) -> Iterator[str]:
    """Plug in this number of readers, and yield the name of the first; at the end stop the resource manager."""
    plugged = [virtual.VirtualReader(f"Reader {number}", virtual.AnsweringCard()) for number in range(readers)]
    for reader in plugged:
        reader.plug()
    yield plugged[0].name
    with virtual.service_stopped():
        for reader in plugged:
            reader.unplug()


def main() -> None:
    place, folder = sys.argv[1], Path(sys.argv[2])
    os.environ["PCSCLITE_CSOCK_NAME"] = str(folder / "socket")
    library = Library("libpcsclite.so.1" if place == "pcscd" else virtual.library_path())
    running = pcscd if place == "pcscd" else virtual_library
    if place == "virtual":
        virtual.VirtualReader().unplug()  # the default reader
    monitors = {"Monitor": (watch, Seen()), "aio.Monitor": (watch_with_asyncio, Seen())}
    with running(folder / "more", 3) as reader:
        context = Context(library=library)
        assert len(context.list_readers()) == 3
        context.get_status_change([reader])
        for function, seen in monitors.values():
            threading.Thread(target=function, args=(library, seen)).start()
            assert seen.has_begun.wait(SECONDS)
    with (
        running(folder / "fewer", 1) as reader,
        context,
        context.attach(reader) as card,
        Context(library=library) as another,
    ):
        result = {
            "list": outcome(lambda: len(context.list_readers()) == 1),
            "list of a new context": outcome(lambda: len(another.list_readers()) == 1),
            "change": outcome(lambda: context.get_status_change([reader], 0)[0].reader == reader),
            "status": outcome(lambda: card.status().reader == reader),
            "transmit": outcome(lambda: card.transmit(READ_4) == ANSWER_4),
            **{name: seen.after_the_first() for name, (_, seen) in monitors.items()},
        }
    sys.stdout.write(json.dumps(result) + "\n")


main()
