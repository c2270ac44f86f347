"""Restarts the resource manager with fewer readers, and prints what the calls of a Context do then as one JSON object.

Arguments: the place, a folder for files. For each call: whether its result is right, or the code of its error, and the
error's text.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.commands import ANSWER_4, READ_4
from support.pcscd import PrivatePcscd

from scardffi import Context, Library, SCardError, virtual


def outcome(call: Callable[[], object]) -> list[Any]:
    try:
        return [call(), ""]
    except SCardError as error:
        return [error.code, f"{type(error).__name__}: {error}"]


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
    with running(folder / "more", 3) as reader:
        context = Context(library=library)
        assert len(context.list_readers()) == 3
        context.get_status_change([reader])
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
        }
    sys.stdout.write(json.dumps(result) + "\n")


main()
