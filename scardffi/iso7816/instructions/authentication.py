"""Authentication, and the security environment (ISO/IEC 7816-4, clause 11.5)."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Final

from ..command import SHORT_LE, Command
from ._arguments import encoded, plain

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ..tlv import Objects

_SET, _STORE, _RESTORE, _ERASE = 0x01, 0xF2, 0xF3, 0xF4
_GENERAL_AUTHENTICATE: Final = 0x86


class ControlTemplate(IntEnum):
    """The control reference template that MANAGE SECURITY ENVIRONMENT sets (P2)."""

    AUTHENTICATION = 0xA4
    KEY_AGREEMENT = 0xA6
    HASH = 0xAA
    CHECKSUM = 0xB4
    """Cryptographic checksums."""
    SIGNATURE = 0xB6
    """Digital signatures and certificates."""
    CONFIDENTIALITY = 0xB8


class SecurityUse(IntFlag):
    """The uses for which MANAGE SECURITY ENVIRONMENT sets a template (bits 8 to 5 of P1)."""

    COMMAND_MESSAGES = 0x10
    """Secure messaging in commands."""
    RESPONSE_MESSAGES = 0x20
    """Secure messaging in responses."""
    COMPUTATION = 0x40
    """Computation, deciphering, internal authentication and key agreement."""
    VERIFICATION = 0x80
    """Verification, enciphering, external authentication and key agreement."""


def get_challenge(le: int = 8, algorithm: int = 0, *, cla: int = 0) -> Command:
    """Build GET CHALLENGE, which requests random bytes for an authentication (clause 11.5.3).

    Args:
        le: the maximum number of random bytes.
        algorithm: the number of the algorithm; 0 if the card knows it.
        cla: the class byte.
    """
    return Command(cla, 0x84, algorithm, le=le)


def internal_authenticate(
    challenge: Buffer, algorithm: int = 0, reference: int = 0, le: int = SHORT_LE, *, cla: int = 0
) -> Command:
    """Build INTERNAL AUTHENTICATE, which authenticates the card (clause 11.5.2).

    Args:
        challenge: the input of the card's computation.
        algorithm: the number of the algorithm; 0 if the card knows it.
        reference: the number of the key; 0 if the card knows it. Bit 8 is set for a key of the current DF.
        le: the maximum number of data bytes in the response.
        cla: the class byte.
    """
    return Command(cla, 0x88, algorithm, reference, plain("challenge", challenge), le)


def external_authenticate(answer: Buffer = b"", algorithm: int = 0, reference: int = 0, *, cla: int = 0) -> Command:
    """Build EXTERNAL AUTHENTICATE, which authenticates you to the card (clause 11.5.4).

    Args:
        answer: the result of your computation on the card's challenge. If it is empty, the card answers 63Cx with the
            number of tries that are left.
        algorithm: the number of the algorithm; 0 if the card knows it.
        reference: the number of the key, as for :func:`internal_authenticate`.
        cla: the class byte.
    """
    return Command(cla, 0x82, algorithm, reference, plain("answer", answer))


def mutual_authenticate(
    answer: Buffer, algorithm: int = 0, reference: int = 0, le: int = SHORT_LE, *, cla: int = 0
) -> Command:
    """Build MUTUAL AUTHENTICATE: EXTERNAL AUTHENTICATE whose response authenticates the card to you (clause 11.5.4).

    Args:
        answer: the result of your computation, and your challenge to the card.
        algorithm: the number of the algorithm; 0 if the card knows it.
        reference: the number of the key, as for :func:`internal_authenticate`.
        le: the maximum number of data bytes in the response.
        cla: the class byte.
    """
    return Command(cla, 0x82, algorithm, reference, plain("answer", answer), le)


def general_authenticate(
    template: Objects,
    algorithm: int = 0,
    reference: int = 0,
    le: int | None = SHORT_LE,
    *,
    odd: bool = False,
    cla: int = 0,
) -> Command:
    """Build GENERAL AUTHENTICATE, one step of an authentication protocol (clause 11.5.5).

    Args:
        template: the data of this step, in a data object with tag 7C, such as ``TLV(0x7C, [TLV(0x81, challenge)])``.
        algorithm: the number of the algorithm; 0 if the card knows it.
        reference: the number of the key, as for :func:`internal_authenticate`.
        le: the maximum number of data bytes in the response; None for no data.
        odd: True for instruction byte 87, which PIV cards want.
        cla: the class byte.
    """
    return Command(cla, _GENERAL_AUTHENTICATE | odd, algorithm, reference, encoded("template", template), le)


def set_security_environment(
    template: ControlTemplate, references: Objects, uses: SecurityUse, *, cla: int = 0
) -> Command:
    """Build MANAGE SECURITY ENVIRONMENT SET, which chooses keys and algorithms (clause 11.5.11).

    Args:
        template: the template to set.
        references: the data objects for it, such as ``TLV(0x80, algorithm)``, ``TLV(0x83, public_key)`` and
            ``TLV(0x84, private_key)``, or their bytes.
        uses: the uses for which the card takes the template.
        cla: the class byte.
    """
    return Command(cla, 0x22, _SET | uses, template, encoded("references", references))


def store_security_environment(number: int, *, cla: int = 0) -> Command:
    """Build MANAGE SECURITY ENVIRONMENT STORE, which saves the current environment (clause 11.5.11).

    Args:
        number: the number of the security environment, 0 to 255.
        cla: the class byte.
    """
    return Command(cla, 0x22, _STORE, number)


def restore_security_environment(number: int, *, cla: int = 0) -> Command:
    """Build MANAGE SECURITY ENVIRONMENT RESTORE, which makes a stored environment the current one (clause 11.5.11).

    The arguments are those of :func:`store_security_environment`.
    """
    return Command(cla, 0x22, _RESTORE, number)


def erase_security_environment(number: int, *, cla: int = 0) -> Command:
    """Build MANAGE SECURITY ENVIRONMENT ERASE, which erases a stored environment (clause 11.5.11).

    The arguments are those of :func:`store_security_environment`.
    """
    return Command(cla, 0x22, _ERASE, number)
