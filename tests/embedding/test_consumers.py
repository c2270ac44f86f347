"""The small projects of this folder, which use scardffi from other languages and tools, on the virtual library."""

import ctypes
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any, final

import pytest
from support.commands import ANSWER_4, READ_4
from support.compile import (
    need_libpython,
    need_pcsclite_headers,
    need_python_headers,
    program,
    python_include_flags,
    shared_library,
)
from support.reports import report
from support.requirements import need_module, need_program

import scardffi
from scardffi import ReturnCode, SCardManage, embed, ffi, lib, virtual

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="built as for Linux")

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
BENCHMARKS = ROOT / "benchmarks"
INCLUDE = f"-I{embed.get_include()}"
COUNT = 1000
ROUNDS, TRIES = 9, 3
NUMBA_AT_MOST = 1.3
MARGIN = 0.7  # the required part of the ratio, because the machine may be busy; as for the floors of the benchmarks
GENERATED = ("-w",)  # its source is generated


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    with virtual.installed():
        yield


@pytest.fixture
def card() -> Iterator[SCardManage]:
    with SCardManage().attach_by_ifd(virtual.DEFAULT_READER) as attached:
        yield attached


def extension(source: Path, folder: Path, *flags: str, name: str = "") -> Any:
    """Compile the extension module of a C source, and import it."""
    need_python_headers()
    library = shared_library(source, folder, *flags, *python_include_flags(), INCLUDE)
    loader = ExtensionFileLoader(name or source.stem, str(library))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def printed(*command: str, environment: dict[str, str] | None = None, folder: Path = Path("/")) -> list[str]:
    """Run a program; return the lines that it prints. It must exit with 0 and print nothing to stderr.

    It does not start in a folder with a source folder named scardffi, which would be imported.
    """
    whole = {**os.environ, **(environment or {})}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=whole, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def assert_drives(drive: Callable[[Any], int], of: Callable[[Any], object], card: SCardManage) -> None:
    """Assert that a consumer sends an exchange of Python COUNT times, and gets an error after it is closed."""
    response = bytearray(258)
    with card.exchange(READ_4, response) as exchange:
        assert drive(of(exchange.native)) == COUNT * len(ANSWER_4)
        assert (bytes(response[: len(ANSWER_4)]), exchange.sw) == (ANSWER_4, 0x9000)
    assert drive(of(exchange.native)) == -0x8000FFFF


# ctypes


def test_ctypes_opens_uses_and_closes_a_card_through_the_table() -> None:
    arguments = [str(FOLDER / "ctypes_calls.py"), virtual.library_path(), virtual.DEFAULT_READER]
    assert printed(sys.executable, *arguments) == [ANSWER_4.hex()]


# a C library that opens a card


def commands(page: Path, folder: Path) -> list[str]:
    """Put the Python files of a page and the C sources of this folder into an empty folder; return the page's commands.

    They run there with ``run_commands``, with this Python as ``.venv``.
    """
    text = page.read_text(encoding="utf-8")
    for name, code in re.findall(r"```python\n# (\w+\.py)\n(.+?)```", text, re.DOTALL):
        (folder / name).write_text(code, encoding="utf-8")
    for source in FOLDER.glob("*.c"):
        shutil.copy(source, folder)
    (folder / ".venv").symlink_to(sys.prefix)
    return re.findall(r"```sh\n(.+?)```", text, re.DOTALL)


def run_commands(script: str, folder: Path) -> list[str]:
    """Run commands of a page in the folder, with the python3-config of this Python; return what they print.

    C is compiled with warnings as errors.
    """
    config = f"{sysconfig.get_config_var('BINDIR')}/python{sysconfig.get_config_var('LDVERSION')}-config"
    if "python3-config" in script:
        need_program(config)
    script = script.replace("python3-config", config).replace("cc -", "cc -Wall -Wextra -Werror -")
    return printed("bash", "-euc", script, folder=folder)


