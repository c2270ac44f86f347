"""Show data objects as a tree: BER-TLV or SIMPLE-TLV (ISO/IEC 7816-4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..iso7816 import tag_names
from ..iso7816.malformed import MalformedError
from ..iso7816.tlv import decode, decode_simple
from ._exit_codes import ExitCode
from ._input import HEXADECIMAL, joined, refuse
from ._output import Output, warn
from ._session import add_json_option

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..iso7816.tlv import TLV

_TABLES: Final = {
    "iso": tag_names.ISO,
    "emv": tag_names.EMV,
    "emrtd": tag_names.EMRTD,
    "globalplatform": tag_names.GLOBAL_PLATFORM,
    "openpgp": tag_names.OPENPGP,
    "piv": tag_names.PIV,
    "uicc": tag_names.UICC,
}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the data objects, and how they are read."""
    add_json_option(parser)
    parser.add_argument("objects", nargs="+", metavar="HEX", help=f"the data objects: {HEXADECIMAL}")
    parser.add_argument("--simple", action="store_true", help="read SIMPLE-TLV, not BER-TLV")
    parser.add_argument(
        "--names", choices=[*_TABLES], action="append", default=[], help="name the tags of this application"
    )
    parser.add_argument("--strict", action="store_true", help="refuse data objects that are malformed")


def run(options: Namespace) -> int:
    """Print the tree. Malformed objects are left out and listed on stderr."""
    raw = joined(options.objects)
    output = Output(json="json" in options)
    try:
        if options.simple:
            simple = decode_simple(raw, lenient=not options.strict)
            problems = simple.problems
            for one in simple:
                output.line(f"{one.tag:02X} [{len(one.value)}] {one.value.hex(' ').upper()}".rstrip())
            output.value([{"tag": f"{one.tag:02X}", "value": one.value.hex().upper()} for one in simple])
        else:
            objects = decode(raw, lenient=not options.strict)
            problems = objects.problems
            tables = [_TABLES[name] for name in options.names] or [tag_names.ISO]
            output.line(objects.tree(names=tables, most=None))
            output.value([_as_json(one) for one in objects])
    except MalformedError as error:
        refuse(str(error))
    for problem in problems:
        warn(str(problem))
    return ExitCode.SUCCESS


def _as_json(one: TLV) -> dict[str, Any]:
    shown: dict[str, Any] = {"tag": f"{one.tag:X}", "value": one.value.hex().upper()}
    if one.constructed:
        shown["children"] = [_as_json(child) for child in one.children(lenient=True)]
    return shown
