"""Show the PC/SC library, and the attributes and features of a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._printable import printable
from ..constants import Attribute, Protocol, ShareMode
from ..errors import SCardError
from ..services.pin_pad import PinPad
from ._exit_codes import ExitCode
from ._session import add_library_options, add_reader_option, opened

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..manage import SCardManage

_TEXTS = (
    Attribute.VENDOR_NAME,
    Attribute.VENDOR_IFD_TYPE,
    Attribute.VENDOR_IFD_SERIAL_NO,
    Attribute.DEVICE_FRIENDLY_NAME,
    Attribute.DEVICE_SYSTEM_NAME,
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the reader."""
    add_library_options(parser)
    add_reader_option(parser)


def run(options: Namespace) -> int:
    """Print the library, then what the reader says of itself. The reader needs no card."""
    with opened(options) as session, session.context() as context:
        info = session.library.info()
        output = session.output
        output.line(f"library\t{printable(info.path)}")
        output.line(f"version\t{info.version or 'unknown'}")
        output.line(f"missing functions\t{', '.join(sorted(info.missing)) or 'none'}")
        shown: dict[str, Any] = {"library": info.path, "version": info.version, "missing": sorted(info.missing)}
        names = context.list_readers()
        if names or options.reader is not None:
            reader = session.reader(context, needs_card=False)
            output.line(f"reader\t{printable(reader)}")
            with context.attach(reader, ShareMode.DIRECT, Protocol.UNDEFINED) as card:
                attributes, features = _attributes(card), _features(card)
            for name, value in attributes.items():
                output.line(f"{name}\t{value}")
            output.line(f"features\t{', '.join(features) or 'none'}")
            shown |= {"reader": reader, "attributes": attributes, "features": features}
        output.value(shown)
    return ExitCode.SUCCESS


def _attributes(card: SCardManage) -> dict[str, str | int]:
    """Return the attributes that the reader has, by name; bytes as hexadecimal text."""
    found: dict[str, str | int] = {}
    for attribute in Attribute:
        try:
            raw = card.get_attribute(attribute)
        except SCardError:
            continue
        if attribute in _TEXTS:
            found[attribute.name] = printable(raw.rstrip(b"\0").decode(errors="replace"))
        elif len(raw) in {1, 2, 4, 8} and attribute is not Attribute.ATR_STRING:
            found[attribute.name] = int.from_bytes(raw, "little")
        else:
            found[attribute.name] = raw.hex().upper()
    return found


def _features(card: SCardManage) -> list[str]:
    """Return the names of the reader's features (PC/SC part 10)."""
    try:
        return [getattr(feature, "name", f"0x{int(feature):02X}") for feature in PinPad(card).features]
    except SCardError:
        return []
