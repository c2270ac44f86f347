"""Checks that shared libraries for Linux were built with the hardening flags of build_ffi.py, by readelf.

As a program: the arguments are the libraries; it prints what they lack, and fails if that is anything.
"""

import platform
import re
import subprocess
import sys
from pathlib import Path

# What readelf prints for a library that is hardened.
LOADING = {
    "RELRO": r"^ *GNU_RELRO ",
    "BIND_NOW": r"\(FLAGS\).*\bBIND_NOW\b|\(FLAGS_1\).*\bNOW\b",
}
CODE = {
    "stack protector": r"\b__stack_chk_fail\b",
    "FORTIFY_SOURCE": r"\b__\w+_chk\b",
}
CET = {"CET's IBT": r"x86 feature:.*\bIBT\b", "CET's SHSTK": r"x86 feature:.*\bSHSTK\b"}


NOT_NEEDED = {
    "libpcsclite": CODE.keys(),  # it has no code
    "_calls": {"FORTIFY_SOURCE"},  # it calls no function that this checks
}


def lacking(library: Path) -> list[str]:
    """Return the names of the protections that a library lacks."""
    command = ["readelf", "--wide", "--program-headers", "--dynamic", "--notes", "--dyn-syms", str(library)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    wanted = {**LOADING, **CODE, **(CET if platform.machine() in {"x86_64", "i686"} else {})}
    not_needed = NOT_NEEDED.get(library.name.partition(".")[0], ())
    return [
        name
        for name, pattern in wanted.items()
        if name not in not_needed and not re.search(pattern, shown, re.MULTILINE)
    ]


def main() -> None:
    found = {name: lacking(Path(name)) for name in sys.argv[1:]}
    for name, lacks in found.items():
        sys.stdout.write(f"{Path(name).name}: {', '.join(lacks) or 'hardened'}\n")
    sys.exit(not found or any(found.values()))


if __name__ == "__main__":
    main()
