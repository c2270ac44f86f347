"""The state that a reset of the card clears: the current file, the challenge, and the verified codes and keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from ...iso7816.instructions import Occurrence, SelectBy
from .tree import DF, MF_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .codes_and_keys import Key, Reference
    from .tree import EF, File

    FoundFile: TypeAlias = tuple[tuple[DF, ...], EF | None]

Algorithm: TypeAlias = Callable[[bytes, bytes], bytes]
"""The function of a key: it gets the value of the key and a challenge, and returns the proof."""


class CommandError(Exception):
    """Ends a command with a status word other than 9000.

    Args:
        sw: the status word.
        data: the response data before the status word.
    """

    def __init__(self, sw: int, data: bytes = b"") -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw
        self.data = data


def require(condition: object, sw: int) -> None:
    """Raise a CommandError with this status word unless the condition is true."""
    if not condition:
        raise CommandError(sw)


class Session:
    """The state of the card between two resets.

    Attributes:
        path: the DFs from the MF to the current DF.
        ef: the current EF.
        record: the number of the current record in it; 0 if there is none.
        challenge: the challenge that the card gave out and that no command has used yet.
        witness: the witness that the card gave out encrypted and that no command has used yet.
        environment: the keys that MANAGE SECURITY ENVIRONMENT has set, by the tag of the template: A4
            authentication, B6 digital signature, B8 confidentiality.
    """

    def __init__(self, mf: DF, algorithms: Mapping[str, Algorithm]) -> None:
        self.mf = mf
        self.algorithms = algorithms
        self.path: tuple[DF, ...] = (mf,)
        self.ef: EF | None = None
        self.record = 0
        self.challenge = b""
        self.witness = b""
        self.environment: dict[int, Key] = {}
        for path in mf.folders():
            _clear_verified(path[-1])

    @property
    def df(self) -> DF:
        """The current DF."""
        return self.path[-1]

    def select(self, path: tuple[DF, ...], ef: EF | None = None) -> None:
        """Make a DF, and optionally an EF in it, current.

        The codes and keys of DFs that the new path does not contain become unverified.
        """
        for left in self.path:
            if not any(left is kept for kept in path):
                _clear_verified(left)
                self.environment.clear()
        self.path, self.ef, self.record = path, ef, 0

    def current_ef(self) -> EF:
        """Return the current EF; raise a CommandError if there is none."""
        if self.ef is None:
            raise CommandError(0x6986)
        return self.ef

    def select_by_short_id(self, short_id: int) -> EF:
        """Make an EF of the current DF current and return it; 0 means the EF that is current already."""
        if short_id == 0:
            return self.current_ef()
        require(short_id != 31, 0x6A86)
        return self._select_first(
            file for file in self.df.files if not isinstance(file, DF) and file.short_id == short_id
        )

    def select_by_id(self, file_id: int) -> EF:
        """Make an EF of the current DF current and return it."""
        return self._select_first(
            file for file in self.df.files if not isinstance(file, DF) and file.file_id == file_id
        )

    def _select_first(self, found: Iterable[EF]) -> EF:
        ef = next(iter(found), None)
        if ef is None:
            raise CommandError(0x6A82)
        self.select(self.path, ef)
        return ef

    def find(self, by: int, data: bytes, occurrence: Occurrence = Occurrence.FIRST) -> FoundFile:
        """Return the file that a command names by P1 and its data, as SELECT does."""
        require(by in set(SelectBy), 0x6A86)
        if by == SelectBy.DF_NAME:
            return self._find_by_name(data, occurrence), None
        require(occurrence == Occurrence.FIRST, 0x6A86)
        if by in {SelectBy.PATH_FROM_MF, SelectBy.PATH_FROM_DF}:
            require(data and len(data) % 2 == 0, 0x6A87)
            start = (self.mf,) if by == SelectBy.PATH_FROM_MF else self.path
            ids = [int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data), 2)]
            return _follow(start, ids)
        if by == SelectBy.PARENT_DF:
            require(not data, 0x6A87)
            require(len(self.path) > 1, 0x6A82)
            return self.path[:-1], None
        require(len(data) == 2 or (by == SelectBy.FILE_ID and not data), 0x6A87)
        file_id = int.from_bytes(data, "big") if data else MF_ID
        if by == SelectBy.FILE_ID:
            return self._find_by_id(file_id)
        path, ef = _follow(self.path, [file_id])
        require((ef is None) == (by == SelectBy.CHILD_DF), 0x6A82)
        return path, ef

    def _find_by_id(self, file_id: int) -> FoundFile:
        """Search the current DF, the DF above it, the files of both (7816-4, clause 11.1.1), and the MF."""
        if file_id == MF_ID:
            return (self.mf,), None
        for path in (self.path, self.path[:-1]):
            if path and any(file.file_id == file_id for file in path[-1].files):
                return _follow(path, [file_id])
            if path and path[-1].file_id == file_id:
                return path, None
        raise CommandError(0x6A82)

    def _find_by_name(self, name: bytes, occurrence: Occurrence) -> tuple[DF, ...]:
        folders = list(self.mf.folders())
        here = next((number for number, path in enumerate(folders) if path[-1] is self.df), 0)
        named = [number for number, path in enumerate(folders) if path[-1].name and path[-1].name.startswith(name)]
        if occurrence == Occurrence.NEXT:
            named = [number for number in named if number > here]
        elif occurrence == Occurrence.PREVIOUS:
            named = [number for number in named if number < here]
        require(named, 0x6A82)
        return folders[named[0 if occurrence in {Occurrence.FIRST, Occurrence.NEXT} else -1]]

    def require_allowed(self, operation: str, file: File, path: tuple[DF, ...] | None = None) -> None:
        """Raise a CommandError unless an operation on a file is allowed.

        Args:
            operation: the name that access rules have for it.
            file: the file.
            path: the path to the file; None for the current path.
        """
        path = self.path if path is None else path
        if operation not in {"activate", "delete"}:
            require(file.active, 0x6985)
        require(all(df.active for df in path if df is not file), 0x6985)
        require(self.is_satisfied(file.access.get(operation, []), path), 0x6982)

    def is_satisfied(self, needed: Iterable[int] | None, path: tuple[DF, ...] | None = None) -> bool:
        """Return True if all these codes and keys are verified or disabled; False for NEVER."""
        if needed is None:  # NEVER
            return False
        found = [self.reference(number, path) for number in needed]
        return all(one is not None and (one.verified or not one.enabled) for one in found)

    def reference(self, number: int, path: tuple[DF, ...] | None = None) -> Reference | None:
        """Return the code or key with this number, from the current DF or else the nearest DF above that has it."""
        for df in reversed(self.path if path is None else path):
            for one in df.references:
                if one.number == number:
                    return one
        return None


def _follow(path: tuple[DF, ...], ids: Iterable[int]) -> FoundFile:
    """Return the file that a sequence of file identifiers leads to, from the last DF of the path downwards."""
    ef: EF | None = None
    for file_id in ids:
        require(ef is None, 0x6A82)
        file = next((file for file in path[-1].files if file.file_id == file_id), None)
        if file is None:
            raise CommandError(0x6A82)
        if isinstance(file, DF):
            path = (*path, file)
        else:
            ef = file
    return path, ef


def _clear_verified(df: DF) -> None:
    for one in df.references:
        one.clear_verified()
