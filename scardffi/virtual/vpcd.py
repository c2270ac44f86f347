"""A card in Python, plugged into a reader that speaks vpcd's framing over TCP: a real pcscd's, or our own library's.

Each message is its length in two bytes, big-endian, and that many bytes. To the card, one byte is a control, and
anything else a command, which is answered; of the controls only the request for the ATR is answered.
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
from weakref import WeakSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Any, BinaryIO, Final, Self

    from .card import Card

_POWER_ON: Final = b"\1"
_RESET: Final = b"\2"
_GET_ATR: Final = b"\4"
_LONGEST_ATR: Final = 33
_LONGEST_MESSAGE: Final = 0xFFFF
_FAILED: Final = b"\x6f\x00"

# Neither has a descriptor of its own, which a child would inherit; Windows has no PollSelector.
_Selector: Final = getattr(selectors, "PollSelector", selectors.SelectSelector)

_CONNECT_SECONDS: Final = 5.0
_CONNECT_AGAIN: Final = 0.01


class VpcdCard:
    """Is in the reader from ``start`` to ``stop``, or from ``with`` to its end. It may be started again.

    ``port``, ``host``: where vpcd waits for cards, by default on this machine. With ``listen=True`` it is the other way
    round: the card waits there (port 0: any free one, which ``port`` then tells), and whoever connects has it in a
    reader; all of them share the one card, which sees one command at a time. It serves on threads of its own.

    What the card raises is kept in ``errors``, with its traceback; a command is then answered 6F00, a request for the
    ATR with nothing. So are answers that are too long: 65535 bytes, or 33 for an ATR, are the most. vpcd takes a card
    that answers with nothing for removed, and cannot pass on commands of one byte.

    After a fork the card stays with the parent.
    """

    def __init__(self, card: Card, port: int, host: str = "127.0.0.1", *, listen: bool = False) -> None:
        self.card: Final = card
        self.port = port
        self.host: Final = host
        self.errors: Final[list[BaseException]] = []
        self._listen: Final = listen
        self._service: _Service | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __del__(self, _warn: Any = warnings.warn) -> None:
        service = getattr(self, "_service", None)
        if service is not None and service.sockets:
            service.end()
            _warn(f"{self!r} was collected while plugged in; call stop()", ResourceWarning, source=self)

    def __repr__(self) -> str:
        way = "not started, for" if self._service is None else "listening on" if self._listen else "connected to"
        return f"<scardffi.virtual.vpcd.VpcdCard {type(self.card).__name__} {way} {self.host}:{self.port}>"

    def start(self) -> None:
        """Plug the card in: returns when connected, or when others can connect. pcscd notices it later (0.4 s).

        Raises:
            OSError: nobody waits for cards there, after trying for 5 seconds; or the port to listen on is taken.
            RuntimeError: it is plugged in already.
        """
        if self._service is not None:
            raise RuntimeError("this card is plugged in already; call stop() first")
        end = socket.create_server((self.host, self.port)) if self._listen else _connected(self.host, self.port)
        service = _Service(self.card, self.errors)
        if self._listen:
            self.port = end.getsockname()[1]
            service.listen(end)
        else:
            service.serve(end)
        self._service = service

    def stop(self) -> None:
        """Pull the card out. Waits for the end of a command under way; without effect where it is not plugged in."""
        service, self._service = self._service, None
        if service is not None:
            service.end()
            service.join()


class _Service:
    """What the threads of a card that is plugged in share. They do not hold the VpcdCard: it can be collected."""

    def __init__(self, card: Card, errors: list[BaseException]) -> None:
        self.sockets: Final[set[socket.socket]] = set()
        self.threads: Final[set[threading.Thread]] = set()
        self._card: Final = card
        self._errors: Final = errors
        self._turn: Final = threading.Lock()
        self._ended = False
        _services.add(self)

    def serve(self, connection: socket.socket) -> None:
        """Be the card of this connection, on a thread."""
        self._start(self._serve, connection)

    def listen(self, listener: socket.socket) -> None:
        """Be the card of each connection to this socket."""
        listener.setblocking(False)
        asleep, waker = socket.socketpair()
        self.sockets.update((listener, waker))
        self._start(self._accept, asleep, listener, waker)

    def end(self) -> None:
        """Let all threads end, without waiting for them."""
        self._ended = True
        for one in list(self.sockets):
            _hang_up(one)

    def join(self) -> None:
        """Wait until all threads have ended, but for the one that calls."""
        while self.threads:
            thread = self.threads.pop()
            if thread is not threading.current_thread():
                thread.join()

    def forget(self) -> None:
        """In a child after a fork: give up what is the parent's, which a shutdown would end there too."""
        for one in self.sockets:
            os.close(one.detach())
        self.sockets.clear()
        self.threads.clear()

    def _start(self, work: Callable[..., None], own: socket.socket, *others: socket.socket) -> None:
        """Run ``work`` on a thread, which closes these sockets in the end."""
        self.sockets.add(own)
        thread = threading.Thread(target=self._run, args=(work, own, *others), name="virtual card", daemon=True)
        thread.start()
        self.threads.difference_update([one for one in list(self.threads) if not one.is_alive()])
        self.threads.add(thread)  # started, so that it can be joined
        if self._ended:  # in the meantime, by somebody who may not have seen this socket
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
                with suppress(OSError):  # ended, or whoever came has gone again
                    selector.select()
                    connection, _ = listener.accept()
                    connection.setblocking(True)
                    self.serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection.makefile("rb") as stream:  # whoever has the reader may go at any time
            _acknowledge_at_once(connection)
            for message in _messages(stream):
                answer = self._answer(message)
                if answer is not None:
                    connection.sendall(len(answer).to_bytes(2, "big") + answer)
                _acknowledge_at_once(connection)

    def _answer(self, message: bytes) -> bytes | None:
        """What the card answers, or None where no answer is expected."""
        is_command, asks_for_atr = len(message) != 1, message == _GET_ATR
        with self._turn:
            try:
                if is_command:
                    return _checked("answer", self._card.transmit(message), _LONGEST_MESSAGE)
                if asks_for_atr:
                    return _checked("atr", self._card.atr, _LONGEST_ATR)
                if message in (_POWER_ON, _RESET) and (reset := getattr(self._card, "reset", None)) is not None:
                    reset()
            except BaseException as error:  # noqa: BLE001  a card may raise anything, pytest's Failed too: it is kept
                self._errors.append(error)
        return _FAILED if is_command else b"" if asks_for_atr else None


