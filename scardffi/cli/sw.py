"""Explain status words (ISO/IEC 7816-4:2013, 5.6), and return codes of PC/SC such as 8010001D."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import lookup
from ..iso7816.status_word import meaning
from ._exit_codes import ExitCode
from ._input import HEXADECIMAL, joined, refuse
from ._output import Output
from ._session import add_json_option

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


_CODES_BEGIN: Final = b"\x80\x10"
"""The first half of each return code of PC/SC. No status word begins with 8."""
_COUNTER: Final = 0x63C0
"""The status words 63Cx, which have a counter in their last half byte (ISO/IEC 7816-4:2013, 5.6)."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the status words and return codes."""
    add_json_option(parser)
    parser.add_argument(
        "sw", nargs="+", metavar="HEX", help=f"status words of two bytes, return codes of four: {HEXADECIMAL}"
    )


def run(options: Namespace) -> int:
    """Print the meaning of each status word and return code."""
    raw = joined(options.sw)
    if len(raw) % 2:
        refuse(f"{raw.hex(' ').upper()} are {len(raw)} bytes; a status word has two")
    output = Output(json="json" in options)
    while raw:
        length = 4 if raw.startswith(_CODES_BEGIN) and len(raw) >= 4 else 2
        (_return_code if length == 4 else _status_word)(raw[:length], output)
        raw = raw[length:]
    return ExitCode.SUCCESS


def _status_word(raw: bytes, output: Output) -> None:
    sw = int.from_bytes(raw, "big")
    text = meaning(sw)
    if sw & 0xFFF0 == _COUNTER:
        text += ": after a wrong code or key, the number of tries left"
    output.line(f"{sw:04X} {text}")
    output.value({"sw": f"{sw:04X}", "meaning": text})


def _return_code(raw: bytes, output: Output) -> None:
    known = lookup(int.from_bytes(raw, "big"))
    code = raw.hex().upper()
    output.line(f"{code} {known.name}: {known.meaning}. {known.remedy}")
    output.value({"code": code, "name": known.name, "meaning": known.meaning, "remedy": known.remedy})
