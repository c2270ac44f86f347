"""Saves a card with files to a small file system, again when it is full, and prints the class of the error.

Argument: the folder of the file system. It checks that the file is the old one and that nothing else is left.
"""

import contextlib
import errno
import sys
from pathlib import Path

from scardffi.virtual.file_system import DF, FileSystemCard, TransparentEF

folder = Path(sys.argv[1])
saved = folder / "card.json"
FileSystemCard(DF(0x3F00, [TransparentEF(0x2F00, b"old")])).save(saved)
old = saved.read_bytes()
with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
    while filler.write(bytes(4096)):
        pass
try:
    FileSystemCard(DF(0x3F00, [TransparentEF(0x2F00, bytes(20_000))])).save(saved)
except OSError as error:
    sys.stdout.write("OSError" if error.errno == errno.ENOSPC else repr(error))
assert saved.read_bytes() == old
assert FileSystemCard.load(saved)
assert {path.name for path in folder.iterdir()} == {"card.json", "filler"}
