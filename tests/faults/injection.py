"""The faults that need something outside of the library under test: the service, readers, cards, other programs."""

import contextlib
import os
import random
import resource
import threading
import time
from collections.abc import Callable
from typing import Final

from conformance.services import Service
from support.cards import T1_ATR

from scardffi import Disposition, SCardManage, ShareMode


class CountingCard:
    """A card in Python that answers the operations' commands as the cards of the tests do, and counts them."""

    atr = T1_ATR

    def __init__(self) -> None:
        self.commands = 0
        self.kind: int | None = None

    def reset(self) -> None:
        """Answer as usual again."""
        self.kind = None

    def transmit(self, command: bytes) -> bytes:
        """Answer READ BINARY with the pattern, and the other commands with 9000, some later."""
        self.commands += 1
        if self.kind is not None:
            return self.odd_answer(self.kind)
        if command[:2] == b"\x80\x22":
            self.kind = command[3]
            return b"\x90\x00"
        if command[:2] == b"\x80\x10":
            time.sleep(int.from_bytes(command[2:4]) / 1000)
            return b"\x90\x00"
        if command[1] != 0xB0:
            return b"\x90\x00"
        offset = int.from_bytes(command[2:4])
        return bytes((i ^ i >> 8) & 0xFF for i in range(offset, offset + (command[4] or 256))) + b"\x90\x00"

    @staticmethod
    def odd_answer(kind: int) -> bytes:
        """Return the answer of a kind of 80 22: see csrc/ifd_handler.c."""
        if kind == 2:
            return bytes(256) + b"\x61\x00"
        return random.randbytes(random.randrange(301)) if kind == 3 else b"\x90"[:kind]


class Fault:
    """A fault that begins, and ends at the latest with its row."""

    ends_by_itself = False
    """True if the fault ends while the call runs."""
    ends_for_waits = False
    """True if the fault ends while a call waits for it to end."""
    ends_before_closing = False
    """True if nothing can be closed while it lasts."""
    counts_commands = True
    """False if the commands that the card got cannot be counted."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.is_on = False

    def begin(self) -> None:
        """Let it happen."""
        self.is_on = True
        self.do()

    def wait_a_little(self) -> None:
        """Wait, before the fault ends."""
        time.sleep(0.05)

    def end(self) -> None:
        """Undo it."""
        if self.is_on:
            self.is_on = False
            self.undo()

    def do(self) -> None:
        """Let it happen."""

    def undo(self) -> None:
        """Undo it."""

    def restore(self) -> None:
        """Restore the place for the next row."""


class Stopped(Fault):
    """The resource manager is stopped as by its system: pcscd gets SIGTERM."""

    ends_for_waits = True

    def do(self) -> None:
        """Stop it."""
        self.service.stop()

    def undo(self) -> None:
        """Start it."""
        self.service.start()


class Killed(Stopped):
    """Pcscd gets SIGKILL."""

    def do(self) -> None:
        """Kill it."""
        self.service.kill()


class Restarted(Fault):
    """The resource manager is stopped, and started again at once."""

    def do(self) -> None:
        """Restart it."""
        self.service.stop()
        self.service.start()


class Frozen(Fault):
    """The resource manager does not answer, and goes on some time later: pcscd gets SIGSTOP and SIGCONT."""

    ends_by_itself = True

    def do(self) -> None:
        """Freeze it."""
        self._frozen = self.service.frozen()
        self._frozen.__enter__()

    def undo(self) -> None:
        """Let it go on."""
        self._frozen.__exit__(None, None, None)


class StillFrozen(Frozen):
    """The resource manager goes on only when the call has ended, before its objects are closed."""

    ends_by_itself = False
    ends_before_closing = True


class OnReaders(Fault):
    """A fault of a reader or card, after which the place is restored."""

    def restore(self) -> None:
        """Restore the readers and cards."""
        self.service.place.restore()


class Pulled(OnReaders):
    """The card is pulled out."""

    def do(self) -> None:
        """Pull it."""
        self.service.place.remove(0)

    def undo(self) -> None:
        """Insert it."""
        self.service.place.insert(0)


class Unplugged(OnReaders):
    """The reader is unplugged."""

    def do(self) -> None:
        """Unplug it."""
        self.service.place.unplug(0)

    def undo(self) -> None:
        """Plug it in."""
        self.service.place.plug(0)


class PulledAndInserted(Pulled):
    """The card is pulled out and inserted again."""

    ends_by_itself = True


class UnpluggedAndPlugged(Unplugged):
    """The reader is unplugged, and plugged in again half a second later.

    If that were quicker, a busy program could miss it: the reader and its counter are the same again then.
    """

    ends_by_itself = True

    def wait_a_little(self) -> None:
        """Wait half a second."""
        time.sleep(0.5)


class Swapped(OnReaders):
    """The card is pulled out and inserted again before anything else happens."""

    def do(self) -> None:
        """Do both."""
        self.service.place.remove(0)
        self.service.place.insert(0)


class Replugged(OnReaders):
    """The reader is unplugged and plugged in again before anything else happens."""

    def do(self) -> None:
        """Do both."""
        self.service.place.unplug(0)
        self.service.place.plug(0)


class AnotherProgram(OnReaders):
    """Another client of the resource manager does something with the card."""

    share_mode = ShareMode.SHARED

    def do(self) -> None:
        """Attach as the other client."""
        place = self.service.place
        self.other = SCardManage(place.library).attach_by_ifd(place.reader(0), self.share_mode)

    def undo(self) -> None:
        """Detach."""
        self.other.detach()


class Exclusive(AnotherProgram):
    """The other client has the card for itself."""

    share_mode = ShareMode.EXCLUSIVE


class Transaction(AnotherProgram):
    """The other client begins a transaction."""

    def do(self) -> None:
        """Begin it."""
        super().do()
        self.other.lock()


class ShortTransaction(Transaction):
    """The other client begins a transaction, and ends it after a while."""

    ends_by_itself = True


class Reset(AnotherProgram):
    """The other client resets the card."""

    def undo(self) -> None:
        """Do nothing: it is detached."""

    def do(self) -> None:
        """Reset it."""
        super().do()
        self.other.detach(Disposition.RESET)


class Answers(AnotherProgram):
    """The card gives odd answers from now on, until it is reset: 80 22 of csrc/ifd_handler.c."""

    counts_commands = False

    def __init__(self, service: Service, kind: int) -> None:
        super().__init__(service)
        self._kind = kind

    def do(self) -> None:
        """Tell the card."""
        super().do()
        self.other.transmit(bytes((0x80, 0x22, 0xFF, self._kind)))

    def undo(self) -> None:
        """Reset the card."""
        self.other.detach(Disposition.RESET)


class SlowAnswers(AnotherProgram):
    """The card is busy with another client's command when the call begins."""

    counts_commands = False

    def do(self) -> None:
        """Begin a long command."""
        super().do()
        self._thread = threading.Thread(target=self.other.transmit, args=(bytes.fromhex("801000C8"),))
        self._thread.start()
        time.sleep(0.01)

    def undo(self) -> None:
        """Wait for the command."""
        self._thread.join()
        super().undo()


