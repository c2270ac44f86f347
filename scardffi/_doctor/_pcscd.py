"""pcscd, without its client library: its socket, what it answers there, its process, and the client's protocol.

Of pcsc-lite's protocol only the exchange of versions is used, with which each client begins.
"""

from __future__ import annotations

import enum
import os
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from .._service import socket_path

_VERSION_SECONDS: Final = 0.5
_CHILD_SECONDS: Final = 3.0
_VERSION: Final = struct.Struct("=IIiiI")
"""The length of what follows the command, the command; major and minor version, code."""
_ANSWER: Final = struct.Struct("=iiI")
_CMD_VERSION: Final = 0x11
_CREDENTIALS: Final = struct.Struct("=3i")
_DEFAULT_THREADS: Final = 200

# It calls the client library as any program does; the library connects to the socket of the environment.
_CLIENT: Final = """
import ctypes, sys
context = ctypes.c_long()
ctypes.CDLL(sys.argv[1]).SCardEstablishContext(ctypes.c_ulong(2), None, None, ctypes.byref(context))
"""


class SocketState(enum.Enum):
    """The result of a connection to pcscd's socket."""

    ABSENT = "absent"
    FORBIDDEN = "forbidden"
    REFUSED = "refused"
    SILENT = "silent"
    CLOSED = "closed"
    ANSWERED = "answered"


class Probe(NamedTuple):
    """A connection to pcscd's socket: its result, and what was learned from it."""

    path: str
    state: SocketState
    process: int | None
    """The process that listens on the socket, which is systemd's if that has opened it."""
    version: tuple[int, int] | None
    """The version of pcscd's protocol, if it answered."""
    agrees: bool
    """True if it accepts the version of the client."""


def probe(client_version: tuple[int, int]) -> Probe:
    """Connect to pcscd's socket, tell it a version of the protocol, and return what it answers, within two seconds.

    Args:
        client_version: the version, major and minor.
    """
    path = socket_path()
    process = None
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_VERSION_SECONDS)
        try:
            connection.connect(path)
            if sys.platform == "linux":
                credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
                process = _CREDENTIALS.unpack(credentials)[0] or None  # 0: a process of another namespace
            connection.sendall(_VERSION.pack(_ANSWER.size, _CMD_VERSION, *client_version, 0))
            answer = _receive(connection, _ANSWER.size)
        except (FileNotFoundError, NotADirectoryError):
            return Probe(path, SocketState.ABSENT, None, None, agrees=False)
        except PermissionError:
            return Probe(path, SocketState.FORBIDDEN, None, None, agrees=False)
        except ConnectionRefusedError:
            return Probe(path, SocketState.REFUSED, None, None, agrees=False)
        except (TimeoutError, BlockingIOError):
            return Probe(path, SocketState.SILENT, process, None, agrees=False)
        except OSError:
            answer = b""
    if len(answer) != _ANSWER.size:
        return Probe(path, SocketState.CLOSED, process, None, agrees=False)
    major, minor, code = _ANSWER.unpack(answer)
    return Probe(path, SocketState.ANSWERED, process, (major, minor), agrees=code == 0)


def _receive(connection: socket.socket, size: int) -> bytes:
    """Return this many bytes; fewer if the connection ends."""
    received = b""
    while len(received) < size and (part := connection.recv(size - len(received))):
        received += part
    return received


def client_version(library: str) -> tuple[int, int] | None:
    """Return the version of the protocol that a client library speaks; None if it cannot be seen.

    A process of its own calls the library, which connects to a socket of ours, because a process asks only once where
    the socket is.

    Args:
        library: the path of the library.
    """
    if getattr(sys, "frozen", False):
        return None  # there is no interpreter to start
    try:
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
            path = str(Path(folder, "pcscd.comm"))
            listener.bind(path)
            listener.listen()
            listener.settimeout(_CHILD_SECONDS)
            with subprocess.Popen(  # noqa: S603  this interpreter
                [sys.executable, "-I", "-S", "-c", _CLIENT, library],
                env={**os.environ, "PCSCLITE_CSOCK_NAME": path},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            ) as client:  # fmt: skip
                try:
                    return _version_told(listener)
                finally:
                    client.kill()
    except OSError:
        return None


def _version_told(listener: socket.socket) -> tuple[int, int] | None:
    with listener.accept()[0] as connection:
        connection.settimeout(_CHILD_SECONDS)
        message = _receive(connection, _VERSION.size)
    if len(message) != _VERSION.size:
        return None
    _, command, major, minor, _ = _VERSION.unpack(message)
    return (major, minor) if command == _CMD_VERSION else None


def is_stopped(process: int | None) -> bool:
    """Return True if a process is stopped by a signal or a debugger."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(") ")[2][:1] in {"T", "t"}


def most_clients(process: int | None) -> int:
    """Return how many connections pcscd takes: 200, or what its command line says."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return _DEFAULT_THREADS
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name in {"-t", "--max-thread"}:
            value = value if equals else following
        elif word.startswith("-t"):
            value = word[2:]
        else:
            continue
        if value.isdecimal():
            return int(value)
    return _DEFAULT_THREADS
