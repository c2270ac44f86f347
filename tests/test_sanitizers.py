"""The C code under the address, undefined behaviour and thread sanitizers, MemorySanitizer and valgrind.

The last two run if SCARDFFI_TEST_MEMORY is set: ``.ci/run sanitizers`` sets it.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from fuzzing.programs import C_TARGETS, PROGRAMS
from fuzzing.programs import build as build_targets
from fuzzing.replay import replay
from support.compile import (
    compiler,
    need_python_headers,
    program,
    python_include_flags,
    shared_library,
    virtual_library_sources,
)
from support.ports import free_port
from support.reports import report
from support.requirements import need, need_program

import scardffi

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="built with the sanitizers of gcc or clang for Linux")

PACKAGE = Path(scardffi.__file__).parent
PROGRAM = Path(__file__).parent / "csrc" / "core_stress.c"
VIRTUAL_PROGRAM = Path(__file__).parent / "csrc" / "virtual_stress.c"
ADDRESS_SPACE_RANDOMNESS = Path("/proc/sys/vm/mmap_rnd_bits")
MOST_RANDOMNESS = 28  # with more, the sanitizers of older compilers find no address space


class Checker(NamedTuple):
    """A sanitizer, or valgrind."""

    name: str
    flags: tuple[str, ...]
    reports: str
    """What it reports of the errors that core_stress.c makes on purpose."""
    compiler: str = ""
    command: tuple[str, ...] = ()
    """The beginning of the command that runs a program."""


def sanitizer(name: str, reports: str, compiler: str = "") -> Checker:
    """Return a sanitizer of the compiler, which is the default compiler if it is not named."""
    return Checker(name, (f"-fsanitize={name}", "-fno-sanitize-recover=all"), reports, compiler)


VALGRIND = ("valgrind", "--quiet", "--error-exitcode=9", "--fair-sched=yes")
MEMORY_CHECKERS = [
    # only for programs without Python, whose own code is not compiled for it; without the origins of values, whose lock
    # stops programs that fork while another thread frees memory
    sanitizer("memory", "use-of-uninitialized-value", "clang"),
    Checker("valgrind", (), "Invalid write of size", command=VALGRIND),
]
CHECKERS = [
    sanitizer("address,undefined", "heap-buffer-overflow"),
    pytest.param(
        sanitizer("thread", "data race"), marks=pytest.mark.skipif(sys.maxsize < 1 << 32, reason="made for 64 bits")
    ),
    *(MEMORY_CHECKERS if os.environ.get("SCARDFFI_TEST_MEMORY") else []),
]


class Build(NamedTuple):
    """A program that contains the core, the virtual library, and a program that contains the virtual library."""

    checker: Checker
    core_program: Path
    library: Path
    virtual_program: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the program with the core on the virtual library."""
        return run_program(*self.checker.command, self.core_program, self.library, *arguments)


