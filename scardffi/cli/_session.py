"""The options that commands share: the library, the reader, how to attach, and the output."""

from __future__ import annotations

import argparse
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from .._printable import printable
from ..constants import Protocol, ReaderStateFlag, ShareMode
from ..context import Context
from ..errors import E_FAIL, NoReadersError, NoSmartCardError, UnknownReaderError
from ..library import Library
from ._output import Output, explained

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from ..manage import SCardManage

_PROTOCOLS: Final = {"t0": Protocol.T0, "t1": Protocol.T1, "any": Protocol.ANY, "raw": Protocol.RAW}


def add_library_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of all commands. They may stand before the command too, so an absent one has no default."""
    add_choice_of_library(parser)
    parser.add_argument(
        "--trace",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="record all PC/SC calls to a pcapng file, or to stderr (-)",
    )
    add_json_option(parser)


def add_choice_of_library(parser: argparse.ArgumentParser) -> None:
    """Add the two options that choose the PC/SC library, in the same way."""
    absent = argparse.SUPPRESS
    library = parser.add_mutually_exclusive_group()
    library.add_argument(
        "--virtual", action="store_true", default=absent, help="use a virtual reader with a card instead of hardware"
    )
    library.add_argument(
        "--library", metavar="PATH", default=absent, help="use the PC/SC library with this path or name"
    )


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add the option of all commands that print something, also of those without a library."""
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON: one value on each line"
    )


def add_reader_option(parser: argparse.ArgumentParser, default: str = "the first reader with a card") -> None:
    """Add the option of commands that use one reader; ``default`` names the reader that they use without it."""
    parser.add_argument(
        "--reader",
        metavar="READER",
        help="the number of the reader in the list of `readers`, or a part of its name that no other reader has "
        f"(default: {default})",
    )


def add_card_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that use a card."""
    add_reader_option(parser)
    parser.add_argument("--exclusive", action="store_true", help="let no other program use the card meanwhile")
    parser.add_argument("--protocol", choices=sorted(_PROTOCOLS), default="any", help="the protocol (default: any)")


class Session:
    """The library, the reader and the output that the options name."""

    def __init__(self, options: Namespace, library: Library) -> None:
        self.options = options
        self.library = library
        self.output = Output(json="json" in options)

    def context(self) -> Context:
        """Return a new context of the library."""
        return Context(library=self.library)

    def reader(self, context: Context, *, needs_card: bool = True) -> str:
        """Return the name of the reader that `--reader` names, or of the first one with a card.

        If no reader has a card, and none is needed, it is the first reader.

        Raises:
            NoReadersError: there are no readers.
            UnknownReaderError: no reader fits, or several do.
            NoSmartCardError: there is no `--reader`, and no reader has a card.
        """
        names = context.list_readers()
        if not names:
            raise NoReadersError("no reader was found; connect one or use --virtual", hresult=E_FAIL)
        if self.options.reader is not None:
            return _fitting(names, self.options.reader)
        for state in context.get_status_change(names, timeout=0):
            if state.state & ReaderStateFlag.PRESENT:
                return state.reader
        if not needs_card:
            return names[0]
        shown = ", ".join(map(printable, names))
        raise NoSmartCardError(f"no card was found in {shown}; insert one or use --virtual", hresult=E_FAIL)

    def attach(self, context: Context, reader: str) -> SCardManage:
        """Attach to the card in a reader, as the options say."""
        share_mode = ShareMode.EXCLUSIVE if self.options.exclusive else ShareMode.SHARED
        return context.attach(reader, share_mode, _PROTOCOLS[self.options.protocol])

    @contextmanager
    def card(self, *, quiet: bool = False) -> Iterator[SCardManage]:
        """Attach to the card in the reader, and print the reader's name, unless ``quiet``."""
        with self.context() as context:
            reader = self.reader(context)
            if not quiet:
                self.output.line(f"reader {printable(reader)}")
            with self.attach(context, reader) as card:
                yield card


@contextmanager
def opened(options: Namespace) -> Iterator[Session]:
    """Load the library that the options name, with a trace if they say so."""
    with ExitStack() as stack:
        if "virtual" in options:
            from ..virtual import library_path  # only this option needs it, and it takes long

            library = Library(library_path())
        elif "library" in options:
            library = Library(options.library)
        else:
            library = Library.default()
        if "trace" in options:
            from ..trace import record  # only this option needs it, and it takes long

            try:
                library = stack.enter_context(record(options.trace, library=library))
            except OSError as error:
                from ._input import refuse  # only this failure needs it

                refuse(f"--trace {explained(error, options.trace)}")
        yield Session(options, library)


def _fitting(names: list[str], wanted: str) -> str:
    """Return the name that a number or a part of a name means."""
    if wanted in names:
        return wanted
    if wanted.isdecimal() and int(wanted) < len(names):
        return names[int(wanted)]
    fitting = [name for name in names if wanted in name]
    if len(fitting) == 1:
        return fitting[0]
    problem = "no reader fits" if not fitting else f"{len(fitting)} readers fit"
    shown = "; ".join(f"{number} {printable(name)}" for number, name in enumerate(names))
    raise UnknownReaderError(f"--reader {wanted!r}: {problem}; the readers are: {shown}", hresult=E_FAIL)
