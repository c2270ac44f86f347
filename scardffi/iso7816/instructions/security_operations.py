"""Cryptographic operations: PERFORM SECURITY OPERATION and GENERATE ASYMMETRIC KEY PAIR (ISO/IEC 7816-8, clause 5).

Keys and algorithms are those of the security environment: see :func:`.authentication.set_security_environment`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from ..command import SHORT_LE, Command
from ._arguments import encoded

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ..tlv import Objects

_PERFORM: Final = 0x2A
_GENERATE: Final = 0x46
_NO_OUTPUT: Final = 0x00
_PLAIN_VALUE: Final = 0x80
_CRYPTOGRAM: Final = 0x86


class KeyPairAction(IntEnum):
    """The action of GENERATE ASYMMETRIC KEY PAIR (P1)."""

    UNSPECIFIED = 0x00
    """The card knows it."""
    GENERATE = 0x80
    """Generate a key pair and return the public key."""
    READ = 0x81
    """Return the public key of a key pair that exists."""
    GENERATE_WITHOUT_OUTPUT = 0x84
    """Generate a key pair and return nothing."""


def perform_security_operation(
    output_tag: int, input_tag: int, data: Objects = b"", le: int | None = SHORT_LE, *, odd: bool = False, cla: int = 0
) -> Command:
    """Build PERFORM SECURITY OPERATION (clause 5.2). The functions below build its operations by name.

    Args:
        output_tag: the tag of the response data, 0 to 255 (P1); 0 if there is none.
        input_tag: the tag of the data, 0 to 255 (P2); 0 if there is none.
        data: the value of the input, without its tag, or the data objects of a template.
        le: the maximum number of data bytes in the response; None for no data.
        odd: True for instruction byte 2B: the data are data objects.
        cla: the class byte.
    """
    return Command(cla, _PERFORM | odd, output_tag, input_tag, encoded("data", data), le)


def compute_cryptographic_checksum(data: Buffer, le: int = SHORT_LE, *, cla: int = 0) -> Command:
    """Build COMPUTE CRYPTOGRAPHIC CHECKSUM, whose response is the checksum of the data (clause 5.2).

    Args:
        data: the data.
        le: the maximum number of data bytes in the response.
        cla: the class byte.
    """
    return Command(cla, _PERFORM, 0x8E, _PLAIN_VALUE, data, le)


def compute_digital_signature(
    data: Objects = b"", le: int = SHORT_LE, *, input_tag: int = 0x9A, cla: int = 0
) -> Command:
    """Build COMPUTE DIGITAL SIGNATURE, whose response is the signature (clause 5.2).

    Args:
        data: the data to sign, or their hash; empty if the card has it.
        le: the maximum number of data bytes in the response.
        input_tag: 0x9A if the data are a value; 0xAC or 0xBC if they are data objects.
        cla: the class byte.
    """
    return Command(cla, _PERFORM, 0x9E, input_tag, encoded("data", data), le)


def compute_hash(data: Objects, le: int | None = SHORT_LE, *, input_tag: int = _PLAIN_VALUE, cla: int = 0) -> Command:
    """Build HASH, which computes the hash of the data (clause 5.2).

    Args:
        data: the data.
        le: the maximum number of data bytes in the response; None if only the card needs the hash.
        input_tag: 0x80 if the data are a value; 0xA0 if they are data objects, such as the result of a hash that you
            began (tag 90) and the last block (tag 80).
        cla: the class byte.
    """
    return Command(cla, _PERFORM, 0x90, input_tag, encoded("data", data), le)


def verify_cryptographic_checksum(objects: Objects, *, cla: int = 0) -> Command:
    """Build VERIFY CRYPTOGRAPHIC CHECKSUM (clause 5.2).

    Args:
        objects: data objects: the data (tag 80) and the checksum (tag 8E).
        cla: the class byte.
    """
    return Command(cla, _PERFORM, _NO_OUTPUT, 0xA2, encoded("objects", objects))


def verify_digital_signature(objects: Objects, *, cla: int = 0) -> Command:
    """Build VERIFY DIGITAL SIGNATURE (clause 5.2).

    Args:
        objects: data objects: the data or hash that was signed (tag 9A or 90), and the signature (tag 9E).
        cla: the class byte.
    """
    return Command(cla, _PERFORM, _NO_OUTPUT, 0xA8, encoded("objects", objects))


def verify_certificate(certificate: Objects, *, input_tag: int = 0xBE, cla: int = 0) -> Command:
    """Build VERIFY CERTIFICATE (clause 5.2).

    Args:
        certificate: the certificate.
        input_tag: 0xBE or 0xAE if the certificate is data objects, such as its body (tag 7F4E) and its signature (tag
            5F37); 0x92 if it is a value.
        cla: the class byte.
    """
    return Command(cla, _PERFORM, _NO_OUTPUT, input_tag, encoded("certificate", certificate))


def encipher(data: Buffer, le: int = SHORT_LE, *, output_tag: int = _CRYPTOGRAM, cla: int = 0) -> Command:
    """Build ENCIPHER, whose response is the cryptogram (clause 5.2).

    Args:
        data: the data to encipher.
        le: the maximum number of data bytes in the response.
        output_tag: 0x86 if the response begins with a byte that names the padding; 0x84 or 0x82 if it does not.
        cla: the class byte.
    """
    return Command(cla, _PERFORM, output_tag, _PLAIN_VALUE, data, le)


def decipher(data: Buffer, le: int = SHORT_LE, *, input_tag: int = _CRYPTOGRAM, cla: int = 0) -> Command:
    """Build DECIPHER, whose response is the data that were enciphered (clause 5.2).

    Args:
        data: the cryptogram.
        le: the maximum number of data bytes in the response.
        input_tag: 0x86 if the data begin with a byte that names the padding; 0x84 or 0x82 if they do not.
        cla: the class byte.
    """
    return Command(cla, _PERFORM, _PLAIN_VALUE, input_tag, data, le)


def generate_asymmetric_key_pair(
    data: Objects = b"",
    action: KeyPairAction = KeyPairAction.GENERATE,
    reference: int = 0,
    le: int | None = SHORT_LE,
    *,
    odd: bool = False,
    cla: int = 0,
) -> Command:
    """Build GENERATE ASYMMETRIC KEY PAIR, whose response contains the public key, tag 7F49 (clause 5.1).

    Args:
        data: parameters, such as a control reference template; empty if the card knows them.
        action: generate a key pair, or read the public key of one. Another number is sent as it is (P1).
        reference: the number of the key; 0 if it is in ``data`` or the card knows it.
        le: the maximum number of data bytes in the response; None for no data.
        odd: True for instruction byte 47, which OpenPGP and PIV cards want.
        cla: the class byte.
    """
    return Command(cla, _GENERATE | odd, action, reference, encoded("data", data), le)
