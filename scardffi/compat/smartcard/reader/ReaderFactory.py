"""The readers of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, ClassVar

from ..pcsc.PCSCReader import PCSCReader


class ReaderFactory:
    """Makes and lists readers.

    Attributes:
        factories: what makes the readers of a class, by the class's full name.
        factorymethods: the functions that list the readers.
    """

    factories: ClassVar[dict[str, Any]] = {}
    factorymethods: ClassVar[list[Callable[..., list[Any]]]] = [PCSCReader.readers]

    @staticmethod
    def createReader(clazz: str, readername: str) -> Any:
        """Return a reader.

        Args:
            clazz: the full name of its class, such as ``"smartcard.pcsc.PCSCReader.PCSCReader"``.
            readername: its name.
        """
        if clazz not in ReaderFactory.factories:
            module, _, name = clazz.rpartition(".")
            ReaderFactory.factories[clazz] = getattr(import_module(module), name).Factory()
        return ReaderFactory.factories[clazz].create(readername)

    @staticmethod
    def readers(groups: Sequence[str] | str | None = None) -> list[Any]:
        """Return all readers. Arguments and errors are those of :func:`.System.readers`."""
        return [reader for method in ReaderFactory.factorymethods for reader in method(groups)]
