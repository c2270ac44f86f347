"""Loading: the choice of the PC/SC library, errors if there is none, and several libraries at once."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Place
from support.compile import program, shared_library
from support.interpreter import run_python
from support.pcscd import PrivatePcscd
from support.shape import MACOS

import scardffi
from scardffi import (
    Context,
    Library,
    LibraryNotFoundError,
    LibraryNotLoadableError,
    MissingSymbolError,
    ReturnCode,
    SCardManage,
    Scope,
    UnsupportedFunctionError,
    ffi,
    lib,
    raw,
    trace,
    virtual,
)
from scardffi._loader import set_default_table
from scardffi._windows_functions import WindowsFunctions

PACKAGE = Path(scardffi.__file__).parent
SOURCES = Path(__file__).parent / "csrc"
CORE_FLAGS = (f"-I{PACKAGE / 'include'}", f"-I{PACKAGE / 'csrc'}")
VIRTUAL_READER = "scardffi Virtual Reader 0"

REQUIRED = frozenset(
    {
        "SCardEstablishContext",
        "SCardReleaseContext",
        "SCardConnect",
        "SCardReconnect",
        "SCardDisconnect",
        "SCardBeginTransaction",
        "SCardEndTransaction",
        "SCardStatus",
        "SCardGetStatusChange",
        "SCardTransmit",
        "SCardListReaders",
        "SCardGetAttrib",
    }
)
# Each function with arguments for the method and for the function of lib.
OPTIONAL: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "SCardIsValidContext": ((1,), (1,)),
    "SCardControl": ((1, 0, b"", bytearray(2)), (1, 0, ffi.NULL, 0, ffi.NULL, 0, ffi.NULL)),
    "SCardListReaderGroups": ((1,), (1, ffi.NULL, ffi.NULL)),
    "SCardFreeMemory": ((1, 0), (1, ffi.NULL)),
    "SCardCancel": ((1,), (1,)),
    "SCardSetAttrib": ((1, 0x100, b"1"), (1, 0x100, b"1", 1)),
}
ALL = REQUIRED | frozenset(OPTIONAL)
WINDOWS_ALONE = frozenset(name for name in vars(WindowsFunctions) if name.startswith("SCard"))


def unsigned(code: int) -> int:
    """Return the unsigned number of a code, which is negative if a LONG has 32 bits."""
    return code & 0xFFFFFFFF


@pytest.fixture
def second_virtual(tmp_path: Path) -> Library:
    """Load the virtual library a second time, from a file with another name."""
    return Library(shutil.copy(virtual.library_path(), tmp_path / "libanother.so"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Load a PC/SC library that has only the required functions."""
    folder = tmp_path_factory.mktemp("bare")
    return Library(shared_library(SOURCES / "required_functions.c", folder, *CORE_FLAGS))


@pytest.fixture
def bare_default(bare: Library) -> Iterator[Library]:
    previous = set_default_table(bare.native)
    yield bare
    set_default_table(previous)


def establish(library: Library) -> int:
    code, context = library.SCardEstablishContext(Scope.SYSTEM)
    assert code == 0
    return context


# No library, or an unusable one


def test_a_missing_file_is_not_found_and_named() -> None:
    with pytest.raises(LibraryNotFoundError, match=re.escape("tried: /nonexistent/libpcsc.so. ")):
        Library("/nonexistent/libpcsc.so")


def test_an_unknown_library_name_is_not_found_and_named() -> None:
    with pytest.raises(LibraryNotFoundError, match=re.escape("tried: libno-such-pcsc.so.1. ")):
        Library("libno-such-pcsc.so.1")


@pytest.mark.parametrize("bad", ["", "lib\0pcsc.so"])
def test_an_impossible_file_name_is_not_found(bad: str) -> None:
    with pytest.raises(LibraryNotFoundError, match=re.escape(f"path: {bad!r}")):
        Library(bad)


@pytest.mark.parametrize("bad", [b"libpcsclite.so.1", 7, None])
def test_a_path_is_a_str_or_a_path_object(bad: Any) -> None:
    with pytest.raises(TypeError, match=r"str.*os\.PathLike|path: expected a str or a PathLike"):
        Library(bad)