class NoDescriptors(Fault):
    """The process has opened as many files as it may."""

    ends_for_waits = True

    def do(self) -> None:
        """Set the limit to what is open."""
        self._limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._taken = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, self._limits[1]))
        with contextlib.suppress(OSError):
            while True:
                self._taken.append(os.open(os.devnull, os.O_RDONLY))

    def undo(self) -> None:
        """Give the descriptors back."""
        for descriptor in self._taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, self._limits)


class AnotherVersion(Fault):
    """A client finds a daemon that speaks another version of the protocol."""

    def do(self) -> None:
        """Lead clients to it."""
        self._version = self.service.of_another_version()
        self._version.__enter__()

    def undo(self) -> None:
        """Lead them back."""
        self._version.__exit__(None, None, None)


FAULTS: Final[dict[str, Callable[[Service], Fault]]] = {
    "stopped": Stopped,
    "killed": Killed,
    "restarted": Restarted,
    "frozen, then continued": Frozen,
    "frozen": StillFrozen,
    "card pulled": Pulled,
    "reader unplugged": Unplugged,
    "card pulled and inserted": Swapped,
    "reader unplugged and plugged in": Replugged,
    "card of the wait pulled and inserted": PulledAndInserted,
    "reader of the wait unplugged and plugged in": UnpluggedAndPlugged,
    "reset by another program": Reset,
    "another program has the card exclusively": Exclusive,
    "another program is attached": AnotherProgram,
    "another program holds a transaction": Transaction,
    "another program holds a transaction for a while": ShortTransaction,
    "an answer of 0 bytes": lambda service: Answers(service, 0),
    "an answer of 1 byte": lambda service: Answers(service, 1),
    "an answer without an end": lambda service: Answers(service, 2),
    "random answers": lambda service: Answers(service, 3),
    "slow answers": SlowAnswers,
    "no descriptor is left": NoDescriptors,
    "a daemon of another version": AnotherVersion,
}
