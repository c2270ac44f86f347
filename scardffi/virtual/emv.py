"""An EMV payment card without hardware (EMV 4.3, books 1 and 3): :func:`emv_card`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from ..iso7816.dol import DOL
from ..iso7816.tlv import TLV, decode
from .file_system import DF, Code, FileSystemCard, RecordEF, Structure
from .file_system._session import require

if TYPE_CHECKING:
    from ..iso7816.command import Command

PSE: Final = b"1PAY.SYS.DDF01"
"""The name of the payment system environment, the list of a card's applications."""
PPSE: Final = b"2PAY.SYS.DDF01"
"""The name of the same list for contactless terminals."""
TEST_PAN: Final = "4761739001010010"
"""A card number for tests, which no bank has issued."""
_AID: Final = bytes.fromhex("A0000000031010")
_PIN: Final = 0x80
_PDOL: Final = bytes.fromhex("9F3704 9A03 5F2A02 9F0206")  # unpredictable number, date, currency, amount
_CDOL_1: Final = bytes.fromhex("9F0206 9F0306 9F1A02 9505 5F2A02 9A03 9C01 9F3704")
_CDOL_2: Final = bytes.fromhex("8A02") + _CDOL_1
_CVM_LIST: Final = bytes.fromhex("00000000 00000000 4103 1F00")  # plaintext PIN, else no verification
_PROFILE, _LOCATOR, _COUNTER, _TRIES = 0x82, 0x94, 0x9F36, 0x9F17
_READABLE: Final = {_COUNTER, _TRIES, 0x9F13}
"""The tags that GET DATA returns (EMV 4.3, book 3, clause 6.5.7)."""
_GET_PROCESSING_OPTIONS, _GET_DATA = (0x80, 0xA8), (0x80, 0xCA)


class EMVCard(FileSystemCard):
    """A card with files that also answers GET PROCESSING OPTIONS and EMV's GET DATA.

    The current DF is the application. Its FCI has the PDOL (9F38), and its data objects are those of the answers: 82
    the application interchange profile, 94 the application file locator, 9F36 the transaction counter.
    """

    _name_in_file = "EMVCard"

    def _run(self, command: Command, pending: bytes) -> bytes:
        name = (command.cla, command.ins)
        if name == _GET_PROCESSING_OPTIONS:
            return self._processing_options(command)
        return self._data_object(command) if name == _GET_DATA else super()._run(command, pending)

    def _processing_options(self, command: Command) -> bytes:
        data = self._session.df.data
        require(not command.p1 and not command.p2, 0x6A86)
        require(_PROFILE in data and _LOCATOR in data, 0x6985)
        size = _size_of_values(self._session.df.fci)
        require(bytes(command.data) == bytes(TLV(0x83, bytes(command.data)[-size:] if size else b"")), 0x6700)
        data[_COUNTER] = bytearray((int.from_bytes(data.get(_COUNTER, b"\0\0"), "big") + 1 & 0xFFFF).to_bytes(2, "big"))
        return bytes(TLV(0x77, (TLV(tag, bytes(data[tag])) for tag in (_PROFILE, _LOCATOR))))

    def _data_object(self, command: Command) -> bytes:
        tag = command.p1 << 8 | command.p2
        require(tag in _READABLE, 0x6A88)
        code = self._session.reference(_PIN)
        if tag == _TRIES and code is not None:
            return bytes(TLV(tag, bytes((code.tries_left,))))
        require(tag in self._session.df.data, 0x6A88)
        return bytes(TLV(tag, bytes(self._session.df.data[tag])))


def _size_of_values(fci: bytes) -> int:
    """Return the number of bytes that the PDOL in an FCI asks for; 0 without a PDOL."""
    pdol = decode(fci).find("6F/A5/9F38")
    return DOL.decode(pdol.value).length if pdol else 0


