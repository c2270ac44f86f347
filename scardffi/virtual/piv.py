"""A PIV card (NIST SP 800-73-4, FIPS 201) without hardware: :func:`piv_card`. Its keys need the extra ``crypto``."""

from __future__ import annotations

import secrets
import uuid
from functools import partial
from typing import TYPE_CHECKING, Final

from ..iso7816.tlv import TLV, encode
from .file_system import DF, NEVER, Code, FileSystemCard, Key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._piv_keys import PrivateKey
    from .file_system import Algorithm

PIV_AID: Final = bytes.fromhex("A000000308000010000100")
"""The application identifier of PIV, version 1."""
_PIN, _PUK, _ADMINISTRATOR = 0x80, 0x81, 0x9B
_CERTIFICATES: Final = {0x9A: 0x5FC105, 0x9C: 0x5FC10A, 0x9D: 0x5FC10B, 0x9E: 0x5FC101}
_NAMES: Final = {0x9A: "PIV Authentication", 0x9C: "Digital Signature", 0x9D: "Key Management", 0x9E: "Card Auth"}
_CHUID, _CAPABILITIES, _DISCOVERY = 0x5FC102, 0x5FC107, 0x7E
_REFERENCES: Final = {("ec", 256): 0x11, ("ec", 384): 0x14, ("rsa", 1024): 0x06, ("rsa", 2048): 0x07, ("rsa", 3072): 5}
_AES_REFERENCES: Final = {16: 0x08, 24: 0x0A, 32: 0x0C}
_FASC_N: Final = bytes.fromhex("D4E739DA739CED39CE739D836858210842108421C84210C3EB")
"""The number of a card that no federal agency of the USA has issued: agency, system and credential are all nines."""


def piv_card(
    keys: Mapping[int, PrivateKey] | None = None,
    *,
    certificates: Mapping[int, bytes] | None = None,
    pin: str = "123456",
    puk: str = "12345678",
    admin_key: bytes | None = None,
    guid: uuid.UUID | None = None,
) -> FileSystemCard:
    """Return a PIV card with a CHUID, certificates and private keys. Load a saved one with ``algorithms=ALGORITHMS``.

    Args:
        keys: private keys of the package cryptography, by slot (0x9A, 0x9C, 0x9D, 0x9E): RSA of 1024, 2048 or 3072
            bits, or EC P-256 or P-384. None for a new P-256 key in each slot.
        certificates: certificates in DER, by slot. A key without one gets a certificate that it signs itself.
        pin: the PIN, 6 to 8 characters. The PIV PIN has the reference 0x80.
        puk: the code that unblocks it, 8 characters.
        admin_key: the AES key of the administrator (9B), 16, 24 or 32 bytes, which PUT DATA needs; None for a new one.
        guid: the card's GUID; None for a new one.

    Raises:
        ValueError: an argument is not allowed.
        ModuleNotFoundError: there are keys, and the package cryptography is not installed.
    """
    if keys is None:
        from ._piv_keys import new_key

        keys = {slot: new_key() for slot in _NAMES}
    certificates = {**{slot: _certificate(slot, key) for slot, key in keys.items()}, **(certificates or {})}
    admin_key = secrets.token_bytes(16) if admin_key is None else admin_key
    if len(admin_key) not in _AES_REFERENCES:
        raise ValueError(f"admin_key: {len(admin_key)} bytes are not allowed; give 16, 24 or 32")
    algorithm = _AES_REFERENCES[len(admin_key)]
    references: list[Code | Key] = [
        Code(_PIN, _code("pin", pin, 6), resetting_code=_PUK, min_length=8, max_length=8),
        Code(_PUK, _code("puk", puk, 8), min_length=8, max_length=8),
        *(_key(slot, key) for slot, key in keys.items()),
        Key(_ADMINISTRATOR, admin_key, "aes", algorithm_reference=algorithm, access={"internal": NEVER}),
    ]
    application = DF(
        0x5049,
        name=PIV_AID,
        fci=_application_template(),
        references=references,
        data=_data(certificates, (guid or uuid.uuid4()).bytes),
        data_wrapper=0x53,
        access={"put_data": [_ADMINISTRATOR]},
    )
    return FileSystemCard(DF(files=[application]), algorithms=ALGORITHMS, assumes_le=True)


def _name(slot: int) -> str:
    if slot not in _NAMES:
        raise ValueError(f"slot: {slot:02X} is not allowed; give {', '.join(f'{one:02X}' for one in _NAMES)}")
    return _NAMES[slot]


def _code(name: str, code: str, shortest: int) -> bytes:
    if not shortest <= len(code) <= 8 or not code.isascii():
        raise ValueError(f"{name}: {len(code)} characters are not allowed; give {shortest} to 8 of ASCII")
    return code.encode().ljust(8, b"\xff")


def _application_template() -> bytes:
    """Return the application property template (SP 800-73-4, part 2, clause 3.1.1)."""
    authority = encode([TLV(0x4F, PIV_AID[:5])])
    return bytes(TLV(0x61, encode([TLV(0x4F, PIV_AID[5:]), TLV(0x79, authority), TLV(0x50, b"scardffi PIV")])))


def _data(certificates: Mapping[int, bytes], guid: bytes) -> dict[int, bytes]:
    """Return the data objects of the application (SP 800-73-4, part 1, appendix A)."""
    chuid = [TLV(0x30, _FASC_N), TLV(0x34, guid), TLV(0x35, b"20491231"), TLV(0x3E), TLV(0xFE)]
    identifier = bytes.fromhex("A000000116FF02") + guid[:14]
    versions = [TLV(0xF1, b"\x21"), TLV(0xF2, b"\x21"), TLV(0xF3), TLV(0xF4, b"\0"), TLV(0xF5, b"\x10")]
    empty = [TLV(tag) for tag in (0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE)]
    return {
        _CHUID: encode(chuid),
        _CAPABILITIES: encode([TLV(0xF0, identifier), *versions, *empty]),
        _DISCOVERY: encode([TLV(0x4F, PIV_AID), TLV(0x5F2F, b"\x40\0")]),  # the PIV PIN, not a PIN of the whole card
        **{
            _CERTIFICATES[slot]: encode([TLV(0x70, certificate), TLV(0x71, b"\0"), TLV(0xFE)])
            for slot, certificate in certificates.items()
            if _name(slot)
        },
    }


def _certificate(slot: int, key: PrivateKey) -> bytes:
    from ._piv_keys import self_signed

    return self_signed(_name(slot), key)


def _key(slot: int, key: PrivateKey) -> Key:
    from ._piv_keys import kind, to_der

    if (kind(key), key.key_size) not in _REFERENCES:
        allowed = "RSA of 1024, 2048 or 3072, EC P-256 or P-384"
        raise ValueError(f"keys: {kind(key)} of {key.key_size} bits is not allowed; give {allowed}")
    return Key(
        slot,
        to_der(key),
        kind(key),
        access={} if slot == 0x9E else {"internal": [_PIN]},
        algorithm_reference=_REFERENCES[kind(key), key.key_size],
        each_use=slot == 0x9C,
    )


def _compute(name: str, value: bytes, data: bytes) -> bytes:
    from . import _piv_keys

    function: Algorithm = getattr(_piv_keys, name)
    return function(value, data)


ALGORITHMS: Final = {name: partial(_compute, f"{name}_operation") for name in ("rsa", "ec", "aes")}
"""The algorithms of a PIV card's keys, for :meth:`.FileSystemCard.load`."""
