"""The base class of the errors that the parsers raise, and results that list such errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["DictWithProblems", "ListWithProblems", "MalformedError"]

_Item = TypeVar("_Item")
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class MalformedError(ValueError):
    """Raised if bytes do not have the format that a parser reads. Each parser raises a subclass of its own.

    The message contains lengths and positions, never bytes of the data, which may be secret.

    Attributes:
        offset: the position of the error, counted from 0 in the bytes that the parser received.
    """

    offset: int = 0

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message, offset)
        self.offset = offset

    def __str__(self) -> str:
        return f"byte {self.offset}: {self.args[0]}"


class ListWithProblems(list[_Item]):
    """A list of what was read. Comparisons ignore the problems.

    Args:
        items: the items.
        problems: the errors that were found. The list is empty if the bytes were read strictly.
    """

    problems: list[MalformedError]

    def __init__(self, items: Iterable[_Item] = (), problems: Iterable[MalformedError] = ()) -> None:
        super().__init__(items)
        self.problems = list(problems)


class DictWithProblems(dict[_Key, _Value]):
    """A dict of what was read. Comparisons ignore the problems.

    Args:
        items: the keys and values.
        problems: the errors that were found. The list is empty if the bytes were read strictly.
    """

    problems: list[MalformedError]

    def __init__(self, items: Mapping[_Key, _Value], problems: Iterable[MalformedError] = ()) -> None:
        super().__init__(items)
        self.problems = list(problems)


def add_problems(problems: list[MalformedError], more: Iterable[MalformedError]) -> None:
    """Add errors, except at positions that have one: if an object is cut off, the objects in it are cut off too."""
    positions = {one.offset for one in problems}
    problems += [one for one in more if one.offset not in positions]
