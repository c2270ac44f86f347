"""Cardholder verification: codes are verified, changed, unblocked, and asked for or not (ISO/IEC 7816-4, clause 11)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ..iso7816 import instructions
from ..iso7816.command import checked
from ..iso7816.status_word import AuthenticationBlockedError, StatusError, VerificationFailedError
from .codes import BLOCK, Padding, checked_length, checked_padding, padded, placeholder, wipe
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


class CHVerification:
    """The codes of a card, PINs and passwords: the modern form of ISCardVerify.

    A code is a bytearray or another buffer, or a str of ASCII. Our copies of it are overwritten before a method comes
    back, and no error, repr or traceback of ours shows it. What you hand in is yours: **give a bytearray and overwrite
    it yourself**; a str and bytes cannot be overwritten, and stay in memory until that is used for something else.

    A ``reference`` says which code: 0 where the card knows which, 1 to 31 for one of the whole card; with
    ``local=True``, or as 0x81 to 0x9F, one of the current DF (bit 8 of P2), which must be selected before:
    :meth:`.file_access.FileAccess.change_dir` does.

    With ``pin_pad=True``, or a :class:`.pin_pad.PinPad` that you made, codes are typed on the reader's own pad and
    never come to this machine; give none then. Such a call **comes back when the user has typed, cancelled or waited
    too long**, which nothing but the reader's own time-out ends.

    Args:
        transmitter: where the commands go; see :class:`.transmitter.Transmitter`.
        cla: the class byte of the commands.
        table: the card's own status words; see :mod:`scardffi.iso7816.status_word`.
        padding: how the card wants its codes filled up, a Padding or its value.
        length: the bytes that they are filled up to, 1 to 255; 8 for a format 2 block.
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
        self._sender = Sender(transmitter, checked("cla", cla, 0, 0xFF), {**WRONG_CODE, **(table or {})})
        self._padding = checked_padding(padding)
        self._length = checked_length(self._padding, length)
        self._verified: dict[int, None] = {}  # P2 of each, in order

    def verify(
        self, code: Code | None = None, reference: int = 0, *, local: bool = False, pin_pad: PinPad | bool = False
    ) -> None:
        """Verify a code (VERIFY; ISO/IEC 7816-4, clause 11.5.6). Follows ISCardVerify::Verify.

        Args:
            code: the code; None with ``pin_pad``.
            reference: which one, 0 to 31.
            local: whether it is one of the current DF.
            pin_pad: where it is typed, or True for the reader's pad.

        Raises:
            VerificationFailedError: it is wrong; ``tries_left`` says how many tries are left.
            AuthenticationBlockedError: there are none.
            PinPadError: the reader did not get a code from the user; see :mod:`.pin_pad`.
            StatusError: the card refused for another reason.
            ValueError: the code or the reference is not allowed; nothing was sent.
        """
        try:
            if code is None and not pin_pad:
                raise TypeError("code: expected a bytearray, bytes or str, got None without pin_pad")
            step = self._step(instructions.verify, reference, local, pin_pad, code=code)
        finally:
            del code  # no frame of ours holds it when it is sent, nor when an error goes out
        self._carry_out(*step)

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
            old: the code that is valid so far; None where the card needs none in its present state.
            new: the new one; None with ``pin_pad``.
            reference: which one, 0 to 31.
            local: whether it is one of the current DF.
            pin_pad: where both are typed, the new one twice, or True for the reader's pad.

        Raises:
            VerificationFailedError: the old one is wrong; ``tries_left`` says how many tries are left.
            AuthenticationBlockedError: there are none.
            PinPadError: the reader did not get the codes from the user.
            StatusError: the card refused for another reason, such as a new code that it does not like.
            ValueError: a code or the reference is not allowed; nothing was sent.
        """
        try:
            if new is None and not pin_pad:
                raise TypeError("new: expected a bytearray, bytes or str, got None without pin_pad")
            step = self._step(instructions.change_reference_data, reference, local, pin_pad, old=old, new=new)
        finally:
            del old, new
        self._carry_out(*step)

    def unblock(
        self,
        resetting_code: Code | None = None,
        new: Code | None = None,
        reference: int = 0,
        *,
        local: bool = False,
        pin_pad: PinPad | bool = False,
    ) -> None:
        """Give a code all its tries back (RESET RETRY COUNTER; ibid., clause 11.5.10). Follows ISCardVerify::Unblock.

        Args:
            resetting_code: the code that unblocks (PUK); None where the card needs none in its present state.
            new: a new code in place of the blocked one; None to keep that.
            reference: the code to unblock, 0 to 31.
            local: whether it is one of the current DF.
            pin_pad: where both are typed, the new one twice, or True for the reader's pad.

        Raises:
            VerificationFailedError: the resetting code is wrong; ``tries_left`` says how many tries it has left.
            AuthenticationBlockedError: there are none, and the code stays blocked for good.
            PinPadError: the reader did not get the codes from the user.
            StatusError: the card refused for another reason.
            ValueError: a code or the reference is not allowed; nothing was sent.
        """
        try:
            build = instructions.reset_retry_counter
            step = self._step(build, reference, local, pin_pad, resetting_code=resetting_code, new=new)
        finally:
            del resetting_code, new
        self._carry_out(*step)

    def enable(
        self, code: Code | None = None, reference: int = 0, *, local: bool = False, pin_pad: PinPad | bool = False
    ) -> None:
        """Have the card ask for a code from now on (ENABLE VERIFICATION REQUIREMENT; ibid., clause 11.5.8).

        Args:
            code: the code; None where the card needs none in its present state, and with ``pin_pad``.
            reference: which one, 0 to 31.
            local: whether it is one of the current DF.
            pin_pad: where it is typed, or True for the reader's pad.

        Raises:
            StatusError: as for :meth:`verify`.
            ValueError: the code or the reference is not allowed; nothing was sent.
        """
        try:
            build = instructions.enable_verification_requirement
            step = self._step(build, reference, local, pin_pad, code=code)
        finally:
            del code
        self._carry_out(*step)

    def disable(
        self, code: Code | None = None, reference: int = 0, *, local: bool = False, pin_pad: PinPad | bool = False
    ) -> None:
        """Have the card not ask for a code any more (DISABLE VERIFICATION REQUIREMENT; ibid., clause 11.5.9).

        Args and errors are those of :meth:`enable`.
        """
        try:
            build = instructions.disable_verification_requirement
            step = self._step(build, reference, local, pin_pad, code=code)
        finally:
            del code
        self._carry_out(*step)

    def tries_left(self, reference: int = 0, *, local: bool = False) -> int | None:
        """How many tries a code has left (VERIFY without data; ibid., clause 11.5.6). It spends none.

        Args:
            reference: which one, 0 to 31.
            local: whether it is one of the current DF.

        Returns:
            0 to 15, 0 for a blocked code; None where the card does not say, as it does when the code is verified
            already or is not asked for.

        Raises:
            StatusError: the card refused.
            ValueError: no such reference; nothing was sent.
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
        """Have a code count as not verified (VERIFY with P1 FF; ibid.). Follows ISCardVerify::ResetSecurityState.

        A card that does not know this form refuses, and a reset of the card is the way there:
        ``SCardManage.unlock(Disposition.RESET)`` or ``reconnect(initialization=Disposition.RESET)``.

        Args:
            reference: which one, 0 to 31; None for all that this object has sent with success.
            local: whether it is one of the current DF.

        Raises:
            StatusError: the card refused; of several codes the first one that it refused. All are tried.
            ValueError: no such reference; nothing was sent.
        """
        if reference is None and local:
            raise ValueError("local: True is not allowed without a reference")
        refusal: StatusError | None = None
        for p2 in list(self._verified) if reference is None else [_p2(reference, local)]:
            try:
                self._sender.send(instructions.end_verification(p2, cla=self._sender.cla))
                self._verified.pop(p2, None)
            except StatusError as error:
                refusal = refusal or error
        try:
            if refusal is not None:
                raise refusal
        finally:
            del refusal  # its traceback holds this frame: the two would keep the card alive

    def _step(
        self,
        build: Callable[..., Command],
        reference: int,
        local: bool,
        pin_pad: PinPad | bool,
        **codes: Code | None,
    ) -> tuple[Command, PinPad | None]:
        """The command; and the pad that its codes are typed on, in whose case it holds what stands for them."""
        blocks: list[bytearray] = []
        try:
            p2 = _p2(reference, local)
            if not pin_pad:
                for name in tuple(codes):
                    blocks.append(self._block(name, codes))  # noqa: PERF401  a generator's frame would hold the codes
                return build(*blocks, p2, cla=self._sender.cla), None
            given = [name for name in codes if codes[name] is not None]
            if given:
                raise ValueError(f"{given[0]}: none is allowed with pin_pad, where it is typed")
            pad = PinPad(self._sender.transmitter, table=self._sender.table) if pin_pad is True else pin_pad
            command = build(*[placeholder(self._padding, self._length)] * len(codes), p2, cla=self._sender.cla)
            return replace(command, data=b"") if self._padding is Padding.NONE else command, pad
        finally:
            del codes
            wipe(*blocks)

    def _block(self, name: str, codes: dict[str, Code | None]) -> bytearray:
        code = codes[name]
        del codes
        try:
            return bytearray() if code is None else padded(code, self._padding, self._length, name=name)
        finally:
            del code

    def _carry_out(self, command: Command, pad: PinPad | None) -> None:
        if pad is not None:
            pad.send(command, self._padding)
        else:
            try:
                self._sender.send(command)
            finally:
                command.wipe()
        self._verified[command.p2] = None


def _p2(reference: int, local: bool) -> int:
    """P2: the reference as it is, bit 8 set for one of the current DF."""
    if not 0 <= reference & ~_LOCAL <= _LAST_REFERENCE or reference < 0:
        raise ValueError(f"reference: {reference:#x} is not allowed; give 0 to 31, or 0x80 to 0x9F or local=True")
    return reference | (_LOCAL if local else 0)