def test_without_a_pcsc_library_the_error_names_all_candidates(tmp_path: Path) -> None:
    # The loader of a program in this environment finds only the libraries that Python itself needs.
    code = """
        import os, sys
        from scardffi import Library, LibraryNotFoundError
        os.chroot(sys.argv[1])
        try:
            Library.default()
        except LibraryNotFoundError as error:
            print(error)
        """
    if os.geteuid() != 0:
        pytest.skip("only root may hide the system's libraries from a process")
    (message,) = run_python(code, str(tmp_path))
    assert "tried: libpcsclite.so.1, libpcsclite.so. " in message
    assert "SCARDFFI_LIBRARY" in message


def test_the_error_for_a_file_that_is_no_library_has_the_loaders_message(tmp_path: Path) -> None:
    text = tmp_path / "libtext.so"
    text.write_text("this is no library\n" * 100)
    with pytest.raises(LibraryNotLoadableError, match=re.escape(f"{text}: invalid ELF header")):
        Library(text)


def test_the_loaders_message_is_complete_for_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*(letter * 200 for letter in "abcd"))
    folder.mkdir(parents=True)
    (folder / "libtext.so").write_text("this is no library\n" * 100)
    with pytest.raises(LibraryNotLoadableError, match="invalid ELF header"):
        Library(folder / "libtext.so")


def test_a_name_that_resolves_to_a_file_that_is_no_library_is_not_loadable(tmp_path: Path) -> None:
    (tmp_path / "libpcsclite.so.1").write_text("this is no library\n" * 100)
    code = """
        import scardffi
        try:
            scardffi.Library.default()
        except scardffi.LibraryNotLoadableError as error:
            print(error)
        """
    (message,) = run_python(code, environment={"LD_LIBRARY_PATH": str(tmp_path)})
    assert f"{tmp_path}/libpcsclite.so.1: invalid ELF header" in message


def test_the_error_for_a_library_of_another_kind_names_the_missing_functions(tmp_path: Path) -> None:
    source = tmp_path / "nothing.c"
    source.write_text("int nothing_to_see_here = 1;\n")
    with pytest.raises(MissingSymbolError) as caught:
        Library(shared_library(source, tmp_path))
    assert str(tmp_path / "libnothing.so") in str(caught.value)
    assert set(re.findall(r"SCard\w+", str(caught.value))) == REQUIRED


def test_the_error_names_one_missing_required_function(tmp_path: Path) -> None:
    file = shared_library(SOURCES / "required_functions.c", tmp_path, *CORE_FLAGS, "-DWITHOUT_GET_ATTRIB")
    with pytest.raises(MissingSymbolError, match=r"it lacks: SCardGetAttrib$"):
        Library(file)


def test_a_library_has_a_text_for_a_return_code() -> None:
    library = Library(virtual.library_path())
    assert library.pcsc_stringify_error(ReturnCode.SCARD_E_NO_SMARTCARD) == "No card in the reader"
    assert library.pcsc_stringify_error(0x80100999) == "Unknown code 0x80100999"


def test_pcsc_stringify_error_raises_if_the_library_lacks_it(bare: Library) -> None:
    with pytest.raises(UnsupportedFunctionError, match=r"^pcsc_stringify_error: "):
        bare.pcsc_stringify_error(ReturnCode.SCARD_E_NO_SMARTCARD)


def test_raw_pcsc_stringify_error_uses_the_default_library() -> None:
    with virtual.installed():
        assert raw.pcsc_stringify_error(ReturnCode.SCARD_E_NO_SMARTCARD) == "No card in the reader"


# SCARDFFI_LIBRARY

WHICH = "import scardffi; print(scardffi.Library.default().info().path)"


def test_the_environment_names_the_default_library() -> None:
    path = virtual.library_path()
    assert run_python(WHICH, environment={"SCARDFFI_LIBRARY": path}) == [os.path.realpath(path)]


def test_an_empty_environment_variable_is_ignored() -> None:
    assert run_python(WHICH, environment={"SCARDFFI_LIBRARY": ""}) == run_python(WHICH)


