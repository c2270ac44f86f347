"""The commands that use keys: authentication and security operations (ISO/IEC 7816-4, clause 11.5; 7816-8)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from ...iso7816.tlv import TLV, MalformedTLVError, decode
from ._code_commands import answer_tries, compare, find_reference
from ._session import CommandError, require
from .codes_and_keys import Key

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...iso7816.command import Command
    from ._session import Session

_AUTHENTICATION, _SIGNATURE, _CONFIDENTIALITY = 0xA4, 0xB6, 0xB8
_ALGORITHM, _KEY_REFERENCES = 0x80, {0x83, 0x84}
_SET, _RESTORE = 0x01, 0xF3
_SIGN, _DECIPHER = 0x9E9A, 0x8086
_DYNAMIC, _WITNESS, _CHALLENGE, _RESPONSE, _EXPONENTIAL = 0x7C, 0x80, 0x81, 0x82, 0x85
_CHALLENGE_SIZE: Final = 16
"""The length of the challenges of GENERAL AUTHENTICATE: a block of AES."""


def _find_key(session: Session, reference: int, algorithm: int) -> Key:
    """Return the key that P2 names, by the rule for codes. P1 must be 0 or the reference of the key's algorithm."""
    in_environment = None if reference else session.environment.get(_AUTHENTICATION)
    found = in_environment or find_reference(session, reference, Key)
    if not isinstance(found, Key):
        raise CommandError(0x6A88)
    require(algorithm in {0, found.algorithm_reference}, 0x6A86)
    return found


def _proof(session: Session, key: Key, challenge: bytes) -> bytes:
    try:
        return bytes(memoryview(session.algorithms[key.algorithm](bytes(key.value), challenge)))
    except ValueError:  # the algorithm cannot use this challenge
        raise CommandError(0x6A80) from None


def _use(session: Session, key: Key, data: bytes) -> bytes:
    """Return what the key's algorithm makes of the data, if the access rule of the key allows it."""
    require(key.tries_left, 0x6983)
    needed = key.access.get("internal", [])
    require(session.is_satisfied(needed), 0x6982)
    used = [one for number in needed or () if (one := session.reference(number)) is not None and one.enabled]
    require(not key.each_use or all(one.is_fresh for one in used), 0x6982)
    answer = _proof(session, key, data)
    if key.each_use:
        for one in used:
            one.is_fresh = False
    return answer


def _check_response(session: Session, key: Key, response: bytes | bytearray) -> None:
    """Verify a key by the proof for the challenge that the card gave out; a challenge is used once."""
    require(key.tries_left, 0x6983)
    require(session.challenge, 0x6985)
    challenge, session.challenge = session.challenge, b""
    _check(key, _proof(session, key, challenge), response)


def _check_witness(session: Session, key: Key, witness: bytes) -> None:
    """Verify a key by the witness that the card gave out encrypted; a witness is used once."""
    require(key.tries_left, 0x6983)
    require(session.witness, 0x6985)
    expected, session.witness = session.witness, b""
    _check(key, expected, witness)


def _check(key: Key, expected: bytes, proof: bytes | bytearray) -> None:
    key.clear_verified()
    compare(key, expected, proof)
    key.set_verified()


def _get_challenge(session: Session, command: Command) -> bytes:
    require(command.p1 == 0 and command.p2 == 0, 0x6A86)
    if command.le is None or command.data:
        raise CommandError(0x6700)
    session.challenge = secrets.token_bytes(command.le)
    return session.challenge


def _internal_authenticate(session: Session, command: Command) -> bytes:
    key = _find_key(session, command.p2, command.p1)
    require(command.data and command.le is not None, 0x6700)
    return _use(session, key, bytes(command.data))


def _external_authenticate(session: Session, command: Command) -> bytes:
    key = _find_key(session, command.p2, command.p1)
    require(command.le is None, 0x6A81)
    if not command.data:
        return answer_tries(key)
    _check_response(session, key, command.data)
    return b""


