"""Uses the calls of `_calls` in many threads at once, for the sanitizers.

Arguments: the compiled module `_calls` to use in place of the installed one, and the rounds of each thread. Prints the
number of exchanges as JSON.
"""

import importlib.util
import json
import sys
import threading
from collections.abc import Callable

MODULE = "scardffi._calls"
spec = importlib.util.spec_from_file_location(MODULE, sys.argv[1])
assert spec is not None
assert spec.loader is not None
sys.modules[MODULE] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules[MODULE])

from support.commands import ANSWER_4, READ_4  # noqa: E402  _calls is loaded before

from scardffi import InvalidArgumentError, Library, SCardManage, UnexpectedStateError, virtual  # noqa: E402  the same
from scardffi._loader import calls  # noqa: E402  the same

ROUNDS = int(sys.argv[2])


class Card:
    """A card in Python."""

    atr = b"\x3b\x00"

    def transmit(self, command: bytes) -> bytes:
        """Return the command."""
        return command + b"\x90\x00"


def main() -> None:
    """Run the program."""
    assert calls is sys.modules[MODULE]
    library = Library(virtual.library_path())
    with (
        virtual.VirtualReader("Python", Card()),
        SCardManage(library).attach_by_ifd("Python") as python,
        SCardManage(library).attach_by_ifd(virtual.DEFAULT_READER) as card,
        card.exchange(READ_4, bytearray(10)) as shared,
    ):
        handle, protocol = card.handle, card.protocol
        done: list[None] = []

        def plain(command: bytes | bytearray) -> None:
            response = bytearray(10)
            assert card.transmit(command) == ANSWER_4
            assert card.transmit_into(command, response) == 6
            assert card.transmit(READ_4, flow=1) == ANSWER_4

        def bound() -> None:
            response = memoryview(bytearray(10))
            with card.exchange(bytearray(READ_4), response) as exchange:
                assert exchange() == exchange.unchecked() == 6
            try:
                assert shared() == 6
            except UnexpectedStateError:
                assert shared.unchecked() in {6, -0x8000FFFF}

        def refused() -> None:
            for command in (b"", memoryview(b"1234")[::2]):
                try:
                    card.transmit(command)
                except (InvalidArgumentError, TypeError):
                    continue
                raise AssertionError(command)

        def other() -> None:
            assert python.transmit(b"12345") == b"12345\x90\x00"
            assert library.SCardTransmit(handle, protocol, READ_4, bytearray(10)) == (0, 6)

        def repeat(*actions: Callable[[], None]) -> None:
            for _ in range(ROUNDS):
                for action in actions:
                    action()
            done.append(None)

        actions = (lambda: plain(READ_4), lambda: plain(bytearray(READ_4)), bound, refused)
        threads = [threading.Thread(target=repeat, args=actions) for _ in range(4)]
        threads.append(threading.Thread(target=repeat, args=(other,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(json.dumps(len(done)))  # noqa: T201  the test reads it


main()