def test_the_c_library_of_the_page_lends_its_card_to_python_on_the_virtual_library(tmp_path: Path) -> None:
    need_pcsclite_headers()
    need_program("pkg-config")
    build, run = commands(ROOT / "docs" / "attach-by-handle.md", tmp_path)
    assert run_commands(build, tmp_path) == []
    assert run_commands(run, tmp_path) == [ANSWER_4.hex()]
    code = "from scardffi import virtual; virtual.stand_in(); virtual.installed().__enter__(); "
    code += "exec(open('lend.py').read())"
    assert printed(sys.executable, "-c", code, virtual.DEFAULT_READER, folder=tmp_path) == [ANSWER_4.hex()]


# a C extension


class LongCard:
    """A card that returns four bytes more than are asked for."""

    atr = bytes.fromhex("3B80800101")

    def transmit(self, command: bytes) -> bytes:
        """Return zeros."""
        return bytes(command[4] + 4) + b"\x90\x00"


def test_a_c_extension_uses_the_exchange_of_python(tmp_path: Path, card: SCardManage) -> None:
    module = extension(FOLDER / "c_extension.c", tmp_path)
    response = bytearray(8)
    with card.exchange(READ_4, response) as exchange:
        native = embed.address(exchange.native)
        assert module.drive(native, COUNT) == COUNT * len(ANSWER_4)
        assert (bytes(response[: len(ANSWER_4)]), exchange.sw) == (ANSWER_4, 0x9000)
    with pytest.raises(OSError, match="HRESULT 0x8000ffff, 0 bytes needed"):
        module.drive(native, COUNT)


def test_a_c_extension_sends_to_a_card_that_it_has_opened(tmp_path: Path) -> None:
    module = extension(FOLDER / "c_extension.c", tmp_path)
    assert module.read_on(virtual.DEFAULT_READER, COUNT) == COUNT * len(ANSWER_4)
    with pytest.raises(OSError, match="HRESULT 0x80100009, 0 bytes needed"):
        module.read_on("no such reader", 1)


def test_a_c_extension_learns_how_long_a_response_is_that_does_not_fit(tmp_path: Path) -> None:
    module = extension(FOLDER / "c_extension.c", tmp_path)
    with virtual.VirtualReader("Long", LongCard()):
        with pytest.raises(OSError, match="HRESULT 0x80100008, 10 bytes needed"):
            module.read_on("Long", 1)
        with (
            SCardManage().attach_by_ifd("Long") as card,
            card.exchange(READ_4, bytearray(8)) as exchange,
            pytest.raises(OSError, match="HRESULT 0x80100008, 10 bytes needed"),
        ):
            module.drive(embed.address(exchange.native), 1)


def test_a_c_extension_for_version_1_works_with_this_table(tmp_path: Path, card: SCardManage) -> None:
    shutil.copy(FOLDER / "scardffi_v1.h", tmp_path / "scardffi.h")
    module = extension(FOLDER / "c_extension_v1.c", tmp_path, f"-I{tmp_path}")
    assert_drives(lambda exchange: module.drive(exchange, COUNT), embed.address, card)
    assert module.read_on(virtual.DEFAULT_READER, COUNT) == COUNT * len(ANSWER_4)
    assert module.read_on("no such reader", 1) == -ReturnCode.SCARD_E_UNKNOWN_READER


def test_a_handle_that_a_c_extension_opened_is_attached_to(tmp_path: Path) -> None:
    context, handle = extension(FOLDER / "c_extension.c", tmp_path).open_card(virtual.DEFAULT_READER)
    with SCardManage().attach_by_handle(handle) as attached:
        assert attached.transmit(READ_4) == ANSWER_4
    assert lib.SCardReleaseContext(context) == 0