def test_an_explicit_library_takes_precedence_over_the_environment() -> None:
    code = "import sys, scardffi; print(scardffi.Library(sys.argv[1]).info().path)"
    path = virtual.library_path()
    assert run_python(code, path, environment={"SCARDFFI_LIBRARY": "/nonexistent"}) == [os.path.realpath(path)]


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Make a folder that every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_a_set_uid_process_ignores_the_environment(public_folder: Path) -> None:
    flags = (*CORE_FLAGS, str(PACKAGE / "csrc" / "platform.c"), "-pthread", "-ldl")
    file = program(SOURCES / "print_environment.c", public_folder, *flags)
    as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if os.geteuid() == 0 else []
    command = [*as_nobody, str(file), "SCARDFFI_LIBRARY"]
    environment = {**os.environ, "SCARDFFI_LIBRARY": "/evil.so"}

    def run() -> str:
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    assert run() == "plain /evil.so"
    if os.geteuid() != 0:
        pytest.skip("only root can give a program to another user")
    if os.statvfs(public_folder).f_flag & os.ST_NOSUID or "NoNewPrivs:\t1" in Path("/proc/self/status").read_text():
        pytest.skip("set-uid programs have no effect here")
    os.chown(file, 1, 1)
    file.chmod(0o4755)
    assert run() == "set-uid nothing"


# The time of loading


def test_the_first_use_loads_the_pcsc_library_and_importing_does_not() -> None:
    code = """
        import scardffi, scardffi.virtual, scardffi.cli.main
        loaded = lambda: any(name in open("/proc/self/maps").read() for name in ("libpcsclite", "libscardvirtual"))
        print(loaded())
        scardffi.Library.default()
        print(loaded())
        """
    assert run_python(code) == ["False", "True"]


LOAD_AT_ONCE = """
    import sys, threading, scardffi
    start, found = threading.Barrier(16), []
    def load():
        start.wait()
        found.append(scardffi.Library(*sys.argv[1:]) if sys.argv[1:] else scardffi.Library.default())
    threads = [threading.Thread(target=load) for _ in range(16)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(len(found), len(set(found)), len({int(scardffi.ffi.cast("intptr_t", one.native)) for one in found}))
    """


@pytest.mark.parametrize("arguments", [[], [virtual.library_path()]], ids=["default", "by path"])
def test_sixteen_threads_that_load_at_once_get_one_table(arguments: list[str]) -> None:
    assert run_python(LOAD_AT_ONCE, *arguments) == ["16 1 1"]


# Several libraries


def test_the_same_library_is_equal_however_it_was_named(tmp_path: Path) -> None:
    path = virtual.library_path()
    (tmp_path / "link.so").symlink_to(path)
    first = Library(path)
    for again in (Library(path), Library(Path(path)), Library(tmp_path / "link.so")):
        assert again == first
        assert hash(again) == hash(first)
        assert again.native == first.native


def test_a_library_differs_from_another_library_and_from_other_objects(second_virtual: Library) -> None:
    library = Library(virtual.library_path())
    assert library != second_virtual
    assert library != library.native
    assert library != virtual.library_path()


def test_each_copy_of_the_virtual_library_has_its_own_readers(second_virtual: Library) -> None:
    libraries = [Library(virtual.library_path()), second_virtual]
    contexts = [establish(library) for library in libraries]
    for library, own, foreign in zip(libraries, contexts, reversed(contexts), strict=True):
        assert library.SCardIsValidContext(own) == 0
        assert library.SCardIsValidContext(foreign) == ReturnCode.SCARD_E_INVALID_HANDLE
        assert library.SCardReleaseContext(foreign) == ReturnCode.SCARD_E_INVALID_HANDLE
    assert [library.SCardReleaseContext(own) for library, own in zip(libraries, contexts, strict=True)] == [0, 0]


def test_the_virtual_library_and_a_real_one_work_side_by_side(daemon: PrivatePcscd) -> None:
    both = [Library(virtual.library_path()), Library("libpcsclite.so.1")]
    contexts = [establish(library) for library in both]
    names = [library.SCardListReaders(context)[1] for library, context in zip(both, contexts, strict=True)]
    assert names[0] == [VIRTUAL_READER]
    assert daemon.ifd_reader(0) in names[1]
    assert [library.SCardReleaseContext(context) for library, context in zip(both, contexts, strict=True)] == [0, 0]


# The default library


def test_the_default_is_the_platforms_library(daemon: PrivatePcscd) -> None:
    assert Library.default() == Library("libpcsclite.so.1")
    with Context() as context:
        assert daemon.ifd_reader(0) in context.list_readers()


