"""Imports of packages that an extra installs: the error for a missing one names the extra."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Let a missing package raise an error that says how to install it; a context manager around imports.

    Args:
        name: the name of the extra that installs the packages.

    Raises:
        ModuleNotFoundError: a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'the package {error.name} is not installed; install it with: pip install "scardffi[{name}]"',
            name=error.name,
        ) from None