def _checked(name: str, value: bytes, most: int) -> bytes:
    """A copy of what a card returned; the errors tell nothing of what is in it, which may be secret."""
    size = memoryview(value).nbytes
    if size > most:
        raise ValueError(f"{name}: {size} bytes, at most {most} are possible")
    return bytes(value)


def _hang_up(connection: socket.socket) -> None:
    """End a connection under whoever waits at it."""
    with suppress(OSError):  # the other side has gone already
        connection.shutdown(socket.SHUT_RDWR)
    if sys.platform == "win32":  # where that does not reach those who wait already
        import ctypes  # here, since it is slow to import and needed for this alone

        ctypes.windll.kernel32.CancelIoEx(ctypes.c_void_p(connection.fileno()), None)


def _acknowledge_at_once(connection: socket.socket) -> None:
    """Let TCP not delay acknowledging the next message's length: vpcd sends the message no sooner, 40 ms later."""
    if hasattr(socket, "TCP_QUICKACK"):  # Linux; it does not last
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _messages(stream: BinaryIO) -> Iterator[bytes]:
    """Each message of a connection, without its length."""
    while len(header := stream.read(2)) == 2:
        length = int.from_bytes(header, "big")
        message = stream.read(length)
        if len(message) < length:
            return
        yield message


def _connected(host: str, port: int) -> socket.socket:
    """A connection to where somebody waits for cards; it tries for a while, since that may be starting up."""
    deadline = time.monotonic() + _CONNECT_SECONDS
    while True:
        try:
            connection = socket.create_connection((host, port), timeout=_CONNECT_SECONDS)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
        else:
            # Where nobody listens, TCP may pick that very port for this side, and connect the socket to itself.
            if connection.getsockname() != connection.getpeername():
                connection.settimeout(None)
                return connection
            connection.close()
        time.sleep(_CONNECT_AGAIN)


def _forget_all() -> None:
    for service in list(_services):
        service.forget()


_services: Final[WeakSet[_Service]] = WeakSet()
if hasattr(os, "register_at_fork"):  # the child neither serves nor keeps the connection open
    os.register_at_fork(after_in_child=_forget_all)
