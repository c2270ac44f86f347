"""Methods that hold the lock of their object."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Concatenate, ParamSpec, TypeVar

from ..._locks import ForkMutex

_T = TypeVar("_T")
_P = ParamSpec("_P")
_Self = TypeVar("_Self", bound="Synchronization")


class Synchronization:
    """An object with a lock, ``mutex``, which the same thread can take several times."""

    def __init__(self) -> None:
        self.mutex = ForkMutex()


def synchronized(method: Callable[Concatenate[_Self, _P], _T]) -> Callable[Concatenate[_Self, _P], _T]:
    """Decorate a method so that it holds its object's ``mutex``."""

    @functools.wraps(method)
    def locked(self: _Self, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        with self.mutex:
            return method(self, *args, **kwargs)

    return locked


def synchronize(klass: type, names: str | Iterable[str] | None = None) -> None:
    """Decorate methods of a class with :func:`synchronized`.

    Args:
        klass: the class.
        names: the methods' names, as a list or in one string with spaces; None for all but ``__init__``.
    """
    chosen = names.split() if isinstance(names, str) else names
    for name, method in list(vars(klass).items()):
        if inspect.isfunction(method) and (name != "__init__" if chosen is None else name in chosen):
            setattr(klass, name, synchronized(method))
