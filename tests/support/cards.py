"""Cards for virtual readers and for services: cards in Python, and builders of cards with files."""

from __future__ import annotations

import hashlib
import hmac
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scardffi import Library, Protocol, SCardManage, virtual
from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.instructions import FileInformation, SelectBy
from scardffi.virtual import VirtualReader
from scardffi.virtual.file_system import DF, NEVER, Code, FileSystemCard, Key, RecordEF, Structure, TransparentEF

from .commands import OK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer

    from scardffi.iso7816.command import Command
    from scardffi.services.transmitter import Transmitter

T0_ATR = bytes.fromhex("3B00")
T1_ATR = bytes.fromhex("3B80800101")
CHAINING = "3B85018073F7418001"
"""The ATR of a card that takes chained commands."""
CHAINING_AND_EXTENDED = "3B85018073F741C001"
"""The ATR of a card that takes extended commands too."""


# Cards in Python


class RecordingCard:
    """A card that answers by a function, and records what it got.

    Attributes:
        answer: returns the response to a command.
        log: the commands, and "reset" for each reset and power-up.
    """

    def __init__(self, answer: Callable[[bytes], bytes] = lambda _: OK, atr: bytes = T1_ATR) -> None:
        self.atr = atr
        self.answer = answer
        self.log: list[bytes | str] = []

    @property
    def commands(self) -> list[bytes]:
        """The commands in the log."""
        return [entry for entry in self.log if isinstance(entry, bytes)]

    def transmit(self, command: bytes) -> bytes:
        """Record the command, and answer it."""
        self.log.append(command)
        return self.answer(command)

    def reset(self) -> None:
        """Record the reset."""
        self.log.append("reset")


class EchoCard:
    """A card that answers each command with itself and 9000, and counts its resets."""

    def __init__(self, atr: bytes = T1_ATR) -> None:
        self.atr = atr
        self.resets = 0

    def transmit(self, command: bytes) -> bytes:
        """Return the command and 9000."""
        return command + OK

    def reset(self) -> None:
        """Count the reset."""
        self.resets += 1


class ScriptedCard:
    """A card with prepared answers, and a transmitter.

    Attributes:
        answers: the answers that are left.
        sent: the commands, in hexadecimal.
        buffers: the bytearrays that were handed in; services overwrite theirs.
    """

    def __init__(self, *answers: str, atr: str = CHAINING_AND_EXTENDED) -> None:
        self.atr = bytes.fromhex(atr)
        self.answers = [bytes.fromhex(answer) for answer in answers]
        self.sent: list[str] = []
        self.buffers: list[bytearray] = []

    def transmit(self, command: Buffer, /) -> bytes:
        """Return the next answer; raise an IndexError if none is left."""
        if isinstance(command, bytearray):
            self.buffers.append(command)
        self.sent.append(memoryview(command).hex().upper())
        return self.answers.pop(0)


READER = "Reader of a test"


@contextmanager
def in_reader(card: virtual.Card, protocols: Protocol = Protocol.ANY) -> Iterator[SCardManage]:
    """Put the card into a reader of the virtual library, and attach to it."""
    library = Library(virtual.library_path())
    with VirtualReader(READER, card), SCardManage(library).attach_by_ifd(READER, protocols=protocols) as attached:
        yield attached


KINDS = ("direct", "reader")


@contextmanager
def transmitter(kind: str, card: FileSystemCard) -> Iterator[Transmitter]:
    """Give the card itself as the transmitter of a service, or a manage object on the card in a reader."""
    if kind == "direct":
        yield card
        return
    with in_reader(card) as manage:
        yield manage


class SilentCard(FileSystemCard):
    """A card with files that answers SELECT and GET DATA with a status word only."""

    def transmit(self, command: Buffer) -> bytes:
        """Return the answer, without its data for the two commands."""
        answer = super().transmit(command)
        return answer[-2:] if memoryview(command)[1] in {0xA4, 0xCA} else answer


class Reversal:
    """An algorithm whose proof is the challenge in reverse order."""

    def __init__(self, reference: int = 0, challenge_length: int = 8) -> None:
        self.reference = reference
        self.challenge_length = challenge_length

    def prove(self, challenge: bytes) -> bytes:
        """Return the challenge in reverse order."""
        return challenge[::-1]

    def check(self, challenge: bytes, proof: bytes) -> bool:
        """Return True if the proof is right."""
        return proof == self.prove(challenge)

    def protect(self, code: memoryview, challenge: bytes) -> bytearray:
        """Return the code XORed with the challenge."""
        return bytearray(a ^ b for a, b in zip(code, challenge, strict=True))


# A card with files of all kinds

AID = bytes.fromhex("A000000001")
OTHER_AID = bytes.fromhex("A000000002")
KEY = b"secret key"