def test_installed_makes_the_virtual_library_the_default_for_new_objects() -> None:
    before = Library.default()
    with virtual.installed() as library:
        assert library == Library(virtual.library_path())
        assert Library.default() == library
        with Context() as context:
            assert context.library == library
            assert context.list_readers() == [VIRTUAL_READER]
        assert SCardManage().library == library
        code, number = raw.SCardEstablishContext(Scope.SYSTEM)
        assert (code, raw.SCardListReaders(number)) == (0, (0, [VIRTUAL_READER]))
        assert raw.SCardReleaseContext(number) == 0
    assert Library.default() == before
    assert before != library


def test_installed_may_be_nested_and_restores_the_default_after_an_exception() -> None:
    before = Library.default()

    def fail() -> None:
        with virtual.installed(), virtual.installed() as library:
            assert Library.default() == library
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert Library.default() == before


def test_a_change_of_the_default_does_not_affect_existing_objects(daemon: PrivatePcscd) -> None:
    reader = daemon.ifd_reader(0)
    bound = Library.default()
    with Context() as context, SCardManage() as card:
        with virtual.installed():
            assert reader in context.list_readers()
            assert card.attach_by_ifd(reader).status().reader == reader
            assert card.library == context.library == bound
            with context.attach(reader) as other:
                assert other.library == bound
        assert card.transmit(bytes.fromhex("00B0000004")) == bytes.fromhex("000102039000")


def test_objects_made_with_the_virtual_library_keep_it() -> None:
    with virtual.installed() as library:
        context = Context()
    assert (context.library, context.list_readers()) == (library, [VIRTUAL_READER])
    context.release()


# LibraryInfo


@pytest.mark.usefixtures("daemon")
def test_the_info_of_the_platforms_library_has_its_file_version_and_all_functions() -> None:
    info = Library("libpcsclite.so.1").info()
    assert Path(info.path) == Path(info.path).resolve(strict=True)
    version = Path(info.path).name.removeprefix("libpcsclite.so.")
    assert (version, info.version) in {("1.0.0", "1.0.0"), ("1", None)}  # in pcsc-lite 1 and 2
    assert (info.functions, info.missing) == (ALL, WINDOWS_ALONE)


def test_the_info_of_the_virtual_library_has_no_version() -> None:
    info = Library(virtual.library_path()).info()
    assert info.path == os.path.realpath(virtual.library_path())
    missing = frozenset({"SCardFreeMemory"} if MACOS else ())
    assert (info.version, info.functions, info.missing) == (None, ALL - missing, WINDOWS_ALONE | missing)


@pytest.mark.parametrize(
    ("name", "version"),
    [("liba.so.2", None), ("liba.so.2.5", "2.5"), ("liba.so.10.0.3", "10.0.3"), ("liba-1.2.so", None)],
)
def test_the_version_is_the_part_after_so_in_the_files_name(name: str, version: str | None, tmp_path: Path) -> None:
    assert Library(shutil.copy(virtual.library_path(), tmp_path / name)).info().version == version


def test_the_info_has_the_absolute_path_for_a_relative_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path(shutil.copy(virtual.library_path(), tmp_path / "librelative.so"))
    monkeypatch.chdir(tmp_path)
    library = Library("./librelative.so")
    monkeypatch.chdir("/")
    assert library.info().path == str(file.resolve())


def test_the_info_leaves_out_functions_that_the_library_lacks(bare: Library) -> None:
    assert (bare.info().functions, bare.info().missing) == (REQUIRED, WINDOWS_ALONE | set(OPTIONAL))


def test_the_representation_names_the_file() -> None:
    assert repr(Library(virtual.library_path())) == f"<scardffi.Library {os.path.realpath(virtual.library_path())}>"


# Optional functions


@pytest.mark.parametrize("name", OPTIONAL)
def test_calling_a_function_that_the_library_lacks_raises_an_error_with_its_name(
    name: str, bare_default: Library
) -> None:
    arguments, _ = OPTIONAL[name]
    for function in (getattr(bare_default, name), getattr(raw, name)):
        with pytest.raises(UnsupportedFunctionError, match=f"^{name}: ") as caught:
            function(*arguments)
        assert (caught.value.function, caught.value.name, caught.value.code) == (name, "E_NOTIMPL", None)
        assert isinstance(caught.value, NotImplementedError)


