"""Cardholder verification: verify, change, unblock, enable and disable codes (ISO/IEC 7816-4, clause 11)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from .._half_made import repr_if_half_made
from .._not_copied import NotCopied
from ..iso7816 import instructions
from ..iso7816._secrets import Secrets
from ..iso7816.status_word import AuthenticationBlockedError, StatusError, VerificationFailedError
from .codes import BLOCK, Padding, checked_length, checked_padding, padded, placeholder
from .pin_pad import PinPad
from .transmitter import WRONG_CODE, Sender

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..iso7816.command import Command
    from ..iso7816.status_word import StatusTable
    from .codes import Code
    from .transmitter import Transmitter

_LOCAL: Final = 0x80
_LAST_REFERENCE: Final = 31


@repr_if_half_made
class CHVerification(NotCopied):
    """The codes of a card, PINs and passwords: the modern form of ISCardVerify.

    A code is a bytearray or another buffer, or a str of ASCII. Every method wipes its copies of the code before it
    returns, and no error, repr or traceback shows the code. Your own object is not wiped: **give a bytearray and
    overwrite it yourself**. A str or bytes cannot be overwritten, and stays in memory until the memory is reused.

    A ``reference`` selects the code: 0 for the card's default, 1 to 31 for a code of the whole card. With
    ``local=True``, or as 0x81 to 0x9F, it is a code of the current DF (bit 8 of P2), which must be selected before,
    by :meth:`.file_access.FileAccess.change_dir` for example.

    With ``pin_pad=True``, or with a :class:`.pin_pad.PinPad`, the user enters the codes on the reader's pad, and they
    never reach this computer; do not give codes then. The call **returns only after the user has entered the codes or
    cancelled, or after the reader's time-out**. It cannot be interrupted.

    Args:
        transmitter: sends the commands; see :class:`.transmitter.Transmitter`.
        cla: the class byte of the commands, 0 to 255.
        table: the card's own status words; see :mod:`scardffi.iso7816.status_word`.
        padding: the padding that the card expects, a Padding or its value.
        length: the length of padded codes in bytes, 1 to 255; 8 for a format 2 block.
    """

    def __init__(
        self,
        transmitter: Transmitter,
        *,
        cla: int = 0,
        table: StatusTable | None = None,
        padding: Padding | str = Padding.NONE,
        length: int = BLOCK,
    ) -> None:
        self._sender = Sender(transmitter, cla, {**WRONG_CODE, **(table or {})})
        self._padding = checked_padding(padding)
        self._length = checked_length(self._padding, length)
        self._verified: dict[int, None] = {}  # the values of P2, in order

    def __repr__(self) -> str:
        length = "" if self._padding is Padding.NONE else f", length {self._length}"
        return f"<CHVerification, padding {self._padding.value!r}{length}>"

    # Each method moves its codes into a dict and deletes its own references: _send() empties the dict before anything
    # is sent, so that no frame in the traceback of an error holds a code.

    def verify(
        self, code: Code | None = None, reference: int = 0, *, local: bool = False, pin_pad: PinPad | bool = False
    ) -> None:
        """Verify a code (VERIFY; ISO/IEC 7816-4, clause 11.5.6). Follows ISCardVerify::Verify.

        Args:
            code: the code; None with ``pin_pad``.
            reference: the reference of the code, 0 to 31.
            local: True for a code of the current DF.
            pin_pad: the pad on which the user enters the code; True for the reader's pad.

        Raises:
            VerificationFailedError: the code is wrong; ``tries_left`` is the number of tries left.
            AuthenticationBlockedError: the code is blocked: no tries are left.
            PinPadError: the reader did not get a code from the user; see :mod:`.pin_pad`.
            NoPinPadError: the reader has no pad that can do this.
            StatusError: the card refused for another reason.
            ValueError: the code or the reference is not allowed; nothing was sent.
            TypeError: there is neither a code nor a pad; nothing was sent.
        """
        codes = {"code": code}
        del code
        self._send(instructions.verify, reference, local, pin_pad, codes, required="code")

    def change_code(
        self,
        old: Code | None = None,
        new: Code | None = None,
        reference: int = 0,
        *,
        local: bool = False,
        pin_pad: PinPad | bool = False,
    ) -> None:
        """Replace a code (CHANGE REFERENCE DATA; ibid., clause 11.5.7). Follows ISCardVerify::ChangeCode.

        Args:
            old: the present code; None if the card does not need it in its present state.
            new: the new code; None with ``pin_pad``.
            reference: the reference of the code, 0 to 31.
            local: True for a code of the current DF.
            pin_pad: the pad on which the user enters both codes, the new one twice; True for the reader's pad.

        Raises:
            VerificationFailedError: the old code is wrong; ``tries_left`` is the number of tries left.
            AuthenticationBlockedError: the code is blocked: no tries are left.
            PinPadError: the reader did not get the codes from the user.
            NoPinPadError: the reader has no pad that can do this.
            StatusError: the card refused for another reason, such as a new code that it does not accept.
            ValueError: a code or the reference is not allowed; nothing was sent.
            TypeError: there is neither a new code nor a pad; nothing was sent.
        """
        codes = {"old": old, "new": new}
        del old, new
        self._send(instructions.change_reference_data, reference, local, pin_pad, codes, required="new")

    def unblock(
        self,
        resetting_code: Code | None = None,
        new: Code | None = None,
        reference: int = 0,
        *,
        local: bool = False,
        pin_pad: PinPad | bool = False,
    ) -> None:
        """Reset the retry counter of a code (RESET RETRY COUNTER; ibid., clause 11.5.10).

        Follows ISCardVerify::Unblock.

        Args:
            resetting_code: the code that unblocks (PUK); None if the card does not need it in its present state.
            new: a new code that replaces the blocked one; None to keep the blocked one.
            reference: the reference of the blocked code, 0 to 31.
            local: True for a code of the current DF.
            pin_pad: the pad on which the user enters both codes, the new one twice; True for the reader's pad.

        Raises:
            VerificationFailedError: the resetting code is wrong; ``tries_left`` is the number of its tries left.
            AuthenticationBlockedError: the resetting code has no tries left, so the code stays blocked for ever.
            PinPadError: the reader did not get the codes from the user.
            NoPinPadError: the reader has no pad that can do this.
            StatusError: the card refused for another reason.
            ValueError: a code or the reference is not allowed; nothing was sent.
        """
        codes = {"resetting_code": resetting_code, "new": new}
        del resetting_code, new
        self._send(instructions.reset_retry_counter, reference, local, pin_pad, codes)

    def enable(
        self, code: Code | None = None, reference: int = 0, *, local: bool = False, pin_pad: PinPad | bool = False
    ) -> None:
        """Make the card require a code from now on (ENABLE VERIFICATION REQUIREMENT; ibid., clause 11.5.8).

        Args:
            code: the code; None with ``pin_pad``, or if the card does not need it in its present state.
            reference: the reference of the code, 0 to 31.
            local: True for a code of the current DF.
            pin_pad: the pad on which the user enters the code; True for the reader's pad.

        Raises:
            StatusError, NoPinPadError: as for :meth:`verify`.
            ValueError: the code or the reference is not allowed; nothing was sent.
        """
        codes = {"code": code}
        del code
        self._send(instructions.enable_verification_requirement, reference, local, pin_pad, codes)

    def disable(
        self, code: Code | None = None, reference: int = 0, *, local: bool = False, pin_pad: PinPad | bool = False
    ) -> None:
        """Make the card no longer require a code (DISABLE VERIFICATION REQUIREMENT; ibid., clause 11.5.9).

        Arguments and errors are those of :meth:`enable`.
        """
        codes = {"code": code}
        del code
        self._send(instructions.disable_verification_requirement, reference, local, pin_pad, codes)

    def tries_left(self, reference: int = 0, *, local: bool = False) -> int | None:
        """Return the number of tries that a code has left (VERIFY without data; ibid., clause 11.5.6).

        This uses no try.

        Args:
            reference: the reference of the code, 0 to 31.
            local: True for a code of the current DF.

        Returns:
            0 to 15, 0 for a blocked code; None if the card does not return the number, for example because the code is
            already verified or disabled.

        Raises:
            StatusError: the card refused.
            ValueError: the reference is not allowed; nothing was sent.
        """
        command = instructions.verify(b"", _p2(reference, local), cla=self._sender.cla)
        try:
            self._sender.send(command)
        except AuthenticationBlockedError:
            return 0
        except VerificationFailedError as error:
            return error.tries_left
        return None

    def reset_security_state(self, reference: int | None = None, *, local: bool = False) -> None:
        """Make a code unverified (VERIFY with P1 FF; ibid.). Follows ISCardVerify::ResetSecurityState.

        Some cards do not know this form of VERIFY and refuse it. Reset such a card instead:
        ``SCardManage.unlock(Disposition.RESET)`` or ``reconnect(initialization=Disposition.RESET)``.

        Args:
            reference: the reference of the code, 0 to 31; None for all codes that this object has sent successfully.
            local: True for a code of the current DF.

        Raises:
            StatusError: the card refused; for several codes this is the first error, after all were tried.
            ValueError: the reference is not allowed; nothing was sent.
        """
        if reference is None and local:
            raise ValueError("local: True is not allowed without a reference")
        first_error: StatusError | None = None
        for p2 in list(self._verified) if reference is None else [_p2(reference, local)]:
            try:
                self._sender.send(instructions.end_verification(p2, cla=self._sender.cla))
                self._verified.pop(p2, None)
            except StatusError as error:
                first_error = first_error or error
        try:
            if first_error is not None:
                raise first_error
        finally:
            del first_error  # its traceback refers to this frame: the cycle would keep the card alive

    def _send(
        self,
        build: Callable[..., Command],
        reference: int,
        local: bool,
        pin_pad: PinPad | bool,
        codes: dict[str, Code | None],
        *,
        required: str | None = None,
    ) -> None:
        """Build a command with these codes and send it, or let the user enter them on a pad. Empty ``codes``."""
        secrets = Secrets()  # the data of the command
        try:
            try:
                if required is not None and codes[required] is None and not pin_pad:
                    raise TypeError(f"{required}: expected a bytearray, bytes or str, got None without pin_pad")
                p2 = _p2(reference, local)
                command = self._build_for_pad(build, p2, codes) if pin_pad else self._build(build, p2, codes, secrets)
            finally:
                codes.clear()
            if pin_pad:
                pad = PinPad(self._sender.transmitter, table=self._sender.table) if pin_pad is True else pin_pad
                pad.send(command, self._padding)
            else:
                self._sender.send(command)
        finally:
            _ = [*secrets.wiping]
        self._verified[command.p2] = None

    def _build(
        self, build: Callable[..., Command], p2: int, codes: dict[str, Code | None], secrets: Secrets
    ) -> Command:
        """Build the command with zeros, and copy the codes into its data."""
        copies = Secrets()
        try:
            blocks = []
            for name in codes:
                blocks.append(self._padded(name, codes, copies))  # noqa: PERF401  a generator's frame would hold the codes
            command = build(*[bytearray(len(block)) for block in blocks], p2, cla=self._sender.cla)
            secrets.blocks += [command.data]  # type: ignore[list-item]  # it is a bytearray
            start = 0
            target = memoryview(command.data)  # assigning to a slice of the bytearray would create a temporary copy
            for block in blocks:
                target[start : start + len(block)] = block
                start += len(block)
            return command
        finally:
            _ = [*copies.wiping]

    def _build_for_pad(self, build: Callable[..., Command], p2: int, codes: dict[str, Code | None]) -> Command:
        """Build a command with placeholders for the codes; without padding it has no data at all."""
        given = [name for name in codes if codes[name] is not None]
        if given:
            raise ValueError(f"{given[0]}: a code is not allowed with pin_pad; the user enters it on the pad")
        command = build(*[placeholder(self._padding, self._length)] * len(codes), p2, cla=self._sender.cla)
        return replace(command, data=b"") if self._padding is Padding.NONE else command

    def _padded(self, name: str, codes: dict[str, Code | None], secrets: Secrets) -> bytearray:
        code = codes[name]
        try:
            return (
                bytearray() if code is None else padded(code, self._padding, self._length, name=name, secrets=secrets)
            )
        finally:
            del code


def _p2(reference: int, local: bool) -> int:
    """Return P2: the reference, with bit 8 set for a code of the current DF."""
    if not 0 <= reference & ~_LOCAL <= _LAST_REFERENCE or reference < 0:
        allowed = "0 to 31, or 0x80 to 0x9F for a code of the current DF"
        raise ValueError(f"reference: {reference:#x} is not allowed; give {allowed}")
    return reference | (_LOCAL if local else 0)
