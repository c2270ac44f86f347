"""The machine and the versions of a run."""

import datetime as dt
import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from benchmarks import build


def describe() -> dict[str, str]:
    """Return the names and versions of everything that affects the figures."""
    pyscard, cffi, scardffi = (metadata.version(name) for name in ("pyscard", "cffi", "scardffi"))
    crates = sorted(path.name for path in build.CRATES.glob("pcsc-[0-9]*"))
    return {
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": f"scardffi {scardffi}, cffi {cffi}, pyscard {pyscard}",
        "pcscd": _first_line("pcscd", "--version"),
        "C": _first_line(*build.compiler(), "--version"),
        "Rust": ", ".join([_first_line("rustc", "--version"), *crates]),
        "Java": _first_line("java", "--version"),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _first_line(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return "absent"
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.splitlines()[0].rstrip(".")
