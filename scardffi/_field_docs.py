"""Docstrings of the fields of a NamedTuple."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Class = TypeVar("_Class", bound=type)


def field_docs(**docs: str) -> Callable[[_Class], _Class]:
    """Return a decorator that gives the fields of a NamedTuple these docstrings, which ``help()`` shows.

    Python ignores a string that follows a field in the class.
    """

    def decorate(kind: _Class) -> _Class:
        for name, text in docs.items():
            getattr(kind, name).__doc__ = text
        return kind

    return decorate
