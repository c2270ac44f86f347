"""vicc, a card emulator from outside this project, in a reader of vpcd."""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import final

# Debian installs its modules outside Python's path.
_MODULES = "/usr/lib/python3/site-packages/virtualsmartcard"
_CONNECT_SECONDS = 15.0


@functools.cache
def unavailable_reason() -> str | None:
    """Return why vicc cannot run here, or None."""
    if shutil.which("vicc") is None:
        return "vicc (vsmartcard-vpicc) is not installed"
    for module, package in (("Crypto", "pycryptodome"), ("smartcard", "pyscard")):
        if importlib.util.find_spec(module) is None:
            return f"vicc needs {package}"
    return None


@final
class Vicc:
    """An ISO 7816 card of vicc in the vpcd reader on a port, during a `with` statement."""

    def __init__(self, port: int, work_folder: Path) -> None:
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self.log = work_folder / f"vicc-{port}.log"

    def __enter__(self) -> "Vicc":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start vicc; return when it is connected to vpcd, which is before pcscd has noticed the card."""
        vicc = shutil.which("vicc")
        if vicc is None or self._process is not None:
            raise RuntimeError("vicc is not installed" if vicc is None else "this vicc is running already")
        modules = [_MODULES, *filter(None, [os.environ.get("PYTHONPATH")])]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, vicc, "-t", "iso7816", "-H", "127.0.0.1", "-P", str(self._port), "-vvv"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(modules)},
                start_new_session=True,
            )
        deadline = time.monotonic() + _CONNECT_SECONDS
        while b"Connected to virtual PCD" not in self.log.read_bytes():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"vicc did not connect to vpcd:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End vicc, if it still runs, and wait for it."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
