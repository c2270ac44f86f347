"""Run a file of commands on a card, in the format of scriptor with expected status words, variables and loops.

The whole file is checked before anything is sent, and the codes that it asks for are read. Its lines are:

  00 A4 00 0C 02 3F 00       send a command
  00B0000004 -> 9000 62xx    send it, and expect one of these status words; x is any digit
  expect 9000 61xx           expect these after the commands that follow; expect any ends this
  reset, reset cold          reset the card, or turn its power off and on
  set NAME = 3F 00           set a variable: its bytes are $NAME or ${NAME}, its length is ${#NAME}
  ask NAME pad 8 FF          ask for a code, without echo; pad, the length and the byte may be left out
  repeat 5                   repeat the lines up to end
  for N in 01..0A 3F00       do so with each of these values in a variable
  end                        end a loop
  break 6A83                 leave the loop if the last status word is one of these
  exit                       end the script
  # text                     a comment, also after a command

A backslash at the end of a line goes on in the next one. $DATA, $SW1 and $SW2 are those of the last response.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ._exit_codes import ExitCode
from ._input import refuse
from ._output import warn
from ._progress import progress
from ._script_language import Script, ScriptError, Variables
from ._script_run import ScriptRun, read_codes
from ._session import add_card_options, add_library_options, opened

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add the file, and what to do at an unexpected status word."""
    add_library_options(parser)
    add_card_options(parser)
    parser.add_argument("file", metavar="FILE", help="the script; - for standard input")
    parser.add_argument("--check", action="store_true", help="only check the file; no card is used")
    parser.add_argument("--keep-going", action="store_true", help="go on after a status word that is not expected")
    parser.add_argument("--raw", action="store_true", help="also send bytes that are not a command APDU")
    parser.add_argument("--show-secrets", action="store_true", help="show PINs and keys in commands")


def run(options: Namespace) -> int:
    """Check the file, ask for its codes, and run it. The code is CARD if a status word is not as expected."""
    name = "standard input" if options.file == "-" else options.file
    script = _read(options, name)
    if options.file == "-" and script.asks:
        refuse(f"{name}:{script.asks[0].place.line}: ask reads standard input; give the script as a file")
    if options.check:
        return ExitCode.SUCCESS
    variables = Variables()
    try:
        read_codes(script, variables)
        with opened(options) as session, session.card() as card, progress(script.exchanges) as done:
            running = ScriptRun(
                session.output, name, show_secrets=options.show_secrets, keep_going=options.keep_going, done=done
            )
            running.run(script, card, variables)
    except ScriptError as error:
        for line in error.lines(name):
            warn(line)
        return ExitCode.USAGE
    finally:
        variables.wipe()
    return ExitCode.CARD if running.failed else ExitCode.SUCCESS


def _read(options: Namespace, name: str) -> Script:
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text(encoding="utf-8-sig")
        return Script(text, raw=options.raw)
    except (OSError, UnicodeDecodeError) as error:
        refuse(f"{name}: {getattr(error, 'strerror', None) or error}")
    except ScriptError as error:
        for line in error.lines(name):
            warn(line)
        raise SystemExit(ExitCode.USAGE) from None
