"""The functions of Python that take bytes from a card, a socket or a saved file, and the errors that they may raise."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from support.cards import CHAINING_AND_EXTENDED, Reversal, card_with_directories, card_with_files, proof

from scardffi.iso7816 import DOL, MalformedDOLError, tag_names
from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.atr import Atr, MalformedAtrError
from scardffi.iso7816.command import Command, MalformedCommandError
from scardffi.iso7816.malformed import MalformedError
from scardffi.iso7816.response import MalformedResponseError, Response
from scardffi.iso7816.status_word import StatusError
from scardffi.iso7816.tlv import TLV, MalformedTLVError, decode, decode_simple, encode
from scardffi.services.card_auth import CardAuth, WrongProofError
from scardffi.services.card_capabilities import CardCapabilities
from scardffi.services.ch_verification import CHVerification
from scardffi.services.file_access import FileAccess
from scardffi.services.file_directory import applications
from scardffi.services.file_properties import FileProperties, WrongKindError
from scardffi.services.pin_pad import NoPinPadError, PinPad
from scardffi.services.pin_structures import (
    MalformedPinDataError,
    PinModify,
    PinProperties,
    PinVerify,
    decode_features,
    decode_properties,
)
from scardffi.services.transmitter import Sender
from scardffi.trace import ReplayCard, _page, _reading, _time_line
from scardffi.virtual import ContactlessStorageCard, emv_card, piv_card, sim_card
from scardffi.virtual.file_system import FileSystemCard
from scardffi.virtual.vpcd import _Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from scardffi.virtual import Card

DEPTH = 8
ATR_PROPERTIES = [name for name, value in vars(Atr).items() if isinstance(value, property)]
TABLES = ((), tag_names.EMV, tag_names.PIV, [tag_names.OPENPGP, tag_names.EMRTD])
SHORT_ERRORS = (StatusError, MalformedError)


class Target(NamedTuple):
    """A function that takes bytes from outside."""

    check: Callable[[bytes], None]
    """Pass the bytes to the function, and assert what is true of every result."""
    errors: type[Exception] | tuple[type[Exception], ...] = ()
    """The only errors that it may raise. The offset of a MalformedError is a position in the bytes."""


# Parsers


def check_command(raw: bytes) -> None:
    command = Command.decode(raw)
    assert bytes(command) == raw
    if not command.cla & 0x10:
        assert b"".join(one.data for one in command.chain()) == command.data


def check_response(raw: bytes) -> None:
    assert bytes(Response(raw)) == raw


def check_ber_tlv(raw: bytes) -> None:
    decode(raw, padding=True, allow_tags=b"\xff")
    objects = decode(raw)
    assert encode(objects) == raw
    for names in TABLES:
        lines = objects.tree(names=names).split("\n")
        assert len(lines) >= len(objects)
    assert str(decode(raw, lenient=True)) is not None
    assert all(repr(one).startswith("<TLV ") for one in objects)
    decode_children(objects, DEPTH)


def decode_children(objects: list[TLV], depth: int) -> None:
    for one in objects:
        if one.constructed and depth:
            decode_children(one.children(), depth - 1)


def check_simple_tlv(raw: bytes) -> None:
    decode_simple(raw, padding=True)
    assert encode(decode_simple(raw)) == raw


def check_dol(raw: bytes) -> None:
    wanted = DOL.decode(raw)
    assert bytes(wanted) == raw
    filled = wanted.fill({tag: b"\x12\x34\x56" for tag, _ in wanted})
    assert len(filled) == wanted.length


def check_atr(raw: bytes) -> None:
    lenient = Atr(raw, lenient=True)
    strict = None if lenient.problems else Atr(raw)
    for atr in filter(None, (lenient, strict)):
        assert bytes(atr) == raw
        for name in ATR_PROPERTIES:
            getattr(atr, name)
        atr.guard_time(1)
        assert atr.describe()
        assert {atr: repr(atr)}[Atr(raw, lenient=True)].startswith("<Atr ")
        atr.historical()
    Atr(raw)


def check_pin_verify(raw: bytes) -> None:
    assert PinVerify.decode(raw).encode() == raw


def check_pin_modify(raw: bytes) -> None:
    assert PinModify.decode(raw).encode() == raw


def check_pin_properties(raw: bytes) -> None:
    assert PinProperties.decode(bytes(4) + raw, lenient=True).encode() == bytes(4)
    assert PinProperties.decode(raw).encode() == raw


def check_features(raw: bytes) -> None:
    decode_features(raw, lenient=True)
    decode_features(raw)


def check_properties(raw: bytes) -> None:
    decode_properties(raw, lenient=True)
    decode_properties(raw)


def check_file_properties(raw: bytes) -> None:
    """What strict decoding accepts has no problems, and the same properties after it is encoded."""
    lenient = FileProperties.decode(raw, lenient=True)
    assert repr(lenient)
    strict = FileProperties.decode(raw)
    assert strict == lenient
    assert not strict.problems


def check_applications(raw: bytes) -> None:
    assert str(applications([raw, raw])) is not None
    applications([raw], lenient=False)


def check_capabilities(raw: bytes) -> None:
    """The first byte is the length of the ATR; the rest is EF.ATR/INFO."""
    atr, ef_atr = raw[1 : 1 + raw[0]] if raw else b"", raw[1 + raw[0] :] if raw else b""
    lenient = CardCapabilities.of(atr, ef_atr)
    assert 1 <= lenient.read_chunk <= 0x10000
    assert 1 <= lenient.write_chunk <= 0xFFFF
    if raw:
        CardCapabilities.of(atr, ef_atr, lenient=False)


# Services: the bytes are the answers of a card


class AnswersInBytes:
    """A card whose answers are these bytes, one after the other, and then 6F00.

    The first byte of an answer is its length. If it is 0x80 or more, 0x80 is subtracted, and 9000 follows the answer.
    """

    def __init__(self, raw: bytes) -> None:
        self.atr = bytes.fromhex(CHAINING_AND_EXTENDED)
        self._stream = io.BytesIO(raw)

    def transmit(self, _command: Buffer, /) -> bytes:
        """Return the next answer."""
        first = self._stream.read(1)
        if not first:
            return b"\x6f\0"
        answer = self._stream.read(first[0] & 0x7F)
        return answer + b"\x90\0" if first[0] & 0x80 else answer

    def control(self, _code: object, _data: Buffer = b"") -> bytes:
        """Return the next answer."""
        return self.transmit(b"")


def check_send(raw: bytes) -> None:
    sender = Sender(AnswersInBytes(raw), 0, None)
    for command in (iso.read_binary(256), Command(0, 0x2A, 0x80, 0x86, data=bytes(300), le=65536)):
        assert sender.send(command).sw == 0x9000


def check_directory(raw: bytes) -> None:
    files = FileAccess(AnswersInBytes(raw), lenient=bool(len(raw) % 2))
    assert all(repr(entry) for entry in files.directory(prefix=b"\xa0", probe=[0x5001]))
    files.change_dir(0x5000)
    assert repr(files.properties(b"\xa0\0\0\0\1"))
    files.directory()


def check_content(raw: bytes) -> None:
    with FileAccess(AnswersInBytes(raw)).open("/5000/5001", "r+b") as file:
        content = file.read()
        file.seek(0)
        file.write(content[:300])
        assert len(file.read(10)) <= 10


def check_records(raw: bytes) -> None:
    records = FileAccess(AnswersInBytes(raw)).records("/5000/5002")
    first = records[0]
    assert isinstance(first, bytes)
    records[0] = first or b"\1"
    assert len(list(records)) <= 254
    assert 0 <= len(records) <= 254


def check_codes(raw: bytes) -> None:
    codes = CHVerification(AnswersInBytes(raw))
    assert codes.tries_left() in {None, *range(16)}
    codes.verify(b"1234", 1)
    codes.change_code(b"1234", b"5678", 1)


def check_authentication(raw: bytes) -> None:
    auth = CardAuth(AnswersInBytes(raw))
    auth.app_auth(Reversal())
    auth.user_auth(b"12345678", 1, algorithm=Reversal())
    auth.icc_auth(Reversal())


def check_pin_pad(raw: bytes) -> None:
    card = AnswersInBytes(raw)
    pad = PinPad(card)
    assert isinstance(pad.features, dict)
    assert isinstance(pad.tlv_properties(), dict)
    assert repr(pad.properties())
    CHVerification(card).verify(reference=1, pin_pad=pad)


# Cards in Python: the bytes are commands, a saved card, or the messages of a reader


def commands_in(raw: bytes) -> list[bytes]:
    """Divide bytes into commands; one byte before each of them is its length."""
    found, stream = [], io.BytesIO(raw)
    while first := stream.read(1):
        found.append(stream.read(first[0]))
    return found


def check_card(build: Callable[[], Card]) -> Callable[[bytes], None]:
    """Return a check that the card answers each command with a status word, and raises nothing."""

    def check(raw: bytes) -> None:
        card = build()
        for command in commands_in(raw):
            assert len(card.transmit(command)) >= 2

    return check


def check_saved_card(raw: bytes) -> None:
    """A card that is loaded answers, and is the same after it was saved and loaded again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "card.json"
        path.write_bytes(raw)
        try:
            card = FileSystemCard.load(path, algorithms={"hmac": proof})
        except ValueError as error:
            assert str(error).startswith(("path: ", "algorithms: ")), error  # noqa: PT017  other ValueErrors are faults
            raise
        for command in ("00A4000000", "00A4040007A0000000010203", "00B0810000", "00B2010400", "0020000104"):
            assert len(card.transmit(bytes.fromhex(command))) >= 2
        card.save(path)
        assert FileSystemCard.load(path, algorithms={"hmac": proof}).mf == card.mf


