"""Access rules as data objects: security attributes in expanded format (ISO/IEC 7816-4, clause 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...iso7816.tlv import TLV, decode, encode
from ._access import NEVER
from .tree import DF, RecordEF, TransparentEF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._access import AccessRules
    from .tree import File

_INSTRUCTION, _INSTRUCTION_P1_P2 = 0x84, 0x87
_ALWAYS, _NEVER, _AUTHENTICATION, _ALL, _REFERENCE = 0x90, 0x97, 0xA4, 0xAF, 0x83
_ANY_FILE: Final = {"delete": "E4", "activate": "44", "deactivate": "04", "parameters": "DA0062"}
_COMMANDS: Final = {
    DF: {"create": "E0", "get_data": "CA", "put_data": "DA", **_ANY_FILE},
    TransparentEF: {"read": "B0", "update": "D6", "write": "D0", "erase": "0E", **_ANY_FILE},
    RecordEF: {"read": "B2", "update": "DC", "write": "D2", "append": "E2", **_ANY_FILE},
}
"""The command that represents each operation: the instruction byte, followed by P1 and P2 if they matter."""


def encode_access(file: File) -> bytes:
    """Return a file's access rules: an access mode and a security condition for each operation that has a rule."""
    return encode(
        one
        for operation, needed in file.access.items()
        for one in (_encode_mode(_COMMANDS[type(file)][operation]), _encode_condition(needed))
    )


def decode_access(file_type: type[File], raw: bytes) -> AccessRules:
    """Return the access rules in these data objects, for a file of this class.

    Raises:
        ValueError: the data objects do not have the form that :func:`encode_access` returns.
    """
    objects = decode(raw)
    operations = {bytes(_encode_mode(command)): operation for operation, command in _COMMANDS[file_type].items()}
    modes = [operations.get(bytes(one), "") for one in objects[::2]]
    if not all(modes) or len(objects) != 2 * len(set(modes)):
        raise ValueError("an access mode is unknown, repeated or has no security condition")
    return dict(zip(modes, map(_decode_condition, objects[1::2]), strict=True))


def _encode_mode(command: str) -> TLV:
    return TLV(_INSTRUCTION if len(command) == 2 else _INSTRUCTION_P1_P2, bytes.fromhex(command))


def _encode_condition(needed: Sequence[int] | None) -> TLV:
    if needed is NEVER:
        return TLV(_NEVER)
    if not needed:
        return TLV(_ALWAYS)
    each = [TLV(_AUTHENTICATION, TLV(_REFERENCE, bytes((number,)))) for number in needed]
    return each[0] if len(each) == 1 else TLV(_ALL, each)


def _decode_condition(condition: TLV) -> list[int] | None:
    if condition.tag == _NEVER:
        return NEVER
    if condition.tag == _ALWAYS:
        return []
    numbers = []
    for one in condition.children() if condition.tag == _ALL else [condition]:
        (number,) = [child.value for child in one.children() if child.tag == _REFERENCE]
        if one.tag != _AUTHENTICATION or len(number) != 1:
            raise ValueError("a security condition is unknown")
        numbers.append(number[0])
    if not numbers:
        raise ValueError("a security condition that combines others is empty")
    return numbers