def test_the_commands_of_the_page_compile_and_run_the_two_programs_in_c(tmp_path: Path) -> None:
    need_libpython()
    need_pcsclite_headers()
    need_program("pkg-config")
    of_the_extension, of_the_host = commands(ROOT / "docs" / "embedding.md", tmp_path)
    assert run_commands(of_the_extension, tmp_path) == [f"{1000 * len(ANSWER_4)} bytes"]
    assert run_commands(of_the_host, tmp_path) == [f"{virtual.DEFAULT_READER} {ANSWER_4.hex()}", ANSWER_4.hex()]


class WaitingCard:
    """A card that answers after the event `released` is set."""

    atr = bytes.fromhex("3B80800101")

    def __init__(self) -> None:
        self.asked, self.released = threading.Event(), threading.Event()

    def transmit(self, command: bytes) -> bytes:
        """Return as many zeros as Le requests."""
        self.asked.set()
        assert self.released.wait(60)
        return bytes(command[4]) + b"\x90\x00"


@pytest.mark.parametrize("waiting", ["Python", "C"])
def test_c_on_a_second_thread_and_python_do_not_wait_for_each_others_cards(waiting: str, tmp_path: Path) -> None:
    module = extension(FOLDER / "c_extension.c", tmp_path)
    slow = WaitingCard()
    received: dict[str, int] = {}

    def by_python(reader: str, count: int) -> None:
        with SCardManage().attach_by_ifd(reader) as attached:
            received["Python"] = sum(len(attached.transmit(READ_4)) for _ in range(count))

    def by_c(reader: str, count: int) -> None:
        received["C"] = module.read_on(reader, count)

    waits, goes_on = (by_python, by_c) if waiting == "Python" else (by_c, by_python)
    with virtual.VirtualReader("Slow", slow):
        first = threading.Thread(target=waits, args=("Slow", 1))
        second = threading.Thread(target=goes_on, args=(virtual.DEFAULT_READER, COUNT))
        first.start()
        try:
            assert slow.asked.wait(60)
            second.start()
            second.join(60)
            assert not second.is_alive()
            assert first.is_alive()
            assert list(received.values()) == [COUNT * len(ANSWER_4)]
        finally:
            slow.released.set()
            first.join(60)
    assert received[waiting] == len(ANSWER_4)


# a second cffi module


@pytest.fixture
def cffi_module(tmp_path: Path) -> Any:
    """Compile the module of cffi_module.py, and import it."""
    source = tmp_path / "cffi_module.c"
    spec = spec_from_loader("cffi_module", None)
    assert spec is not None
    recipe: Any = module_from_spec(spec)
    exec((FOLDER / "cffi_module.py").read_text(encoding="utf-8"), recipe.__dict__)  # noqa: S102  the file is in no package
    recipe.builder().emit_c_code(str(source))
    return extension(source, tmp_path, *GENERATED)


def test_a_second_cffi_module_accepts_pointers_of_scardffi(cffi_module: Any, card: SCardManage) -> None:
    drive, table = cffi_module.lib.drive, embed.table()
    assert_drives(lambda exchange: drive(table, exchange, COUNT), lambda native: native, card)


def test_scardffi_accepts_pointers_of_a_second_cffi_module(cffi_module: Any) -> None:
    library, response = scardffi.Library.default(), bytearray(258)
    native = cffi_module.lib.attached(embed.table(), library.native, virtual.DEFAULT_READER.encode())
    assert ffi.typeof(native) is ffi.typeof("scardffi_manage *")
    assert lib.exchange_plain(native, READ_4, 5, ffi.from_buffer(response), len(response)) == len(ANSWER_4)
    assert response[: len(ANSWER_4)] == ANSWER_4
    assert embed.table().detach(native, 0) == 0
    lib.manage_free(native)


def test_a_handle_that_a_second_cffi_module_opened_is_attached_to(cffi_module: Any) -> None:
    context, handle = cffi_module.ffi.new("SCARDCONTEXT *"), cffi_module.ffi.new("SCARDHANDLE *")
    assert cffi_module.lib.open_card(embed.table(), virtual.DEFAULT_READER.encode(), context, handle) == 0
    for form in (handle, handle[0], cffi_module.ffi.cast("SCARDHANDLE", handle[0])):
        with SCardManage().attach_by_handle(form) as attached:
            assert attached.transmit(READ_4) == ANSWER_4
    assert lib.SCardReleaseContext(context[0]) == 0


