"""Authentication: the card proves who it is, and a program or its user proves to the card who they are."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Protocol

from ..iso7816 import instructions
from ..iso7816.command import EXTENDED_DATA, SHORT_DATA, SHORT_LE, checked
from ..iso7816.response import MalformedResponseError
from .transmitter import WRONG_CODE, Sender

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ..iso7816.command import Command
    from ..iso7816.status_word import StatusTable
    from .transmitter import Transmitter


class Prover(Protocol):
    """How a program proves that it has a key; :class:`scardffi.services.aes.AesCmac` is one."""

    @property
    def reference(self) -> int:
        """The number that the card knows the algorithm by, 0 to 255; 0 where it needs none."""
        ...

    @property
    def challenge_length(self) -> int:
        """The bytes of the challenge, 1 to 65536."""
        ...

    def prove(self, challenge: bytes) -> Buffer:
        """What the card is to be answered."""
        ...


class Checker(Protocol):
    """How a program sees whether a card has a key; ``reference`` and ``challenge_length`` are those of a Prover."""

    @property
    def reference(self) -> int:
        """As for :class:`Prover`."""
        ...

    @property
    def challenge_length(self) -> int:
        """As for :class:`Prover`."""
        ...

    def check(self, challenge: bytes, proof: bytes) -> bool:
        """Whether the proof is right. It compares in constant time."""
        ...


class Protector(Protocol):
    """How a code is enciphered on its way to the card; ``challenge_length`` is that of a Prover."""

    @property
    def challenge_length(self) -> int:
        """As for :class:`Prover`."""
        ...

    def protect(self, code: memoryview, challenge: bytes) -> Buffer:
        """What VERIFY is to send. The code is overwritten afterwards."""
        ...


class WrongProofError(Exception):
    """What the card answered does not prove that it has the key."""


class CardAuth:
    """Authentication with a card, the modern form of ISCardAuth.

    Args:
        transmitter: where the commands go; see :class:`.transmitter.Transmitter`.
        cla: the class byte of the commands.
        table: the card's own status words; see :mod:`scardffi.iso7816.status_word`.
    """

    def __init__(self, transmitter: Transmitter, *, cla: int = 0, table: StatusTable | None = None) -> None:
        self._sender = Sender(transmitter, checked("cla", cla, 0, 0xFF), {**WRONG_CODE, **(table or {})})

    def get_challenge(self, length: int = 8, algorithm: int = 0) -> bytes:
        """Random bytes of the card's, for one authentication (GET CHALLENGE; ISO/IEC 7816-4, clause 11.5.3).

        Follows ISCardAuth::GetChallenge.

        Args:
            length: how many bytes, 1 to 65536; more than 256 only where the card takes extended commands.
            algorithm: the number of the algorithm that they are for; 0 where the card needs none.

        Raises:
            StatusError: the card refused.
            MalformedResponseError: it answered another number of bytes.
        """
        challenge = self._sender.send(instructions.get_challenge(length, algorithm, cla=self._sender.cla)).data
        if len(challenge) != length:
            raise MalformedResponseError(f"a challenge of {len(challenge)} bytes came where {length} were asked for")
        return challenge

    def icc_auth(self, algorithm: Checker, key: int = 0, *, challenge: Buffer | None = None) -> bytes:
        """Let the card prove that it has a key (INTERNAL AUTHENTICATE; ISO/IEC 7816-4, clause 11.5.2).

        Follows ISCardAuth::ICC_Auth.

        Args:
            algorithm: what checks the proof.
            key: its reference, as for :meth:`app_auth`.
            challenge: what the card works on; None for random bytes of the algorithm's length.

        Returns:
            The card's proof, which is right.

        Raises:
            WrongProofError: it is not.
            StatusError: the card refused.
            ValueError: ``key`` or ``challenge`` is not allowed; nothing was sent.
        """
        _reference("key", key)
        _able(algorithm, "check")
        if challenge is None:
            challenge = secrets.token_bytes(algorithm.challenge_length)
        question = memoryview(challenge).tobytes()
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
            algorithm: what answers the card's challenge.
            key: its reference: 0 where the card knows which; 1 to 31 for one of the whole card; 0x81 to 0x9F for one
                of the current DF.

        Raises:
            VerificationFailedError: the card takes it for wrong; ``tries_left`` says how often it will listen.
            AuthenticationBlockedError: it does not listen any more.
            StatusError: the card refused for another reason.
            ValueError: ``key`` is not allowed; nothing was sent.
        """
        _reference("key", key)
        _able(algorithm, "prove")
        with self._sender.turns.lock:
            challenge = self.get_challenge(algorithm.challenge_length, algorithm.reference)
            proof = algorithm.prove(challenge)
            self._sender.send(instructions.external_authenticate(proof, algorithm.reference, key, cla=self._sender.cla))

    def user_auth(self, code: Buffer, reference: int = 0, *, algorithm: Protector | None = None) -> None:
        """Prove to the card that its user is there, by what the user knows (VERIFY; ibid., clause 11.5.6).

        :class:`.ch_verification.CHVerification` does more for codes: padding, changes, the tries that are left.
        Follows ISCardAuth::User_Auth.

        Args:
            code: as the card wants it, 1 to 255 bytes.
            reference: of the code, as ``key`` in :meth:`app_auth`.
            algorithm: what enciphers the code with a challenge of the card's; None to send it as it is.

        Raises:
            VerificationFailedError: it is wrong; ``tries_left`` says how many tries are left.
            AuthenticationBlockedError: there are none.
            StatusError: the card refused for another reason.
            ValueError: an argument is not allowed; nothing was sent.
        """
        try:
            _reference("reference", reference)
            if algorithm is not None:
                _able(algorithm, "protect")
            command = self._verify(code, reference)
        finally:
            del code  # no frame of ours holds it when an error goes out
        try:
            with self._sender.turns.lock:
                if algorithm is not None:
                    challenge = self.get_challenge(algorithm.challenge_length)
                    plain = command
                    command = self._verify(algorithm.protect(memoryview(plain.data), challenge), reference)
                    plain.wipe()
                self._sender.send(command)
        finally:
            command.wipe()

    def _verify(self, code: Buffer, reference: int) -> Command:
        try:
            checked("length of code", memoryview(code).nbytes, 1, SHORT_DATA)
            return instructions.verify(code, reference, cla=self._sender.cla)
        finally:
            del code


def _reference(name: str, number: int) -> None:
    """It is the reference of a key or code."""
    if checked(name, number, 0, 0x9F) & 0x60:
        raise ValueError(f"{name}: {number} is not allowed; give 0 to 31, or 0x80 to 0x9F")


def _able(algorithm: object, method: str) -> None:
    """It is an algorithm that can do this."""
    lacking = [name for name in ("challenge_length", method) if not hasattr(algorithm, name)]
    if lacking:
        kind = type(algorithm).__name__
        raise TypeError(
            f"algorithm: expected an object with challenge_length and {method}(), such as AesCmac, got {kind}"
        )
