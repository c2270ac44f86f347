"""Authentication of the card to the program, and of the program and its user to the card."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Protocol

from .._bytes_like import contiguous, copied
from .._half_made import repr_if_half_made
from .._not_copied import NotCopied
from ..iso7816 import instructions
from ..iso7816._secrets import Secrets
from ..iso7816.command import EXTENDED_DATA, SHORT_DATA, SHORT_LE, checked
from ..iso7816.response import MalformedResponseError
from .transmitter import WRONG_CODE, Sender

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ..iso7816.command import Command
    from ..iso7816.status_word import StatusTable
    from .transmitter import Transmitter


class Prover(Protocol):
    """An algorithm that proves that the program has a key, such as :class:`scardffi.services.aes.AesCmac`."""

    @property
    def reference(self) -> int:
        """The card's number of the algorithm, 0 to 255; 0 if the card needs none."""
        ...

    @property
    def challenge_length(self) -> int:
        """The length of the challenge in bytes, 1 to 65536."""
        ...

    def prove(self, challenge: bytes) -> Buffer:
        """Return the proof to send to the card."""
        ...


class Checker(Protocol):
    """An algorithm that checks whether the card has a key, such as :class:`scardffi.services.aes.AesCmac`."""

    @property
    def reference(self) -> int:
        """The card's number of the algorithm, 0 to 255; 0 if the card needs none."""
        ...

    @property
    def challenge_length(self) -> int:
        """The length of the challenge in bytes, 1 to 65536."""
        ...

    def check(self, challenge: bytes, proof: bytes) -> bool:
        """Return True if the proof is right for the challenge; compare in constant time."""
        ...


class Protector(Protocol):
    """An algorithm that enciphers a code for the card."""

    @property
    def challenge_length(self) -> int:
        """The length of the challenge in bytes, 1 to 65536."""
        ...

    def protect(self, code: memoryview, challenge: bytes) -> Buffer:
        """Return the code, enciphered with the challenge, as the data of VERIFY. The code is wiped afterwards."""
        ...


class WrongProofError(Exception):
    """The card's answer does not prove that it has the key."""