def emv_card(
    pan: str = TEST_PAN,
    *,
    expires: dt.date = dt.date(2049, 12, 31),
    holder: str = "VIRTUAL/CARD",
    pin: str = "1234",
    aid: bytes = _AID,
    label: str = "TEST CREDIT",
) -> EMVCard:
    """Return an EMV card with one application, which PSE and PPSE list. It has no keys and makes no cryptograms.

    Args:
        pan: the card number, 12 to 19 digits, the last of which is the check digit.
        expires: the last day on which the card is valid.
        holder: the name of the card holder, 2 to 26 characters.
        pin: the PIN, 4 to 12 digits; VERIFY sends it in a block of format 2 (ISO 9564-1) with the reference 80.
        aid: the application identifier, 5 to 16 bytes.
        label: the application label, 1 to 16 characters.

    Raises:
        ValueError: an argument is not allowed.
    """
    _check_digits("pin", pin, 4, 12)
    _check_digits("pan", pan, 12, 19)
    if _check_sum(pan) % 10:
        raise ValueError("pan: its check digit is wrong; give a number with the right one")
    entry = TLV(0x61, [TLV(0x4F, aid), TLV(0x50, label.encode("ascii")), TLV(0x87, b"\1")])
    language = TLV(0x5F2D, b"en")
    application = DF(
        0x5001,
        [_records(0x0101, 1, _track(pan, expires, holder)), _records(0x0102, 2, _details(pan, expires))],
        name=aid,
        fci=_fci(aid, TLV(0x50, label.encode("ascii")), TLV(0x87, b"\1"), language, TLV(0x9F38, _PDOL)),
        references=[Code(_PIN, bytes.fromhex(f"2{len(pin):X}{pin}".ljust(16, "F")), max_length=8)],
        data={_PROFILE: b"\x18\0", _LOCATOR: bytes.fromhex("08010100 10010100"), _COUNTER: b"\0\0", 0x9F13: b"\0\0"},
    )
    pse = DF(0x5002, [_records(0x0101, 1, [entry])], name=PSE, fci=_fci(PSE, TLV(0x88, b"\1"), language))
    ppse = DF(0x5003, name=PPSE, fci=_fci(PPSE, TLV(0xBF0C, entry)))
    return EMVCard(DF(files=[application, pse, ppse]))


def _check_digits(name: str, text: str, fewest: int, most: int) -> None:
    if not (fewest <= len(text) <= most and text.isascii() and text.isdigit()):
        raise ValueError(f"{name}: {len(text)} characters are not allowed; give {fewest} to {most} digits")


def _check_sum(pan: str) -> int:
    """Return the sum of the digits by ISO/IEC 7812-1, in which every second digit from the right is doubled.

    If a doubled digit has two digits, both are added: for 7, doubled to 14, this adds 1 and 4.
    """
    return sum(map(int, pan[-1::-2])) + sum(sum(divmod(2 * int(digit), 10)) for digit in pan[-2::-2])


def _fci(name: bytes, *objects: TLV) -> bytes:
    return bytes(TLV(0x6F, [TLV(0x84, name), TLV(0xA5, objects)]))


def _records(file_id: int, short_id: int, objects: list[TLV]) -> RecordEF:
    """Return a file with one record, a template of these objects."""
    return RecordEF(file_id, [bytes(TLV(0x70, objects))], Structure.LINEAR_VARIABLE, short_id=short_id)


def _track(pan: str, expires: dt.date, holder: str) -> list[TLV]:
    track = f"{pan}D{expires:%y%m}201" + 5 * "0"
    digits = bytes.fromhex(track + "F" * (len(track) % 2))
    return [TLV(0x57, digits), TLV(0x5F20, holder.encode("ascii"))]


def _details(pan: str, expires: dt.date) -> list[TLV]:
    number, day = bytes.fromhex(pan + "F" * (len(pan) % 2)), bytes.fromhex(f"{expires:%y%m%d}")
    lists = [TLV(0x8C, _CDOL_1), TLV(0x8D, _CDOL_2), TLV(0x8E, _CVM_LIST)]
    return [TLV(0x5A, number), TLV(0x5F24, day), TLV(0x5F34, b"\1"), TLV(0x5F28, b"\x08\x40"), *lists]
