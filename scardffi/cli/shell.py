"""Type commands for a card, one after the other, and see the responses.

A line is a line of a script file, or one of the shell's own commands, which help lists. Lines with PINs or keys do not
get into the history. With the extra "cli" the shell has history, completion and colours.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .._printable import printable
from ..errors import SCardError
from ._exit_codes import ExitCode
from ._output import warn
from ._script_language import KEYWORDS, Script, ScriptError, Variables, is_unfinished
from ._script_run import ScriptRun, read_codes
from ._session import add_card_options, add_library_options, opened
from ._shell_input import lines
from .main import parser

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from ..context import Context
    from ..manage import SCardManage
    from ._session import Session

HELP: Final = {
    "00 B0 00 00 04": "send this command; -> 9000 61xx after it says which status words are expected",
    "reset [cold]": "reset the card; cold turns its power off and on",
    "set NAME = BYTES": "set a variable, which commands use as $NAME; ${#NAME} is its length",
    "ask NAME": "ask for a code, which is not shown",
    "for, repeat, end": "loops, as in script files",
    "readers": "list the readers",
    "attach [READER]": "connect to a card: in a reader by number or part of its name, or in the same reader again",
    "detach": "end the connection",
    "atr [BYTES]": "explain the card's answer to reset, or another one",
    "tlv [BYTES]": "show data objects: those of the last response, or others",
    "sw [XXXX]": "explain a status word: that of the last response, or another one",
    "run FILE": "run a script file",
    "help": "show this list",
    "exit": "end the shell, as Ctrl-D does",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the reader."""
    add_library_options(parser)
    add_card_options(parser)
    parser.add_argument("--raw", action="store_true", help="also send bytes that are not a command APDU")
    parser.add_argument("--show-secrets", action="store_true", help="show PINs and keys in commands")


def run(options: Namespace) -> int:
    """Read and do lines until the user ends the shell."""
    with opened(options) as session, session.context() as context, ExitStack() as stack:
        shell = _Shell(session, context)
        stack.callback(shell.close)
        shell.loop()
    return ExitCode.SUCCESS


class _Shell:
    """The state of the shell: the card, the variables and the last response."""

    def __init__(self, session: Session, context: Context) -> None:
        self._session = session
        self._output = session.output
        self._context = context
        self._card: SCardManage | None = None
        self._reader: str | None = None
        self._variables = Variables()
        self._run = ScriptRun(session.output, show_secrets=session.options.show_secrets)
        self._own: dict[str, Callable[[str], object]] = {
            "atr": self._atr,
            "attach": self._attach,
            "detach": self._detach,
            "help": self._help,
            "readers": self._readers,
            "run": self._run_file,
            "sw": self._sw,
            "tlv": self._tlv,
        }

    def close(self) -> None:
        """Detach, and overwrite the codes."""
        self._variables.wipe()
        self._detach("")

    def loop(self) -> None:
        """Read and do lines until the end of the input, or until exit."""
        source = lines({*self._own, *KEYWORDS}, self._context.list_readers)
        self._guarded(lambda: self._attach(""))
        text = ""
        while True:
            try:
                line = source.read("... " if text else "scardffi> ")
            except KeyboardInterrupt:
                text = ""
                continue
            except EOFError:
                return
            text = f"{text}\n{line}" if text else line
            first, _, rest = text.strip().partition(" ")
            if first.lower() in {"exit", "quit"}:
                return
            if first.lower() not in self._own and is_unfinished(text):
                continue
            if first.lower() in self._own:
                self._guarded(lambda: self._own[first.lower()](rest.strip()))  # noqa: B023  it is called at once
                source.remember(text)
            elif text.strip():
                self._guarded(lambda: self._lines_of_script(text, source.remember))  # noqa: B023  the same
            text = ""

    def _guarded(self, action: Callable[[], object]) -> None:
        """Do something, and show what goes wrong; the shell goes on."""
        try:
            action()
        except ScriptError as error:
            for place, message in error.problems:
                line = f"line {place.line}, " if place.line > 1 else ""
                warn(f"{line}column {place.column}: {message}")
        except SCardError as error:
            warn(f"{error}; attach connects again" if self._card is not None else str(error))
        except (ValueError, OSError) as error:
            warn(str(error))
        except SystemExit:
            pass  # what was typed is wrong; a message has said so
        except KeyboardInterrupt:
            warn("interrupted")

    def _lines_of_script(self, text: str, remember: Callable[[str], None]) -> None:
        script = Script(text, raw=self._session.options.raw, known=self._variables)
        if not script.has_secrets():
            remember(text)
        self._do(script)

    def _do(self, script: Script) -> None:
        card = self._attached() if script.exchanges else self._card
        read_codes(script, self._variables)
        self._run.run(script, card, self._variables)

    def _run_file(self, path: str) -> None:
        text = Path(path).expanduser().read_text(encoding="utf-8-sig")
        try:
            script = Script(text, raw=self._session.options.raw, known=self._variables)
        except ScriptError as error:
            for line in error.lines(path):
                warn(line)
            return
        self._do(script)

    def _attach(self, wanted: str) -> None:
        self._detach("")
        if wanted:
            self._session.options.reader = wanted
            self._reader = None
        reader = self._reader or self._session.reader(self._context)
        self._card = self._session.attach(self._context, reader)
        self._reader = reader
        self._output.line(f"reader {printable(reader)}")
        self._output.line(f"ATR {self._card.atr.hex(' ').upper()}")
        self._output.value({"reader": reader, "atr": self._card.atr.hex().upper()})

    def _detach(self, _: str) -> None:
        card, self._card = self._card, None
        if card is not None and card.is_attached:
            with suppress(SCardError):  # the card or the reader may be gone
                card.detach()

    def _help(self, _: str) -> None:
        for usage, text in HELP.items():
            self._output.line(f"  {usage:18}{text}")

    def _readers(self, _: str) -> None:
        names = self._context.list_readers()
        for number, name in enumerate(names):
            self._output.line(f"{number}\t{printable(name)}")
        if not names:
            warn("there are no readers")
        self._output.value({"readers": names})

    def _atr(self, text: str) -> None:
        self._subcommand("atr", text or self._attached().atr.hex())

    def _tlv(self, text: str) -> None:
        self._subcommand("tlv", text or self._last()[:-2].hex())

    def _sw(self, text: str) -> None:
        self._subcommand("sw", text or self._last()[-2:].hex())

    def _subcommand(self, name: str, arguments: str) -> None:
        """Do what the command of the command line does."""
        options = parser().parse_args([name, *arguments.split(), *["--json"] * self._output.is_json])
        options.run(options)

    def _last(self) -> bytes:
        if len(self._run.last) < 2:
            raise ValueError("there is no response yet; send a command, or give bytes")
        return self._run.last

    def _attached(self) -> SCardManage:
        if self._card is None:
            raise ValueError("no card is attached; attach connects to one")
        return self._card
