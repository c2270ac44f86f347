"""Uses the table with ctypes only: opens the library, attaches by reader, transmits, detaches.

Arguments: the PC/SC library, the reader. Prints the card's answer.
"""

import ctypes
import sys

from scardffi import embed

READ_FOUR = bytes.fromhex("00B0000004")


def main(path: str, reader: str) -> None:
    library, manage = ctypes.c_void_p(), ctypes.c_void_p()
    detail = ctypes.create_string_buffer(512)
    opened = embed.prototype("library_open")(path.encode(), ctypes.byref(library), detail, len(detail))
    assert opened == 0, detail.value
    assert embed.prototype("manage_new")(library, ctypes.byref(manage)) == 0
    assert embed.prototype("attach_by_ifd")(manage, 2, reader.encode(), 2, 3) == 0
    response = (ctypes.c_ubyte * 258)()
    length = embed.prototype("transmit")(manage, READ_FOUR, len(READ_FOUR), response, len(response))
    sys.stdout.write(bytes(response[:length]).hex() + "\n")
    assert embed.prototype("detach")(manage, 0) == 0
    embed.prototype("manage_free")(manage)


main(*sys.argv[1:])
