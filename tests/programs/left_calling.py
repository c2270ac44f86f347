"""Ends while a thread makes the calls of an operation of faults/operations.py, with everything open.

Arguments: PC/SC library, the names of the place's readers 0 and 3, the operation. Prints "left" when its main thread
ends.
"""

import contextlib
import sys
import threading
import time

from faults.injection import CountingCard
from faults.operations import OPERATIONS, Scene

from scardffi import Library, SCardError, virtual


class OtherPlace:
    """The readers of the place, in this process."""

    def __init__(self, path: str, names: list[str]) -> None:
        self.library = Library(path)
        self._names = {0: names[0], 3: names[1]}
        if path == virtual.library_path():
            virtual.VirtualReader().unplug()
            for name in (names[0], "reader 1", "reader 2", names[1]):
                virtual.VirtualReader(name, CountingCard()).plug()

    def reader(self, number: int) -> str:
        """Return the name of a reader."""
        return self._names[number]


def main() -> None:
    scene = Scene(OtherPlace(sys.argv[1], sys.argv[2:4]))  # type: ignore[arg-type]  # of a place it has what is used
    call = OPERATIONS[sys.argv[4]].make(scene)

    def call_again_and_again() -> None:
        # virtual readers are unplugged when the interpreter ends
        expected = [SCardError, AssertionError] if sys.argv[1] == virtual.library_path() else [SCardError]
        with contextlib.suppress(*expected):
            while True:
                call()

    threading.Thread(target=call_again_and_again, daemon=True).start()
    time.sleep(0.05)
    sys.stdout.write("left\n")
    globals()["scene"] = scene


main()
