"""The commands of a SIM on a card with files: those of GSM 11.11 (class A0), and STATUS of ETSI TS 102 221."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..iso7816.instructions import FileInformation
from .file_system import DF, NEVER, FileSystemCard, TransparentEF
from .file_system._control_parameters import FCP, file_information

if TYPE_CHECKING:
    from ..iso7816.command import Command
    from .file_system.tree import File

PIN, PUK = 1, 17
"""The numbers of PIN 1 (CHV 1) and of the code that unblocks it."""
_GSM, _STATUS, _SELECT, _UNBLOCK = 0xA0, 0xF2, 0xA4, 0x2C
_STATUS_WORDS: Final = {
    0x6982: 0x9804,
    0x6983: 0x9840,
    0x63C0: 0x9840,
    0x6A82: 0x9404,
    0x6A83: 0x9402,
    0x6981: 0x9408,
    0x6986: 0x9400,
    0x6A88: 0x9802,
    0x6985: 0x9808,
    0x6282: 0x6700,
    0x6A86: 0x6B00,
}
"""The status words of class A0 (GSM 11.11, clause 9.4) for those of ISO/IEC 7816-4."""
_SAME: Final = {0x6700, *range(0x6B00, 0x7000)}
"""The status words that are the same."""


class SIMCard(FileSystemCard):
    """A card with files that also answers the commands of GSM 11.11 (class A0) and STATUS (80 F2)."""

    _name_in_file = "SIMCard"

    def _run(self, command: Command, pending: bytes) -> bytes:
        if (command.cla, command.ins) == (0x80, _STATUS):
            return file_information(self._session.path, None, FCP)
        return super()._run(command, pending)

    def _answer(self, command: Command) -> bytes:
        if command.cla != _GSM:
            return super()._answer(command)
        if command.ins == _STATUS:
            return self._directory()[: command.le] + b"\x90\x00"
        p2 = FileInformation.NONE if command.ins == _SELECT else command.p2
        if command.ins == _UNBLOCK and not p2:  # in this command P2 00 means code 1
            p2 = PIN
        command.cla, command.p2 = 0, p2
        answer = super()._answer(command)
        sw = int.from_bytes(answer[-2:], "big")
        if command.ins == _SELECT and sw == 0x9000:
            self._pending = self._directory() if self._session.ef is None else self._file()
            sw = 0x6100 | len(self._pending)
        if sw >> 8 in {0x61, 0x90}:
            return answer[:-2] + (sw if sw >> 8 == 0x90 else sw & 0xFF | 0x9F00).to_bytes(2, "big")
        return _gsm_status_word(sw).to_bytes(2, "big")

    def _directory(self) -> bytes:
        """Return what SELECT says about the current directory (GSM 11.11, clause 9.2.1)."""
        df, codes = self._session.df, [self._session.reference(number) for number in (PIN, PUK)]
        folders = sum(isinstance(file, DF) for file in df.files)
        tries = [0x80 | code.tries_left if code else 0 for code in codes]
        is_disabled = codes[0] is not None and not codes[0].enabled
        head = bytes(4) + df.file_id.to_bytes(2, "big") + bytes((1 if df is self.mf else 2, 0, 0, 0, 0, 0, 9))
        return head + bytes((is_disabled << 7, folders, len(df.files) - folders, len(codes), 0, *tries, 0, 0))

    def _file(self) -> bytes:
        """Return what SELECT says about the current file (GSM 11.11, clause 9.2.1)."""
        ef = self._session.current_ef()
        structure, size, record = 0, 0, 0
        if isinstance(ef, TransparentEF):
            size = len(ef.content)
        else:
            structure, size, record = int(ef.structure) // 2, ef.record_size * ef.capacity, ef.record_size
        rules = bytes((_condition(ef, "read") << 4 | _condition(ef, "update"), 0, 0xFF))
        head = bytes(2) + size.to_bytes(2, "big") + ef.file_id.to_bytes(2, "big")
        return head + b"\x04\0" + rules + bytes((ef.active, 2, structure, record))


def _condition(file: File, operation: str) -> int:
    """Return the access condition of a file: 0 always, 1 the code 1, 4 an administrator, 15 never."""
    needed = file.access.get(operation, [])
    if needed is NEVER:
        return 15
    return 0 if not needed else needed[0] if needed[0] == PIN else 4


def _gsm_status_word(sw: int) -> int:
    if 0x63C0 < sw <= 0x63CF:
        return 0x9804
    return _STATUS_WORDS.get(sw, sw if sw in _SAME else 0x6F00)
