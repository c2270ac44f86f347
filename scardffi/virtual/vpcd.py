"""A card in Python for a reader that uses vpcd's framing over TCP: one of a real pcscd, or of the virtual library.

vpcd is a driver for pcscd, of the project vsmartcard, whose readers get their cards over TCP.

A message consists of its length in two bytes, big-endian, and that number of bytes. A message of the one byte 00, 01,
02 or 04 to the card is a control message, any other message is a command. The card answers every command. The only
control message that it answers is the request for the ATR.

No message to vpcd is empty: vpcd would wait for ever for its bytes, and pcscd with it. For the same reason the card
hangs up if vpcd seems to wait for the answer to a control message.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
import time
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self
from weakref import WeakSet

from .._at_exit import silent_at_exit
from .._half_made import repr_if_half_made
from .._locks import Mutex
from .._not_copied import NotCopied
from ..constants import ReturnCode
from ..errors import SCardError
from ._last_answer import LastAnswer

if sys.platform == "win32":
    import ctypes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from .card import Card

_POWER_OFF: Final = b"\0"
_POWER_ON: Final = b"\1"
_RESET: Final = b"\2"
_GET_ATR: Final = b"\4"
_UNANSWERED: Final = frozenset({_POWER_OFF, _POWER_ON, _RESET})
_CONTROLS: Final = _UNANSWERED | {_GET_ATR}
_LONGEST_ATR: Final = 33
_LONGEST_MESSAGE: Final = 0xFFFF
_FAILED: Final = b"\x6f\x00"
_REMOVALS: Final = frozenset({ReturnCode.SCARD_E_NO_SMARTCARD, ReturnCode.SCARD_W_REMOVED_CARD})

# Unlike DefaultSelector, these have no file descriptor that a child process would inherit. Windows has no PollSelector.
_Selector: Final = getattr(selectors, "PollSelector", selectors.SelectSelector)

_CONNECT_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 0.01
_ACCEPT_AGAIN_SECONDS: Final = 0.1
_SILENCE_SECONDS: Final = 5.0
"""If vpcd is silent this long after a control message, the card hangs up. pcscd asks for the ATR every 0.4 seconds."""


@repr_if_half_made
class VpcdCard(NotCopied):
    """A card in Python that is in a reader from :meth:`start` to :meth:`stop`, or while the context lasts.

    The card runs on threads of this object. It may be started again after it was stopped. In the child of a fork it
    is not running.

    vpcd's protocol transports answers of 1 to 65535 bytes, ATRs of 1 to 33, and no PC/SC return codes. If the card
    raises an exception or returns an answer of another length, the answer to the command is 6F00. If there is no ATR,
    because the card raises an exception or because it is mute, or if it raises an SCardError with the code
    SCARD_E_NO_SMARTCARD or SCARD_W_REMOVED_CARD, the connection is closed, which vpcd treats as a removal of the card.

    vpcd cannot transport commands of the one byte 00, 01, 02 or 04. The card takes 04 for the request for the ATR,
    and answers with the ATR. After the others pcscd would wait for ever; the card therefore ends the connection after 5
    seconds, and connects again.

    Args:
        card: the card.
        port: the TCP port on which vpcd waits for cards. With ``listen``, the port to listen on; 0 for any free port.
            After :meth:`start` the attribute ``port`` is the number of the port.
        host: the host of vpcd, or the address to listen on.
        listen: True to let readers connect to the card. Each connection is a reader with the card in it; they share
            the card, which gets one command at a time.

    Attributes:
        errors: the exceptions that the card has raised, with their tracebacks, except removals of the card.
    """

    _passes_codes: bool = False

    def __init__(self, card: Card, port: int, host: str = "127.0.0.1", *, listen: bool = False) -> None:
        self.card: Final = card
        self.port = port
        self.host: Final = host
        self.errors: list[BaseException] = []
        self._listen: Final = listen
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    @silent_at_exit
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @silent_at_exit
    def __del__(self, _warn: Any = warnings.warn) -> None:
        server = getattr(self, "_server", None)
        if server is not None and server.sockets:
            server.end()
            _warn(f"{self!r} was collected while plugged in; call stop()", ResourceWarning, source=self)

    def __repr__(self) -> str:
        way = "not started, for" if self._server is None else "listening on" if self._listen else "connected to"
        return f"<scardffi.virtual.vpcd.VpcdCard {type(self.card).__name__} {way} {self.host}:{self.port}>"

    def start(self) -> None:
        """Plug the card in; return when it is connected, or when readers can connect to it.

        pcscd notices the card up to 0.4 seconds later.

        Raises:
            OSError: no vpcd accepted the connection for 5 seconds, or the port to listen on is in use.
            RuntimeError: the card is plugged in already.
        """
        if self._server is not None:
            raise RuntimeError("this card is plugged in already; call stop() first")
        end = socket.create_server((self.host, self.port)) if self._listen else _connected(self.host, self.port)
        host, port = self.host, self.port
        connect = None if self._listen else lambda: _connected(host, port)
        server = _Server(self.card, self.errors, connect, passes_codes=self._passes_codes)
        if self._listen:
            self.port = end.getsockname()[1]
            server.listen(end)
        else:
            server.serve(end)
        self._server = server

    def stop(self) -> None:
        """Remove the card after a running command has ended. This has no effect if the card is not plugged in."""
        server, self._server = self._server, None
        if server is not None:
            server.end()
            server.join()


class _Server:
    """The sockets and threads of a card that is plugged in. It does not keep the VpcdCard alive."""

    def __init__(
        self,
        card: Card,
        errors: list[BaseException],
        connect: Callable[[], socket.socket] | None = None,
        *,
        passes_codes: bool = False,
    ) -> None:
        self.sockets: Final[set[socket.socket]] = set()
        self.threads: Final[set[threading.Thread]] = set()
        self._card: Final = card
        self._errors: Final = errors
        self._passes_codes: Final = passes_codes
        self._connect: Final = connect
        self._card_lock: Final = Mutex()
        self._ended = False
        _servers.add(self)

    def serve(self, connection: socket.socket) -> None:
        """Start a thread that answers the messages of this connection."""
        self._start(self._serve, connection)

    def listen(self, listener: socket.socket) -> None:
        """Start a thread that accepts connections to this socket and serves each of them."""
        listener.setblocking(False)
        asleep, waker = socket.socketpair()
        self.sockets.update((listener, waker))
        self._start(self._accept, asleep, listener, waker)

    def end(self) -> None:
        """Tell all threads to end, without waiting for them."""
        self._ended = True
        for one in list(self.sockets):
            _shut_down(one)

    def join(self) -> None:
        """Wait until all threads except the calling one have ended."""
        while self.threads and not sys.is_finalizing():  # while the interpreter is ending, no other thread runs
            thread = self.threads.pop()
            if thread is not threading.current_thread():
                thread.join()

    def forget(self) -> None:
        """Close the sockets in the child of a fork, without shutdown(), which would end the parent's connections."""
        for one in self.sockets:
            os.close(one.detach())
        self.sockets.clear()
        self.threads.clear()

    def _start(self, work: Callable[..., None], own: socket.socket, *others: socket.socket) -> None:
        """Run ``work`` on a thread, which closes these sockets at its end."""
        self.sockets.add(own)
        thread = threading.Thread(target=self._run, args=(work, own, *others), name="virtual card", daemon=True)
        thread.start()
        self.threads.difference_update([one for one in list(self.threads) if not one.is_alive()])
        self.threads.add(thread)  # after start(): join() needs a started thread
        if self._ended:  # end() was called meanwhile and may have missed this socket
            self.end()

    def _run(self, work: Callable[..., None], *sockets: socket.socket) -> None:
        try:
            work(*sockets)
        finally:
            self.sockets.difference_update(sockets)
            for one in sockets:
                one.close()

    def _accept(self, asleep: socket.socket, listener: socket.socket, _waker: socket.socket) -> None:
        with _Selector() as selector:
            selector.register(asleep, selectors.EVENT_READ)
            selector.register(listener, selectors.EVENT_READ)
            while not self._ended:
                try:
                    selector.select()
                    self._accept_one(listener)
                except (BlockingIOError, ConnectionError):  # the other side has closed the connection
                    pass
                except (OSError, RuntimeError, MemoryError):  # end() was called, or a resource is used up
                    asleep.settimeout(_ACCEPT_AGAIN_SECONDS)
                    with suppress(OSError):
                        asleep.recv(1)  # until end() is called

    def _accept_one(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        try:
            connection.setblocking(True)
            self.serve(connection)
        except BaseException:
            self.sockets.discard(connection)
            connection.close()
            raise

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection.makefile("rb") as stream:  # the other side may close it
            try:
                self._serve_messages(connection, stream)
            except TimeoutError:
                _shut_down(connection)
                if self._connect is not None and not self._ended:
                    self.serve(self._connect())

    def _serve_messages(self, connection: socket.socket, stream: BinaryIO) -> None:
        """Answer messages until the end of the connection, or until the card has no ATR or says that it was removed.

        Raises:
            TimeoutError: the reader seems to wait for the answer to a message that was taken for a control message, so
                it was a command of one byte.
        """
        _acknowledge_at_once(connection)
        previous, polls = b"", False
        for message in _messages(stream):
            connection.settimeout(None)
            answer = self._answer(message)
            if answer is not None:
                if not answer:
                    return
                connection.sendall(answer)
                if isinstance(answer, LastAnswer):
                    return
            _acknowledge_at_once(connection)
            polls |= message == _GET_ATR and previous not in {_POWER_ON, _RESET}
            if polls and message in _UNANSWERED:  # a reader that does not poll as pcscd does may be silent
                connection.settimeout(_SILENCE_SECONDS)
            previous = message

    def _answer(self, message: bytes) -> bytes | None:
        """Return what to send to the reader; None for nothing, b"" if the connection must be closed."""
        with self._card_lock:
            try:
                if message not in _CONTROLS:
                    return self._framed_answer(self._card.transmit(message))
                if message == _GET_ATR:
                    atr = _checked("atr", self._card.atr, 0, _LONGEST_ATR)
                    return _framed(atr) if atr else b""
                if message in (_POWER_ON, _RESET) and (reset := getattr(self._card, "reset", None)) is not None:
                    reset()
            except BaseException as error:  # noqa: BLE001  a card may raise anything, pytest's Failed too; errors keeps it
                if message not in _CONTROLS:
                    return self._failure(error)
                self._errors.append(error)
        return b"" if message == _GET_ATR else None

    def _framed_answer(self, answer: bytes) -> bytes:
        """Return what to send for an answer of the card; a LastAnswer if the connection must be closed after it."""
        framed = _framed(_checked("answer", answer, 1, _LONGEST_MESSAGE))
        if not isinstance(answer, LastAnswer):
            return framed
        return _framed(b"") + _framed(bytes(4)) + framed if self._passes_codes else LastAnswer(framed)

    def _failure(self, error: BaseException) -> bytes:
        """Return what to send to the reader if a command has raised this."""
        code = error.code if isinstance(error, SCardError) else None
        if code in _REMOVALS and not self._passes_codes:
            return b""
        if not code or not self._passes_codes:
            self._errors.append(error)
        if not self._passes_codes:
            return _framed(_FAILED)
        return _framed(b"") + _framed((code or ReturnCode.SCARD_F_COMM_ERROR).to_bytes(4, "big"))


def _framed(message: bytes) -> bytes:
    """Return a message after its length."""
    return len(message).to_bytes(2, "big") + message


def _checked(name: str, value: bytes, fewest: int, most: int) -> bytes:
    """Check the length of an answer and return a copy. The error has no bytes of it, because they may be secret."""
    size = memoryview(value).nbytes
    if not fewest <= size <= most:
        raise ValueError(f"{name}: {size} bytes are not allowed; give {fewest} to {most}")
    return bytes(value)


def _shut_down(connection: socket.socket) -> None:
    """Shut a connection down, so that a thread that waits for it wakes up."""
    with suppress(OSError):  # the other side has closed it already
        connection.shutdown(socket.SHUT_RDWR)
    if sys.platform == "win32":  # shutdown() does not end calls that wait already
        ctypes.windll.kernel32.CancelIoEx(ctypes.c_void_p(connection.fileno()), None)


def _acknowledge_at_once(connection: socket.socket) -> None:
    """Make TCP acknowledge the next message's length at once. Otherwise vpcd waits for up to 40 ms."""
    if hasattr(socket, "TCP_QUICKACK"):  # Linux resets this option by itself
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _messages(stream: BinaryIO) -> Iterator[bytes]:
    """Yield each message of a connection, without its length."""
    while len(header := stream.read(2)) == 2:
        length = int.from_bytes(header, "big")
        message = stream.read(length)
        if len(message) < length:
            return
        yield message


def _connected(host: str, port: int) -> socket.socket:
    """Connect to vpcd. While the connection is refused, try again for some time: vpcd may be starting."""
    deadline = time.monotonic() + _CONNECT_SECONDS
    while True:
        try:
            connection = socket.create_connection((host, port), timeout=_CONNECT_SECONDS)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
        else:
            # If nobody listens on a local port, TCP may choose the same port for this side and connect it to itself.
            if connection.getsockname() != connection.getpeername():
                connection.settimeout(None)
                return connection
            connection.close()
        time.sleep(_RETRY_SECONDS)


def _forget_all() -> None:
    for server in list(_servers):
        server.forget()


_servers: Final[WeakSet[_Server]] = WeakSet()
if hasattr(os, "register_at_fork"):  # the card stays in the parent
    os.register_at_fork(after_in_child=_forget_all)