class Connection:
    """The parts of a socket that the server of a VpcdCard uses. It keeps what is sent."""

    def __init__(self) -> None:
        self.sent = b""

    def settimeout(self, _seconds: float | None) -> None:
        """Ignore the time."""

    def setsockopt(self, *_arguments: int) -> None:
        """Ignore the option."""

    def sendall(self, data: bytes) -> None:
        """Keep the bytes."""
        self.sent += data


def check_reader_messages(raw: bytes) -> None:
    """The card behind vpcd's protocol sends whole messages, none of them empty."""
    connection: Any = Connection()
    errors: list[BaseException] = []
    _Server(card_with_files(), errors)._serve_messages(connection, io.BytesIO(raw))
    assert not errors
    sent = io.BytesIO(connection.sent)
    while header := sent.read(2):
        length = int.from_bytes(header, "big")
        assert length > 0
        assert len(sent.read(length)) == length


def check_trace(raw: bytes) -> None:
    """A trace, or a log, becomes text and a page of printable characters, and a card."""
    records = list(_reading.records(io.BufferedReader(io.BytesIO(raw)), "trace"))
    try:
        assert all(line.isprintable() for line in _time_line.lines(records))
        assert _page.page(records, "trace").encode()
    except ValueError as error:
        raise AssertionError from error  # only reading may raise a ValueError
    if any(record.command is not None and record.response is not None for record in records):
        with contextlib.suppress(ValueError):
            ReplayCard(records)