@pytest.mark.parametrize("name", OPTIONAL)
@pytest.mark.usefixtures("bare_default")
def test_a_function_of_lib_that_the_library_lacks_returns_a_code(name: str) -> None:
    _, arguments = OPTIONAL[name]
    assert unsigned(getattr(lib, name)(*arguments)) == ReturnCode.SCARD_E_UNSUPPORTED_FEATURE


def test_an_optional_function_that_the_library_has_is_called(bare_default: Library) -> None:
    assert bare_default.SCardEstablishContext(Scope.SYSTEM) == (ReturnCode.SCARD_F_INTERNAL_ERROR, 0)
    assert unsigned(lib.SCardReleaseContext(1)) == ReturnCode.SCARD_F_INTERNAL_ERROR


# The C functions of lib


@pytest.fixture
def default_place(place: Place) -> Iterator[Place]:
    """Make the place's library the default."""
    previous = set_default_table(place.library.native)
    yield place
    set_default_table(previous)


def test_the_functions_of_lib_use_the_default_library(default_place: Place) -> None:
    context, handle = ffi.new("SCARDCONTEXT *"), ffi.new("SCARDHANDLE *")
    length, protocol = ffi.new("DWORD *"), ffi.new("DWORD *")
    assert lib.SCardEstablishContext(Scope.SYSTEM, ffi.NULL, ffi.NULL, context) == 0

    assert lib.SCardListReaders(context[0], ffi.NULL, ffi.NULL, length) == 0
    names = ffi.new("char[]", length[0])
    assert lib.SCardListReaders(context[0], ffi.NULL, names, length) == 0
    assert default_place.reader.encode() in bytes(ffi.buffer(names)).split(b"\0")

    assert lib.SCardConnect(context[0], default_place.reader.encode(), 2, 3, handle, protocol) == 0
    pci = ffi.new("SCARD_IO_REQUEST *", (protocol[0], ffi.sizeof("SCARD_IO_REQUEST")))
    answer = ffi.new("SCARD_IO_REQUEST *", (0, ffi.sizeof("SCARD_IO_REQUEST")))
    response = bytearray(258)
    length[0] = len(response)
    command = bytes.fromhex("00B0000004")
    memory = ffi.from_buffer("unsigned char[]", response, require_writable=True)
    assert lib.SCardTransmit(handle[0], pci, command, len(command), answer, memory, length) == 0
    assert response[: length[0]] == bytes.fromhex("000102039000")

    assert lib.SCardDisconnect(handle[0], 0) == 0
    assert lib.SCardReleaseContext(context[0]) == 0


def test_the_functions_of_lib_return_the_librarys_code(default_place: Place) -> None:
    assert default_place.library.SCardIsValidContext(12345) == ReturnCode.SCARD_E_INVALID_HANDLE
    assert unsigned(lib.SCardIsValidContext(12345)) == ReturnCode.SCARD_E_INVALID_HANDLE
    assert unsigned(lib.SCardDisconnect(12345, 0)) == ReturnCode.SCARD_E_INVALID_HANDLE


@pytest.mark.usefixtures("default_place")
def test_the_functions_of_lib_take_the_structures_of_the_platform(default_place: Place) -> None:
    context = ffi.new("SCARDCONTEXT *")
    assert lib.SCardEstablishContext(Scope.SYSTEM, ffi.NULL, ffi.NULL, context) == 0
    name = ffi.new("char[]", default_place.reader.encode())
    states: Any = ffi.new("SCARD_READERSTATE[1]")
    states[0].szReader = name
    assert lib.SCardGetStatusChange(context[0], 0, states, 1) == 0
    assert states[0].dwEventState & 0x22 == 0x22  # present, changed
    assert bytes(states[0].rgbAtr[0 : states[0].cbAtr])[0] == 0x3B
    assert lib.SCardReleaseContext(context[0]) == 0


