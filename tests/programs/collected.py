"""Drops an attached card and an established context, so that they are collected. Arguments: PC/SC library, reader.

Prints "closed" if they are closed, else it fails.
"""

import gc
import json
import sys
import time

from scardffi import Context, InvalidHandleError, Library, SCardManage


def is_open(library: Library, handle: int) -> bool:
    try:
        SCardManage(library).attach_by_handle(handle).detach()
    except InvalidHandleError:
        return False
    return True


def main() -> None:
    library = Library(sys.argv[1])
    card = SCardManage(library).attach_by_ifd(sys.argv[2])
    context = Context(library=library)
    handle, number = card.handle, context.handle
    del card, context
    gc.collect()
    deadline = time.monotonic() + 5
    while is_open(library, handle) or library.SCardIsValidContext(number) == 0:
        assert time.monotonic() < deadline, "the collected objects are not closed"
        time.sleep(0.001)
    sys.stdout.write(json.dumps("closed") + "\n")


main()
