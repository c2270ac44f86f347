"""BER-TLV data objects as lines of text, indented by depth."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

from .malformed import MalformedError
from .tag_names import ISO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .tag_names import TagNames
    from .tlv import TLV

_DEEPEST: Final = 64
"""The depth below which values are shown as bytes, because each level indents its lines further."""
_SHORT_TEXT: Final = 2
"""The length of the shortest values that are shown as text, such as a language, and only if they are all letters."""


def tree_lines(objects: Iterable[TLV], names: TagNames | Sequence[TagNames], most: int | None) -> Iterator[str]:
    """Return the lines for these objects; arguments and errors as for :meth:`.tlv.TLV.tree`."""
    if most is not None and most < 1:
        raise ValueError(f"most: {most} is not allowed; give 1 or more, or None")
    chosen = [names] if isinstance(names, Mapping) else [*names]
    return _Tree([*map(_Table, chosen), _iso()], most).lines(objects)


class _Table:
    """A table of names by the tags of the path.

    Raises:
        ValueError: a key is not allowed.
    """

    def __init__(self, names: TagNames) -> None:
        self.names: dict[tuple[int, ...], str] = {}
        for path, name in names.items():
            try:
                tags = (path,) if isinstance(path, int) else tuple(int(part, 16) for part in path.split("/"))
            except ValueError:
                message = f'names: {path!r} is not allowed; give tags in hexadecimal with "/" between them'
                raise ValueError(message) from None
            self.names[tags] = name
        self.templates = {tags[:size] for tags in self.names for size in range(1, len(tags))}

    def name(self, path: tuple[int, ...]) -> str:
        """Return the name of the longest path in the table with which this path ends; '' if there is none."""
        return next((self.names[end] for end in _ends(path) if end in self.names), "")

    def is_template(self, path: tuple[int, ...]) -> bool:
        """Return True if the table has names for the objects in the object at this path."""
        return any(end in self.templates for end in _ends(path))


@cache
def _iso() -> _Table:
    """Return the standard's table, whose making takes longer than most trees do."""
    return _Table(ISO)


class _Tree:
    """Makes the lines.

    Args:
        tables: the tables of names in the order of the search.
        most: the number of bytes to show of each value; None for all.
    """

    def __init__(self, tables: list[_Table], most: int | None) -> None:
        self._tables = tables
        self._most = most

    def lines(self, objects: Iterable[TLV], depth: int = 0, *, in_primitive: bool = False) -> Iterator[str]:
        """Yield the lines of objects.

        Args:
            objects: the objects.
            depth: the number of objects around them that were shown.
            in_primitive: True if the tag of the object around them is primitive. Then their tags do not tell which
                values consist of objects, only the tables do: PIV has such objects.
        """
        for one in objects:
            path = one.path
            name = next(filter(None, (table.name(path) for table in self._tables)), "")
            head = f"{'  ' * depth}{one.tag:02X}{f' {name}' * bool(name)}"
            is_named = any(table.is_template(path) for table in self._tables)
            is_template = is_named or (one.constructed and not in_primitive)
            inner, problems = self._inner(one, depth) if is_template else ([], [])
            if inner:
                yield head
                yield from self.lines(inner, depth + 1, in_primitive=not one.constructed)
            else:
                yield f"{head}: {self._value(one.value)}"
            for problem in problems:
                yield f"{'  ' * (depth + 1)}({problem})"

    def _inner(self, one: TLV, depth: int) -> tuple[Sequence[TLV], Sequence[MalformedError]]:
        """Return the objects in an object; padding between them is ignored if this is necessary to read them."""
        if not one.value or depth >= _DEEPEST:
            return [], []
        try:
            inner = one.children()
        except MalformedError as error:
            try:
                return one.children(padding=True), []
            except MalformedError:
                return [], [error]
        return inner, inner.problems

    def _value(self, value: bytes) -> str:
        """Return a value in hexadecimal, and also as text if all of it is printable."""
        if not value:
            return "empty"
        shown = value.hex(" ").upper() if self._most is None else value[: self._most].hex(" ").upper()
        if self._most is not None and len(value) > self._most:
            return f"{shown} ... ({len(value)} bytes)"
        text = _text(value)
        return f'{shown} "{text}"' if text else shown


def _ends(path: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield the ends of a path, the longest first."""
    return (path[start:] for start in range(len(path)))


def _text(value: bytes) -> str:
    """Return a value as text; '' if it is not printable, or so short that it is more probably a number."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return ""
    is_text = text.isprintable() if len(value) > _SHORT_TEXT else len(value) == _SHORT_TEXT and text.isalpha()
    return text if is_text else ""
