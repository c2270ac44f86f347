"""Uses the calls of `_calls` in many threads at once, for the sanitizers.

Arguments: the compiled module `_calls` to use in place of the installed one, and the rounds of each thread. Prints the
number of threads that have ended well.
"""

import importlib.util
import json
import sys
import threading
from contextlib import suppress

MODULE = "scardffi._calls"
spec = importlib.util.spec_from_file_location(MODULE, sys.argv[1])
assert spec is not None
assert spec.loader is not None
sys.modules[MODULE] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules[MODULE])

from support.commands import ANSWER_4, READ_4  # noqa: E402  _calls is loaded before

from scardffi import Exchange, InvalidArgumentError, Library, SCardManage, UnexpectedStateError, virtual  # noqa: E402  the same
from scardffi._loader import calls  # noqa: E402  the same

ROUNDS = int(sys.argv[2])


class Card:
    """A card in Python."""

    atr = b"\x3b\x00"

    def transmit(self, command: bytes) -> bytes:
        """Return the command."""
        return command + b"\x90\x00"


class Calls:
    """What the threads do; each method makes some calls."""

    def __init__(self, library: Library, card: SCardManage, python: SCardManage, shared: Exchange) -> None:
        self.library, self.card, self.python, self.shared = library, card, python, shared
        self.handle, self.protocol = card.handle, card.protocol
        self.ended = 0

    def plain(self, command: bytes | bytearray) -> None:
        """Make each kind of call that takes the command."""
        response = bytearray(10)
        assert self.card.transmit(command) == ANSWER_4
        assert self.card.transmit_into(command, response) == 6
        assert self.card.transmit(READ_4, flow=1) == ANSWER_4

    def bound(self) -> None:
        """Use an exchange of this thread, and the one that all threads share."""
        with self.card.exchange(bytearray(READ_4), memoryview(bytearray(10))) as exchange:
            assert exchange() == exchange.unchecked() == 6
        try:
            assert self.shared() == 6
        except UnexpectedStateError:
            assert self.shared.unchecked() in {6, -0x8000FFFF}

    def refused(self) -> None:
        """Give commands that are not allowed."""
        for command in (b"", memoryview(b"1234")[::2]):
            with suppress(InvalidArgumentError, TypeError):
                raise AssertionError(self.card.transmit(command))

    def of_one_card(self) -> None:
        """Make all these calls again and again."""
        for _ in range(ROUNDS):
            self.plain(READ_4)
            self.plain(bytearray(READ_4))
            self.bound()
            self.refused()
        self.ended += 1

    def of_the_others(self) -> None:
        """Use the card in Python and the raw function."""
        for _ in range(ROUNDS):
            assert self.python.transmit(b"12345") == b"12345\x90\x00"
            assert self.library.SCardTransmit(self.handle, self.protocol, READ_4, bytearray(10)) == (0, 6)
        self.ended += 1


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
        several = Calls(library, card, python, shared)
        targets = [several.of_one_card] * 4 + [several.of_the_others]
        threads = [threading.Thread(target=target) for target in targets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(json.dumps(several.ended))  # noqa: T201  the test reads it


main()
