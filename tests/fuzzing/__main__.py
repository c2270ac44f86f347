"""Fuzz the targets guided by coverage, those in Python with atheris and those in C with libFuzzer.

In the folder tests: ``python -m fuzzing [--seconds N | --runs N] [--grow] [TARGET ...]``. Each target starts from its
seeds. The sanitizers for addresses, leaks and undefined behaviour watch the targets in C. An input that makes a target
fail is printed: mend the fault, and add the input to the target's file in ``seeds``.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from .inputs import SEEDS, seeds_of, text_of
from .programs import C_TARGETS, build
from .targets import TARGETS

SANITIZERS = ("-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all")
LIMITS = ("-max_len=2048", "-timeout=20", "-rss_limit_mb=2048")
MOST_LINES = 60
"""The last lines of a fuzzer's output, which are printed if it fails."""
MOST_ADDED = 60
"""The number of inputs that --grow adds."""
MOST_SEED = 400
"""The longest input, in bytes, that --grow adds to the seeds."""


class Job(NamedTuple):
    """A target and the command that fuzzes it."""

    name: str
    command: list[str]
    environment: dict[str, str]

    def run(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the fuzzer; its inputs that fail go into the folder."""
        return subprocess.run(
            [*self.command, f"-artifact_prefix={folder}/failed-", *LIMITS, *arguments],
            cwd=Path(__file__).parent.parent,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )


def jobs(names: list[str], folder: Path) -> list[Job]:
    """Build what the targets of these names need."""
    os.environ["CC"] = "clang"  # libFuzzer is a part of it
    needed = sorted({C_TARGETS[name] for name in names if name in C_TARGETS})
    programs = {program: build(program, folder, *SANITIZERS) for program in needed}
    return [
        Job(name, [str(programs[C_TARGETS[name]]), "-close_fd_mask=2"], {"FUZZ_TARGET": name})
        if name in C_TARGETS
        else Job(name, [sys.executable, "-m", "fuzzing.python_target", name], {})
        for name in names
    ]


def fuzz(job: Job, folder: Path, end: str, *, grow: bool) -> bool:
    """Fuzz one target, print a line about it, and return True if no input failed."""
    corpus = folder / job.name
    corpus.mkdir()
    for number, raw in enumerate(seeds_of(job.name)):
        (corpus / f"seed-{number}").write_bytes(raw)
    dictionary = SEEDS / f"{job.name}.dict"
    words = [f"-dict={dictionary}"] if dictionary.exists() else []
    done = job.run(folder, end, "-print_final_stats=1", *words, str(corpus))
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stdout)
    covered = re.findall(r"cov: (\d+)", done.stdout)
    if done.returncode == 0 and runs and covered:
        print(f"{job.name:24} {int(runs[1]):9} inputs, {int(covered[-1]):5} edges covered", flush=True)
        if grow:
            grow_seeds(job.name, corpus)
        return True
    lines = [line for line in done.stdout.split("\n") if not line.startswith("INFO: ")]
    print(f"{job.name}: failed", *lines[-MOST_LINES:], sep="\n", flush=True)
    for path in folder.glob("failed-*"):
        print(f"{path.name}: {text_of(path.read_bytes())}", flush=True)
    return False


def grow_seeds(name: str, corpus: Path) -> None:
    """Add the shortest inputs that reached new code to the target's seeds."""
    found = {path.read_bytes() for path in corpus.iterdir()} - set(seeds_of(name))
    with (SEEDS / f"{name}.txt").open("a", encoding="ascii") as file:
        for raw in sorted(found, key=lambda raw: (len(raw), raw))[:MOST_ADDED]:
            if 0 < len(raw) <= MOST_SEED:
                file.write(f"{text_of(raw)}\n")


def main() -> int:
    """Fuzz the targets of the arguments, as many at a time as there are processors."""
    every = [*TARGETS, *C_TARGETS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=45, help="the time for each target")
    parser.add_argument("--runs", type=int, help="the number of inputs for each target, instead of a time")
    parser.add_argument("--grow", action="store_true", help="add the inputs that reach new code to the seeds")
    parser.add_argument("target", nargs="*", choices=[*every, []], help=f"one of {', '.join(every)}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(os.cpu_count()) as pool:
        folder = Path(name)
        work = jobs(arguments.target or every, folder)
        end = f"-max_total_time={arguments.seconds}" if arguments.runs is None else f"-runs={arguments.runs}"
        passed = pool.map(lambda job: fuzz(job, own(folder, job), end, grow=arguments.grow), work)
        return 0 if all(list(passed)) else 1


def own(folder: Path, job: Job) -> Path:
    """Make the folder of one target."""
    made = folder / f"of-{job.name}"
    made.mkdir()
    return made


if __name__ == "__main__":
    sys.exit(main())
