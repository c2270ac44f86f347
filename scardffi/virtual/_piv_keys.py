"""The operations of a PIV card's keys, and their certificates, by the package cryptography (extra ``crypto``)."""

from __future__ import annotations

import datetime as dt
from typing import Final, TypeAlias, cast

from .._extras import extra

with extra("crypto"):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.x509.oid import NameOID

PrivateKey: TypeAlias = RSAPrivateKey | ec.EllipticCurvePrivateKey

_SHA: Final = (hashes.SHA1(), hashes.SHA224(), hashes.SHA256(), hashes.SHA384())  # noqa: S303  programs still use SHA-1
_HASHES: Final = {one.digest_size: one for one in _SHA}
_FIRST_DAY: Final = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_LAST_DAY: Final = dt.datetime(2049, 12, 31, tzinfo=dt.UTC)


def new_key() -> PrivateKey:
    """Return a new key of EC P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def kind(key: PrivateKey) -> str:
    """Return the name that :data:`.piv.ALGORITHMS` has for the algorithm of a key."""
    return "rsa" if isinstance(key, RSAPrivateKey) else "ec"


def to_der(key: PrivateKey) -> bytes:
    """Return a private key as PKCS #8."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def self_signed(name: str, key: PrivateKey) -> bytes:
    """Return a certificate for a key, signed with this key, in DER."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    certificate = builder.not_valid_before(_FIRST_DAY).not_valid_after(_LAST_DAY).sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.DER)


def rsa_operation(value: bytes, block: bytes) -> bytes:
    """Return the private operation of RSA on a block that the other side has padded.

    Raises:
        ValueError: the block has not the length of the key, or is not less than the modulus.
    """
    key = cast("RSAPrivateKey", serialization.load_der_private_key(value, None))
    numbers = key.private_numbers()
    modulus, size = numbers.public_numbers.n, key.key_size // 8
    if len(block) != size or int.from_bytes(block, "big") >= modulus:
        raise ValueError(f"block: {len(block)} bytes are not allowed; give {size}, as a number less than the modulus")
    return pow(int.from_bytes(block, "big"), numbers.d, modulus).to_bytes(size, "big")


def ec_operation(value: bytes, data: bytes) -> bytes:
    """Return the ECDSA signature of a hash in DER, or the ECDH secret of an uncompressed point.

    Raises:
        ValueError: the data are neither a hash that fits the key nor a point of its curve.
    """
    key = cast("ec.EllipticCurvePrivateKey", serialization.load_der_private_key(value, None))
    if len(data) == 1 + 2 * key.key_size // 8:
        return key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(key.curve, data))
    if len(data) not in _HASHES or len(data) > key.key_size // 8:
        raise ValueError(f"data: {len(data)} bytes are not allowed; give a hash that fits the key")
    return key.sign(data, ec.ECDSA(utils.Prehashed(_HASHES[len(data)])))


def aes_operation(value: bytes, block: bytes) -> bytes:
    """Return blocks encrypted with AES.

    Raises:
        ValueError: the length is not that of blocks.
    """
    encryptor = Cipher(algorithms.AES(value), modes.ECB()).encryptor()  # noqa: S305  PIV encrypts one random block
    return encryptor.update(block) + encryptor.finalize()
