"""How a person names a card's files, and where on the card a file is."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from ..iso7816.command import checked

if TYPE_CHECKING:
    from typing_extensions import Buffer

    Reference: TypeAlias = "FileRef | int | str | Buffer"

MF: Final = 0x3F00
"""The file identifier of the master file, the root of a card."""
UP: Final = -1
"""The step to the DF above one whose place is known by its name alone."""
_LONGEST_NAME: Final = 16
_ID_DIGITS: Final = 4
_PATH: Final = 'give steps of 4 hexadecimal digits, ".." or ".", and in front "/", "3F00", a DF name or nothing'


class Location(NamedTuple):
    """Where a file is; ``str`` gives a path that :meth:`FileRef.by_path` takes.

    Attributes:
        name: of the DF that the steps begin in; empty for the MF.
        steps: the file identifiers from there to the file, UP for the DF above.
        short_id: of an EF in that DF, which has no other reference; None for the DF or EF of the last step.
    """

    name: bytes = b""
    steps: tuple[int, ...] = ()
    short_id: int | None = None

    @property
    def is_root(self) -> bool:
        """Whether it is the MF."""
        return self == Location()

    @property
    def folder(self) -> Location:
        """The DF above. That of the MF is the MF."""
        if self.short_id is not None:
            return Location(self.name, self.steps)
        if self.name and (not self.steps or self.steps[-1] == UP):
            return Location(self.name, (*self.steps, UP))
        return Location(self.name, self.steps[:-1])

    def child(self, file_id: int) -> Location:
        """A file in this DF."""
        return Location(self.name, (*self.steps, file_id))

    def __str__(self) -> str:
        mark = "=" if len(self.name) == 2 else ""
        parts = [mark + self.name.hex().upper() if self.name else f"{MF:04X}"]
        parts += [".." if step == UP else f"{step:04X}" for step in self.steps]
        if self.short_id is not None:
            parts.append(f"(short identifier {self.short_id})")
        return "/".join(parts)


@dataclass(frozen=True)
class FileRef:
    """A reference to a file, made by one of the class methods.

    Where a method takes a reference it takes plain forms too: an int is a file identifier, text a path, and bytes are
    a DF name, be they two.

    Attributes:
        value: as it was given.
        candidates: what it may mean, in the order in which that is tried.
    """

    value: int | str | bytes
    candidates: tuple[_Meaning, ...]

    @classmethod
    def by_id(cls, file_id: int) -> FileRef:
        """The file of this identifier, 0 to 0xFFFF, in the current directory; 0x3F00 is the MF.

        Raises:
            ValueError: no such identifier.
        """
        return cls(file_id, (_by_id(file_id),))

    @classmethod
    def by_name(cls, name: Buffer) -> FileRef:
        """The DF of this name, such as an application identifier, or its beginning; 1 to 16 bytes, on the whole card.

        Raises:
            ValueError: another number of bytes.
        """
        raw = memoryview(name).tobytes()
        return cls(raw, (_by_name(raw),))

    @classmethod
    def by_short_id(cls, short_id: int) -> FileRef:
        """The EF of this short identifier, 1 to 30, in the current directory.

        Raises:
            ValueError: no such identifier.
        """
        return cls(short_id, (_Meaning(short_id=checked("short_id", short_id, 1, 30)),))

    @classmethod
    def by_path(cls, path: str) -> FileRef:
        """The file at the end of a path, such as ``"3F00/5000/5001"``, ``"/5000"``, ``"5001"``, ``"../2F00"``.

        Args:
            path: file identifiers of 4 hexadecimal digits, with "/" between them, ".." for the DF above and "." for
                the DF itself. It begins in the MF where "/" or "3F00" is in front, in the DF of a name where the name
                is, in hexadecimal ("A000000063504B43532D3135/4401", and with "=" before one of two bytes: "=4142"),
                else in the current directory.

        Raises:
            ValueError: it is no such path.
        """
        return cls(path, (_by_path(path),))

    @classmethod
    def any(cls, value: int | str | Buffer) -> FileRef:
        """The first that there is of all that this may mean.

        Args:
            value: an int from 1 to 30 is a short identifier or a file identifier, another one a file identifier; two
                bytes are a file identifier or a DF name, others a DF name; text is a path or, in hexadecimal, a DF
                name.

        Raises:
            ValueError: it may mean nothing; the message tells what is allowed.
        """
        if isinstance(value, str):
            meanings = [_by_path(value)]
            if len(value) == _ID_DIGITS and _is_hex(value):
                meanings.append(_by_name(bytes.fromhex(value)))
        elif isinstance(value, int):
            meanings = [_Meaning(short_id=value)] if 1 <= value <= 30 else []
            meanings.append(_by_id(value))
        else:
            value = memoryview(value).tobytes()
            meanings = [_by_id(int.from_bytes(value, "big"))] if len(value) == 2 else []
            meanings.append(_by_name(value))
        return cls(value, tuple(meanings))

    @classmethod
    def of(cls, value: Reference) -> FileRef:
        """The reference that a plain form stands for, or the one that it is.

        Raises:
            ValueError: the form is right, its value is not; the message tells what is allowed.
            TypeError: it is none of the forms.
        """
        if isinstance(value, FileRef):
            return value
        if isinstance(value, str):
            return cls.by_path(value)
        if hasattr(value, "__index__") and not isinstance(value, bool):
            return cls.by_id(operator.index(value))  # type: ignore[arg-type]  # it has __index__
        try:
            name = memoryview(value)  # type: ignore[arg-type]  # a bool, and whatever else it may be at run time
        except TypeError:
            kind = type(value).__name__
            raise TypeError(f"reference: expected a FileRef, an int, text or bytes, got {kind}") from None
        return cls.by_name(name)

    def locations(self, current: Location) -> list[Location]:
        """Where it may be, the likeliest first.

        Raises:
            ValueError: it leads to above the MF.
        """
        return [one.location(current, self) for one in self.candidates]

    def __str__(self) -> str:
        if isinstance(self.value, int):
            return f"{self.value:04X}"
        return self.value if isinstance(self.value, str) else self.value.hex().upper()


class _Meaning(NamedTuple):
    """One way to read a reference: from where, and the steps; ``start`` is None for the current directory."""

    start: Location | None = None
    steps: tuple[int, ...] = ()
    short_id: int | None = None

    def location(self, current: Location, reference: FileRef) -> Location:
        place = current if self.start is None else self.start
        for step in self.steps:
            if step == UP and place.is_root:
                raise ValueError(f"reference: {reference} leads to above the MF, where nothing is")
            place = place.folder if step == UP else place.child(step)
        return place if self.short_id is None else place._replace(short_id=self.short_id)


def _by_id(file_id: int) -> _Meaning:
    if checked("file_id", file_id, 0, 0xFFFF) == MF:
        return _Meaning(Location())
    return _Meaning(steps=(file_id,))


def _by_name(name: bytes) -> _Meaning:
    checked("length of name", len(name), 1, _LONGEST_NAME)
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
    if start is not None and rest == [""]:  # "/" alone, or at the end of "3F00/"
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
