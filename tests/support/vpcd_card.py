"""A card emulated in this process, in a reader of vpcd."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import final

# A message of one byte is one of these, anything longer is a command APDU. Only the last one is answered.
_POWER_OFF, _POWER_ON, _RESET, _GET_ATR = 0, 1, 2, 4

_CONNECT_SECONDS = 5.0


@final
class VpcdCard:
    """Is in the reader from `with` to its end; `transmit` answers each command on the card's own thread.

    An exception in `transmit` is answered 6F00 and raised again by `stop`.
    pcscd looks for vpcd cards every 0.4 seconds.
    """

    def __init__(self, port: int, atr: bytes, transmit: Callable[[bytes], bytes]) -> None:
        self._port = port
        self._atr = atr
        self._transmit = transmit
        self._connection: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self.log: list[bytes] = []

    def __enter__(self) -> "VpcdCard":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when connected to vpcd, which is before pcscd has noticed the card."""
        if self._connection is not None:
            raise RuntimeError("this card is in its reader already")
        deadline = time.monotonic() + _CONNECT_SECONDS
        while True:
            try:
                connection = socket.create_connection(("127.0.0.1", self._port), timeout=_CONNECT_SECONDS)
                break
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        connection.settimeout(None)
        self._connection = connection
        self._thread = threading.Thread(target=self._serve, args=(connection,), name=f"card {self._port}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Takes the card out; also where pcscd has gone or the card was never started."""
        connection, self._connection = self._connection, None
        if connection is not None and self._thread is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            self._thread.join()
            connection.close()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection.makefile("rb") as stream:
            while header := stream.read(2):
                message = stream.read(int.from_bytes(header, "big"))
                if len(message) > 1:
                    answer = self._answer(message)
                elif message == bytes([_GET_ATR]):
                    answer = self._atr
                else:
                    continue
                connection.sendall(len(answer).to_bytes(2, "big") + answer)

    def _answer(self, command: bytes) -> bytes:
        self.log.append(command)
        try:
            return self._transmit(command)
        except Exception as error:  # noqa: BLE001  the test's callable may raise anything: it is raised again by stop()
            self._error = self._error or error
            return b"\x6f\x00"