@repr_if_half_made
class CardAuth(NotCopied):
    """Authentication with a card, the modern form of ISCardAuth.

    Args:
        transmitter: sends the commands; see :class:`.transmitter.Transmitter`.
        cla: the class byte of the commands, 0 to 255.
        table: the card's own status words; see :mod:`scardffi.iso7816.status_word`.
    """

    def __init__(self, transmitter: Transmitter, *, cla: int = 0, table: StatusTable | None = None) -> None:
        self._sender = Sender(transmitter, cla, {**WRONG_CODE, **(table or {})})

    def __repr__(self) -> str:
        return f"<CardAuth, class {self._sender.cla:02X}>"

    def get_challenge(self, length: int = 8, algorithm: int = 0) -> bytes:
        """Return random bytes from the card for one authentication (GET CHALLENGE; ISO/IEC 7816-4, clause 11.5.3).

        Follows ISCardAuth::GetChallenge.

        Args:
            length: the number of bytes, 1 to 65536; more than 256 only if the card accepts extended commands.
            algorithm: the card's number of the algorithm that uses them; 0 if the card needs none.

        Raises:
            StatusError: the card refused.
            MalformedResponseError: the card answered another number of bytes.
        """
        challenge = self._sender.send(instructions.get_challenge(length, algorithm, cla=self._sender.cla)).data
        if len(challenge) != length:
            raise MalformedResponseError(f"a challenge of {len(challenge)} bytes arrived; {length} were requested")
        return challenge

    def icc_auth(self, algorithm: Checker, key: int = 0, *, challenge: Buffer | None = None) -> bytes:
        """Make the card prove that it has a key (INTERNAL AUTHENTICATE; ISO/IEC 7816-4, clause 11.5.2).

        Follows ISCardAuth::ICC_Auth.

        Args:
            algorithm: checks the proof.
            key: the reference of the key, as for :meth:`app_auth`.
            challenge: the challenge for the card; None for random bytes of the algorithm's length.

        Returns:
            The card's proof, after it was checked.

        Raises:
            WrongProofError: the proof is wrong.
            StatusError: the card refused.
            ValueError: ``key`` or ``challenge`` is not allowed; nothing was sent.
            TypeError: ``algorithm`` has no ``check``.
        """
        _check_reference("key", key)
        _check_algorithm(algorithm, "check")
        if challenge is None:
            challenge = secrets.token_bytes(algorithm.challenge_length)
        question = copied("challenge", challenge)
        checked("length of challenge", len(question), 1, EXTENDED_DATA)
        command = instructions.internal_authenticate(question, algorithm.reference, key, SHORT_LE, cla=self._sender.cla)
        proof = self._sender.send(command).data
        if not algorithm.check(question, proof):
            raise WrongProofError(f"the card did not prove that it has key {key:#04x}")
        return proof

    def app_auth(self, algorithm: Prover, key: int = 0) -> None:
        """Prove to the card that the program has a key (GET CHALLENGE, EXTERNAL AUTHENTICATE; ibid., clause 11.5.4).

        Follows ISCardAuth::APP_Auth.

        Args:
            algorithm: makes the proof.
            key: the reference of the key: 0 for the card's default; 1 to 31 for a key of the whole card; 0x81 to 0x9F
                for a key of the current DF.

        Raises:
            VerificationFailedError: the proof is wrong; ``tries_left`` is the number of tries left.
            AuthenticationBlockedError: the key is blocked: no tries are left.
            StatusError: the card refused for another reason.
            ValueError: ``key`` is not allowed; nothing was sent.
            TypeError: ``algorithm`` has no ``prove``.
        """
        _check_reference("key", key)
        _check_algorithm(algorithm, "prove")
        with self._sender.turns.lock:
            challenge = self.get_challenge(algorithm.challenge_length, algorithm.reference)
            proof = algorithm.prove(challenge)
            self._sender.send(instructions.external_authenticate(proof, algorithm.reference, key, cla=self._sender.cla))

    def user_auth(self, code: Buffer, reference: int = 0, *, algorithm: Protector | None = None) -> None:
        """Authenticate the user to the card by a code (VERIFY; ibid., clause 11.5.6).

        :class:`.ch_verification.CHVerification` has more methods for codes, for example with padding.
        Follows ISCardAuth::User_Auth.

        Args:
            code: the code in the form that the card expects, 1 to 255 bytes.
            reference: the reference of the code, as ``key`` in :meth:`app_auth`.
            algorithm: enciphers the code with a challenge from the card; None to send the code in plain.

        Raises:
            VerificationFailedError: the code is wrong; ``tries_left`` is the number of tries left.
            AuthenticationBlockedError: the code is blocked: no tries are left.
            StatusError: the card refused for another reason.
            ValueError: an argument is not allowed; nothing was sent.
            TypeError: ``algorithm`` has no ``protect``.
        """
        secrets = Secrets()
        try:
            try:
                _check_reference("reference", reference)
                if algorithm is not None:
                    _check_algorithm(algorithm, "protect")
                command = self._verify(code, reference)
                secrets.blocks += [command.data]  # type: ignore[list-item]  # it is a bytearray
            finally:
                del code  # so that the traceback of an error does not hold it
            with self._sender.turns.lock:
                if algorithm is not None:
                    challenge = self.get_challenge(algorithm.challenge_length)
                    command = self._verify(algorithm.protect(memoryview(command.data), challenge), reference)
                    secrets.blocks += [command.data]  # type: ignore[list-item]  # it is a bytearray
                self._sender.send(command)
        finally:
            _ = [*secrets.wiping]

    def _verify(self, code: Buffer, reference: int) -> Command:
        try:
            checked("length of code", contiguous("code", code).nbytes, 1, SHORT_DATA)
            return instructions.verify(code, reference, cla=self._sender.cla)
        finally:
            del code


def _check_reference(name: str, number: int) -> None:
    if checked(name, number, 0, 0x9F) & 0x60:
        raise ValueError(f"{name}: {number} is not allowed; give 0 to 31, or 0x80 to 0x9F")


def _check_algorithm(algorithm: object, method: str) -> None:
    missing = [name for name in ("challenge_length", method) if not hasattr(algorithm, name)]
    if missing:
        kind = type(algorithm).__name__
        raise TypeError(
            f"algorithm: expected an object with challenge_length and {method}(), got {kind}, which has no {missing[0]}"
        )
