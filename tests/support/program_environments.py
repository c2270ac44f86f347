"""Environments of their own for foreign Python programs, and ways to run a program in one, with pyscard and without.

The environments are made with `pip install --no-deps`, and stay in $TMPDIR/scardffi-programs.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import pytest

import scardffi
from scardffi import compat

from .modes import MODES, library_environment

PYSCARD = "pyscard==2.3.1"
WITHOUT_PYSCARD = "without"
"""The mode in which pyscard is not installed. A program gets scardffi.compat by PYTHONPATH."""
ALL_MODES = (*MODES, WITHOUT_PYSCARD)
COMPILED = "aiohttp,cbor2,cffi,cryptography,frozenlist,multidict,propcache,pycryptodomex,pydantic-core,yarl"
"""The packages of which no sdist is built, because this takes minutes and needs more compilers."""
INSTALL_SECONDS = 300


def _kept_in() -> Path:
    return Path(tempfile.gettempdir()) / "scardffi-programs"


def _pip(*arguments: str) -> None:
    """Run pip; end the test if it fails: under CI by a failure, else the test is skipped."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if "ERROR" in line][-1:]
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"pip {' '.join(arguments)}: {last}")


def _folder(requirements: list[str], *, is_venv: bool) -> Path:
    """Return the folder with these requirements, which is made if it is not there yet."""
    key = json.dumps([sys.version, sys.platform, requirements])
    folder = _kept_in() / f"{requirements[0]}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    if folder.exists():
        return folder
    _kept_in().mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_kept_in()) as half_made:  # renamed when it is complete
        new = Path(half_made) / folder.name
        options = ["install", "--quiet", "--no-deps", "--only-binary", COMPILED]
        if is_venv:
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", new], check=True)
            _pip("--python", str(_python_of(new)), *options, *requirements)
        else:
            _pip(*options, "--target", str(new), *requirements)
        with suppress(OSError):  # another run has made it meanwhile
            new.rename(folder)
    return folder


def _python_of(folder: Path) -> Path:
    return folder / "bin" / "python"


def make_environment(requirements: list[str]) -> tuple[Path, Path]:
    """Return the folder of the environment with these requirements and cffi, and that with pyscard; make them first."""
    cffi = [f"cffi=={version('cffi')}", f"pycparser=={version('pycparser')}"]
    return _folder([*requirements, *cffi], is_venv=True), _folder([PYSCARD], is_venv=False)


class Environment:
    """A Python environment that has a program and what it requires, but pyscard.

    Args:
        requirements: the program and all that it requires, with versions.
        place: an empty folder, for the programs' home and a link to scardffi.
        addition: lines for the end of pyscard's CardConnectionDecorator.py, in a copy of pyscard.
    """

    def __init__(self, requirements: list[str], place: Path, addition: str = "") -> None:
        self.folder, self._pyscard = make_environment(requirements)
        self._place = place
        (place / "packages").mkdir()
        (place / "packages" / "scardffi").symlink_to(Path(scardffi.__file__).parent)
        if addition:
            self._pyscard = shutil.copytree(self._pyscard, place / "pyscard")
            with (self._pyscard / "smartcard" / "CardConnectionDecorator.py").open("a") as module:
                module.write(f"\n{addition}\n")
        (place / "home").mkdir()
        (place / "bin").mkdir()
        pkill = place / "bin" / "pkill"  # ykman ends GnuPG's daemon, everybody's, if a connection fails
        pkill.write_text("#!/bin/sh\nexit 1\n")
        pkill.chmod(0o755)

    def command(self, mode: str, program: str, *arguments: str) -> list[str]:
        """Return the command line that runs a file, or a program of the environment, in a mode."""
        script = program if program.startswith("/") else str(self.folder / "bin" / program)
        compatible = ["-m", "scardffi.compat", "--layers", mode] if mode in {"scard", "all"} else []
        return [str(_python_of(self.folder)), *compatible, script, *arguments]

    def variables(self, mode: str) -> dict[str, str]:
        """Return the environment variables for a mode."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "SCARDFFI", "LC_", "XDG_")) and name != "DBUS_SESSION_BUS_ADDRESS"
        }
        packages = [str(self._place / "packages")]
        packages += [str(compat.on_path())] if mode == WITHOUT_PYSCARD else [str(self._pyscard)]
        return {
            **inherited,
            **library_environment(),
            "PYTHONPATH": os.pathsep.join(packages),
            "PYTHONUNBUFFERED": "1",
            "HOME": str(self._place / "home"),
            "LANG": "C.UTF-8",
            "COLUMNS": "200",
            "PATH": f"{self._place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
