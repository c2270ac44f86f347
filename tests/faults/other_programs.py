"""The other program of the fault table: a process on pcscd; on the virtual library a second client in this process."""

import subprocess
import threading
from pathlib import Path
from typing import Protocol, final

from conformance.places import Place
from support.compile import pcsc_include_flags, program

from scardffi import Disposition, Scope, ShareMode
from scardffi import Protocol as CardProtocol

_SOURCE = Path(__file__).parent.parent / "csrc" / "other_program.c"
_SECONDS = 20


class OtherProgram(Protocol):
    """A program that is attached to a card."""

    def lock(self) -> None:
        """Begin a transaction."""

    def begin(self, command: bytes) -> None:
        """Send a command to the card, and do not wait for the answer."""

    def finish(self) -> None:
        """Wait for the answer."""

    def reset(self) -> None:
        """Reset the card and detach."""

    def end(self) -> None:
        """Detach, if it is attached, and end; a transaction ends too."""

    def kill(self) -> None:
        """End without detaching."""


@final
class OtherProcess:
    """The program csrc/other_program.c, compiled at this path."""

    def __init__(self, path: Path, reader: str, share_mode: ShareMode) -> None:
        command = [str(path), reader, share_mode.name.lower()]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.finish()

    @staticmethod
    def compiled(folder: Path) -> Path:
        """Compile it, and return its path."""
        return program(_SOURCE, folder, *pcsc_include_flags(), "-lpcsclite")

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")

    def lock(self) -> None:
        """Begin a transaction."""
        self._say("lock")
        self.finish()

    def begin(self, command: bytes) -> None:
        """Send a command to the card, and do not wait for the answer."""
        self._say(f"transmit {command.hex()}")

    def finish(self) -> None:
        """Wait for the answer."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "0\n"

    def reset(self) -> None:
        """Reset the card and detach."""
        self._say("reset")
        self.finish()

    def end(self) -> None:
        """Detach, if it is attached, and end; a transaction ends too."""
        self._process.communicate(timeout=_SECONDS)
        assert self._process.returncode == 0

    def kill(self) -> None:
        """End without detaching."""
        self._process.kill()
        self._process.communicate(timeout=_SECONDS)


@final
class SecondClient:
    """A second client in this process, with a native context of its own."""

    def __init__(self, place: Place, share_mode: ShareMode) -> None:
        self._library = place.library
        code, self._context = self._library.SCardEstablishContext(Scope.SYSTEM)
        assert code == 0
        code, self._card, self._protocol = self._library.SCardConnect(
            self._context, place.reader(0), share_mode, CardProtocol.ANY
        )
        assert code == 0
        self._thread: threading.Thread | None = None

    def lock(self) -> None:
        """Begin a transaction."""
        assert self._library.SCardBeginTransaction(self._card) == 0

    def begin(self, command: bytes) -> None:
        """Send a command to the card, and do not wait for the answer."""
        arguments = self._card, self._protocol, command, bytearray(512)
        self._thread = threading.Thread(target=self._library.SCardTransmit, args=arguments)
        self._thread.start()

    def finish(self) -> None:
        """Wait for the answer."""
        assert self._thread is not None
        self._thread.join()

    def reset(self) -> None:
        """Reset the card and detach."""
        assert self._library.SCardDisconnect(self._card, Disposition.RESET) == 0

    def end(self) -> None:
        """Detach, if it is attached, and end; a transaction ends too."""
        self._library.SCardDisconnect(self._card, Disposition.LEAVE)
        self.kill()

    def kill(self) -> None:
        """End without detaching, as the resource manager ends the context of a process that is killed."""
        assert self._library.SCardReleaseContext(self._context) == 0
