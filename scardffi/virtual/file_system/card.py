"""A card in Python that has files, codes and keys of ISO/IEC 7816-4."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar, Final, Self

from ..._half_made import repr_if_half_made
from ...iso7816.atr import Atr
from ...iso7816.command import SHORT_LE, Command, MalformedCommandError
from . import _code_commands, _content_commands, _data_object_commands, _file_commands, _key_commands
from ._chaining import Chain
from ._saving import load, save
from ._session import CommandError, Session, require
from .codes_and_keys import Key
from .tree import MF_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Buffer

    from ._session import Algorithm
    from .tree import DF

FILE_SYSTEM_ATR: Final = bytes.fromhex("3B85 01 80 73 F7 41 C0 01")
"""The ATR of a :class:`FileSystemCard`: T=1, and the card capabilities: selection by DF name, partial DF name, path,
file identifier and short identifier, records by number and identifier, WRITE sets bits, command chaining, extended
length."""
FILE_SYSTEM_T0_ATR: Final = bytes.fromhex("3B05 80 73 F7 41 80")
"""The ATR of a card with files that offers only T=0: the same capabilities without extended length."""

_COMMANDS: Final = {
    **_file_commands.COMMANDS,
    **_content_commands.COMMANDS,
    **_data_object_commands.COMMANDS,
    **_code_commands.COMMANDS,
    **_key_commands.COMMANDS,
}
_GET_RESPONSE, _EXTERNAL_AUTHENTICATE = 0xC0, 0x82


@repr_if_half_made
class FileSystemCard:
    """A card with a tree of files, which its commands read and change. Cards are equal if their ATRs and files are.

    Args:
        mf: the MF. The card keeps and changes it; do not use it for another card.
        algorithms: functions for the keys, by name. Each is called with the value of a key and a challenge. It returns
            the proof that the other side must send, or raises a ValueError if it cannot use the challenge.
        atr: the ATR. If it offers only T=0, GET RESPONSE fetches the response data of each command with data (61xx).
        assumes_le: True if a command with data and without Le is answered as with Le 00, as Java Cards do; otherwise
            its answer has no data.

    Raises:
        ValueError: ``mf`` is not an MF, or the algorithm of a key is missing.
    """

    _name_in_file: ClassVar = "FileSystemCard"
    """The class that :func:`.load_card` makes; PIVCard, SIMCard and EMVCard have their own names here."""

    def __init__(
        self,
        mf: DF,
        *,
        algorithms: Mapping[str, Algorithm] | None = None,
        atr: bytes = FILE_SYSTEM_ATR,
        assumes_le: bool = False,
    ) -> None:
        if mf.file_id != MF_ID:
            raise ValueError(f"mf: a DF with file_id {mf.file_id:04X} is not allowed; give one with 3F00")
        self.mf = mf
        self.atr = bytes(memoryview(atr))
        self.assumes_le = bool(assumes_le)
        self._algorithms = dict(algorithms or {})
        keys = [one for path in mf.folders() for one in path[-1].references if isinstance(one, Key)]
        missing = [key.algorithm for key in keys if key.algorithm not in self._algorithms]
        if missing:
            raise ValueError(f"algorithms: {missing[0]!r}, which a key needs, is missing; give a function by that name")
        self._has_only_t0 = len(self.atr) > 1 and Atr(self.atr, lenient=True).protocols == (0,)
        self._chain = Chain()
        self.reset()

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, algorithms: Mapping[str, Algorithm] | None = None) -> Self:
        """Return the card of a file that :meth:`save` or a person wrote, in the state after a reset.

        :func:`.load_card` returns a card of the class that the file names.

        Args:
            path: the file.
            algorithms: as for the class.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not a card's file (the message says where it is wrong), it names another class, or the
                algorithm of a key is missing.
        """
        name, arguments = load(path)
        if name not in {None, cls._name_in_file}:
            raise ValueError(f"path: {os.fspath(path)!r} is the file of a {name}; load it with virtual.load_card()")
        return cls(**arguments, algorithms=algorithms)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the card to a JSON file that only its owner can read. It contains codes and keys in hexadecimal.

        Raises:
            OSError: the file cannot be written.
        """
        save(path, self._name_in_file, self.mf, self.atr, assumes_le=self.assumes_le)

    def reset(self) -> None:
        """Select the MF and make all codes and keys unverified, as a reset of the card does."""
        self._session = Session(self.mf, self._algorithms)
        self._pending = b""
        self._chain.end()

    def transmit(self, command: Buffer) -> bytes:
        """Return the answer to a command APDU. Copies of the command are wiped."""
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
        may_have_answer = command.data and command.ins != _EXTERNAL_AUTHENTICATE  # with an Le it is MUTUAL AUTHENTICATE
        if may_have_answer and (self._has_only_t0 or (self.assumes_le and command.le is None)):
            command.le = SHORT_LE
        try:
            data, sw = self._run(command, pending), 0x9000
        except CommandError as error:
            data, sw = error.data, error.sw
            self._chain.end()
        if command.le is None:
            data = b""
        elif may_have_answer and self._has_only_t0:  # such a card gets no Le
            data, self._pending = b"", data
        else:
            data, self._pending = data[: command.le], data[command.le :]
        if self._pending and sw == 0x9000:
            sw = 0x6100 | (len(self._pending) if len(self._pending) < 0x100 else 0)
        return data + sw.to_bytes(2, "big")

    def _run(self, command: Command, pending: bytes) -> bytes:
        require(command.cla < 0x80 and command.cla & 0xE0 != 0x20, 0x6E00)
        require(not command.cla & 0x43, 0x6881)
        require(not command.cla & 0x0C, 0x6882)
        require(command.ins in _COMMANDS or command.ins == _GET_RESPONSE, 0x6D00)
        if command.ins == _GET_RESPONSE:
            require(not command.cla, 0x6884)
            require(not command.p1 and not command.p2, 0x6A86)
            require(command.le is not None and not command.data, 0x6700)
            require(pending, 0x6985)
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
        return (self.atr, self.assumes_le, self.mf) == (other.atr, other.assumes_le, other.mf)

    __hash__ = None  # type: ignore[assignment]  # commands change the files, which are compared

    def __repr__(self) -> str:
        folders = list(self.mf.folders())
        return (
            f"<FileSystemCard {len(folders)} DFs, {sum(len(one[-1].files) for one in folders) - len(folders) + 1} EFs>"
        )


def _wipe(command: Command) -> None:
    if command.data:
        command.wipe()
