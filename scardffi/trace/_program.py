"""Running any program with its PC/SC calls recorded."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .. import virtual
from . import _pcapng, _scardtrace
from ._library_files import library_folder

if TYPE_CHECKING:
    from collections.abc import Sequence


class TracedProgram:
    """A program that is recorded from its start.

    Args:
        command: the program and its arguments.
        destination: a path, or "-" for text on stderr.
        library: the PC/SC library of the program; None for that which it would load without a trace.
        is_virtual: True for the virtual library.
        secrets: as in ``SCARDFFI_TRACE_SECRETS``.

    Raises:
        ValueError: the file exists and is not a trace, or ``secrets`` is not valid.
        OSError: the file cannot be read.
    """

    def __init__(
        self, command: Sequence[str], destination: str, *, library: str | None, is_virtual: bool, secrets: str
    ) -> None:
        _scardtrace.secret_part(b"", secrets)
        self._command = list(command)
        self.environment = dict(os.environ)
        self.environment["SCARDFFI_TRACE"] = destination if destination == "-" else str(_checked(destination))
        if secrets:
            self.environment["SCARDFFI_TRACE_SECRETS"] = secrets
        folders = [library_folder()] if sys.platform.startswith("linux") else []
        if is_virtual:
            self.environment["SCARDFFI_LIBRARY"] = virtual.library_path()
        elif library is not None:
            self.environment["SCARDFFI_LIBRARY"] = library
        if folders:
            folders += [folder for folder in [os.environ.get("LD_LIBRARY_PATH")] if folder]
            self.environment["LD_LIBRARY_PATH"] = ":".join(folders)

    def run(self) -> int:  # noqa: RET503  os.execvpe does not return
        """Run the program in place of this process; on Windows, run it and return its exit code.

        Raises:
            OSError: it cannot be started.
        """
        if shutil.which(self._command[0]) is None:
            raise FileNotFoundError(f"the program {self._command[0]!r} is not found")
        if sys.platform == "win32":
            return subprocess.run(self._command, env=self.environment, check=False).returncode  # noqa: S603  asked for
        for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores them, and a program would inherit that
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        os.execvpe(self._command[0], self._command, self.environment)  # noqa: S606  asked for


def _checked(destination: str) -> Path:
    """Return the absolute path of a file that is a trace, is empty, or does not exist."""
    path = Path(destination).absolute()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}")
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file:
            if not _pcapng.begins(file.read(4)):
                raise ValueError(f"{path} exists and is not a trace")
    return path
