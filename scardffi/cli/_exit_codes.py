"""The exit codes of the command line."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class ExitCode(IntEnum):
    """The outcome of a command."""

    SUCCESS = 0
    CARD = 1
    """The card answered with another status word than expected, or with none."""
    USAGE = 2
    """The command line or a file that it names is wrong; nothing was sent to a card."""
    PCSC = 3
    """A PC/SC function failed, or no PC/SC library was found."""
    NO_READER = 4
    """There is no reader, or none that fits the option --reader."""
    NO_CARD = 5
    """There is no card in the reader."""
    FILE = 6
    """A file or the output cannot be read or written, for example because the disk is full."""
    INTERRUPTED = 130
    """Ctrl-C."""
    BROKEN_PIPE = 141
    """The program that read the output ended, for example `head`."""


HELP: Final = """exit codes:
  0    success
  1    the card answered with another status word than expected, or with none
  2    the command line, or a file that it names, is wrong; nothing was sent
  3    a PC/SC function failed, or no PC/SC library was found
  4    there is no reader, or none that fits --reader
  5    there is no card in the reader
  6    a file or the output cannot be read or written
  130  interrupted by Ctrl-C
  141  the program that reads the output has ended"""
