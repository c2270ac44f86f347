"""Makes each allocation of Python fail once in the calls of the module _calls: MemoryError, and the next call works."""

import _testcapi  # type: ignore[import-not-found]  # it is for CPython's own tests
import functools
import importlib.util
import json
import sys
from collections.abc import Callable
from typing import Any

from scardffi import SCardManage, _calls, embed, virtual

READ = bytes.fromhex("00B0000004")
ANSWER = bytes.fromhex("000102039000")
MOST = 5000
"""A number of allocations that none of the calls makes."""


def fail_each(call: Callable[[], Any]) -> int:
    """Fail the first allocation of the call, then the second, and so on; return how many there are."""
    for number in range(1, MOST):
        _testcapi.set_nomemory(number - 1, number)
        try:
            call()
        except MemoryError:
            continue
        finally:
            _testcapi.remove_mem_hooks()
        return number - 1
    raise AssertionError(call)


def load_again() -> None:
    """Make another module object of _calls, as another interpreter would."""
    spec = importlib.util.spec_from_file_location(_calls.__name__, _calls.__file__)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def main() -> None:
    failed = {}
    with virtual.installed(), SCardManage().attach_by_ifd(virtual.DEFAULT_READER) as card:
        handle, memory = card.handle, bytearray(40)
        exchange = card.exchange(READ, memory)
        address = embed.address(card.native)
        calls: dict[str, Callable[[], Any]] = {
            "transmit": functools.partial(card.transmit, READ),
            "transmit_into": functools.partial(card.transmit_into, READ, memory),
            "an exchange": exchange,
            "unchecked": exchange.unchecked,
            "a new exchange": functools.partial(_calls.ExchangeCalls, card, address, 0, READ, memory),
            "raw transmit": functools.partial(_calls.transmit, 0, handle, 2, READ, memory),
            "transmit_list": functools.partial(_calls.transmit_list, handle, 2, list(READ)),
            "card_function": functools.partial(_calls.card_function, lambda *_: b""),
        }
        if sys.version_info < (3, 13):  # later ones crash, also with modules of their own
            calls["import"] = load_again
        before = card.transmit(READ)
        for name, call in calls.items():
            failed[name] = fail_each(call)
            assert card.transmit(READ) == before == ANSWER, name
            assert _calls.transmit_list(handle, 2, READ) == [0, list(ANSWER)], name
        exchange.close()
        memory.append(0)  # no call has left it locked
    sys.stdout.write(json.dumps(failed) + "\n")


main()
