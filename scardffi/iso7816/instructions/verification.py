"""Verification and change of PINs and passwords (ISO/IEC 7816-4, clause 11.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..._bytes_like import contiguous
from .._secret_command import with_secret
from ..command import Command

if TYPE_CHECKING:
    from typing_extensions import Buffer

_VERIFY, _CHANGE, _RESET = 0x20, 0x24, 0x2C
_END_VERIFICATION: Final = 0xFF


def verify(code: Buffer = b"", reference: int = 0, *, odd: bool = False, cla: int = 0) -> Command:
    """Build VERIFY, which compares a PIN or password with the one in the card (clause 11.5.6).

    Args:
        code: the PIN or password in the card's format, including padding. If it is empty, the card answers 63Cx with
            the number of tries that are left.
        reference: the number of the PIN or password: 1 to 31 if it belongs to the whole card; this number with bit 8
            set if it belongs to the current DF; 0 if the card knows it.
        odd: True for instruction byte 21: ``code`` is a data object.
        cla: the class byte.
    """
    return with_secret(Command(cla, _VERIFY | odd, 0x00, reference), code=code)


def end_verification(reference: int = 0, *, cla: int = 0) -> Command:
    """Build VERIFY with P1 FF, after which the code is no longer verified (11.5.6); arguments of :func:`verify`."""
    return Command(cla, _VERIFY, _END_VERIFICATION, reference)


def change_reference_data(old: Buffer, new: Buffer, reference: int = 0, *, odd: bool = False, cla: int = 0) -> Command:
    """Build CHANGE REFERENCE DATA, which sets a new PIN or password (clause 11.5.7).

    Args:
        old: the present PIN or password in the card's format; empty if the security status is sufficient.
        new: the new PIN or password.
        reference: the number of the PIN or password, as for :func:`verify`.
        odd: True for instruction byte 25: ``old`` and ``new`` are data objects.
        cla: the class byte.
    """
    return with_secret(
        Command(cla, _CHANGE | odd, 0x00 if contiguous("old", old) else 0x01, reference), old=old, new=new
    )


def reset_retry_counter(
    resetting_code: Buffer = b"", new: Buffer = b"", reference: int = 0, *, odd: bool = False, cla: int = 0
) -> Command:
    """Build RESET RETRY COUNTER, which unblocks a PIN or password (clause 11.5.10).

    Args:
        resetting_code: the unblocking code (PUK); empty if the security status is sufficient.
        new: the new PIN or password; empty to keep the present one.
        reference: the number of the PIN or password to unblock, as for :func:`verify`.
        odd: True for instruction byte 2D: ``resetting_code`` and ``new`` are data objects.
        cla: the class byte.
    """
    p1 = (0 if contiguous("resetting_code", resetting_code) else 2) | (0 if contiguous("new", new) else 1)
    return with_secret(Command(cla, _RESET | odd, p1, reference), resetting_code=resetting_code, new=new)


def enable_verification_requirement(code: Buffer = b"", reference: int = 0, *, cla: int = 0) -> Command:
    """Build ENABLE VERIFICATION REQUIREMENT, after which the card requires the code (clause 11.5.8).

    The arguments are those of :func:`verify`, without ``odd``.
    """
    return with_secret(Command(cla, 0x28, 0x00 if contiguous("code", code) else 0x01, reference), code=code)


def disable_verification_requirement(code: Buffer = b"", reference: int = 0, *, cla: int = 0) -> Command:
    """Build DISABLE VERIFICATION REQUIREMENT, after which the card does not require the code (clause 11.5.9).

    The arguments are those of :func:`verify`, without ``odd``.
    """
    return with_secret(Command(cla, 0x26, 0x00 if contiguous("code", code) else 0x01, reference), code=code)
