"""The finder by which ``import smartcard`` imports modules of scardffi.compat.

A module has one copy, whichever name imports it: ``smartcard.ATR`` and ``scardffi.compat.smartcard.ATR`` are the same
object, with the second name in its ``__name__``. Classes therefore have one identity, and what a program has pickled
can be read with the finder and without it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path  # imported at its first use, because it takes long and few programs need it
    from types import ModuleType
    from typing import Any

_Layers = Literal["all", "scard"]
_REPLACED: Final = "smartcard"
_SCARD: Final = f"{__package__}.scard"
_SCARD_NAMES: Final = frozenset({"smartcard.scard", "smartcard.scard.scard", "smartcard.scard._scard"})
"""pyscard's names of the module with the functions: its own layers and its users import all three."""


_own_specs: Final[dict[str, ModuleSpec | None]] = {}
"""The spec of each module with a second name: another thread may be importing the module by a third one."""


class _Alias:
    """A loader that gives a module a second name."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = _own_specs.setdefault(module.__name__, module.__spec__)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module, which has its own name."""
        if spec.submodule_search_locations is not None and not hasattr(self._module, "__path__"):
            self._module.__path__ = []
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec back, which the import has replaced."""
        module.__spec__ = self._spec


def _alias(fullname: str, module: ModuleType, *, is_package: bool) -> ModuleSpec:
    loader: Any = _Alias(module)  # importlib.abc, which has the base class of loaders, takes long to import
    return ModuleSpec(fullname, loader, is_package=is_package)


class _Finder:
    """A finder for sys.meta_path."""

    def __init__(self, layers: _Layers) -> None:
        self.layers = layers

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module that scardffi replaces; None for every other module."""
        if fullname in _SCARD_NAMES:
            return _alias(fullname, import_module(_SCARD), is_package=fullname == "smartcard.scard")
        if fullname != _REPLACED and not fullname.startswith(f"{_REPLACED}."):
            return None
        if self.layers == "scard":
            return _find_pyscard() if fullname == _REPLACED else None
        own = f"{__package__}.{fullname}"
        try:
            module = import_module(own)
        except ModuleNotFoundError as error:
            if error.name != own:
                raise
            return None
        return _alias(fullname, module, is_package=hasattr(module, "__path__"))


def on_path() -> Path:
    """Return a folder for PYTHONPATH whose package smartcard installs ``layers="all"`` when it is imported."""
    from pathlib import Path

    return Path(__file__).parent / "on_path"


def install(layers: _Layers = "all") -> None:
    """Make ``import smartcard`` import scardffi's modules in this process. Child processes do not inherit this.

    Args:
        layers: "all" replaces every module of pyscard, which need not be installed. "scard" replaces only
            ``smartcard.scard``, on which pyscard's own modules then work.

    Raises:
        RuntimeError: another ``smartcard`` is imported already, or the other layers are installed.
        ImportError: the layers are "scard", and pyscard is not installed.
        ValueError: ``layers`` is neither "all" nor "scard".
    """
    if layers not in get_args(_Layers):
        raise ValueError(f"layers: {layers!r} is not allowed; give 'all' or 'scard'")
    present = _present()
    if present is not None:
        if present.layers == layers:
            return
        raise RuntimeError(f"scardffi.compat is installed with layers={present.layers!r}; call uninstall() before")
    if imported := _imported():
        file = getattr(sys.modules[imported[0]], "__file__", None) or "an unknown place"
        raise RuntimeError(
            f"{imported[0]} was imported from {file}; install scardffi.compat before the first import of smartcard"
        )
    if layers == "scard" and _find_pyscard() is None:
        raise ImportError(
            "layers='scard' replaces a part of pyscard, but pyscard is not installed; install it, or use layers='all'",
            name=_REPLACED,
        )
    sys.meta_path.insert(0, _Finder(layers))


def uninstall() -> None:
    """Undo :func:`install`: the next ``import smartcard`` imports pyscard. Imported modules keep working."""
    present = _present()
    if present is None:
        return
    sys.meta_path.remove(present)
    for name in _imported():
        del sys.modules[name]


def _present() -> _Finder | None:
    return next((finder for finder in sys.meta_path if isinstance(finder, _Finder)), None)


def _imported() -> list[str]:
    """Return the names of the imported modules of any smartcard, its package first."""
    return sorted(name for name in sys.modules if name == _REPLACED or name.startswith(f"{_REPLACED}."))


def _find_pyscard() -> ModuleSpec | None:
    """Return the spec of pyscard's package, even if our own folder comes before it in sys.path."""
    from pathlib import Path

    forward = on_path()
    path = [entry for entry in sys.path if Path(entry) != forward]
    others = (finder for finder in sys.meta_path if not isinstance(finder, _Finder))
    return next(filter(None, (finder.find_spec(_REPLACED, path) for finder in others)), None)
