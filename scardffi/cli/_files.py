"""The options and arguments of the commands for a card's files."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..iso7816.malformed import MalformedError
from ..iso7816.status_word import StatusError
from ..services.file_access import FileAccess
from ..services.file_properties import FileKind, WrongKindError
from ..services.file_reference import FileRef
from ._exchanges import ShownOnStderr
from ._exit_codes import ExitCode
from ._input import refuse
from ._output import warn
from ._session import add_card_options, add_library_options, opened

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ._output import Output

FILE = "a path of file identifiers, such as 2F00 or 5000/5001, after the AID of an application if it has one"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of commands for files."""
    add_library_options(parser)
    add_card_options(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="do not show the exchanges on stderr")


def checked(path: str) -> FileRef:
    """Return the reference to a file."""
    try:
        return FileRef.of(path)
    except ValueError as error:
        refuse(str(error))


@contextmanager
def refusals() -> Iterator[None]:
    """Print what the card refuses, or answers wrongly, and end with the exit code for it."""
    try:
        yield
    except (StatusError, MalformedError) as error:
        warn(str(error))
    except WrongKindError as error:
        if error.kind is FileKind.DF:
            warn("the file is a directory (DF), which ls lists")
        else:
            kind = error.kind.name.lower().replace("_", " ")
            warn(f"the file is {kind}; cat prints such files, and put writes transparent ones only")
    else:
        return
    raise SystemExit(ExitCode.CARD)


@contextmanager
def files(options: Namespace) -> Iterator[tuple[FileAccess, Output]]:
    """Attach to the card, and give access to its files."""
    with refusals(), opened(options) as session, session.card(quiet=True) as card:
        yield FileAccess(card if options.quiet else ShownOnStderr(card)), session.output
