"""Small cards that foreign programs for pyscard want to see: a YubiKey, a FIDO key, cards of wallets, DESFire."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from scardffi.iso7816 import TLV, Command, decode

from .commands import OK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scardffi.virtual.card import Card

NOT_FOUND = b"\x6a\x82"
NO_REFERENCE = b"\x6a\x88"
UNKNOWN_INSTRUCTION = b"\x6d\x00"
T0_OR_T1_ATR = bytes.fromhex("3B80800101")
KEY = ec.derive_private_key(0x5CA2DFF1, ec.SECP256R1())
"""A key that is the same in each run, so that the programs' outputs are too."""
POINT = KEY.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


class AppletCard:
    """A card with applications, which SELECT chooses by the beginning of their names.

    Args:
        applications: by name, a function that returns the answer to a command; that to its SELECT too.
        atr: the ATR.
    """

    def __init__(self, applications: Mapping[bytes, Callable[[Command], bytes]], atr: bytes = T0_OR_T1_ATR) -> None:
        self.atr = atr
        self._applications = applications
        self.reset()

    def reset(self) -> None:
        """Deselect the application."""
        self._selected: Callable[[Command], bytes] | None = None

    def transmit(self, command: bytes) -> bytes:
        """Return the answer of the application that is selected."""
        decoded = Command.decode(command)
        if (decoded.ins, decoded.p1) == (0xA4, 4):
            name = bytes(decoded.data)
            found = [one for aid, one in self._applications.items() if aid.startswith(name) or name.startswith(aid)]
            self._selected = found[0] if name and found else None
        return NOT_FOUND if self._selected is None else self._selected(decoded)


class LoggedCard:
    """A card that passes commands on to another one, and keeps them.

    Args:
        card: the other card.
        atr: the ATR, if it is not that of the other card.
    """

    def __init__(self, card: Card, atr: bytes | None = None) -> None:
        self.atr = card.atr if atr is None else atr
        self._card = card
        self.commands: list[str] = []

    def transmit(self, command: bytes) -> bytes:
        """Keep the command, and return the other card's answer."""
        self.commands.append(command.hex())
        return self._card.transmit(command)

    def reset(self) -> None:
        """Reset the other card."""
        getattr(self._card, "reset", lambda: None)()


def cbor(value: object) -> bytes:
    """Encode a value in CBOR (RFC 8949): integers from 0, bytes, text, booleans, lists, and dictionaries of these."""

    def head(major: int, number: int) -> bytes:
        if number < 24:
            return bytes((major << 5 | number,))
        size = next(size for size in (1, 2, 4, 8) if number < 1 << 8 * size)
        return bytes((major << 5 | 23 + size.bit_length(),)) + number.to_bytes(size, "big")

    match value:
        case bool():
            return bytes((0xF5 if value else 0xF4,))
        case int():
            return head(0, value)
        case bytes():
            return head(2, len(value)) + value
        case str():
            return head(3, len(value.encode())) + value.encode()
        case list():
            return head(4, len(value)) + b"".join(map(cbor, value))
        case dict():
            return head(5, len(value)) + b"".join(cbor(one) for item in value.items() for one in item)
    raise TypeError(f"value: {type(value)} is not allowed")


# YubiKey: the applications by developers.yubico.com, "YubiKey 5 Series Configuration Reference" and "PIV extensions"


_FIRMWARE = bytes((5, 4, 3))
_SERIAL = 12345678
_USB_APPLICATIONS = bytes.fromhex("013B")  # OTP, U2F, OpenPGP, PIV, OATH, YubiHSM Auth
_CONFIGURATION = {
    0x01: _USB_APPLICATIONS,
    0x02: _SERIAL.to_bytes(4, "big"),
    0x03: bytes.fromhex("0018"),  # enabled: OpenPGP, PIV
    0x04: b"\x01",  # the form factor: a keychain with USB-A
    0x05: _FIRMWARE,
    0x08: b"\x00",
    0x0A: b"\x00",
}
MANAGEMENT_KEY = bytes.fromhex("010203040506070801020304050607080102030405060708")
"""The management key of a new YubiKey, here for AES-192."""
_WITNESS = bytes(range(16))
_AES_192, _ECC_P256 = 0x0A, 0x11


def _management(command: Command) -> bytes:
    if command.ins == 0xA4:
        return b"Virtual mgr - FW version 5.4.3" + OK
    if command.ins == 0x1D:
        fields = b"".join(bytes((tag, len(value))) + value for tag, value in _CONFIGURATION.items())
        return bytes((len(fields),)) + fields + OK
    return UNKNOWN_INSTRUCTION


class _Piv:
    """The PIV application of a YubiKey, with a key in 9A, and commands to make others."""

    def __init__(self) -> None:
        self._slots = {0x9A}

    def __call__(self, command: Command) -> bytes:
        answers: dict[int, Callable[[Command], bytes]] = {
            0xA4: lambda _: bytes.fromhex("61114F0600001000010079074F05A000000308") + OK,
            0xFD: lambda _: _FIRMWARE + OK,
            0xF8: lambda _: _SERIAL.to_bytes(4, "big") + OK,
            0xF7: self._metadata,
            0xCB: lambda _: NOT_FOUND,
            0x87: self._authenticate,
            0x47: self._generate,
        }
        return answers[command.ins](command) if command.ins in answers else UNKNOWN_INSTRUCTION

    def _metadata(self, command: Command) -> bytes:
        if command.p2 in {0x80, 0x81}:
            return bytes.fromhex("0501010602 0302") + OK
        if command.p2 == 0x9B:
            return bytes((1, 1, _AES_192, 2, 2, 0, 1, 5, 1, 1)) + OK
        if command.p2 in self._slots:
            public = bytes((0x86, len(POINT))) + POINT
            return bytes((1, 1, _ECC_P256, 2, 2, 2, 1, 3, 1, 1, 4, len(public))) + public + OK
        return NO_REFERENCE

    def _authenticate(self, command: Command) -> bytes:
        challenge = decode(bytes(command.data)).find("7C/81")
        tag, block = (0x80, _WITNESS) if challenge is None else (0x82, bytes(challenge.value))
        encryptor = Cipher(algorithms.AES(MANAGEMENT_KEY), modes.ECB()).encryptor()  # noqa: S305  PIV encrypts one block
        return bytes(TLV(0x7C, TLV(tag, encryptor.update(block)))) + OK

    def _generate(self, command: Command) -> bytes:
        self._slots.add(command.p2)
        return bytes(TLV(0x7F49, [TLV(0x86, POINT)])) + OK


