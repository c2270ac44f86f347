"""The commands that use codes: verification, change and unblocking (ISO/IEC 7816-4, clause 11.5)."""

from __future__ import annotations

import hmac
from functools import partial
from typing import TYPE_CHECKING, Final

from ._session import CommandError, require
from .codes_and_keys import Code

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from ...iso7816.command import Command
    from ._session import Session
    from .codes_and_keys import Key, Reference


def _named_code(session: Session, reference: int) -> Code:
    """Return the code that P2 names. 0 names the first code of the current DF or the nearest DF above that has one."""
    found = find_reference(session, reference, Code)
    if not isinstance(found, Code):
        raise CommandError(0x6A88)
    return found


def find_reference(session: Session, reference: int, kind: type[Reference]) -> Reference | None:
    """Return the code or key that P2 names; 0 names the first one of this kind."""
    require(not reference & 0x60, 0x6A86)
    if reference:
        return session.reference(reference)
    return next((one for df in reversed(session.path) for one in df.references if isinstance(one, kind)), None)


def compare(one: Code | Key, expected: Buffer, given: Buffer) -> None:
    """Compare a code or proof and set the retry counter; raise a CommandError if it is wrong.

    A code or key that becomes blocked becomes unverified too.
    """
    require(one.tries_left, 0x6983)
    if not hmac.compare_digest(expected, given):
        one.tries_left -= 1
        if not one.tries_left:
            one.clear_verified()
        raise CommandError(0x63C0 | one.tries_left)
    one.tries_left = one.tries


def answer_tries(one: Code | Key) -> bytes:
    """Answer a command without data: 6983 if blocked, 9000 if no verification is needed, else 63Cx, x tries left."""
    require(one.tries_left, 0x6983)
    require(one.verified or not one.enabled, 0x63C0 | one.tries_left)
    return b""


def _verify(session: Session, command: Command) -> bytes:
    require(command.p1 in {0x00, 0xFF}, 0x6A86)
    code = _named_code(session, command.p2)
    if command.p1 == 0xFF:
        require(not command.data, 0x6A87)
        code.clear_verified()
        return b""
    if not command.data:
        return answer_tries(code)
    code.clear_verified()
    compare(code, code.value, command.data)
    code.set_verified()
    return b""


def _require_rule(session: Session, code: Code, operation: str) -> None:
    """Raise a CommandError unless an access rule allows the operation without the code."""
    require(session.is_satisfied(code.access.get(operation)), 0x6982)


def _checked_value(code: Code, new: memoryview) -> memoryview:
    """Check the length of a new value and return it. Call this before any change of a retry counter."""
    require(code.min_length <= len(new) <= code.max_length, 0x6A80)
    return new


def _replace(code: Code, new: memoryview) -> None:
    code.value[:] = bytes(len(code.value))
    code.value[:] = new


def _change_reference_data(session: Session, command: Command) -> bytes:
    require(command.p1 <= 1, 0x6A86)
    code = _named_code(session, command.p2)
    require(command.data, 0x6700)
    data = memoryview(command.data)
    size = 0 if command.p1 == 1 else len(code.value)
    new = _checked_value(code, data[size:])
    if command.p1 == 1:
        _require_rule(session, code, "change")
    else:
        compare(code, code.value, data[:size])
    _replace(code, new)
    return b""


def _reset_retry_counter(session: Session, command: Command) -> bytes:
    require(command.p1 <= 3, 0x6A86)
    code = _named_code(session, command.p2)
    data = memoryview(command.data)
    require(bool(data) == (command.p1 < 3), 0x6700)
    if command.p1 == 2:
        _checked_value(code, data)
    if command.p1 >= 2:
        _require_rule(session, code, "reset")
    else:
        data = _compare_resetting_code(session, code, data, with_new=command.p1 == 0)
    if command.p1 in {0, 2}:
        _replace(code, data)
    code.tries_left = code.tries
    return b""


def _compare_resetting_code(session: Session, code: Code, data: memoryview, *, with_new: bool) -> memoryview:
    """Compare the resetting code at the beginning of the data; return the new value after it."""
    resetting = session.reference(code.resetting_code or 0)
    if not isinstance(resetting, Code):
        raise CommandError(0x6984)
    size = len(resetting.value) if with_new else len(data)
    if with_new:
        _checked_value(code, data[size:])
    compare(resetting, resetting.value, data[:size])
    return data[size:]


def _set_enabled(session: Session, command: Command, *, operation: str) -> bytes:
    require(command.p1 <= 1, 0x6A86)
    code = _named_code(session, command.p2)
    require(bool(command.data) == (command.p1 == 0), 0x6700)
    if command.p1 == 0:
        compare(code, code.value, command.data)
    else:
        require(code.tries_left, 0x6983)
        _require_rule(session, code, operation)
    code.enabled = operation == "enable"
    return b""


COMMANDS: Final[dict[int, Callable[[Session, Command], bytes]]] = {
    0x20: _verify,
    0x24: _change_reference_data,
    0x2C: _reset_retry_counter,
    0x28: partial(_set_enabled, operation="enable"),
    0x26: partial(_set_enabled, operation="disable"),
}
"""The functions of these commands by instruction byte."""