def _objects(raw: bytes | bytearray) -> dict[int, TLV]:
    try:
        objects = decode(raw)
    except MalformedTLVError:
        raise CommandError(0x6A80) from None
    require(len({one.tag for one in objects}) == len(objects), 0x6A80)
    return {one.tag: one for one in objects}


def _general_authenticate(session: Session, command: Command) -> bytes:
    """Answer the dynamic authentication template (7C). An empty object in it asks for the card's value."""
    key = _find_key(session, command.p2, command.p1)
    template = _objects(command.data)
    require(set(template) == {_DYNAMIC}, 0x6A80)
    given = {tag: one.value for tag, one in _objects(template[_DYNAMIC].value).items()}
    wanted = [tag for tag, value in given.items() if not value]
    values = {tag: value for tag, value in given.items() if value}
    answer = _dynamic_answer(session, key, wanted, values)
    return bytes(TLV(_DYNAMIC, answer)) if answer else b""


def _dynamic_answer(session: Session, key: Key, wanted: list[int], values: dict[int, bytes]) -> TLV | None:
    """Return the object that a GENERAL AUTHENTICATE asks for; None if it asks for none."""
    tags = sorted(values)
    if wanted == [_CHALLENGE] and not tags:
        session.challenge = secrets.token_bytes(_CHALLENGE_SIZE)
        return TLV(_CHALLENGE, session.challenge)
    if not wanted and tags == [_RESPONSE]:
        _check_response(session, key, values[_RESPONSE])
        return None
    if wanted == [_WITNESS] and not tags:
        session.witness = secrets.token_bytes(_CHALLENGE_SIZE)
        return TLV(_WITNESS, _proof(session, key, session.witness))
    if wanted in ([], [_RESPONSE]) and tags == [_WITNESS, _CHALLENGE]:
        _check_witness(session, key, values[_WITNESS])
        return TLV(_RESPONSE, _proof(session, key, values[_CHALLENGE]))
    require(wanted == [_RESPONSE] and tags in ([_CHALLENGE], [_EXPONENTIAL]), 0x6A80)
    return TLV(_RESPONSE, _use(session, key, values[tags[0]]))


def _manage_security_environment(session: Session, command: Command) -> bytes:
    if command.p1 == _RESTORE:
        require(not command.data, 0x6700)
        session.environment.clear()
        return b""
    require(command.p1 & 0x0F == _SET, 0x6A81)
    require(command.p2 in {_AUTHENTICATION, _SIGNATURE, _CONFIDENTIALITY}, 0x6A86)
    objects = _objects(command.data)
    references = [one.value for tag, one in objects.items() if tag in _KEY_REFERENCES]
    require(len(references) == 1 and len(references[0]) == 1 and set(objects) <= {_ALGORITHM, *_KEY_REFERENCES}, 0x6A80)
    algorithm = objects[_ALGORITHM].value if _ALGORITHM in objects else b"\0"
    require(references[0][0] and len(algorithm) == 1, 0x6A80)
    session.environment[command.p2] = _find_key(session, references[0][0], algorithm[0])
    return b""


def _perform_security_operation(session: Session, command: Command) -> bytes:
    """Compute a digital signature or decipher; before the cryptogram stands a byte that states its padding."""
    operation = command.p1 << 8 | command.p2
    require(operation in {_SIGN, _DECIPHER}, 0x6A86)
    require(command.data and command.le is not None, 0x6700)
    key = session.environment.get(_SIGNATURE if operation == _SIGN else _CONFIDENTIALITY)
    if key is None:
        raise CommandError(0x6985)
    return _use(session, key, bytes(command.data[0 if operation == _SIGN else 1 :]))


COMMANDS: Final[dict[int, Callable[[Session, Command], bytes]]] = {
    0x84: _get_challenge,
    0x88: _internal_authenticate,
    0x82: _external_authenticate,
    **dict.fromkeys((0x86, 0x87), _general_authenticate),
    0x22: _manage_security_environment,
    0x2A: _perform_security_operation,
}
"""The functions of these commands by instruction byte."""
