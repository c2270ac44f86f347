"""A relay between a client of pcsc-lite and its daemon, which tells the daemon another version of their protocol."""

import contextlib
import socket
import struct
import threading
from pathlib import Path
from types import TracebackType
from typing import final

_VERSION = struct.Struct("=IIiiI")  # the length of what follows, CMD_VERSION; major, minor, code
_ANSWER = struct.Struct("=iiI")  # major, minor, code
_CMD_VERSION = 0x11
_OLD_MINOR = 2


@final
class PcscdOfAnotherVersion:
    """A relay for clients at this path, during a `with` statement; it relays only the exchange of versions."""

    def __init__(self, path: Path, daemon: Path) -> None:
        self._daemon = daemon
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # ends accept
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._relay(self._listener.accept()[0])

    def _relay(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as daemon:
            daemon.connect(str(self._daemon))
            asked = client.recv(_VERSION.size, socket.MSG_WAITALL)
            length, command, major, minor, code = _VERSION.unpack(asked)
            assert command == _CMD_VERSION
            daemon.sendall(_VERSION.pack(length, command, major + 1, minor, code))
            answer = _ANSWER.unpack(daemon.recv(length, socket.MSG_WAITALL))
            # An old version in the answer: pcsc-lite 2 asks again in the daemon's version if that is one of its own.
            client.sendall(_ANSWER.pack(answer[0], _OLD_MINOR, answer[2]))
