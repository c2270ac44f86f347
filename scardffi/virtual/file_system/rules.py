"""Access rules as data objects: security attributes in expanded format (ISO/IEC 7816-4, clause 5.4.3.2)."""

from __future__ import annotations

from ...iso7816.tlv import TLV, decode, encode
from .tree import DF, NEVER, RecordEF, TransparentEF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from .tree import File

    Rules = dict[str, list[int] | None]

_INSTRUCTION, _INSTRUCTION_P1_P2 = 0x84, 0x87
_ALWAYS, _NEVER, _AUTHENTICATION, _ALL, _REFERENCE = 0x90, 0x97, 0xA4, 0xAF, 0x83
_ANY_FILE: Final = {"delete": "E4", "activate": "44", "deactivate": "04", "parameters": "DA0062"}
_COMMANDS: Final = {
    DF: {"create": "E0", "get_data": "CA", "put_data": "DA", **_ANY_FILE},
    TransparentEF: {"read": "B0", "update": "D6", "write": "D0", "erase": "0E", **_ANY_FILE},
    RecordEF: {"read": "B2", "update": "DC", "write": "D2", "append": "E2", **_ANY_FILE},
}
"""Each operation by its command: the instruction byte, with P1 and P2 where they matter."""


def attributes(file: File) -> bytes:
    """The rules of a file: for each operation that it names an access mode and its condition."""
    return encode(
        one
        for operation, needed in file.access.items()
        for one in (_mode(_COMMANDS[type(file)][operation]), _condition(needed))
    )


def of_attributes(kind: type[File], raw: bytes) -> Rules:
    """The rules that such objects say for a file of this class.

    Raises:
        ValueError: they are others than those that a card here tells.
    """
    objects = decode(raw)
    operations = {bytes(_mode(command)): operation for operation, command in _COMMANDS[kind].items()}
    modes = [operations.get(bytes(one), "") for one in objects[::2]]
    if not all(modes) or len(objects) != 2 * len(set(modes)):
        raise ValueError("an access mode that is not known, or twice, or without a condition")
    return dict(zip(modes, map(_of_condition, objects[1::2]), strict=True))


def _mode(command: str) -> TLV:
    return TLV(_INSTRUCTION if len(command) == 2 else _INSTRUCTION_P1_P2, bytes.fromhex(command))


def _condition(needed: Sequence[int] | None) -> TLV:
    if needed is NEVER:
        return TLV(_NEVER)
    if not needed:
        return TLV(_ALWAYS)
    each = [TLV(_AUTHENTICATION, bytes(TLV(_REFERENCE, bytes((number,))))) for number in needed]
    return each[0] if len(each) == 1 else TLV(_ALL, encode(each))


def _of_condition(condition: TLV) -> list[int] | None:
    if condition.tag == _NEVER:
        return NEVER
    if condition.tag == _ALWAYS:
        return []
    numbers = []
    for one in condition.children() if condition.tag == _ALL else [condition]:
        (number,) = [child.value for child in one.children() if child.tag == _REFERENCE]
        if one.tag != _AUTHENTICATION or len(number) != 1:
            raise ValueError("a condition that is not known")
        numbers.append(number[0])
    if not numbers:
        raise ValueError("a condition of no conditions")
    return numbers
