"""A SIM without hardware, 2G (GSM 11.11) and USIM (ETSI TS 102 221, 3GPP TS 31.102) on one card: :func:`sim_card`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..iso7816.tlv import TLV
from ._gsm_commands import PIN, PUK, SIMCard
from .file_system import DF, FILE_SYSTEM_T0_ATR, NEVER, Code, RecordEF, TransparentEF

if TYPE_CHECKING:
    from .file_system.tree import File

__all__ = ["USIM_AID", "SIMCard", "sim_card"]

USIM_AID: Final = bytes.fromhex("A0000000871002FFFFFFFF8900000100")
"""The application identifier of the USIM."""
_PIN_STATUS: Final = bytes.fromhex("C606 900180 830101")  # PIN 1 is enabled
_OWN: Final = {"read": [PIN], "update": [PIN]}
_GUARDED: Final = {"read": [PIN], "update": NEVER}
_FIXED: Final = {"update": NEVER}


def sim_card(
    imsi: str = "001010123456789",
    *,
    iccid: str = "8900101000000000019",
    operator: str = "scardffi",
    pin: str = "1234",
    puk: str = "12345678",
) -> SIMCard:
    """Return a card that is a SIM for class A0 and a USIM for class 00; it has no keys and does not authenticate.

    Args:
        imsi: the identity of the subscriber, 6 to 15 digits. The default is in the network 001-01, which is for tests.
        iccid: the number of the card, 18 to 20 digits.
        operator: the name of the service provider, 1 to 16 characters of ASCII.
        pin: PIN 1 (CHV 1), 4 to 8 digits; reading most files needs it.
        puk: the code that unblocks it, 8 digits.

    Raises:
        ValueError: an argument is not allowed.
    """
    for name, text, fewest, most in (
        ("imsi", imsi, 6, 15),
        ("iccid", iccid, 18, 20),
        ("pin", pin, 4, 8),
        ("puk", puk, 8, 8),
    ):
        if not (fewest <= len(text) <= most and text.isascii() and text.isdigit()):
            raise ValueError(f"{name}: {len(text)} characters are not allowed; give {fewest} to {most} digits")
    if not 1 <= len(operator) <= 16 or not operator.isascii():
        raise ValueError(f"operator: {operator!r} is not allowed; give 1 to 16 characters of ASCII")
    identity = b"\x08" + _swapped(("9" if len(imsi) % 2 else "1") + imsi, 8)
    entry = TLV(0x61, [TLV(0x4F, USIM_AID), TLV(0x50, b"USIM")])
    files: list[File] = [
        TransparentEF(0x2FE2, _swapped(iccid, 10), short_id=2, access=_FIXED),
        RecordEF(0x2F00, [bytes(entry).ljust(48, b"\xff")], short_id=30),
        DF(0x7F10, [RecordEF(0x6F3A, [b"\xff" * 28] * 10, access=_OWN)]),  # the phone book, empty
        DF(0x7F20, _subscriber(identity, operator, bytes.fromhex("FF33FFFF00"))),
        DF(
            0x7FFF,
            _subscriber(identity, operator, bytes.fromhex("0A0E14000000")),
            name=USIM_AID,
            proprietary=_PIN_STATUS,
        ),
    ]
    codes = [
        Code(PIN, _padded(pin), resetting_code=PUK, min_length=8, max_length=8),
        Code(PUK, _padded(puk), tries=10, max_length=8),
    ]
    return SIMCard(DF(files=files, references=codes, proprietary=_PIN_STATUS), atr=FILE_SYSTEM_T0_ATR)


def _subscriber(identity: bytes, operator: str, services: bytes) -> list[File]:
    """Return the files about the subscriber that the SIM and the USIM have."""
    name = b"\1" + operator.encode("ascii").ljust(16, b"\xff")
    return [
        TransparentEF(0x6F07, identity, short_id=7, access=_GUARDED),
        TransparentEF(0x6F38, services, short_id=4, access=_GUARDED),
        TransparentEF(0x6F46, name, access=_FIXED),
        TransparentEF(0x6F7E, bytes.fromhex("FFFFFFFF 00F110 0000 FF 01"), short_id=11, access=_OWN),  # no location yet
        TransparentEF(0x6FAD, bytes.fromhex("00000002"), short_id=3, access=_FIXED),  # an MNC has 2 digits
    ]


def _swapped(digits: str, size: int) -> bytes:
    """Return digits with the first one of each byte in its low half, filled up with F."""
    filled = digits.ljust(2 * size, "F")
    return bytes.fromhex("".join(filled[place + 1] + filled[place] for place in range(0, 2 * size, 2)))


def _padded(code: str) -> bytes:
    return code.encode("ascii").ljust(8, b"\xff")