TARGETS = {
    "command": Target(check_command, MalformedCommandError),
    "response": Target(check_response, MalformedResponseError),
    "atr": Target(check_atr, MalformedAtrError),
    "ber_tlv": Target(check_ber_tlv, MalformedTLVError),
    "simple_tlv": Target(check_simple_tlv, MalformedTLVError),
    "dol": Target(check_dol, MalformedDOLError),
    "pin_verify": Target(check_pin_verify, MalformedPinDataError),
    "pin_modify": Target(check_pin_modify, MalformedPinDataError),
    "pin_properties": Target(check_pin_properties, MalformedPinDataError),
    "features": Target(check_features, MalformedPinDataError),
    "properties": Target(check_properties, MalformedPinDataError),
    "file_properties": Target(check_file_properties, MalformedError),
    "applications": Target(check_applications, MalformedError),
    "capabilities": Target(check_capabilities, MalformedError),
    "send": Target(check_send, SHORT_ERRORS),
    "directory": Target(check_directory, (*SHORT_ERRORS, WrongKindError)),
    "content": Target(check_content, (*SHORT_ERRORS, WrongKindError, OSError)),
    "records": Target(check_records, (*SHORT_ERRORS, WrongKindError, IndexError)),
    "codes": Target(check_codes, SHORT_ERRORS),
    "authentication": Target(check_authentication, (*SHORT_ERRORS, WrongProofError)),
    "pin_pad": Target(check_pin_pad, (*SHORT_ERRORS, NoPinPadError)),
    "file_card": Target(check_card(card_with_files)),
    "directory_card": Target(check_card(card_with_directories)),
    "piv_card": Target(check_card(piv_card)),
    "sim_card": Target(check_card(sim_card)),
    "emv_card": Target(check_card(emv_card)),
    "storage_card": Target(check_card(ContactlessStorageCard)),
    "saved_card": Target(check_saved_card, ValueError),
    "reader_messages": Target(check_reader_messages),
    "trace": Target(check_trace, ValueError),
}


def is_accepted(target: Target, raw: bytes) -> bool:
    """Pass the bytes to the target and return True if it accepts them, False if it raises one of its errors.

    Raises:
        AssertionError: the error has an offset outside of the bytes.
        Exception: the target raised another error than its own.
    """
    try:
        target.check(raw)
    except target.errors as error:
        offset = error.offset if isinstance(error, MalformedError) else 0
    else:
        return True
    assert 0 <= offset <= len(raw)
    return False
