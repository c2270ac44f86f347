"""A card with files, codes and keys as ISO/IEC 7816-4 has them, without hardware: its answer to reset, its commands."""

from __future__ import annotations

from ..iso7816.command import Command, MalformedCommandError
from .file_system import content, data_objects, management, security
from .file_system.chain import Chain
from .file_system.saving import load, save
from .file_system.session import AnsweredError, Session, need
from .file_system.tree import MF_ID, Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from typing import Final, Self

    from typing_extensions import Buffer

    from .file_system.session import Algorithm
    from .file_system.tree import DF

FILE_SYSTEM_ATR: Final = bytes.fromhex("3B85 01 80 73 F7 41 C0 01")
"""T=1; card capabilities: files by name, partial name, path, identifier and short identifier, records by number
and identifier, WRITE sets bits, command chaining, extended length."""

_COMMANDS: Final = {**management.COMMANDS, **content.COMMANDS, **data_objects.COMMANDS, **security.COMMANDS}
_GET_RESPONSE: Final = 0xC0


class FileSystemCard:
    """A card made of a tree of files, which its commands change. Cards are equal if ATR and files are.

    Args:
        mf: the MF. It is the card's own from now on.
        algorithms: what keys are used with, by name: called with the key's value and the challenge, it returns what
            the other side must answer, or raises a ValueError where it cannot take that challenge.
        atr: the answer to reset.

    Raises:
        ValueError: ``mf`` is no MF, or a key's algorithm is not there.
    """

    def __init__(
        self, mf: DF, *, algorithms: Mapping[str, Algorithm] | None = None, atr: bytes = FILE_SYSTEM_ATR
    ) -> None:
        if mf.file_id != MF_ID:
            raise ValueError(f"mf: {mf.file_id:04X} is not allowed; give a DF of 3F00")
        self.mf = mf
        self.atr = bytes(memoryview(atr))
        self._algorithms = dict(algorithms or {})
        keys = [one for path in mf.folders() for one in path[-1].references if isinstance(one, Key)]
        missing = [key.algorithm for key in keys if key.algorithm not in self._algorithms]
        if missing:
            raise ValueError(
                f"algorithms: {missing[0]!r} is not there, which a key has; give a function under that name"
            )
        self._chain = Chain()
        self.reset()

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, algorithms: Mapping[str, Algorithm] | None = None) -> Self:
        """The card that was saved in this file; what was selected and verified then is lost.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no such file, or a key's algorithm is not there.
        """
        mf, atr = load(path)
        return cls(mf, algorithms=algorithms, atr=atr)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write ATR and files into a file of JSON, codes and keys in plain hexadecimal.

        Raises:
            OSError: the file cannot be written.
        """
        save(path, self.mf, self.atr)

    def reset(self) -> None:
        """Forget what was selected and verified."""
        self._session = Session(self.mf, self._algorithms)
        self._pending = b""
        self._chain.end()

    def transmit(self, command: Buffer) -> bytes:
        """Answer one command APDU. The copies that are made of it are overwritten."""
        apdu = bytearray(memoryview(command))
        try:
            decoded = Command.decode(apdu)
        except MalformedCommandError:
            self._chain.end()
            return b"\x67\x00"
        finally:
            apdu[:] = bytes(len(apdu))
        try:
            return self._answer(decoded)
        finally:
            _wipe(decoded)

    def _answer(self, command: Command) -> bytes:
        pending, self._pending = self._pending, b""
        try:
            data, sw = self._carry_out(command, pending), 0x9000
        except AnsweredError as answered:
            data, sw = answered.data, answered.sw
            self._chain.end()
        if command.le is None:
            data = b""
        else:
            data, self._pending = data[: command.le], data[command.le :]
        if self._pending and sw == 0x9000:
            sw = 0x6100 | (len(self._pending) if len(self._pending) < 0x100 else 0)
        return data + sw.to_bytes(2, "big")

    def _carry_out(self, command: Command, pending: bytes) -> bytes:
        need(command.cla < 0x80 and command.cla & 0xE0 != 0x20, 0x6E00)
        need(not command.cla & 0x43, 0x6881)
        need(not command.cla & 0x0C, 0x6882)
        need(command.ins in _COMMANDS or command.ins == _GET_RESPONSE, 0x6D00)
        if command.ins == _GET_RESPONSE:
            need(not command.cla, 0x6884)
            need(not command.p1 and not command.p2, 0x6A86)
            need(command.le is not None and not command.data, 0x6700)
            need(pending, 0x6985)
            return pending
        whole = self._chain.add(command)
        if whole is None:
            return b""
        try:
            return _COMMANDS[whole.ins](self._session, whole)
        finally:
            _wipe(whole)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FileSystemCard):
            return NotImplemented
        return (self.atr, self.mf) == (other.atr, other.mf)

    __hash__ = None  # type: ignore[assignment]  # commands change what is compared

    def __repr__(self) -> str:
        folders = list(self.mf.folders())
        return (
            f"<FileSystemCard {len(folders)} DFs, {sum(len(one[-1].files) for one in folders) - len(folders) + 1} EFs>"
        )


def _wipe(command: Command) -> None:
    if command.data:
        command.wipe()
