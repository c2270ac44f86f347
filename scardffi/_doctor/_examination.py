"""The examination: which findings apply, and the report."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any, NamedTuple

from ._findings import KINDS, Stage
from ._observed import Observed

if TYPE_CHECKING:
    import os

_FIRST_EXPLAINS_ALL = {Stage.LIBRARY, Stage.SERVICE}


class Finding(NamedTuple):
    """One fault."""

    id: str
    exit_code: int
    seen: list[str]
    """The evidence."""
    means: str
    command: str
    """The next command."""
    unknown: list[str]
    """The questions about it that have no answer here."""


class Report(NamedTuple):
    """The result of an examination."""

    system: str
    python: str
    scardffi: str
    library: str | None
    """The path of the PC/SC library; None if there is none."""
    readers: dict[str, tuple[list[str], bytes]]
    """The names of each reader's states, and the ATR of its card, by the reader's name."""
    findings: list[Finding]

    @property
    def exit_code(self) -> int:
        """That of the first finding; 0 without findings."""
        return self.findings[0].exit_code if self.findings else 0

    def as_json(self) -> dict[str, Any]:
        """Return the report as an object for JSON; the page "Why nothing works" describes it."""
        return {
            "system": self.system,
            "python": self.python,
            "scardffi": self.scardffi,
            "library": self.library,
            "readers": [
                {"name": name, "state": states, "atr": atr.hex().upper()}
                for name, (states, atr) in self.readers.items()
            ],
            "findings": [finding._asdict() for finding in self.findings],
            "exit_code": self.exit_code,
        }


def examine(library: str | os.PathLike[str] | None = None, reader: str | None = None) -> Report:
    """Look for all findings, and return the report; it takes some seconds at most, and changes nothing.

    Args:
        library: the path or name of the PC/SC library; None for the default one.
        reader: the reader that matters, by its number in the list or a part of its name; None for all readers.
    """
    from .. import __version__

    observed = Observed(library, reader)
    findings: list[Finding] = []
    explained: set[Stage] = set()
    for kind in KINDS:
        if kind.stage in explained:
            continue
        seen = kind.look(observed)
        if seen is not None:
            findings.append(
                Finding(kind.id, kind.exit_code, seen.evidence, kind.means, seen.command, list(seen.unknown))
            )
            if kind.stage in _FIRST_EXPLAINS_ALL or kind.stage is Stage.READER:
                explained.add(kind.stage)
    return Report(
        system=platform.platform(),
        python=platform.python_version(),
        scardffi=__version__,
        library=observed.library.info().path if observed.library is not None else None,
        readers={now.name: ([flag.name for flag in now.state if flag.name], now.atr) for now in observed.all_readers},
        findings=findings,
    )
