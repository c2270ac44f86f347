"""The current file of a card, as far as it is known, and the commands that select another one."""

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
)
from .card_capabilities import CardCapabilities
from .file_properties import FCP, FileKind, FileProperties, WrongKindError
from .file_reference import MF, UP, Location
from .transmitter import Sender, lacks_status_word

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from ..iso7816.command import Command
    from ..iso7816.response import Response
    from ..iso7816.status_word import StatusTable
    from .file_reference import FileRef
    from .transmitter import Transmitter

_WARNINGS: Final = range(0x6200, 0x6300)
"""Warnings of a SELECT that has selected the file, for example because it is deactivated or terminated."""
_METHOD_NOT_SUPPORTED: Final = frozenset({0x6700, 0x6A81, 0x6A86, 0x6A87, 0x6B00})
"""Status words of cards that do not support a selection method."""
_OPTIONAL: Final = frozenset({SelectBy.CHILD_EF, SelectBy.PATH_FROM_MF, SelectBy.PATH_FROM_DF, SelectBy.PARENT_DF})
"""The selection methods that can be replaced by others."""
_SELECT: Final = "SELECT"
_UNKNOWN_EF: Final = Location(short_id=0)
"""The value of ``ef`` when it is not known whether there is a current EF."""
_NOT_FOUND: Final = (
    CardFileNotFoundError, ReferenceNotFoundError, WrongParametersError, NotSupportedError, ConditionsNotSatisfiedError,
)  # fmt: skip
"""The errors for a file that does not exist, or that the card cannot select by the method."""


@contextmanager
def about(file: Location) -> Iterator[None]:
    """Return a context manager that names a file in the StatusErrors of the context, if they name none."""
    try:
        yield
    except StatusError as error:
        if error.file is None:
            error.file = str(file)
        raise