def run_program(*command: str | Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program, with less randomness of addresses if there is too much."""
    randomness = ADDRESS_SPACE_RANDOMNESS
    fixed = randomness.exists() and int(randomness.read_text()) > MOST_RANDOMNESS
    return subprocess.run(
        [*(["setarch", "-R"] if fixed else []), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **(environment or {})},
        timeout=120,
        check=False,
    )


def check_silent(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Assert that a program succeeded and that no checker reported anything; return the lines of its output."""
    assert done.returncode == 0, done.stdout
    assert "Sanitizer" not in done.stdout
    assert "runtime error" not in done.stdout
    assert "==" not in done.stdout, done.stdout  # valgrind's lines begin with it
    return done.stdout.splitlines()


@pytest.fixture(scope="module", params=CHECKERS, ids=lambda checker: checker.name)
def checker(request: pytest.FixtureRequest) -> Iterator[Checker]:
    checker: Checker = request.param
    with pytest.MonkeyPatch.context() as patch:
        if checker.compiler:
            patch.setenv("CC", checker.compiler)
        yield checker


@pytest.fixture(scope="module")
def build(checker: Checker, tmp_path_factory: pytest.TempPathFactory) -> Build:
    out = tmp_path_factory.mktemp("sanitizers")
    flags = (
        *checker.flags,
        "-fno-omit-frame-pointer",
        "-fvisibility=hidden",
        "-pthread",
        f"-I{PACKAGE / 'include'}",
        f"-I{PACKAGE / 'csrc'}",
    )
    core = sorted((PACKAGE / "csrc").glob("*.c"))
    library = virtual_library_sources(PACKAGE)
    assert core, "the installed package lacks the sources of the core"
    assert library, "the installed package lacks the sources of the virtual library"
    return Build(
        checker,
        program(PROGRAM, out, *flags, *map(str, core), "-ldl"),
        shared_library(library[0], out, *flags, *map(str, library[1:])),
        program(
            VIRTUAL_PROGRAM,
            out,
            *flags,
            f"-I{PACKAGE / 'virtual' / 'csrc'}",
            *map(str, library),
        ),
    )


def test_the_core_passes_its_stress_program_without_a_report_of_a_sanitizer(build: Build) -> None:
    done = build.run()
    *threads, end = check_silent(done)
    assert end == "done"
    report(f"races of attach and detach under {build.checker.name}: {'; '.join(threads)}")


def test_the_virtual_library_passes_its_stress_program_without_a_report_of_a_sanitizer(build: Build) -> None:
    done = run_program(*build.checker.command, build.virtual_program, str(free_port()))
    said, end = check_silent(done)
    assert end == "done"
    report(f"stress of the virtual library under {build.checker.name}: {said}")


@pytest.mark.parametrize("library", ["asan", "tsan"])
def test_the_calls_pass_many_threads_without_a_report_of_a_sanitizer(library: str, tmp_path: Path) -> None:
    need_python_headers()
    runtime = subprocess.run(
        [*compiler(), f"-print-file-name=lib{library}.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    need([] if Path(runtime).is_absolute() else [f"the compiler has no lib{library}.so"])
    kind = {"asan": "address,undefined", "tsan": "thread"}[library]
    csrc = PACKAGE / "csrc"
    module = shared_library(
        csrc / "python" / "calls.c",
        tmp_path,
        f"-fsanitize={kind}",
        "-fno-sanitize-recover=all",
        "-fno-omit-frame-pointer",
        "-DPy_LIMITED_API=0x030B0000",
        *python_include_flags(),
        f"-I{PACKAGE / 'include'}",
        f"-I{csrc}",
        str(csrc / "wipe.c"),
    )
    done = run_program(
        sys.executable,
        Path(__file__).parent / "programs" / "calls_in_threads.py",
        module,
        "200",
        environment={
            "PYTHONPATH": str(Path(__file__).parent),
            "LD_PRELOAD": runtime,
            "ASAN_OPTIONS": "detect_leaks=0",
            "SCARDFFI_NO_CALLS": "",
        },
    )
    assert check_silent(done)[-1] == "5"


def test_the_sanitizers_report_an_error_made_on_purpose(build: Build) -> None:
    done = build.run("break the rules")
    assert done.returncode != 0
    assert build.checker.reports in done.stdout
    assert "answering_card.c" in done.stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_seeds_of_the_fuzz_targets_pass_without_a_report(checker: Checker, name: str, tmp_path: Path) -> None:
    if checker not in MEMORY_CHECKERS:
        pytest.skip("the fuzzers have this sanitizer: `bash .ci/run fuzzing` runs it")
    built = build_targets(name, tmp_path, "-DFUZZ_REPLAY", *checker.flags)
    for target in (target for target, its_program in C_TARGETS.items() if its_program == name):
        said = check_silent(replay(built, target, tmp_path, *checker.command))
        assert target == "configuration" or not said


@pytest.mark.skipif(not os.environ.get("SCARDFFI_TEST_MEMORY"), reason="slow: `bash .ci/run sanitizers` runs it")
def test_a_program_in_python_passes_valgrind_without_a_report() -> None:
    need_program("valgrind")
    done = run_program(
        *VALGRIND,
        sys.executable,
        "-I",
        Path(__file__).parent / "programs" / "every_call.py",
        environment={"PYTHONMALLOC": "malloc"},
    )
    assert check_silent(done) == ["done"]
