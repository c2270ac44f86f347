"""References to files of a card, and their locations in the tree of files."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from .._bytes_like import copied
from .._field_docs import field_docs
from .._half_made import repr_if_half_made
from ..iso7816.command import checked
from .file_properties import LONGEST_NAME

if TYPE_CHECKING:
    from typing_extensions import Buffer

    Reference: TypeAlias = "FileRef | int | str | Buffer"

MF: Final = 0x3F00
"""The file identifier of the master file, the root of a card."""
UP: Final = -1
"""The step to the DF above. It is needed if a DF is known only by its name."""
_ID_DIGITS: Final = 4
_PATH: Final = 'give steps of 4 hexadecimal digits, ".." or ".", and before them optionally "/", "3F00" or a DF name'


@field_docs(
    name="The name of the DF in which the steps begin; empty for the MF.",
    steps="The file identifiers from there to the file; UP for the DF above.",
    short_id="The short identifier of an EF in the DF that the steps lead to; None if the steps lead to the file.",
)
class Location(NamedTuple):
    """The location of a file; ``str()`` returns a path that :meth:`FileRef.by_path` accepts."""

    name: bytes = b""
    steps: tuple[int, ...] = ()
    short_id: int | None = None

    @property
    def is_root(self) -> bool:
        """True if this is the MF."""
        return self == Location()

    @property
    def folder(self) -> Location:
        """The DF above; for the MF, the MF itself."""
        if self.short_id is not None:
            return Location(self.name, self.steps)
        if self.name and (not self.steps or self.steps[-1] == UP):
            return Location(self.name, (*self.steps, UP))
        return Location(self.name, self.steps[:-1])

    def child(self, file_id: int) -> Location:
        """Return the location of a file in this DF."""
        return Location(self.name, (*self.steps, file_id))

    def __str__(self) -> str:
        mark = "=" if len(self.name) == 2 else ""
        parts = [mark + self.name.hex().upper() if self.name else f"{MF:04X}"]
        parts += [".." if step == UP else f"{step:04X}" for step in self.steps]
        if self.short_id is not None:
            parts.append(f"(short identifier {self.short_id})")
        return "/".join(parts)


@repr_if_half_made
@dataclass(frozen=True, repr=False)
class FileRef:
    """A reference to a file, made by one of the class methods.

    Methods with a parameter ``reference`` accept plain values too: an int is a file identifier, a str is a path, and
    bytes are a DF name, even two bytes.

    Attributes:
        value: the value that the reference was made of.
        candidates: the meanings of the value, in the order in which they are tried.
    """

    value: int | str | bytes
    candidates: tuple[_Meaning, ...]

    @classmethod
    def by_id(cls, file_id: int) -> FileRef:
        """Return a reference to the file with this identifier in the current directory; 0x3F00 is the MF.

        Raises:
            ValueError: the identifier is not 0 to 0xFFFF.
        """
        return cls(file_id, (_by_id(file_id),))

    @classmethod
    def by_name(cls, name: Buffer) -> FileRef:
        """Return a reference to the DF with this name, or whose name begins with it, anywhere on the card.

        Raises:
            ValueError: the name does not have 1 to 16 bytes.
        """
        raw = copied("name", name)
        return cls(raw, (_by_name(raw),))

    @classmethod
    def by_short_id(cls, short_id: int) -> FileRef:
        """Return a reference to the EF with this short identifier in the current directory.

        Raises:
            ValueError: the identifier is not 1 to 30.
        """
        return cls(short_id, (_Meaning(short_id=checked("short_id", short_id, 1, 30)),))

    @classmethod
    def by_path(cls, path: str) -> FileRef:
        """Return a reference to the file at the end of a path, such as ``"3F00/5000"``, ``"/5000"`` or ``"../2F00"``.

        Args:
            path: file identifiers of 4 hexadecimal digits, with "/" between them, ".." for the DF above and "." for
                the DF itself. A path after "/" or "3F00" begins in the MF. A path after a DF name in hexadecimal begins
                in that DF ("A000000063504B43532D3135/4401"; a name of two bytes needs "=": "=4142"). Any other path
                begins in the current directory.

        Raises:
            ValueError: the text is not such a path.
        """
        return cls(path, (_by_path(path),))

    @classmethod
    def any(cls, value: int | str | Buffer) -> FileRef:
        """Return a reference that can mean several files: the first one that exists is used.

        Args:
            value: an int from 1 to 30 is a short identifier or a file identifier, any other int a file identifier; two
                bytes are a file identifier or a DF name, any other bytes a DF name; a str is a path or, in
                hexadecimal, a DF name.

        Raises:
            ValueError: the value has no meaning; the message says what is allowed.
        """
        if isinstance(value, str):
            meanings = [_by_path(value)]
            if len(value) == _ID_DIGITS and _is_hex(value):
                meanings.append(_by_name(bytes.fromhex(value)))
        elif isinstance(value, int):
            meanings = [_Meaning(short_id=value)] if 1 <= value <= 30 else []
            meanings.append(_by_id(value))
        else:
            value = copied("value", value)
            meanings = [_by_id(int.from_bytes(value, "big"))] if len(value) == 2 else []
            meanings.append(_by_name(value))
        return cls(value, tuple(meanings))

    @classmethod
    def of(cls, value: Reference) -> FileRef:
        """Return the reference for a plain value; return a FileRef unchanged.

        Raises:
            ValueError: the value is not allowed; the message says what is allowed.
            TypeError: the value is not a FileRef, an int, a str or bytes.
        """
        if isinstance(value, FileRef):
            return value
        if isinstance(value, str):
            return cls.by_path(value)
        if hasattr(value, "__index__") and not isinstance(value, bool):
            return cls.by_id(operator.index(value))  # type: ignore[arg-type]  # it has __index__
        try:
            name = memoryview(value)  # type: ignore[arg-type]  # it raises TypeError for a bool and others
        except TypeError:
            kind = type(value).__name__
            raise TypeError(f"reference: expected a FileRef, an int, a str or bytes, got {kind}") from None
        return cls.by_name(name)

    def locations(self, current: Location) -> list[Location]:
        """Return the possible locations of the file, in the order in which they are tried.

        Args:
            current: the current directory.

        Raises:
            ValueError: the path leads above the MF.
        """
        return [one.location(current, self) for one in self.candidates]

    def __repr__(self) -> str:
        return f"<FileRef {' or '.join(map(str, self.candidates))}>"

    def __str__(self) -> str:
        if isinstance(self.value, int):
            return f"{self.value:04X}"
        return self.value if isinstance(self.value, str) else self.value.hex().upper()


class _Meaning(NamedTuple):
    """A meaning of a reference: the DF in which it begins (None for the current directory), and the steps."""

    start: Location | None = None
    steps: tuple[int, ...] = ()
    short_id: int | None = None

    def __str__(self) -> str:
        if self.short_id is not None:
            return f"short identifier {self.short_id}"
        if self.start is not None and self.start.name and not self.steps:
            return f"DF name {self.start.name.hex().upper()}"
        steps = [".." if step == UP else f"{step:04X}" for step in self.steps]
        return "/".join([*([] if self.start is None else [str(self.start)]), *steps]) or "."

    def location(self, current: Location, reference: FileRef) -> Location:
        location = current if self.start is None else self.start
        for step in self.steps:
            if step == UP and location.is_root:
                raise ValueError(f"reference: {reference} leads above the MF; give a path that does not")
            location = location.folder if step == UP else location.child(step)
        return location if self.short_id is None else location._replace(short_id=self.short_id)


def _by_id(file_id: int) -> _Meaning:
    if checked("file_id", file_id, 0, 0xFFFF) == MF:
        return _Meaning(Location())
    return _Meaning(steps=(file_id,))


def _by_name(name: bytes) -> _Meaning:
    checked("length of name", len(name), 1, LONGEST_NAME)
    return _Meaning(Location(name))


def _by_path(path: str) -> _Meaning:
    first, *rest = path.split("/")
    name = first.removeprefix("=")
    start = None
    if first in {"", f"{MF:04X}", f"{MF:04x}"} and path:
        start = Location()
    elif (name != first or len(name) != _ID_DIGITS) and _is_hex(name) and len(name) % 2 == 0 and name:
        start = _by_name(bytes.fromhex(name)).start
    else:
        rest.insert(0, first)
    if start is not None and rest == [""]:  # the path is "/", or "3F00/"
        rest = []
    steps = [_step(part, path) for part in rest if part != "."]
    return _Meaning(start, tuple(steps))


def _step(part: str, path: str) -> int:
    if part == "..":
        return UP
    if len(part) == _ID_DIGITS and _is_hex(part) and int(part, 16) != MF:
        return int(part, 16)
    raise ValueError(f"path: {path!r} is not allowed; {_PATH}")


def _is_hex(text: str) -> bool:
    return all(one in "0123456789abcdefABCDEF" for one in text)
