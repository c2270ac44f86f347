"""A card with files for the tests of services: as a transmitter itself, and in a virtual reader."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from scardffi import Library, SCardManage, virtual
from scardffi.virtual import VirtualReader
from scardffi.virtual.file_system import DF, FileSystemCard, RecordEF, Structure, TransparentEF

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scardffi.services.transmitter import Transmitter

READER = "Reader of a card with files"
AID = bytes.fromhex("A000000063504B43532D3135")
DIRECT, READER_TOO = "card", "reader"
KINDS = (DIRECT, READER_TOO)
"""How the services reach the card: it is the transmitter, or it is in a reader and SCardManage is the transmitter."""
EF_DIR = bytes.fromhex("6116 4F0C A000000063504B43532D3135 5006") + b"My app"
EF_ATR = bytes.fromhex("43 01 B8 47 03 F741C0 7F66 08 0202 0400 0202 0800")


def make_card() -> FileSystemCard:
    """3F00: 2F00 (EF.DIR), 2F01 (EF.ATR), 5000 (5001 transparent, 5002 linear, 5003 cyclic, 5010), an application."""
    plain = DF(
        0x5000,
        [
            TransparentEF(0x5001, bytes(range(100)), short_id=1),
            RecordEF(0x5002, [b"\1abc", b"\2def"], capacity=3, short_id=2),
            RecordEF(0x5003, [b"new", b"old"], Structure.CYCLIC, capacity=2),
            DF(0x5010, [TransparentEF(0x5001, b"another one")]),
        ],
    )
    application = DF(0x5015, [TransparentEF(0x4401, b"token")], name=AID)
    other = DF(0x5016, [], name=b"\xa0\0\0\0\x18")
    return FileSystemCard(
        DF(files=[TransparentEF(0x2F00, EF_DIR), TransparentEF(0x2F01, EF_ATR), plain, application, other])
    )


@contextmanager
def transmitter(kind: str, card: FileSystemCard) -> Iterator[Transmitter]:
    """What a service talks to this card through."""
    if kind == DIRECT:
        yield card
        return
    with VirtualReader(READER, card), SCardManage(Library(virtual.library_path())).attach_by_ifd(READER) as manage:
        yield manage
