"""The repr of objects whose ``__init__`` has not finished."""

from __future__ import annotations

import functools
from typing import TypeVar

_Class = TypeVar("_Class", bound=type)


def repr_if_half_made(kind: _Class) -> _Class:
    """Make ``repr`` work on objects without attributes, for example after ``__init__`` has raised.

    Debuggers and loggers show such objects, and an error of their repr would hide the error that they report.
    """
    whole = kind.__repr__

    @functools.wraps(whole)
    def __repr__(self: object) -> str:  # noqa: N807  it becomes the method
        try:
            return whole(self)  # type: ignore[call-arg]  # mypy takes it for the repr of the class
        except AttributeError:
            return f"<{type(self).__name__}, not complete>"

    kind.__repr__ = __repr__  # type: ignore[method-assign,assignment]  # it is the method of the decorated class
    return kind
