"""Connections that change how another connection works."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from .CardConnection import CardConnection, Command

_T = TypeVar("_T")
_P = ParamSpec("_P")


def _passed_on(
    method: Callable[Concatenate[CardConnection, _P], _T],
) -> Callable[Concatenate[CardConnectionDecorator, _P], _T]:
    """Return a method that calls the method of the same name of the other connection."""
    name = method.__name__

    @functools.wraps(method)
    def call(self: CardConnectionDecorator, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        result: _T = getattr(self.component, name)(*args, **kwargs)
        return result

    return call


class CardConnectionDecorator:
    """A connection around another one, which calls the same methods of the other one.

    Subclasses override the methods that they change. Names that this class does not have are those of the other
    connection.

    Args:
        cardConnectionComponent: the other connection, a CardConnection or a decorator.

    Attributes:
        component: the other connection.
    """

    def __init__(self, cardConnectionComponent: CardConnection | CardConnectionDecorator) -> None:
        self.component: Any = cardConnectionComponent

    def __getattr__(self, name: str) -> Any:
        if name == "component":  # __init__ has not run
            raise AttributeError(name)
        return getattr(self.component, name)

    addSWExceptionToFilter = _passed_on(CardConnection.addSWExceptionToFilter)
    addObserver = _passed_on(CardConnection.addObserver)
    deleteObserver = _passed_on(CardConnection.deleteObserver)
    connect = _passed_on(CardConnection.connect)
    reconnect = _passed_on(CardConnection.reconnect)
    disconnect = _passed_on(CardConnection.disconnect)
    release = _passed_on(CardConnection.release)
    getATR = _passed_on(CardConnection.getATR)
    getProtocol = _passed_on(CardConnection.getProtocol)
    getReader = _passed_on(CardConnection.getReader)
    setErrorCheckingChain = _passed_on(CardConnection.setErrorCheckingChain)
    setProtocol = _passed_on(CardConnection.setProtocol)
    control = _passed_on(CardConnection.control)
    getAttrib = _passed_on(CardConnection.getAttrib)

    def transmit(self, command: Command, protocol: int | None = None) -> tuple[list[int], int, int]:
        """Send a command and return its response (data, sw1, sw2).

        Arguments and errors are those of :meth:`.CardConnection.transmit`.
        """
        return self.component.transmit(command, protocol)  # type: ignore[no-any-return]  # a variable would cost time

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.disconnect()
        self.release()
