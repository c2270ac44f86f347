"""A PIV card (NIST SP 800-73-4, FIPS 201) without hardware: :func:`piv_card`. Its keys need the extra ``crypto``."""

from __future__ import annotations

import secrets
import uuid
from functools import partial
from typing import TYPE_CHECKING, Final

from ._piv_data import PIV_AID, application_template, data_objects
from .file_system import DF, FILE_SYSTEM_ATR, NEVER, Code, FileSystemCard, Key
from .file_system._session import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..iso7816.command import Command
    from ._piv_keys import PrivateKey
    from .file_system import Algorithm

__all__ = ["ALGORITHMS", "PIV_AID", "PIVCard", "piv_card"]

_PIN, _PUK, _ADMINISTRATOR = 0x80, 0x81, 0x9B
_NAMES: Final = {0x9A: "PIV Authentication", 0x9C: "Digital Signature", 0x9D: "Key Management", 0x9E: "Card Auth"}
_REFERENCES: Final = {("ec", 256): 0x11, ("ec", 384): 0x14, ("rsa", 1024): 0x06, ("rsa", 2048): 0x07, ("rsa", 3072): 5}
_AES_REFERENCES: Final = {16: 0x08, 24: 0x0A, 32: 0x0C}
_EVEN: Final = {0x86, 0xCA, 0xDA}
"""GENERAL AUTHENTICATE, GET DATA and PUT DATA with even instruction bytes, for which PIV has only the odd ones."""
_WITH_PIN: Final = {0x20, 0x24, 0x2C}
"""VERIFY, CHANGE REFERENCE DATA and RESET RETRY COUNTER, for which P2 00 is the global PIN (SP 800-73-4-2, 3.2)."""


class PIVCard(FileSystemCard):
    """A card with files that answers GENERAL AUTHENTICATE, GET DATA and PUT DATA only with odd instruction bytes.

    It has no global PIN, and answers 6A88 to commands with P2 00 for it.

    The arguments are those of :class:`.FileSystemCard`. By default, ``algorithms`` are :data:`ALGORITHMS`.
    """

    _name_in_file = "PIVCard"

    def __init__(
        self,
        mf: DF,
        *,
        algorithms: Mapping[str, Algorithm] | None = None,
        atr: bytes = FILE_SYSTEM_ATR,
        assumes_le: bool = True,
    ) -> None:
        super().__init__(
            mf, algorithms=ALGORITHMS if algorithms is None else algorithms, atr=atr, assumes_le=assumes_le
        )

    def _run(self, command: Command, pending: bytes) -> bytes:
        require(command.ins not in _EVEN, 0x6D00)
        require(command.p2 or command.ins not in _WITH_PIN, 0x6A88)
        return super()._run(command, pending)


def piv_card(
    keys: Mapping[int, PrivateKey] | None = None,
    *,
    certificates: Mapping[int, bytes] | None = None,
    pin: str = "123456",
    puk: str = "12345678",
    admin_key: bytes | None = None,
    guid: uuid.UUID | None = None,
) -> PIVCard:
    """Return a PIV card with a CHUID, certificates and private keys. Load a saved one with :func:`.load_card`.

    Args:
        keys: private keys of the package cryptography, by slot (0x9A, 0x9C, 0x9D, 0x9E): RSA of 1024, 2048 or 3072
            bits, or EC P-256 or P-384. None for a new P-256 key in each slot.
        certificates: certificates in DER, or in DER that gzip has compressed, by slot. A key without one gets a
            certificate that it signs itself. Tag 71 of a data object says whether its certificate is compressed.
        pin: the PIN, 6 to 8 characters. The PIV PIN has the reference 0x80.
        puk: the code that unblocks it, 8 characters.
        admin_key: the AES key of the administrator (9B), 16, 24 or 32 bytes, which PUT DATA needs; None for a new one.
        guid: the card's GUID; None for a new one.

    Raises:
        ValueError: an argument is not allowed.
        ModuleNotFoundError: there are keys, and the package cryptography, of the extra ``crypto``, is not installed.
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
        fci=application_template(),
        references=references,
        data=data_objects({_checked(slot): one for slot, one in certificates.items()}, (guid or uuid.uuid4()).bytes),
        data_wrapper=0x53,
        access={"put_data": [_ADMINISTRATOR]},
    )
    return PIVCard(DF(files=[application]))


def _checked(slot: int) -> int:
    if slot not in _NAMES:
        raise ValueError(f"slot: {slot:02X} is not allowed; give {', '.join(f'{one:02X}' for one in _NAMES)}")
    return slot


def _code(name: str, code: str, shortest: int) -> bytes:
    if not shortest <= len(code) <= 8 or not code.isascii():
        raise ValueError(f"{name}: {len(code)} characters are not allowed; give {shortest} to 8 of ASCII")
    return code.encode().ljust(8, b"\xff")


def _certificate(slot: int, key: PrivateKey) -> bytes:
    from ._piv_keys import self_signed

    return self_signed(_NAMES[_checked(slot)], key)


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
"""The algorithms of a PIV card's keys."""
