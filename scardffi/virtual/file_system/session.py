"""What lasts until the card is reset: which file is the current one, and what is allowed by now."""

from __future__ import annotations

from ...iso7816.instructions import Occurrence, SelectBy
from .tree import DF, MF_ID, RecordEF, TransparentEF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeAlias

    from .tree import Code, File, Key

    EF: TypeAlias = TransparentEF | RecordEF
    Algorithm: TypeAlias = Callable[[bytes, bytes], bytes]
    Place: TypeAlias = tuple[tuple[DF, ...], "EF | None"]


class AnsweredError(Exception):
    """The card answers with another status word than 9000; by default with that alone."""

    def __init__(self, sw: int, data: bytes = b"") -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw
        self.data = data


def need(condition: object, sw: int) -> None:
    """Answer this status word unless the condition holds."""
    if not condition:
        raise AnsweredError(sw)


class Session:
    """What the card keeps in mind between two resets.

    Attributes:
        path: the DFs from the MF to the current one.
        ef: the current EF.
        record: the number of its current record, 0 for none.
        challenge: what the card gave out, until it is answered.
    """

    def __init__(self, mf: DF, algorithms: Mapping[str, Algorithm]) -> None:
        self.mf = mf
        self.algorithms = algorithms
        self.path: tuple[DF, ...] = (mf,)
        self.ef: EF | None = None
        self.record = 0
        self.challenge = b""
        for path in mf.folders():
            _forget(path[-1])

    @property
    def df(self) -> DF:
        """The current DF."""
        return self.path[-1]

    def select(self, path: tuple[DF, ...], ef: EF | None = None) -> None:
        """Make a DF and perhaps an EF in it the current ones. What was verified for a DF that is left is lost."""
        for left in self.path:
            if not any(left is kept for kept in path):
                _forget(left)
        self.path, self.ef, self.record = path, ef, 0

    def current_ef(self) -> EF:
        """The current EF."""
        if self.ef is None:
            raise AnsweredError(0x6986)
        return self.ef

    def ef_by_short_id(self, short_id: int) -> EF:
        """An EF of the current DF, which becomes the current one; 0 stands for the one that is."""
        if short_id == 0:
            return self.current_ef()
        need(short_id != 31, 0x6A86)
        return self._selected_ef(
            file for file in self.df.files if not isinstance(file, DF) and file.short_id == short_id
        )

    def ef_by_id(self, file_id: int) -> EF:
        """An EF of the current DF, which becomes the current one."""
        return self._selected_ef(file for file in self.df.files if not isinstance(file, DF) and file.file_id == file_id)

    def _selected_ef(self, found: Iterable[EF]) -> EF:
        ef = next(iter(found), None)
        if ef is None:
            raise AnsweredError(0x6A82)
        self.select(self.path, ef)
        return ef

    def find(self, by: int, data: bytes, occurrence: Occurrence = Occurrence.FIRST) -> Place:
        """The file that SELECT and others mean by P1 and their data."""
        need(by in set(SelectBy), 0x6A86)
        if by == SelectBy.DF_NAME:
            return self._by_name(data, occurrence), None
        need(occurrence == Occurrence.FIRST, 0x6A86)
        if by in {SelectBy.PATH_FROM_MF, SelectBy.PATH_FROM_DF}:
            need(data and len(data) % 2 == 0, 0x6A87)
            start = (self.mf,) if by == SelectBy.PATH_FROM_MF else self.path
            ids = [int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data), 2)]
            return _down(start, ids)
        if by == SelectBy.PARENT_DF:
            need(not data, 0x6A87)
            need(len(self.path) > 1, 0x6A82)
            return self.path[:-1], None
        need(len(data) == 2 or (by == SelectBy.FILE_ID and not data), 0x6A87)
        file_id = int.from_bytes(data, "big") if data else MF_ID
        if by == SelectBy.FILE_ID:
            return self._nearby(file_id)
        path, ef = _down(self.path, [file_id])
        need((ef is None) == (by == SelectBy.CHILD_DF), 0x6A82)
        return path, ef

    def _nearby(self, file_id: int) -> Place:
        """The MF, or a file in the current DF, that DF, the one above it, or one in that (7816-4, clause 7.3.2)."""
        if file_id == MF_ID:
            return (self.mf,), None
        for path in (self.path, self.path[:-1]):
            if path and any(file.file_id == file_id for file in path[-1].files):
                return _down(path, [file_id])
            if path and path[-1].file_id == file_id:
                return path, None
        raise AnsweredError(0x6A82)

    def _by_name(self, name: bytes, occurrence: Occurrence) -> tuple[DF, ...]:
        folders = list(self.mf.folders())
        here = next((number for number, path in enumerate(folders) if path[-1] is self.df), 0)
        named = [number for number, path in enumerate(folders) if path[-1].name and path[-1].name.startswith(name)]
        if occurrence == Occurrence.NEXT:
            named = [number for number in named if number > here]
        elif occurrence == Occurrence.PREVIOUS:
            named = [number for number in named if number < here]
        need(named, 0x6A82)
        return folders[named[0 if occurrence in {Occurrence.FIRST, Occurrence.NEXT} else -1]]

    def permit(self, operation: str, file: File, path: tuple[DF, ...] | None = None) -> None:
        """Refuse an operation on a file of this path, by default the current one, unless its rules allow it."""
        path = self.path if path is None else path
        if operation not in {"activate", "delete"}:
            need(file.active, 0x6985)
        need(all(df.active for df in path if df is not file), 0x6985)
        need(self.satisfied(file.access.get(operation, []), path), 0x6982)

    def satisfied(self, needed: Iterable[int] | None, path: tuple[DF, ...] | None = None) -> bool:
        """Whether an access rule holds: None never does, no references always do."""
        if needed is None:
            return False
        found = [self.reference(number, path) for number in needed]
        return all(one is not None and (one.verified or not getattr(one, "enabled", True)) for one in found)

    def reference(self, number: int, path: tuple[DF, ...] | None = None) -> Code | Key | None:
        """The code or key of this number: that of the current DF, or of the nearest one above it that has it."""
        for df in reversed(self.path if path is None else path):
            for one in df.references:
                if one.number == number:
                    return one
        return None


def _down(path: tuple[DF, ...], ids: Iterable[int]) -> Place:
    ef: EF | None = None
    for file_id in ids:
        need(ef is None, 0x6A82)
        file = next((file for file in path[-1].files if file.file_id == file_id), None)
        need(file is not None, 0x6A82)
        if isinstance(file, DF):
            path = (*path, file)
        else:
            ef = file
    return path, ef


def _forget(df: DF) -> None:
    """Nothing of this DF is verified any more."""
    for one in df.references:
        one.verified = False