def proof(key: bytes, challenge: bytes) -> bytes:
    """Return what the card's algorithm makes of a challenge of at least 8 bytes."""
    if len(challenge) < 8:
        raise ValueError("too short")
    return hmac.digest(key, challenge, hashlib.sha256)[:8]


def card_with_files() -> FileSystemCard:
    """Make an MF with two applications, the first of them with files of each kind and a code that guards some."""
    application = DF(
        0x5000,
        [
            TransparentEF(0x5001, bytes(range(16)), short_id=1, access={"read": [0x81], "update": [3], "erase": NEVER}),
            RecordEF(0x5002, [b"\1abc", b"\2def"], capacity=3, short_id=2),
            RecordEF(0x5003, [b"\1new", b"\1old"], Structure.CYCLIC, short_id=3),
            RecordEF(0x5004, [b"\1a", b"\2bc", b"\1def"], Structure.LINEAR_VARIABLE, capacity=4, short_id=4),
            TransparentEF(0x5005, b"\x0f" * 4, short_id=5),
            DF(0x5100, [TransparentEF(0x5101)]),
        ],
        name=AID,
        references=[Code(0x81, b"1234", resetting_code=0x82), Code(0x82, b"87654321")],
        data={0x5F50: b"https://example.org", 0x0101: bytes(300)},
    )
    other = DF(0x6000, [TransparentEF(0x6001, b"other")], name=OTHER_AID)
    large = TransparentEF(0x2F05, bytes(range(256)) * 160)
    mf = DF(files=[application, other, large], references=[Code(1, b"0000"), Key(3, KEY, "hmac")])
    return FileSystemCard(mf, algorithms={"hmac": proof})


def send(card: FileSystemCard, *commands: Command | str) -> str:
    """Send commands; return the last answer in hexadecimal."""
    apdus = [bytes.fromhex(one) if isinstance(one, str) else bytes(one) for one in commands]
    return [card.transmit(apdu) for apdu in apdus][-1].hex().upper()


def select(file: bytes | str, by: SelectBy = SelectBy.FILE_ID) -> Command:
    """Return a SELECT that asks for no data."""
    return iso.select_file(bytes.fromhex(file) if isinstance(file, str) else file, by, information=FileInformation.NONE)


APPLICATION = select(AID, SelectBy.DF_NAME)


def authenticate(card: FileSystemCard, key: bytes = KEY, reference: int = 3) -> str:
    """Send GET CHALLENGE and EXTERNAL AUTHENTICATE; return the last answer in hexadecimal."""
    challenge = card.transmit(bytes(iso.get_challenge(8)))[:-2]
    return send(card, iso.external_authenticate(proof(key, challenge), 0, reference))


# A card with directories

PKCS15_AID = bytes.fromhex("A000000063504B43532D3135")
EF_DIR = bytes.fromhex("6116 4F0C A000000063504B43532D3135 5006") + b"My app"
EF_ATR = bytes.fromhex("43 01 B8 47 03 F741C0 7F66 08 0202 0400 0202 0800")


def card_with_directories() -> FileSystemCard:
    """Make 3F00: 2F00 (EF.DIR), 2F01 (EF.ATR), 5000 with 5001 transparent, 5002 linear, 5003 cyclic, 5010; 5015; 5016.

    5015 is an application.
    """
    plain = DF(
        0x5000,
        [
            TransparentEF(0x5001, bytes(range(100)), short_id=1),
            RecordEF(0x5002, [b"\1abc", b"\2def"], capacity=3, short_id=2),
            RecordEF(0x5003, [b"new", b"old"], Structure.CYCLIC, capacity=2),
            DF(0x5010, [TransparentEF(0x5001, b"another one")]),
        ],
    )
    application = DF(0x5015, [TransparentEF(0x4401, b"token")], name=PKCS15_AID)
    other = DF(0x5016, [], name=b"\xa0\0\0\0\x18")
    return FileSystemCard(
        DF(files=[TransparentEF(0x2F00, EF_DIR), TransparentEF(0x2F01, EF_ATR), plain, application, other])
    )


# A card with codes

PIN = b"1234"
PUK = b"87654321"
LOCAL_PIN = b"secret"


def card_with_codes(pin: bytes = PIN, puk: bytes = PUK, *, tries: int = 3) -> FileSystemCard:
    """Make a card with the codes 1 and 2 of the whole card, and 0x81 of its one application.

    PIN 1 is unblocked by PUK 2, and guards a file of 4 bytes with the short identifier 1.
    """
    application = DF(0x5000, name=AID, references=[Code(0x81, LOCAL_PIN, max_length=24)])
    file = TransparentEF(0x2F01, b"data", short_id=1, access={"read": [1]})
    codes = [
        Code(1, pin, tries=tries, resetting_code=2, max_length=24),
        Code(2, puk, tries=tries, max_length=24),
    ]
    return FileSystemCard(DF(files=[application, file], references=codes))
