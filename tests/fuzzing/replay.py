"""Run each seed of the targets in C once: ``python -m fuzzing.replay FOLDER [flags of the compiler]``.

The programs stay in the folder.
"""

import os
import subprocess
import sys
from pathlib import Path

from .inputs import seeds_of
from .programs import C_TARGETS, PROGRAMS, build


def replay(program: Path, target: str, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run the seeds of a target in its program, which was built with -DFUZZ_REPLAY; the folder gets their files.

    Args:
        program: the program.
        target: the name of the target.
        folder: a folder.
        command: the beginning of the command, such as that of valgrind.
    """
    paths = []
    for number, raw in enumerate(seeds_of(target)):
        paths.append(folder / f"{target}-{number}")
        paths[-1].write_bytes(raw)
    return subprocess.run(
        [*command, program, *paths],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "FUZZ_TARGET": target},
        timeout=300,
        check=False,
    )


def main() -> None:
    """Build the programs, and run their seeds."""
    folder, *flags = Path(sys.argv[1]), *sys.argv[2:]
    folder.mkdir(exist_ok=True)
    for name in PROGRAMS:
        program = build(name, folder, "-DFUZZ_REPLAY", *flags)
        for target in (target for target, its_program in C_TARGETS.items() if its_program == name):
            replay(program, target, folder).check_returncode()


if __name__ == "__main__":
    main()
