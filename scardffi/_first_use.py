"""Names of a package that are imported at their first use, because not all programs use them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def imported_at_first_use(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package.

    The names become attributes of the package, so that their next use does not call this function.

    Args:
        package: the package's ``__name__``.
        modules: the module of each name, relative to the package: ".script" for ``Script``. A module that is a public
            name itself has its own name: ".embed" for ``embed``.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(modules[name], package)
        value = module if modules[name] == f".{name}" else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return get
