"""Access rules: for each operation the numbers of the codes and keys that it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from ...iso7816.command import checked

Access: TypeAlias = Mapping[str, Sequence[int] | None]
"""Access rules as a caller gives them: for each operation by name, the numbers of codes and keys, or NEVER."""
AccessRules: TypeAlias = dict[str, list[int] | None]
"""Access rules as they are stored."""

NEVER: Final = None
"""The access rule of an operation that is never allowed."""
LOCAL: Final = 0x80
"""The bit of a code's or key's number that is set if it belongs to a DF rather than to the whole card."""


def checked_access(access: Access | None, operations: set[str]) -> AccessRules:
    """Return a copy of access rules.

    Raises:
        ValueError: an operation is not one of ``operations``, or a number is not that of a code or key.
    """
    unknown = sorted(set(access or ()) - operations)
    if unknown:
        raise ValueError(f"access: {unknown[0]!r} is not allowed; give {', '.join(sorted(operations))}")
    return {
        name: None if needed is None else [checked_number(number) for number in needed]
        for name, needed in (access or {}).items()
    }


def checked_number(number: int) -> int:
    """Return the number of a code or key.

    Raises:
        ValueError: the number is neither 1 to 31 nor 0x80 to 0x9F.
    """
    checked("number", number, 1, 0xFF)
    if number & ~LOCAL > 31:
        raise ValueError(f"number: {number} is not allowed; give 1 to 31 or 0x80 to 0x9F")
    return number