# numba


@final
class Loop:
    """A program that measures on request."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/", env=os.environ
        )

    def __enter__(self) -> "Loop":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def line(self) -> str:
        """Return the next line that the program prints."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def ask(self, question: str) -> list[float]:
        """Request a measurement; return the nanoseconds."""
        assert self._process.stdin is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        return [float(number) for number in self.line().split()]


def numba_loop(library: str, reader: str, count: int) -> Loop:
    need_module("numba")
    return Loop(sys.executable, str(FOLDER / "numba_loop.py"), library, reader, str(count))


def test_a_loop_compiled_by_numba_transmits_on_the_card_of_python() -> None:
    with numba_loop(virtual.library_path(), virtual.DEFAULT_READER, COUNT) as loop:
        sixteen = bytes(range(16)).hex() + "9000"
        assert loop.line() == f"{sixteen} {sixteen}"
        assert all(time > 0 for time in loop.ask("measure"))


@pytest.mark.alone
def test_a_loop_compiled_by_numba_is_as_fast_as_a_loop_in_c(tmp_path: Path) -> None:
    count = 1_000_000
    null = shared_library(BENCHMARKS / "null_pcsc.c", tmp_path, INCLUDE, "-O2", "-fvisibility=hidden")
    c_program = program(BENCHMARKS / "c_loop.c", tmp_path, INCLUDE, "-O2", "-ldl")
    with (
        numba_loop(str(null), "scardffi null reader 00 00", count) as numba,
        Loop(str(c_program), str(null)) as c_loop,
    ):
        assert len(numba.line().split()) == 2
        for _ in range(TRIES):  # the machine may be busy: measure again
            rounds = [(c_loop.ask(f"c 258 00B0000010 {count}"), numba.ask("measure")) for _ in range(ROUNDS)]
            c = min(c for (c,), _ in rounds)
            raw, bound = (min(numba[which] for _, numba in rounds) for which in range(2))
            if raw <= NUMBA_AT_MOST * c:
                break
    report(
        f"numba on the null library, minimum of {ROUNDS}: SCardTransmit {raw:.2f} ns, C loop {c:.2f} ns, "
        f"ratio {raw / c:.2f}; a bound Exchange, with its lock and its checks, {bound:.2f} ns, ratio {bound / c:.2f}"
    )
    assert raw <= NUMBA_AT_MOST / MARGIN * c


# Cython


def test_a_cython_module_uses_the_exchange_of_python(tmp_path: Path, card: SCardManage) -> None:
    need_module("Cython")
    source = tmp_path / "cython_module.c"
    package = str(Path(embed.get_include()).parent.parent)
    command = ["-m", "cython", "-I", package, str(FOLDER / "cython_module.pyx"), "-o", str(source)]
    assert printed(sys.executable, *command) == []
    module = extension(source, tmp_path, *GENERATED)
    assert_drives(lambda exchange: module.drive(exchange, COUNT), embed.address, card)


# Rust


def test_a_rust_library_uses_the_exchange_of_python(tmp_path: Path, card: SCardManage) -> None:
    need_program("cargo")
    project = Path(shutil.copytree(FOLDER / "rust_loop", tmp_path / "rust_loop"))
    build = ["cargo", "build", "--release", "--offline", "--quiet"]
    assert printed(*build, folder=project) == []
    drive = ctypes.CDLL(str(project / "target" / "release" / "librust_loop.so")).drive
    drive.restype, drive.argtypes = ctypes.c_int64, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32]
    table = embed.address(embed.table())
    assert_drives(lambda exchange: drive(table, exchange, COUNT), embed.address, card)
