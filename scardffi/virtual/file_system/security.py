"""The commands on codes and keys: verification and authentication (ISO/IEC 7816-4, clause 7.5)."""

from __future__ import annotations

import hmac
import secrets

from .session import AnsweredError, need
from .tree import Code, Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from typing_extensions import Buffer

    from ...iso7816.command import Command
    from .session import Session
    from .tree import Reference


def _code(session: Session, reference: int) -> Code:
    """The code that P2 means; 0 stands for the first of the current DF, or of the nearest one above it."""
    found = _meant(session, reference, Code)
    if not isinstance(found, Code):
        raise AnsweredError(0x6A88)
    return found


def _key(session: Session, command: Command) -> Key:
    """The key that P2 means, as for codes; P1 may name no algorithm, since each key has one."""
    need(command.p1 == 0, 0x6A86)
    found = _meant(session, command.p2, Key)
    if not isinstance(found, Key):
        raise AnsweredError(0x6A88)
    return found


def _meant(session: Session, reference: int, kind: type[Reference]) -> Reference | None:
    need(not reference & 0x60, 0x6A86)
    if reference:
        return session.reference(reference)
    return next((one for df in reversed(session.path) for one in df.references if isinstance(one, kind)), None)


def _compare(one: Code | Key, right: Buffer, given: Buffer) -> None:
    """Count what is wrong, and answer it by 63Cx; what is right gives all tries back.

    What is blocked does not count as verified any more.
    """
    need(one.tries_left, 0x6983)
    if not hmac.compare_digest(right, given):
        one.tries_left -= 1
        one.verified = one.verified and one.tries_left > 0
        raise AnsweredError(0x63C0 | one.tries_left)
    one.tries_left = one.tries


def _tell_tries(one: Code | Key) -> bytes:
    need(one.tries_left, 0x6983)
    need(one.verified or not getattr(one, "enabled", True), 0x63C0 | one.tries_left)
    return b""


def _verify(session: Session, command: Command) -> bytes:
    need(command.p1 in {0x00, 0xFF}, 0x6A86)
    code = _code(session, command.p2)
    if command.p1 == 0xFF:
        need(not command.data, 0x6A87)
        code.verified = False
        return b""
    if not command.data:
        return _tell_tries(code)
    code.verified = False
    _compare(code, code.value, command.data)
    code.verified = True
    return b""


def _allow(session: Session, code: Code, operation: str) -> None:
    """What is done without the code itself needs a rule that allows it."""
    need(session.satisfied(code.access.get(operation)), 0x6982)


def _checked_new(code: Code, new: memoryview) -> memoryview:
    """A new value, whose length is checked before anything else: what is refused shall have changed no counter."""
    need(code.shortest <= len(new) <= code.longest, 0x6A80)
    return new


def _replace(code: Code, new: memoryview) -> None:
    code.value[:] = bytes(len(code.value))
    code.value[:] = new


def _change_reference_data(session: Session, command: Command) -> bytes:
    need(command.p1 <= 1, 0x6A86)
    code = _code(session, command.p2)
    need(command.data, 0x6700)
    data = memoryview(command.data)
    size = 0 if command.p1 == 1 else len(code.value)
    new = _checked_new(code, data[size:])
    if command.p1 == 1:
        _allow(session, code, "change")
    else:
        _compare(code, code.value, data[:size])
    _replace(code, new)
    return b""


def _reset_retry_counter(session: Session, command: Command) -> bytes:
    need(command.p1 <= 3, 0x6A86)
    code = _code(session, command.p2)
    data = memoryview(command.data)
    need(bool(data) == (command.p1 < 3), 0x6700)
    if command.p1 == 2:
        _checked_new(code, data)
    if command.p1 >= 2:
        _allow(session, code, "reset")
    else:
        data = _unlocked(session, code, data, with_new=command.p1 == 0)
    if command.p1 in {0, 2}:
        _replace(code, data)
    code.tries_left = code.tries
    return b""


def _unlocked(session: Session, code: Code, data: memoryview, *, with_new: bool) -> memoryview:
    """Compare the resetting code; the data that follow it are the new value."""
    resetting = session.reference(code.resetting_code or 0)
    if not isinstance(resetting, Code):
        raise AnsweredError(0x6984)
    size = len(resetting.value) if with_new else len(data)
    if with_new:
        _checked_new(code, data[size:])
    _compare(resetting, resetting.value, data[:size])
    return data[size:]


def _set_requirement(session: Session, command: Command, operation: str) -> bytes:
    need(command.p1 <= 1, 0x6A86)
    code = _code(session, command.p2)
    need(bool(command.data) == (command.p1 == 0), 0x6700)
    if command.p1 == 0:
        _compare(code, code.value, command.data)
    else:
        need(code.tries_left, 0x6983)
        _allow(session, code, operation)
    code.enabled = operation == "enable"
    return b""


def _enable(session: Session, command: Command) -> bytes:
    return _set_requirement(session, command, "enable")


def _disable(session: Session, command: Command) -> bytes:
    return _set_requirement(session, command, "disable")


def _get_challenge(session: Session, command: Command) -> bytes:
    need(command.p1 == 0 and command.p2 == 0, 0x6A86)
    if command.le is None or command.data:
        raise AnsweredError(0x6700)
    session.challenge = secrets.token_bytes(command.le)
    return session.challenge


def _proof(session: Session, key: Key, challenge: bytes) -> bytes:
    try:
        return bytes(memoryview(session.algorithms[key.algorithm](bytes(key.value), challenge)))
    except ValueError:  # that is how algorithms say that they cannot take this challenge
        raise AnsweredError(0x6A80) from None


def _internal_authenticate(session: Session, command: Command) -> bytes:
    key = _key(session, command)
    need(command.data and command.le is not None, 0x6700)
    need(key.tries_left, 0x6983)
    need(session.satisfied(key.access.get("internal", [])), 0x6982)
    return _proof(session, key, bytes(command.data))


def _external_authenticate(session: Session, command: Command) -> bytes:
    key = _key(session, command)
    need(command.le is None, 0x6A81)
    if not command.data:
        return _tell_tries(key)
    need(key.tries_left, 0x6983)
    need(session.challenge, 0x6985)
    challenge, session.challenge = session.challenge, b""
    proof = _proof(session, key, challenge)
    key.verified = False
    _compare(key, proof, command.data)
    key.verified = True
    return b""


COMMANDS: Final[dict[int, Callable[[Session, Command], bytes]]] = {
    0x20: _verify, 0x24: _change_reference_data, 0x2C: _reset_retry_counter, 0x28: _enable, 0x26: _disable,
    0x84: _get_challenge, 0x88: _internal_authenticate, 0x82: _external_authenticate,
}  # fmt: skip
"""Each command by its instruction byte."""
