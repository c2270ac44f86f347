"""The C code under the address, undefined behaviour and thread sanitizers."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from support.compile import (
    compiler,
    need_python_headers,
    program,
    python_include_flags,
    shared_library,
    virtual_library_sources,
)
from support.pcscd import free_vpcd_port
from support.reports import report
from support.requirements import need

import scardffi

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="built with the sanitizers of gcc or clang for Linux")

PACKAGE = Path(scardffi.__file__).parent
PROGRAM = Path(__file__).parent / "csrc" / "core_stress.c"
VIRTUAL_PROGRAM = Path(__file__).parent / "csrc" / "virtual_stress.c"
ADDRESS_SPACE_RANDOMNESS = Path("/proc/sys/vm/mmap_rnd_bits")
MOST_RANDOMNESS = 28  # with more, the sanitizers of older compilers find no address space


class Build(NamedTuple):
    """A program that contains the core, the virtual library, and a program that contains the virtual library."""

    sanitizers: str
    core_program: Path
    library: Path
    virtual_program: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the program with the core on the virtual library."""
        return run_program(self.core_program, str(self.library), *arguments)


def run_program(
    program: Path, *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program, with less randomness of addresses if there is too much."""
    randomness = ADDRESS_SPACE_RANDOMNESS
    fixed = randomness.exists() and int(randomness.read_text()) > MOST_RANDOMNESS
    command = [*(["setarch", "-R"] if fixed else []), str(program), *arguments]
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(environment or {})},
        timeout=120,
        check=False,
    )


@pytest.fixture(
    scope="module",
    params=[
        "address,undefined",
        pytest.param("thread", marks=pytest.mark.skipif(sys.maxsize < 1 << 32, reason="made for 64 bits")),
    ],
)
def build(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Build:
    out = tmp_path_factory.mktemp("sanitizers")
    flags = (
        f"-fsanitize={request.param}",
        "-fno-sanitize-recover=all",
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
        request.param,
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
    assert done.returncode == 0, done.stdout
    assert "Sanitizer" not in done.stdout
    assert "runtime error" not in done.stdout
    *threads, end = done.stdout.splitlines()
    assert end == "done"
    report(f"races of attach and detach under {build.sanitizers}: {'; '.join(threads)}")


def test_the_virtual_library_passes_its_stress_program_without_a_report_of_a_sanitizer(build: Build) -> None:
    done = run_program(build.virtual_program, str(free_vpcd_port()))
    assert done.returncode == 0, done.stdout
    assert "Sanitizer" not in done.stdout
    assert "runtime error" not in done.stdout
    said, end = done.stdout.splitlines()
    assert end == "done"
    report(f"stress of the virtual library under {build.sanitizers}: {said}")


@pytest.mark.parametrize("library", ["asan", "tsan"])
def test_the_calls_pass_many_threads_without_a_report_of_a_sanitizer(library: str, tmp_path: Path) -> None:
    need_python_headers()
    runtime = subprocess.run(
        [*compiler(), f"-print-file-name=lib{library}.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    need([] if Path(runtime).is_absolute() else [f"the compiler has no lib{library}.so"])
    sanitizer = {"asan": "address,undefined", "tsan": "thread"}[library]
    csrc = PACKAGE / "csrc"
    module = shared_library(
        csrc / "python" / "calls.c",
        tmp_path,
        f"-fsanitize={sanitizer}",
        "-fno-sanitize-recover=all",
        "-fno-omit-frame-pointer",
        "-DPy_LIMITED_API=0x030B0000",
        *python_include_flags(),
        f"-I{PACKAGE / 'include'}",
        f"-I{csrc}",
        str(csrc / "wipe.c"),
    )
    done = run_program(
        Path(sys.executable),
        str(Path(__file__).parent / "programs" / "calls_in_threads.py"),
        str(module),
        "200",
        environment={
            "PYTHONPATH": str(Path(__file__).parent),
            "LD_PRELOAD": runtime,
            "ASAN_OPTIONS": "detect_leaks=0",
            "SCARDFFI_NO_CALLS": "",
        },
    )
    assert done.returncode == 0, done.stdout
    assert "Sanitizer" not in done.stdout
    assert "runtime error" not in done.stdout
    assert done.stdout.splitlines()[-1] == "5"


def test_the_sanitizers_report_an_error_made_on_purpose(build: Build) -> None:
    done = build.run("break the rules")
    assert done.returncode != 0
    expected = "data race" if build.sanitizers == "thread" else "heap-buffer-overflow"
    assert expected in done.stdout
    assert "answering_card.c" in done.stdout