def test_without_a_pcsc_library_every_function_of_lib_returns_no_service() -> None:
    code = """
        from scardffi import ffi, lib
        for name in (name for name in dir(lib) if name.startswith("SCard")):
            arguments = [0 if kind.kind == "primitive" else ffi.NULL for kind in ffi.typeof(getattr(lib, name)).args]
            print(name, hex(getattr(lib, name)(*arguments) & 0xFFFFFFFF))
        """
    lines = run_python(code, environment={"SCARDFFI_LIBRARY": "/nonexistent"})
    assert dict(line.split() for line in lines) == dict.fromkeys(ALL, hex(ReturnCode.SCARD_E_NO_SERVICE))


@pytest.mark.parametrize("order", [1, -1], ids=["installed first", "record first"])
def test_if_installed_and_record_overlap_the_newest_that_has_not_ended_sets_the_default(
    order: int, tmp_path: Path
) -> None:
    before = Library.default()
    older, newer = [virtual.installed(), trace.record(tmp_path / "trace")][::order]
    older.__enter__()
    library = newer.__enter__()
    assert Library.default() == library
    older.__exit__(None, None, None)
    assert Library.default() == library
    newer.__exit__(None, None, None)
    assert Library.default() == before


def test_overlapping_uses_of_installed_restore_the_first_default() -> None:
    before = Library.default()
    first, second = virtual.installed(), virtual.installed()
    library = first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert Library.default() == library
    second.__exit__(None, None, None)
    assert Library.default() == before


# Each function of the C core


ANSWER = 0x1234
"""What every function of every_function.c returns."""


def called(function: Any, *arguments: object) -> int:
    """Call a C function with these arguments and zeros for the others; return its code."""
    kinds = ffi.typeof(function).args[len(arguments) :]
    zeros = [ffi.NULL if kind.kind == "pointer" else 0 for kind in kinds]
    return unsigned(function(*arguments, *zeros))


def codes(library: Library) -> dict[str, int]:
    """Return the code of each function of the core on this library, which must do nothing."""
    names = [name for name in dir(lib) if name.startswith("pcsc_SCard") and not name.endswith("StartedEvent")]
    return {name: called(getattr(lib, name), library.native) for name in names}


def plain_codes() -> dict[str, int]:
    """Return the code of each function of the core under PC/SC's own name, on the default library."""
    names = [name for name in dir(lib) if re.match("SCard[A-Z]", name)]
    return {name: called(getattr(lib, name)) for name in names}


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A library that has every function, also those of Windows."""
    return Library(shared_library(SOURCES / "every_function.c", tmp_path_factory.mktemp("complete"), *CORE_FLAGS))


def test_each_function_returns_the_code_of_the_librarys_function(complete: Library) -> None:
    found = codes(complete)
    assert len(found) > 30
    assert set(found.values()) == {ANSWER}


def test_each_function_that_a_library_lacks_returns_that_it_is_not_implemented(bare: Library) -> None:
    present = {f"pcsc_{name}" for name in bare.info().functions}
    for name, code in codes(bare).items():
        assert code == (ReturnCode.SCARD_F_INTERNAL_ERROR if name in present else 0x80004001), name


def test_each_plain_function_is_that_of_the_default_library(complete: Library, bare: Library) -> None:
    previous = set_default_table(complete.native)
    try:
        assert set(plain_codes().values()) == {ANSWER}
        set_default_table(bare.native)
        assert set(plain_codes().values()) == {
            ReturnCode.SCARD_F_INTERNAL_ERROR,
            ReturnCode.SCARD_E_UNSUPPORTED_FEATURE,
        }
    finally:
        set_default_table(previous)


WITHOUT_A_LIBRARY = """
import re
from scardffi import ffi, lib
def called(name):
    function = getattr(lib, name)
    kinds = ffi.typeof(function).args
    return function(*[ffi.NULL if kind.kind == "pointer" else 0 for kind in kinds]) & 0xFFFFFFFF
names = [name for name in dir(lib) if re.match("(pcsc_)?SCard[A-Z]", name) and not name.endswith("StartedEvent")]
print(*sorted({(name.startswith("pcsc_"), hex(called(name))) for name in names}))
"""


def test_without_a_pcsc_library_each_function_returns_that_there_is_none() -> None:
    said = run_python(WITHOUT_A_LIBRARY, environment={"SCARDFFI_LIBRARY": "/nonexistent/libpcsc.so"})
    assert said == ["(False, '0x8010001d') (True, '0x8007007e')"]