def yubikey() -> AppletCard:
    """Return a YubiKey 5 with the serial number 12345678."""
    return AppletCard({bytes.fromhex("A000000527471117"): _management, bytes.fromhex("A000000308"): _Piv()})


# FIDO: Client to Authenticator Protocol 2.1, clauses 6.4 and 11.3


_INFORMATION = {
    1: ["FIDO_2_0", "FIDO_2_1"],
    3: bytes(range(16)),
    4: {"rk": True, "up": True, "clientPin": False},
    5: 1200,
}


def _ctap(command: Command) -> bytes:
    if command.ins == 0xA4:
        return b"U2F_V2" + OK
    if command.ins == 0x10 and bytes(command.data) == b"\4":
        return b"\0" + cbor(_INFORMATION) + OK
    return UNKNOWN_INSTRUCTION


def fido_key() -> AppletCard:
    """Return a FIDO key that answers authenticatorGetInfo."""
    return AppletCard({bytes.fromhex("A0000006472F0001"): _ctap})


# Wallets


def satscard() -> AppletCard:
    """Return a SATSCARD that answers the command "status" (coinkite-tap-proto, docs/protocol.md)."""
    status: dict[str, object] = {"proto": 1, "ver": "1.0.3", "birth": 700553, "slots": [0, 10]}
    status |= {"addr": "bc1qsc___aaaaaaaaaaaa", "pubkey": b"\3" + bytes(range(32)), "card_nonce": bytes(16)}
    atr = bytes.fromhex("3B888001") + b"Coinkite1"
    return AppletCard({bytes.fromhex("F0436F696E6B697465434152447631"): lambda _: cbor(status) + OK}, atr)


def satochip() -> AppletCard:
    """Return a Satochip with a seed, in protocol version 0.12, without a secure channel."""
    status = bytes((0, 12, 0, 4, 5, 5, 5, 5, 0, 1, 1, 0))

    def answer(command: Command) -> bytes:
        return {0xA4: OK, 0x3C: status + OK, 0x3D: b"\4test" + OK}.get(command.ins, UNKNOWN_INSTRUCTION)

    return AppletCard({b"SatoChip": answer})


@cache
def certificate() -> bytes:
    """Return a certificate of KEY in DER, with a serial number of 8 bytes."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Card")])
    first, last = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2049, 12, 31, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), 0x4711000000000001, first, last)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def cryptnox() -> AppletCard:
    """Return a Cryptnox card of type "B" that shows its certificate and signs its session key."""
    der = certificate()
    pages = len(der).to_bytes(2, "big") + der

    def answer(command: Command) -> bytes:
        if command.ins == 0xA4:
            return b"B" + bytes((1, 6, 1)) + bytes(32) + OK
        if command.ins == 0xF7:
            return pages[command.p2 * 200 :][:200] + OK
        if command.ins == 0xF8:
            signed = b"C" + bytes(command.data) + POINT
            return signed + KEY.sign(signed, ec.ECDSA(hashes.SHA256())) + OK
        return UNKNOWN_INSTRUCTION

    return AppletCard({bytes.fromhex("A0000010000112"): answer})


# Contactless cards


class AnswerCard:
    """A card that answers by a function of the command's bytes.

    Args:
        answer: returns the response.
        atr: the ATR.
    """

    def __init__(self, answer: Callable[[bytes], bytes], atr: bytes) -> None:
        self.atr = atr
        self._answer = answer

    def transmit(self, command: bytes) -> bytes:
        """Return the answer."""
        return self._answer(command)


def ndef_tag() -> AnswerCard:
    """Return an NTAG213 with one NDEF record, "Hello", which READ BINARY reads by pages of 4 bytes."""
    record = bytes.fromhex("D1 01 08 54 02 656E") + b"Hello"
    memory = bytes.fromhex("04A1B22D C3D4E5F6 04480000 E1101200 03")
    memory += bytes((len(record),)) + record + b"\xfe"
    memory += bytes(180 - len(memory))

    def answer(command: bytes) -> bytes:
        if command[:2] == b"\xff\xb0":
            return memory[command[3] * 4 :][:16].ljust(16, b"\0") + OK
        return b"\x04\xa1\xb2\xc3\xd4\xe5\xf6" + OK if command[:2] == b"\xff\xca" else UNKNOWN_INSTRUCTION

    return AnswerCard(answer, bytes.fromhex("3B8F8001804F0CA0000003060300030000000068"))


def desfire_card() -> AnswerCard:
    """Return a DESFire card with two applications, which answers wrapped native commands."""
    answers = {0x6A: bytes.fromhex("010203 040506"), 0x5A: b"", 0x6F: bytes((1, 2)), 0x45: bytes((0x0F, 1))}

    def answer(command: bytes) -> bytes:
        found = answers.get(command[1]) if command[0] == 0x90 else None
        return b"\x91\x1c" if found is None else found + b"\x91\0"

    return AnswerCard(answer, bytes.fromhex("3B8180018080"))
