"""The processes that are connected to pcscd: from Linux's list of sockets, and from the files that processes have open.

Each context of a program is one connection. pcscd does not say which of them has a card.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# Linux's sock_diag for sockets of a path (linux/netlink.h, linux/sock_diag.h, linux/unix_diag.h).
_SOCK_DIAG: Final = 4
_BY_FAMILY: Final = 20
_DONE: Final = 3
_REQUEST_OF_ALL: Final = 0x301
_CONNECTED, _LISTENING = 1, 10
_SHOW_FILE_AND_PEER: Final = 2 | 4
_FILE, _PEER = 1, 2
_MESSAGE: Final = struct.Struct("=IHHII")
_REQUEST: Final = struct.Struct("=BBHIIIII")
_ANSWER: Final = struct.Struct("=BBBBIII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_ANSWER_SECONDS: Final = 1.0
_MINOR_BITS: Final = 20


class Client(NamedTuple):
    """A process that is connected to pcscd."""

    process: int
    name: str
    connections: int

    def __str__(self) -> str:
        return f"{self.name} (process {self.process})"


def connections(path: str) -> set[int] | None:
    """Return the inodes of the sockets that are connected to pcscd; None if the system does not tell.

    Args:
        path: the path of pcscd's socket.
    """
    if sys.platform != "linux":
        return None
    try:
        file = os.stat(path)  # noqa: PTH116  a name of the environment
        seen = dict(_sockets(file.st_ino, os.major(file.st_dev) << _MINOR_BITS | os.minor(file.st_dev)))
    except OSError:
        return None
    if not seen:
        return None  # pcscd is in another network namespace
    return {peer for peer in seen.values() if peer}  # 0: the client has closed it, and pcscd has not noticed it yet


def clients(inodes: set[int]) -> tuple[list[Client], int]:
    """Return the other processes that have these sockets, that with most of them first, and how many nobody has.

    The latter are of processes that this user may not see.
    """
    owners = dict(_owners(inodes))
    counts = Counter(process for process in owners.values() if process != os.getpid())
    found = [Client(process, _name(process), count) for process, count in counts.most_common()]
    return found, len(inodes) - len(owners)


def _sockets(file: int, device: int) -> Iterator[tuple[int, int | None]]:
    """Yield the inode of each socket of this path, and that of the client's; None for the socket that listens."""
    states = 1 << _CONNECTED | 1 << _LISTENING
    request = _REQUEST.pack(socket.AF_UNIX, 0, 0, states, 0, _SHOW_FILE_AND_PEER, 2**32 - 1, 2**32 - 1)
    header = _MESSAGE.pack(_MESSAGE.size + len(request), _BY_FAMILY, _REQUEST_OF_ALL, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as netlink:
        netlink.settimeout(_ANSWER_SECONDS)
        netlink.send(header + request)
        while True:
            received = netlink.recv(1 << 18)
            while received:
                length, kind, *_ = _MESSAGE.unpack_from(received)
                if kind != _BY_FAMILY:
                    if kind == _DONE:
                        return
                    raise OSError("sock_diag refuses the request")
                attributes = dict(_attributes(received[_MESSAGE.size + _ANSWER.size : length]))
                if attributes.get(_FILE) == struct.pack("=II", file & (2**32 - 1), device):
                    inode = _ANSWER.unpack_from(received, _MESSAGE.size)[4]
                    yield inode, struct.unpack("=I", attributes[_PEER])[0] if _PEER in attributes else None
                received = received[length + 3 & ~3 :]


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        yield kind, data[_ATTRIBUTE.size : length]
        data = data[max(length + 3 & ~3, _ATTRIBUTE.size) :]


def _owners(inodes: set[int]) -> Iterator[tuple[int, int]]:
    """Yield the inode of each of these sockets that a process has open, and the process."""
    names = {f"socket:[{inode}]": inode for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            for file in os.scandir(process / "fd"):
                target = os.readlink(file.path)  # noqa: PTH115  quicker for thousands of files
                if target in names:
                    yield names[target], int(process.name)
        except OSError:
            continue  # it has ended, or belongs to another user


def _name(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a program"
