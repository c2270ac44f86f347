"""The C code with musl, the C library of Alpine Linux: programs without Python, and how libraries are found."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.compile import compiler, program, shared_library, virtual_library_sources
from support.ports import free_port
from support.requirements import need_program

import scardffi

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="musl is a C library for Linux")

PACKAGE = Path(scardffi.__file__).parent
PROGRAMS = Path(__file__).parent / "csrc"
FLAGS = ("-fvisibility=hidden", "-pthread", f"-I{PACKAGE / 'include'}", f"-I{PACKAGE / 'csrc'}")
CORE = [str(path) for path in sorted((PACKAGE / "csrc").glob("*.c"))]
VIRTUAL = virtual_library_sources(PACKAGE)


@pytest.fixture
def musl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile with musl, which needs another compiler command."""
    need_program("musl-gcc")
    monkeypatch.setenv("CC", "musl-gcc")


def output_of(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.usefixtures("musl")
def test_the_core_passes_its_stress_program(tmp_path: Path) -> None:
    library = shared_library(VIRTUAL[0], tmp_path, *FLAGS, *map(str, VIRTUAL[1:]))
    made = program(PROGRAMS / "core_stress.c", tmp_path, *FLAGS, *CORE, "-ldl")
    assert output_of(str(made), str(library)).splitlines()[-1] == "done"


@pytest.mark.usefixtures("musl")
def test_the_virtual_library_passes_its_stress_program(tmp_path: Path) -> None:
    flags = (*FLAGS, f"-I{PACKAGE / 'virtual' / 'csrc'}", *map(str, VIRTUAL))
    made = program(PROGRAMS / "virtual_stress.c", tmp_path, *flags)
    assert output_of(str(made), str(free_port())).splitlines()[-1] == "done"


@pytest.mark.parametrize("command", ["cc", "musl-gcc"])
@pytest.mark.parametrize("by_path", [False, True])
def test_a_library_that_is_missing_is_told_from_one_that_cannot_be_loaded(
    command: str, by_path: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_program(compiler()[0] if command == "cc" else command)
    if command != "cc":
        monkeypatch.setenv("CC", command)
    empty = tmp_path / "empty.c"
    empty.write_text("int loaded;\n")
    needed, good, broken = (tmp_path / name for name in ("libneeded.so", "libgood.so", "libbroken.so"))
    link = (*compiler(), "-shared", "-fPIC", str(empty), f"-L{tmp_path}", "-Wl,--no-as-needed")
    subprocess.run([*link, "-o", str(needed)], check=True)
    subprocess.run([*link, "-o", str(good)], check=True)
    subprocess.run([*link, "-o", str(broken), "-lneeded"], check=True)
    needed.unlink()
    (tmp_path / "libtext.so").write_text("no library")
    made = program(PROGRAMS / "open_library.c", tmp_path, *FLAGS, str(PACKAGE / "csrc" / "platform.c"), "-ldl")
    assert {
        name: output_of(str(made), str(tmp_path / name) if by_path else name, LD_LIBRARY_PATH=str(tmp_path)).strip()
        for name in ("libgood.so", "libneeded.so", "libbroken.so", "libtext.so")
    } == {
        "libgood.so": "opened",
        "libneeded.so": "missing",
        "libbroken.so": "not loadable",
        "libtext.so": "not loadable",
    }
