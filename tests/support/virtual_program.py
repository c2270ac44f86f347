"""A program in a separate process that uses the virtual PC/SC library and makes the calls that a test asks for."""

import ast
import os
import subprocess
import sys
from types import TracebackType
from typing import Any, final

_PROGRAM = """
import os, signal, sys
from scardffi import Context, Disposition, Library, ReaderStateFlag, SCardError, ShareMode, virtual

library = Library(virtual.library_path())
attached = {}

def establish():
    return library.SCardEstablishContext(2)[0]

def readers():
    with Context(library=library) as context:
        return context.list_readers()

def wait(reader, present):
    with Context(library=library) as context:
        (state,) = context.get_status_change([reader])
        while bool(state.state & ReaderStateFlag.PRESENT) != present:
            (state,) = context.get_status_change([state], 10)
        return state.atr.hex(), state.event_count

def transmit(reader, command):
    with Context(library=library) as context, context.attach(reader) as card:
        return card.transmit(bytes.fromhex(command)).hex()

def attach(reader):
    attached[reader] = Context(library=library).attach(reader)

def transmit_again(reader, command):
    return attached[reader].transmit(bytes.fromhex(command)).hex()

def reset(reader):
    attached[reader].reconnect(share_mode=ShareMode.SHARED, initialization=Disposition.RESET)

def lasting_child():
    child = os.fork()
    if child == 0:
        for stream in range(3):
            os.close(stream)
        signal.pause()
    return child

def in_child(question):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, repr(answer(question)).encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return eval(said)

def answer(question):
    try:
        return eval(question)
    except SCardError as error:
        return error.name

for line in sys.stdin:
    print(repr(answer(line)), flush=True)
os._exit(0)  # as a program that is killed: nothing is released
"""


@final
class VirtualProgram:
    """A program that runs during a `with` statement. A call that fails returns the name of its error."""

    def __init__(self, configuration: str) -> None:
        self._environment = {**os.environ, "SCARDFFI_VIRTUAL": configuration}
        self.complaints = ""
        """What it wrote to stderr, when it has ended."""

    def __enter__(self) -> "VirtualProgram":
        self._process = subprocess.Popen(
            # Python 3.12 advises against forks of a process with threads.
            [sys.executable, "-X", "faulthandler", "-W", "ignore::DeprecationWarning", "-c", _PROGRAM],
            cwd="/",  # a folder without a source folder named scardffi, which would be imported
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            _, self.complaints = self._process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise
        if self._process.returncode != 0:
            raise RuntimeError(f"the program ended with {self._process.returncode}:\n{self.complaints}")

    def establish(self) -> int:
        """Return the code of SCardEstablishContext."""
        return int(self._ask("establish()"))

    def readers(self) -> Any:
        """Return the names of all readers."""
        return self._ask("readers()")

    def wait(self, reader: str, *, present: bool) -> Any:
        """Wait until there is a card, or none; return its ATR in hexadecimal, and the reader's count of events."""
        return self._ask(f"wait({reader!r}, {present})")

    def transmit(self, reader: str, command: str) -> Any:
        """Send a command over a new connection; return the response in hexadecimal."""
        return self._ask(f"transmit({reader!r}, {command!r})")

    def attach(self, reader: str) -> Any:
        """Open a connection and keep it."""
        return self._ask(f"attach({reader!r})")

    def transmit_again(self, reader: str, command: str) -> Any:
        """Send a command over the open connection; return the response in hexadecimal."""
        return self._ask(f"transmit_again({reader!r}, {command!r})")

    def reset(self, reader: str) -> None:
        """Reconnect the open connection, with a reset of the card."""
        assert self._ask(f"reset({reader!r})") is None

    def lasting_child(self) -> int:
        """Forks a child that does nothing until it is killed; answers its process id."""
        return int(self._ask("lasting_child()"))

    def in_child(self, question: str) -> Any:
        """What a child that it forks answers to the text of a call."""
        return self._ask(f"in_child({question!r})")

    def _ask(self, question: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        return ast.literal_eval(self._process.stdout.readline())
