"""The classes of the compiled module ``_calls`` in Python, through cffi: for PyPy, and for tests.

csrc/python/calls.c has the documentation of the methods. The subclasses in ``exchange`` make the errors.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ._arguments import UNSIGNED_CHARS, locked, new_memory, pair_of_buffers, readable, release, writable
from ._loader import address_of, ffi, keeping, lib, owning
from .constants import MAX_BUFFER_SIZE_EXTENDED
from .errors import E_OUTOFMEMORY

if TYPE_CHECKING:
    from ._native import CData


class CardCalls:
    """The transmit methods of a manage object."""

    def __init__(self, native: CData, _address: int) -> None:
        self._native = native

    def transmit(self: Any, command: Any, flow: Any = 0) -> Any:
        """Send a command APDU and return the response."""
        if flow:
            return self._transmit_with_flow(command, flow)
        memory = new_memory(UNSIGNED_CHARS, MAX_BUFFER_SIZE_EXTENDED)
        length = MAX_BUFFER_SIZE_EXTENDED
        try:
            length = self._exchange("transmit", command, memory)
            return bytes(ffi.buffer(memory, length))
        finally:
            if type(command) is not bytes:  # the command may be secret, and the response may repeat it
                lib.wipe_memory(memory, length)

    def transmit_into(self: Any, command: Any, response: Any, flow: Any = 0) -> Any:
        """Send a command APDU and receive the response in memory of the caller."""
        if flow:
            return self._transmit_into_with_flow(command, response, flow)
        receive = writable("response", response)
        try:
            return self._exchange("transmit_into", command, receive)
        finally:
            release(receive)

    def _exchange(self: Any, function: str, command: Any, receive: CData) -> Any:
        send = readable("command", command)
        sizes = len(send), len(receive)
        length = lib.exchange_plain(self._native, send, sizes[0], receive, sizes[1])
        release(send)
        return length if length >= 0 else self._raise_failure(function, length, *sizes)


class ExchangeCalls:
    """The calls of an exchange with bound buffers."""

    def __init__(self, card: Any, _address: int, flow: int, command: Any, response: Any) -> None:
        send, receive = pair_of_buffers(_own_view(command), _own_view(response))
        send = locked("command", send) if isinstance(send, bytes) else send
        bound = send, len(send), receive, len(receive)
        hresult = lib.transmit_check(*bound)
        create = partial(lib.exchange_new, card.native, flow, *bound)
        native = None if hresult else owning(create, lib.exchange_free)
        if native is None:
            release(send, receive)
            raise card._raise_failure("exchange", -(hresult or E_OUTOFMEMORY), bound[1], bound[3])  # noqa: SLF001  as C does
        self._address = address_of(native)
        self._kept = keeping(ffi.cast(ffi.typeof(native), native), (native, card.native, send, receive))
        self._locked, self._has_flow = (send, receive), bool(flow)

    def __call__(self: Any, *arguments: Any, **names: Any) -> Any:
        """Send the command and receive the response in place."""
        if self._has_flow or arguments or names:
            return self._call(*arguments, **names)
        length = lib.exchange_send(self._kept)
        return length if length >= 0 else self._raise_failure(length)

    def unchecked(self: Any) -> Any:
        """Send the command; return the length of the response, or the negated HRESULT."""
        return self._complete() if self._has_flow else lib.exchange_send(self._kept)

    def _unlock(self) -> None:
        release(*self._locked)


def _own_view(value: Any) -> Any:
    return memoryview(value) if isinstance(value, memoryview) else value  # the caller may release his
