"""Which file of a card is the current one, how another one becomes it, and whose turn it is."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from ..iso7816 import instructions as iso
from ..iso7816.instructions import FileInformation, Occurrence, SelectBy
from ..iso7816.malformed import MalformedError
from ..iso7816.status_word import (
    CardFileNotFoundError,
    ConditionsNotSatisfiedError,
    NotSupportedError,
    ReferenceNotFoundError,
    StatusError,
    WrongParametersError,
    raise_for,
)
from .card_capabilities import CardCapabilities
from .file_properties import FileKind, FileProperties, WrongKindError
from .file_reference import MF, UP, Location
from .transmitter import Sender

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from ..iso7816.command import Command
    from ..iso7816.response import Response
    from ..iso7816.status_word import StatusTable
    from .file_reference import FileRef
    from .transmitter import Transmitter

_WARNINGS: Final = range(0x6200, 0x6300)
"""Status words of a SELECT that has selected; a file that is deactivated or terminated is one reason for them."""
_NOT_IN_THIS_WAY: Final = frozenset({0x6700, 0x6A81, 0x6A86, 0x6A87, 0x6B00})
"""Status words by which cards say that they do not know a way to select."""
_OPTIONAL: Final = frozenset({SelectBy.CHILD_EF, SelectBy.PATH_FROM_MF, SelectBy.PATH_FROM_DF, SelectBy.PARENT_DF})
_FILE_CONTROL_PARAMETERS: Final = 0x62
_SOME_EF: Final = Location(short_id=0)
"""What stands for an EF of which nothing is known, not even whether there is one."""
_NOT_THERE: Final = (
    CardFileNotFoundError, ReferenceNotFoundError, WrongParametersError, NotSupportedError, ConditionsNotSatisfiedError,
)  # fmt: skip
"""What a card says of a file that is not there, or not to be had in this way."""


class Selection:
    """What a card has selected, as far as one service knows. Its methods are called in a turn: ``with selection:``.

    A turn is one thread's alone, and one service's. Where another service of the card has selected a file since the
    last one, or the card was reset, nothing is known of what is selected at the beginning.

    Args:
        transmitter: where the commands go.
        cla: their class byte.
        table: the card's own status words.

    Attributes:
        sender: what sends.
        folder: the current directory of the service's user.
        df: the card's current DF; None where it is not known.
        ef: the card's current EF; None where there is none.
        atr: the card's answer to reset, empty where the transmitter has none.
    """

    def __init__(self, transmitter: Transmitter, cla: int, table: StatusTable | None) -> None:
        self.sender = Sender(transmitter, cla, table)
        self._mark = object()
        self.folder = Location()
        self.df: Location | None = None
        self.ef: Location | None = None
        self.atr: bytes = getattr(transmitter, "atr", None) or b""
        self._told: tuple[Location, FileProperties] | None = None
        self._refusal = 0
        self._sent = 0
        self._informations = [FileInformation.FCI, FileInformation.FCP, FileInformation.NONE]
        self._is_silent = False
        by_path = CardCapabilities.of(self.atr).select_by_path
        self._unknown = {SelectBy.PATH_FROM_MF, SelectBy.PATH_FROM_DF} if by_path is False else set[SelectBy]()

    def __enter__(self) -> None:
        turns = self.sender.turns
        turns.lock.acquire()
        if turns.selected_by is not self._mark:
            turns.selected_by = self._mark
            self.forget()

    def __exit__(self, *_: object) -> None:
        self.sender.turns.lock.release()

    def forget(self) -> None:
        """Nothing is known of the card's current DF and EF any more."""
        self.df = self.ef = None

    def forget_ef(self) -> None:
        """The card's current DF is what it was; whether it has a current EF, and which, is not known any more."""
        self.ef = _SOME_EF

    def send_any(self, command: Command) -> Response:
        """A command and its whole answer. What is selected is not known where none has come."""
        self._sent += 1
        try:
            return self.sender.send_any(command)
        except BaseException:
            self.forget()
            raise

    def send(self, command: Command, allow: Container[int] = ()) -> Response:
        """The same, with the StatusError of another status word than 9000 and those allowed."""
        response = self.send_any(command)
        raise_for(response.sw, allow=allow, table=self.sender.table)
        return response

    def find(
        self, reference: FileRef, *, folder: bool | None = None, alone: bool = False
    ) -> tuple[Location, FileProperties]:
        """Select the first file that a reference may mean; arguments and results as for :meth:`select`."""
        places = reference.locations(self.folder)
        for place in places[:-1]:
            with suppress(*_NOT_THERE):
                return self.select(place, folder=folder, alone=alone)
        return self.select(places[-1], folder=folder, alone=alone)

    def select(
        self, place: Location, *, folder: bool | None = None, alone: bool = False
    ) -> tuple[Location, FileProperties]:
        """Make a file the current one. A DF that is it already is not selected again.

        Args:
            place: where it is.
            folder: what it is where the card does not tell: True for a DF, False for an EF; None for what is unknown.
            alone: with a DF, let no EF be the current one beside it.

        Returns:
            Where it is by the card's own words, and what the card says of it.

        Raises:
            StatusError: the card refused; the DF and the EF that are current now are known.
        """
        if place.short_id is not None:
            return self._select_by_short_id(place, place.short_id)
        if place == self.df and self._told is not None and self._told[0] == place and not (alone and self.ef):
            return self._told
        answer = self._go(place, is_ef=folder is False)
        properties = FileProperties.decode(answer, lenient=True)
        if properties.kind is not None or properties.name:
            folder = properties.kind in {None, FileKind.DF}
        if folder:
            self.df, self.ef = _own_words(place, properties), None
            self._told = self.df, properties
            return self._told
        self.df, self.ef = (None, None) if folder is None else (place.folder, place)
        return place, properties

    def select_name(self, name: bytes, occurrence: Occurrence) -> FileProperties:
        """A DF of this name, the first or another one. What is selected then only the card knows."""
        self.forget()
        return FileProperties.decode(self._need(SelectBy.DF_NAME, name, occurrence), lenient=True)

    def need_ef(self, place: Location) -> None:
        """Make an EF the current one, where it is not."""
        if self.ef != place:
            self.select(place, folder=False)

    def need_folder(self) -> None:
        """Make the user's current directory the card's, where it is not."""
        if self.df != self.folder:
            self.select(self.folder, folder=True)

    def folder_has_changed(self) -> None:
        """What the card said of its current DF does not hold any more."""
        self._told = None

    @contextmanager
    def excursion(self, *, stay: bool = False) -> Iterator[None]:
        """Whatever is selected in the body, the user's current directory is the card's again behind it.

        Args:
            stay: only where the body fails.

        Where the card refuses that it is tried again when it is needed, and the error goes out then. Nothing is sent
        where nothing was, or where no answer came.
        """
        sent = self._sent
        try:
            yield
        except (StatusError, MalformedError, WrongKindError):
            if self._sent > sent:
                self._return()
            raise
        if self._sent > sent and not stay:
            self._return()

    def _return(self) -> None:
        with suppress(StatusError, MalformedError):
            self.need_folder()

    def _go(self, place: Location, *, is_ef: bool) -> bytes:
        """The card's answer to the SELECT of this place, after others where it needs them."""
        if not place.name:
            if not place.steps:
                return self._need(SelectBy.FILE_ID, MF.to_bytes(2, "big"))
            answer = self._try(SelectBy.PATH_FROM_MF, _path(place.steps))
            if answer is not None:
                return answer
        answer = b""
        common = self._common(place)
        if common is None:
            answer = self._need(SelectBy.DF_NAME, place.name) if place.name else self._go(Location(), is_ef=False)
            self.df, self.ef, common = Location(place.name), None, 0
        return self._walk(place, common, answer, is_ef=is_ef)

    def _common(self, place: Location) -> int | None:
        """How many steps of a place lead to the current DF or one above it; None where they begin elsewhere."""
        if self.df is None or self.df.name != place.name or UP in self.df.steps:
            return None
        common = 0
        while common < min(len(self.df.steps), len(place.steps)) and self.df.steps[common] == place.steps[common]:
            common += 1
        if common < len(self.df.steps) and (not place.name or SelectBy.PARENT_DF in self._unknown):
            return None
        return None if common == len(place.steps) == len(self.df.steps) else common

    def _walk(self, place: Location, common: int, answer: bytes, *, is_ef: bool) -> bytes:
        """The answer to the last step from the current DF up to what the place has in common with it, and down."""
        while self.df is not None and len(self.df.steps) > common:
            up = self._try(SelectBy.PARENT_DF, b"")
            if up is None:
                self.forget()
                return self._go(place, is_ef=is_ef)
            self.df, self.ef, answer = self.df.folder, None, up
        steps = place.steps[common:]
        if len(steps) > 1 and UP not in steps:
            whole = self._try(SelectBy.PATH_FROM_DF, _path(steps))
            if whole is not None:
                return whole
        for number, step in enumerate(steps, start=1):
            answer = self._step(step, is_ef=is_ef and number == len(steps))
            if number < len(steps):
                self.df, self.ef = Location(place.name, place.steps[: common + number]), None
        return answer

    def _step(self, step: int, *, is_ef: bool) -> bytes:
        """The answer to one step from the current DF."""
        if step == UP:
            return self._need(SelectBy.PARENT_DF, b"")
        answer = self._try(SelectBy.CHILD_EF if is_ef else SelectBy.PATH_FROM_DF, _path((step,)))
        return self._need(SelectBy.FILE_ID, _path((step,))) if answer is None else answer

    def _need(self, by: SelectBy, file: bytes, occurrence: Occurrence = Occurrence.FIRST) -> bytes:
        answer = self._try(by, file, occurrence)
        if answer is None:
            raise_for(self._refusal, table=self.sender.table)
        return answer or b""

    def _try(self, by: SelectBy, file: bytes, occurrence: Occurrence = Occurrence.FIRST) -> bytes | None:
        """The answer to a SELECT; None where the card does not know this way."""
        if by in self._unknown:
            return None
        for information in tuple(self._informations):
            response = self._select(by, file, occurrence, information)
            if response.sw in _NOT_IN_THIS_WAY:
                self._refusal = response.sw
                continue
            raise_for(response.sw, allow=_WARNINGS, table=self.sender.table)
            self._prefer(information)
            if response.data or information != FileInformation.FCI or self._is_silent:
                return response.data
            self._is_silent = True  # some cards tell by FCP alone; this is tried once
            more = self._select(by, file, occurrence, FileInformation.FCP)
            if more.data:
                self._prefer(FileInformation.FCP)
            return more.data
        if by in _OPTIONAL:
            self._unknown.add(by)
        return None

    def _select(self, by: SelectBy, file: bytes, occurrence: Occurrence, information: FileInformation) -> Response:
        cla = self.sender.cla
        return self.send_any(iso.select_file(file, by, occurrence=occurrence, information=information, cla=cla))

    def _prefer(self, information: FileInformation) -> None:
        """Ask for this first from now on."""
        self._informations.remove(information)
        self._informations.insert(0, information)

    def _select_by_short_id(self, place: Location, short_id: int) -> tuple[Location, FileProperties]:
        """By its file identifier, where the DF tells it; else a command to read makes it the current one."""
        folder, announced = self.select(place.folder, folder=True)
        if short_id in announced.short_ids:
            return self.select(folder.child(announced.short_ids[short_id]), folder=False)
        cla = self.sender.cla
        self.forget_ef()
        response = self.send_any(iso.read_binary(0, 1, short_id=short_id, cla=cla))
        kind = FileKind.TRANSPARENT
        if response.sw == 0x6981:
            response = self.send_any(iso.read_record(1, short_id=short_id, cla=cla))
            kind = FileKind.LINEAR_VARIABLE
        raise_for(response.sw, allow={0x6282, 0x6A83, 0x6B00}, table=self.sender.table)
        self.ef = place
        said = self._current_properties()
        return place, said if said.short_id == short_id else FileProperties(kind=kind, short_id=short_id)

    def _current_properties(self) -> FileProperties:
        """What the card says of the current file without a SELECT; nothing, for most cards."""
        response = self.send_any(iso.get_data(_FILE_CONTROL_PARAMETERS, cla=self.sender.cla))
        return FileProperties.decode(response.data, lenient=True)


def _path(steps: Sequence[int]) -> bytes:
    return b"".join(step.to_bytes(2, "big") for step in steps)


def _own_words(place: Location, properties: FileProperties) -> Location:
    """Where a DF is, when the card says its whole name, or that the way upwards has come to the MF."""
    if properties.file_id == MF and UP in place.steps:
        return Location()
    if not place.steps and place.name and (properties.name or b"").startswith(place.name):
        return Location(properties.name or b"")
    return place
