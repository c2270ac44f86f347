"""AES for authentication with a card. It needs the package cryptography (``pip install scardffi[crypto]``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._bytes_like import contiguous
from .._extras import extra
from .._half_made import repr_if_half_made
from .._not_copied import NotCopied
from ..iso7816.command import checked

with extra("crypto"):
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.cmac import CMAC
    from cryptography.hazmat.primitives.constant_time import bytes_eq

if TYPE_CHECKING:
    from typing_extensions import Buffer


@repr_if_half_made
class AesCmac(NotCopied):
    """An algorithm that makes and checks proofs: the first bytes of the challenge's AES-CMAC (NIST SP 800-38B).

    The repr does not show the key.

    Args:
        key: 16, 24 or 32 bytes; cryptography keeps copies of it that cannot be wiped.
        length: the length of a proof in bytes, 4 to 16.
        challenge_length: the length of a challenge in bytes, 8 to 256.
        reference: the card's number of the algorithm, 0 to 255; 0 if the card needs none.

    Raises:
        ValueError: an argument is not allowed.
    """

    def __init__(self, key: Buffer, *, length: int = 8, challenge_length: int = 16, reference: int = 0) -> None:
        size = contiguous("key", key).nbytes
        if size not in {16, 24, 32}:
            raise ValueError(f"key: {size} bytes are not allowed; give 16, 24 or 32")
        self._cipher = AES(memoryview(key).tobytes())
        self._length = checked("length", length, 4, 16)
        self.challenge_length = checked("challenge_length", challenge_length, 8, 256)
        self.reference = checked("reference", reference, 0, 0xFF)

    def prove(self, challenge: bytes) -> bytes:
        """Return the proof for a challenge."""
        mac = CMAC(self._cipher)
        mac.update(challenge)
        return mac.finalize()[: self._length]

    def check(self, challenge: bytes, proof: bytes) -> bool:
        """Return True if the proof is right for the challenge; the comparison takes constant time."""
        return bytes_eq(self.prove(challenge), proof)

    def __repr__(self) -> str:
        return f"<AesCmac of {self._cipher.key_size} bits, {self._length} bytes, number {self.reference}>"