class Selection:
    """The current files of a card, as far as one service knows them.

    Call its methods only inside ``with selection:``, which holds the lock that the services of the card share. If
    another service has selected a file since the context was last entered, or the card was reset, the current files
    are unknown at the start of the context.

    Args:
        transmitter: sends the commands.
        cla: the class byte of the commands.
        table: the card's own status words.
        lenient: False to raise an error if the properties of a file are malformed.

    Attributes:
        lenient: the argument.
        sender: the sender of the commands.
        folder: the current directory of the service's user.
        df: the card's current DF; None if it is not known.
        ef: the card's current EF; None if there is none.
        atr: the card's ATR; empty if the transmitter has none.
    """

    def __init__(self, transmitter: Transmitter, cla: int, table: StatusTable | None, *, lenient: bool = True) -> None:
        self.lenient = lenient
        self.sender = Sender(transmitter, cla, table)
        self._token = object()
        self.folder = Location()
        self.df: Location | None = None
        self.ef: Location | None = None
        self.atr: bytes = getattr(transmitter, "atr", None) or b""
        self._df_properties: tuple[Location, FileProperties] | None = None  # of the current DF
        self._last_refusal: Response | None = None  # of the last SELECT by a method that is not supported
        self._sent = 0  # the number of commands
        self._informations = [FileInformation.FCI, FileInformation.FCP, FileInformation.NONE]
        self._has_tried_fcp = False
        by_path = CardCapabilities.of(self.atr).select_by_path
        self._unsupported = {SelectBy.PATH_FROM_MF, SelectBy.PATH_FROM_DF} if by_path is False else set[SelectBy]()

    def __enter__(self) -> None:
        turns = self.sender.turns
        turns.lock.__enter__()  # acquire() would leave it held if Ctrl-C comes at its end
        try:
            if turns.selected_by is not self._token:
                self.forget()
                turns.selected_by = self._token
        except BaseException:
            turns.lock.release()
            raise

    # The lock's own, which is in C: Ctrl-C could interrupt a function in Python before its first line.
    __exit__ = property(lambda self: self.sender.turns.lock.__exit__)

    def forget(self) -> None:
        """Forget the card's current DF and EF."""
        self.df = self.ef = None

    def forget_ef(self) -> None:
        """Forget the card's current EF; the current DF is still known."""
        self.ef = _UNKNOWN_EF

    def send_any(self, command: Command) -> Response:
        """Send a command and return its whole response. Forget the current files if no response arrives."""
        self._sent += 1
        try:
            return self.sender.send_any(command)
        except BaseException:
            self.forget()
            raise

    def send(self, command: Command, allow: Container[int] = ()) -> Response:
        """Send a command as :meth:`send_any` does; raise a StatusError unless the status word is 9000 or allowed."""
        return self.sender.accept(command.name, self.send_any(command), allow)

    def find(
        self, reference: FileRef, *, folder: bool | None = None, without_ef: bool = False
    ) -> tuple[Location, FileProperties]:
        """Select the first existing file of a reference's locations; arguments and results as for :meth:`select`."""
        locations = reference.locations(self.folder)
        for location in locations[:-1]:
            with suppress(*_NOT_FOUND):
                return self.select(location, folder=folder, without_ef=without_ef)
        return self.select(locations[-1], folder=folder, without_ef=without_ef)

    def select(
        self, location: Location, *, folder: bool | None = None, without_ef: bool = False
    ) -> tuple[Location, FileProperties]:
        """Make a file the current one. The current DF is not selected again.

        Args:
            location: the location of the file.
            folder: the kind to assume if the card does not say it: True for a DF, False for an EF, None for unknown.
            without_ef: True to select a DF again if there is a current EF in it.

        Returns:
            The location of the file, with a DF's whole name if the card returned it, and its properties.

        Raises:
            StatusError: the card refused; ``df`` and ``ef`` are up to date.
        """
        with about(location):
            return self._select_file(location, folder, without_ef=without_ef)

    def _select_file(
        self, location: Location, folder: bool | None, *, without_ef: bool
    ) -> tuple[Location, FileProperties]:
        """Do the work of :meth:`select`."""
        if location.short_id is not None:
            return self._select_by_short_id(location, location.short_id)
        if (
            location == self.df
            and self._df_properties is not None
            and self._df_properties[0] == location
            and not (without_ef and self.ef)
        ):
            return self._df_properties
        answer = self._select_location(location, is_ef=folder is False)
        properties = self._decode(answer)
        if properties.kind is not None or properties.name:
            folder = properties.kind in {None, FileKind.DF}
        if folder:
            self.df, self.ef = _df_location(location, properties), None
            self._df_properties = self.df, properties
            return self._df_properties
        self.df, self.ef = (None, None) if folder is None else (location.folder, location)
        return location, properties

    def select_name(self, name: bytes, occurrence: Occurrence) -> FileProperties:
        """Select an occurrence of a DF name and return its properties. The current DF is unknown afterwards."""
        self.forget()
        with about(Location(name)):
            return self._decode(self._require(SelectBy.DF_NAME, name, occurrence))

    def ensure_ef(self, location: Location) -> None:
        """Select an EF unless it is the current one."""
        if self.ef != location:
            self.select(location, folder=False)

    def ensure_folder(self) -> None:
        """Select the user's current directory unless it is the card's current DF."""
        if self.df != self.folder:
            self.select(self.folder, folder=True)

    def forget_df_properties(self) -> None:
        """Forget the properties of the current DF, because a command changes them."""
        self._df_properties = None

    @contextmanager
    def return_to_folder(self, *, only_after_error: bool = False) -> Iterator[None]:
        """Select the user's current directory again at the end of the context, if a command was sent in it.

        If the card refuses this, no error is raised; the next command that needs the directory selects it again.
        Nothing is sent if the context ends with an exception that is not a service's, such as one of a transmitter, or
        because a response had no status word.

        Args:
            only_after_error: True to do this only if the context ends with an error.
        """
        sent = self._sent
        try:
            yield
        except (StatusError, MalformedError, WrongKindError) as error:
            if self._sent > sent and not lacks_status_word(error):
                self._try_ensure_folder()
            raise
        if self._sent > sent and not only_after_error:
            self._try_ensure_folder()

    def _try_ensure_folder(self) -> None:
        with suppress(StatusError, MalformedError):
            self.ensure_folder()

    def _select_location(self, location: Location, *, is_ef: bool) -> bytes:
        """Select a location by as many commands as the card needs; return the answer to the last one."""
        if not location.name:
            if not location.steps:
                return self._require(SelectBy.FILE_ID, MF.to_bytes(2, "big"))
            answer = self._try(SelectBy.PATH_FROM_MF, _path(location.steps))
            if answer is not None:
                return answer
        answer = b""
        common = self._common_steps(location)
        if common is None:
            answer = (
                self._require(SelectBy.DF_NAME, location.name)
                if location.name
                else self._select_location(Location(), is_ef=False)
            )
            self.df, self.ef, common = Location(location.name), None, 0
        return self._select_steps(location, common, answer, is_ef=is_ef)

    def _common_steps(self, location: Location) -> int | None:
        """Return the number of steps of a location that lead to the current DF or a DF above it.

        Return None if the selection must begin at the start of the location.
        """
        if self.df is None or self.df.name != location.name or UP in self.df.steps:
            return None
        common = 0
        while common < min(len(self.df.steps), len(location.steps)) and self.df.steps[common] == location.steps[common]:
            common += 1
        if common < len(self.df.steps) and (not location.name or SelectBy.PARENT_DF in self._unsupported):
            return None
        return None if common == len(location.steps) == len(self.df.steps) else common

    def _select_steps(self, location: Location, common: int, answer: bytes, *, is_ef: bool) -> bytes:
        """Select parents of the current DF up to ``common`` steps, then the other steps; return the last answer."""
        while self.df is not None and len(self.df.steps) > common:
            parent = self._try(SelectBy.PARENT_DF, b"")
            if parent is None:
                self.forget()
                return self._select_location(location, is_ef=is_ef)
            self.df, self.ef, answer = self.df.folder, None, parent
        steps = location.steps[common:]
        if len(steps) > 1 and UP not in steps:
            whole = self._try(SelectBy.PATH_FROM_DF, _path(steps))
            if whole is not None:
                return whole
        for number, step in enumerate(steps, start=1):
            answer = self._select_step(step, is_ef=is_ef and number == len(steps))
            if number < len(steps):
                self.df, self.ef = Location(location.name, location.steps[: common + number]), None
        return answer

    def _select_step(self, step: int, *, is_ef: bool) -> bytes:
        """Select the file of one step from the current DF and return the answer."""
        if step == UP:
            return self._require(SelectBy.PARENT_DF, b"")
        answer = self._try(SelectBy.CHILD_EF if is_ef else SelectBy.PATH_FROM_DF, _path((step,)))
        return self._require(SelectBy.FILE_ID, _path((step,))) if answer is None else answer

    def _require(self, by: SelectBy, file: bytes, occurrence: Occurrence = Occurrence.FIRST) -> bytes:
        """Return the answer to a SELECT; raise a StatusError if the card does not support the method."""
        answer = self._try(by, file, occurrence)
        if answer is None and self._last_refusal is not None:
            self.sender.accept(_SELECT, self._last_refusal)
        return answer or b""

    def _try(self, by: SelectBy, file: bytes, occurrence: Occurrence = Occurrence.FIRST) -> bytes | None:
        """Return the answer to a SELECT; None if the card does not support the method."""
        if by in self._unsupported:
            return None
        for information in tuple(self._informations):
            response = self._select(by, file, occurrence, information)
            if response.sw in _METHOD_NOT_SUPPORTED:
                self._last_refusal = response
                continue
            self.sender.accept(_SELECT, response, _WARNINGS)
            self._prefer(information)
            if response.data or information != FileInformation.FCI or self._has_tried_fcp:
                return response.data
            self._has_tried_fcp = True  # some cards return properties only for FCP; try it once
            more = self._select(by, file, occurrence, FileInformation.FCP)
            if more.data:
                self._prefer(FileInformation.FCP)
            return more.data
        if by in _OPTIONAL:
            self._unsupported.add(by)
        return None

    def _select(self, by: SelectBy, file: bytes, occurrence: Occurrence, information: FileInformation) -> Response:
        cla = self.sender.cla
        return self.send_any(iso.select_file(file, by, occurrence=occurrence, information=information, cla=cla))

    def _prefer(self, information: FileInformation) -> None:
        """Request this file information first from now on."""
        self._informations.remove(information)
        self._informations.insert(0, information)

    def _select_by_short_id(self, location: Location, short_id: int) -> tuple[Location, FileProperties]:
        """Select an EF by its file identifier if the DF lists it, otherwise by READ with the short identifier."""
        folder, properties = self.select(location.folder, folder=True)
        if short_id in properties.short_ids:
            return self.select(folder.child(properties.short_ids[short_id]), folder=False)
        cla = self.sender.cla
        self.forget_ef()
        command = iso.read_binary(0, 1, short_id=short_id, cla=cla)
        response = self.send_any(command)
        kind = FileKind.TRANSPARENT
        if response.sw == 0x6981:
            command = iso.read_record(1, short_id=short_id, cla=cla)
            response = self.send_any(command)
            kind = FileKind.LINEAR_VARIABLE
        self.sender.accept(command.name, response, {0x6282, 0x6A83, 0x6B00})
        self.ef = location
        stated = self._current_properties()
        return location, stated if stated.short_id == short_id else FileProperties(kind=kind, short_id=short_id)

    def _current_properties(self) -> FileProperties:
        """Return the properties of the current file by GET DATA; most cards return none."""
        response = self.send_any(iso.get_data(FCP, cla=self.sender.cla))
        return self._decode(response.data)

    def _decode(self, answer: bytes) -> FileProperties:
        """Return the properties in an answer. Forget the current files if it is malformed and read strictly."""
        try:
            return FileProperties.decode(answer, lenient=self.lenient)
        except MalformedError:
            self.forget()
            raise


def _path(steps: Sequence[int]) -> bytes:
    return b"".join(step.to_bytes(2, "big") for step in steps)


def _df_location(location: Location, properties: FileProperties) -> Location:
    """Return the location of a DF, corrected by its properties: they may state its whole name, or that it is the MF."""
    if properties.file_id == MF and UP in location.steps:
        return Location()
    if not location.steps and location.name and (properties.name or b"").startswith(location.name):
        return Location(properties.name or b"")
    return location
