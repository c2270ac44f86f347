"""The ABI: types, layouts, constants and codes are those of the vendors' headers, and the C code has no warnings."""

import ast
import functools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from support.compile import compiler, need_pcsclite_headers, pcsc_include_flags
from support.platforms import evaluated_on
from support.requirements import need_program

import scardffi
from scardffi import _cdef

PACKAGE = Path(scardffi.__file__).parent
INCLUDE = PACKAGE / "include"
CSRC = PACKAGE / "csrc"
VIRTUAL_CSRC = PACKAGE / "virtual" / "csrc"
ASSERTIONS = Path(__file__).parent / "csrc" / "abi_assertions.c"

MINGW = "x86_64-w64-mingw32-gcc"
MINGW_32 = "i686-w64-mingw32-gcc"
MUSL = "musl-gcc"
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Werror")


class Vendor(NamedTuple):
    """A vendor of a winscard.h, and the compiler for it."""

    platform: str
    compiler: tuple[str, ...]
    headers: tuple[str, ...]
    lacks: Mapping[str, str]
    """Names of pcsc_abi.h that the vendor's headers do not define, with the reason."""
    differs: Mapping[str, str]
    """Names of pcsc_abi.h that have another value in the vendor's headers, with the reason."""


_WINDOWS_ADDITION = "came with Windows Vista or later, for its own key storage"
_COM = "an HRESULT of COM, of which pcsc-lite knows nothing"

PCSCLITE = Vendor(
    "linux",
    (*compiler(), *pcsc_include_flags()),
    ("winscard.h", "reader.h"),
    lacks={
        "SCARD_E_PIN_CACHE_EXPIRED": _WINDOWS_ADDITION,
        "SCARD_E_NO_PIN_CACHE": _WINDOWS_ADDITION,
        "SCARD_E_READ_ONLY_CARD": _WINDOWS_ADDITION,
        "SCARD_W_CACHE_ITEM_NOT_FOUND": _WINDOWS_ADDITION,
        "SCARD_W_CACHE_ITEM_STALE": _WINDOWS_ADDITION,
        "SCARD_W_CACHE_ITEM_TOO_BIG": _WINDOWS_ADDITION,
        "E_NOTIMPL": _COM,
        "E_POINTER": _COM,
        "E_FAIL": _COM,
        "E_UNEXPECTED": _COM,
        "E_OUTOFMEMORY": _COM,
        "E_INVALIDARG": _COM,
        "E_INVALID_DATA": "made of Windows' ERROR_INVALID_DATA, of which pcsc-lite knows nothing",
    },
    differs={"SCARD_E_UNSUPPORTED_FEATURE 0x80100022": "Windows' number of it, known wherever it may come from"},
)
WINDOWS = Vendor(
    "win32",
    (MINGW,),
    ("windows.h", "winscard.h"),
    lacks={
        "MAX_ATR_SIZE": "Windows calls it SCARD_ATR_LENGTH",
        "MAX_BUFFER_SIZE_EXTENDED": "a name of pcsc-lite's",
        "SCARD_PROTOCOL_ANY": "Windows calls it SCARD_PROTOCOL_Tx",
        "SCARD_ATTR_ASYNC_PROTOCOL_TYPES": "mingw-w64 calls it SCARD_ATTR_PROTOCOL_TYPES",
        "SCARD_ATTR_SYNC_PROTOCOL_TYPES": "a second tag of PC/SC part 3 that mingw-w64 leaves out",
        "E_INVALID_DATA": "Windows has only ERROR_INVALID_DATA, of which this is the HRESULT",
    },
    differs={
        f"SCARD_{state} 0x{1 << number:08X}": f"Windows numbers the states and has {number}; CardState is their bits"
        for number, state in enumerate(
            ("UNKNOWN", "ABSENT", "PRESENT", "SWALLOWED", "POWERED", "NEGOTIABLE", "SPECIFIC")
        )
    },
)


WINDOWS_32 = WINDOWS._replace(compiler=(MINGW_32,))


@pytest.fixture(params=[PCSCLITE, WINDOWS, WINDOWS_32], ids=["pcsc-lite", "windows", "windows-32"])
def vendor(request: pytest.FixtureRequest) -> Vendor:
    asked: Vendor = request.param
    if asked is not PCSCLITE:
        need_program(asked.compiler[0])
    else:
        need_pcsclite_headers()
    return asked


def compile_only(command: tuple[str, ...], source: str | Path, *flags: str) -> str:
    """Compile a file or a text; return the compiler's output, which is empty if there is no warning."""
    text = None if isinstance(source, Path) else source
    file = ["-x", "c", "-"] if isinstance(source, str) else [str(source)]
    whole = [*command, *flags, "-fsyntax-only", *file]
    done = subprocess.run(
        whole, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False
    )
    return done.stdout if done.returncode == 0 else f"{shlex.join(whole)} failed:\n{done.stdout}"


# pcsc_abi.h and the vendors' headers


def test_the_header_has_the_constants_sizes_and_offsets_of_the_vendors_headers(vendor: Vendor) -> None:
    assert compile_only(vendor.compiler, ASSERTIONS, *WARNINGS, "-isystem", str(INCLUDE)) == ""


def test_the_comparison_covers_every_name_of_the_header() -> None:
    names = set(re.findall(r"#\s*define (\w+)", (INCLUDE / "pcsc_abi.h").read_text()))
    choices = {name for name in names if name.startswith("SCARDFFI_")}
    behaviour = {  # what a library does stands in no header
        "PCSC_RELEASE_LEAVES_CARD",
        "PCSC_NOTIFIES_OF_READERS",
        "PCSC_COUNTS_CARD_EVENTS",
        "PCSC_CONTROL",
        "PCSC_HANDLE_MASK",
        "PCSC_AUTOALLOCATES",
        "PCSC_TEXT_SUFFIX",
        "PCSC_NUMBERS_CARD_STATES",
        "PCSC_LISTS_READER_NAMES",
        "PCSC_NO_SUCH_HANDLE",
        "PCSC_NO_SUCH_ATTRIBUTE",
    }
    compared = set(re.findall(r"\w+", ASSERTIONS.read_text()))
    assert names - choices - behaviour - compared == set()


class Shape(NamedTuple):
    """The sizes and offsets of one platform's structures."""

    pointer: int
    dword: int
    handle: int
    io_request: int
    reader_state: int
    atr: int
    offsets: tuple[int, int, int, int]
    """Of dwCurrentState, dwEventState, cbAtr and rgbAtr."""
    raw_protocol: int
    unsupported_feature: int
    control_code: int
    """Of the function 3400."""
    autoallocate: bool


SHAPES = {
    "PCSCLITE": Shape(8, 8, 8, 16, 80, 33, (16, 24, 32, 40), 4, 0x8010001F, 0x42000D48, autoallocate=True),
    "PCSCLITE_32": Shape(4, 4, 4, 8, 56, 33, (8, 12, 16, 20), 4, 0x8010001F, 0x42000D48, autoallocate=True),
    "WINDOWS": Shape(8, 4, 8, 8, 64, 36, (16, 20, 24, 28), 0x10000, 0x80100022, 0x00313520, autoallocate=True),
    "WINDOWS_32": Shape(4, 4, 4, 8, 56, 36, (8, 12, 16, 20), 0x10000, 0x80100022, 0x00313520, autoallocate=True),
    "MACOS": Shape(8, 4, 4, 8, 61, 33, (16, 20, 24, 28), 4, 0x8010001F, 0x42000D48, autoallocate=False),
}


@pytest.mark.parametrize(
    "name",
    [name for name, shape in SHAPES.items() if "WINDOWS" in name or (shape.pointer == 8) == (sys.maxsize > 1 << 32)],
)
def test_each_platform_has_its_documented_shape(name: str) -> None:
    command = {"WINDOWS": (MINGW,), "WINDOWS_32": (MINGW_32,)}.get(name, tuple(compiler()))
    need_program(command[0])
    shape = SHAPES[name]
    members = ("dwCurrentState", "dwEventState", "cbAtr", "rgbAtr")
    facts = [
        f"sizeof(void *) == {shape.pointer}",
        f"sizeof(DWORD) == {shape.dword} && (DWORD)-1 > 0",
        f"sizeof(LONG) == {shape.dword} && (LONG)-1 < 0",
        f"sizeof(SCARDHANDLE) == {shape.handle} && sizeof(SCARDCONTEXT) == {shape.handle}",
        f"sizeof(SCARD_IO_REQUEST) == {shape.io_request}",
        f"sizeof(SCARD_READERSTATE) == {shape.reader_state}",
        f"sizeof(SCARD_READERSTATE[2]) == 2 * {shape.reader_state}",
        f"PCSC_ATR_BUFFER == {shape.atr}",
        *(
            f"offsetof(SCARD_READERSTATE, {member}) == {offset}"
            for member, offset in zip(members, shape.offsets, strict=True)
        ),
        f"SCARD_PROTOCOL_RAW == {shape.raw_protocol}",
        f"SCARD_E_UNSUPPORTED_FEATURE == {shape.unsupported_feature}u",
        f"SCARD_CTL_CODE(3400u) == {shape.control_code}u",
    ]
    lines = ["#include <stddef.h>", '#include "pcsc_abi.h"']
    lines += [f'_Static_assert({fact}, "{fact}");' for fact in facts]
    lines += ["#if" + ("n" if shape.autoallocate else "") + "def SCARD_AUTOALLOCATE", "#error SCARD_AUTOALLOCATE"]
    lines += ["#endif", ""]
    flags = (*WARNINGS, f"-DSCARDFFI_ABI_{name.removesuffix('_32')}", f"-I{INCLUDE}")
    assert compile_only(command, "\n".join(lines), *flags) == ""


# constants.py, errors.py and the vendors' headers

# The C names of the members of each enumeration in constants.py.
C_NAMES = {
    "Scope": "SCARD_SCOPE_{}",
    "ShareMode": "SCARD_SHARE_{}",
    "Protocol": "SCARD_PROTOCOL_{}",
    "Disposition": "SCARD_{}_CARD",
    "CardState": "SCARD_{}",
    "ReaderStateFlag": "SCARD_STATE_{}",
    "Attribute": "SCARD_ATTR_{}",
    "ReturnCode": "{}",
}
PLAIN_CONSTANTS = ("MAX_ATR_SIZE", "MAX_BUFFER_SIZE_EXTENDED", "INFINITE")


def python_constants(platform: str) -> Iterator[tuple[str, int]]:
    """Return the C name and the value of each constant of constants.py on a platform."""
    module = evaluated_on(platform, "constants")
    for enumeration, pattern in C_NAMES.items():
        members: Mapping[str, int] = getattr(module, enumeration).__members__
        for member, value in members.items():
            yield pattern.format(member), int(value)
    for name in PLAIN_CONSTANTS:
        yield name, getattr(module, name)
    for function in (0, 1, 2048, 3400, 4095):
        yield f"SCARD_CTL_CODE({function})", module.control_code(function)


def python_codes(platform: str) -> Iterator[tuple[str, int]]:
    """Return the name and the number of each code of errors.py on a platform."""
    for code, info in evaluated_on(platform, "errors")._codes().items():
        yield info.name, code


def assertions(vendor: Vendor, names: Iterator[tuple[str, int]]) -> str:
    """Return a C source that compiles if each name that the vendor's headers have has its value."""
    lines = [f"#include <{header}>" for header in vendor.headers]
    for name, value in names:
        number = f"0x{value:08X}"
        macro = name.partition("(")[0]
        if name in vendor.lacks:
            lines += [f"#ifdef {macro}", f'#error "{name} is there now: take it out of the table"', "#endif"]
            continue
        sign = "!=" if f"{name} {number}" in vendor.differs else "=="
        lines += [f"#ifndef {macro}", f'#error "{name} is not in the headers"', "#else"]
        lines += [f'_Static_assert((unsigned)({name}) {sign} {number}u, "{name} is not {number}");', "#endif"]
    return "\n".join([*lines, ""])


def test_every_constant_has_the_vendors_value(vendor: Vendor) -> None:
    source = assertions(vendor, python_constants(vendor.platform))
    assert source.count("_Static_assert") > 80
    assert compile_only(vendor.compiler, source, "-std=c11") == ""


def test_every_code_has_the_vendors_name(vendor: Vendor) -> None:
    source = assertions(vendor, python_codes(vendor.platform))
    assert source.count("_Static_assert") > 60
    assert compile_only(vendor.compiler, source, "-std=c11") == ""


def test_the_comparison_covers_every_enumeration() -> None:
    constants = evaluated_on("linux", "constants")
    found = {name for name, kind in vars(constants).items() if isinstance(kind, type) and issubclass(kind, int)}
    assert found - {"IntEnum", "IntFlag", "Flow"} == set(C_NAMES)  # Flow is scardffi's own


def test_the_tables_of_exceptions_name_existing_constants_only(vendor: Vendor) -> None:
    both = [*python_constants(vendor.platform), *python_codes(vendor.platform)]
    assert set(vendor.lacks) <= {name for name, _ in both}
    assert set(vendor.differs) <= {f"{name} 0x{value:08X}" for name, value in both}


def test_the_constants_are_those_of_the_platform_that_python_runs_on() -> None:
    in_use = [
        (pattern.format(name), int(value))
        for enumeration, pattern in C_NAMES.items()
        for name, value in getattr(scardffi.constants, enumeration).__members__.items()
    ]
    expected = dict(python_constants(sys.platform))
    assert {name: expected[name] for name, _ in in_use} == dict(in_use)
    assert scardffi.control_code(3400) == expected["SCARD_CTL_CODE(3400)"]


# The C sources

NATIVE_SOURCES = sorted(CSRC.glob("*.c")) + sorted(VIRTUAL_CSRC.glob("*.c"))


def folder_flags(source: Path) -> tuple[str, ...]:
    return f"-I{INCLUDE}", f"-I{source.parent}", f"-I{CSRC}"


def compile_for_real(command: tuple[str, ...], source: Path, out: Path, *flags: str) -> str:
    """Compile as compile_only does, with the optimizer, which has more warnings."""
    whole = [*command, *WARNINGS, "-O2", *flags, "-c", "-o", str(out), str(source), *folder_flags(source)]
    done = subprocess.run(whole, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False)
    return done.stdout


@pytest.mark.parametrize("source", NATIVE_SOURCES, ids=lambda path: path.name)
@pytest.mark.parametrize("shape", ["PCSCLITE", "MACOS", "WINDOWS"])
def test_each_source_compiles_without_a_warning(source: Path, shape: str, tmp_path: Path) -> None:
    need_program(compiler()[0])
    flags = ("-Wpedantic", "-Wconversion", "-fPIC", "-pthread", f"-DSCARDFFI_ABI_{shape}")
    assert compile_for_real(tuple(compiler()), source, tmp_path / "out.o", *flags) == ""


@pytest.mark.parametrize("source", NATIVE_SOURCES, ids=lambda path: path.name)
@pytest.mark.parametrize("shape", ["PCSCLITE", "MACOS"])
def test_each_source_compiles_with_musl_without_a_warning(source: Path, shape: str, tmp_path: Path) -> None:
    need_program(MUSL)
    flags = ("-Wpedantic", "-Wconversion", "-fPIC", "-pthread", f"-DSCARDFFI_ABI_{shape}")
    assert compile_for_real((MUSL,), source, tmp_path / "out.o", *flags) == ""


@pytest.mark.parametrize("source", NATIVE_SOURCES, ids=lambda path: path.name)
@pytest.mark.parametrize("command", [MINGW, MINGW_32])
def test_each_source_compiles_for_windows_without_a_warning(source: Path, command: str, tmp_path: Path) -> None:
    need_program(command)
    assert compile_for_real((command,), source, tmp_path / "out.o", "-Wconversion") == ""


_LATER = "came with Windows 8 or later, or is left out by mingw-w64"
# Functions that mingw-w64's 32-bit import library of winscard does not have
NOT_IMPORTABLE = {
    "SCardCancelTransaction@4": "in Windows' header, and in few of its DLLs",
    "SCardAudit@8": _LATER,
    "SCardGetReaderIconW@16": _LATER,
    "SCardGetDeviceTypeIdW@12": _LATER,
    "SCardGetReaderDeviceInstanceIdW@16": _LATER,
    "SCardListReadersWithDeviceInstanceIdW@16": _LATER,
}


def symbols(file: str | Path) -> set[str]:
    """Return the functions of a 32-bit object file or import library, with the bytes that they pop: name@bytes."""
    done = subprocess.run(["i686-w64-mingw32-nm", str(file)], capture_output=True, text=True, check=True)
    return set(re.findall(r" T _(?:ours_)?(\w+@\d+)$", done.stdout, flags=re.MULTILINE))


def test_on_32_bit_windows_a_function_pops_as_many_bytes_as_the_tables_member(tmp_path: Path) -> None:
    need_program(MINGW_32)
    lines = ['#include "pcsc_api.h"']
    for kind, name in (("NUMBER", "ours_##name"), ("TEXT", "ours_##name##W")):
        lines.append(f"#define {kind}(need, name, arguments, ...) LONG PCSC_CALL {name}(__VA_ARGS__) {{ return 0; }}")
        lines.append(f"PCSC_EVERY_{kind}_FUNCTION({kind})")
    source = tmp_path / "members.c"
    source.write_text("\n".join([*lines, ""]))
    flags = ["-std=c11", f"-I{INCLUDE}", f"-I{CSRC}", "-c", "-o", str(tmp_path / "members.o")]
    subprocess.run([MINGW_32, *flags, str(source)], check=True)
    asked = [MINGW_32, "-print-file-name=libwinscard.a"]
    library = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    members = symbols(tmp_path / "members.o")
    assert len(members) > 40
    assert members - symbols(library) == set(NOT_IMPORTABLE)


# The declarations for Python


@functools.cache
def declared_functions() -> dict[str, int]:
    """Return each function that is declared for Python, and the number of its parameters."""
    found = re.findall(r"^[\w ]+?[ *](\w+)\(([^)]*)\);", _cdef.declarations(), flags=re.MULTILINE)
    return {name: 0 if parameters == "void" else parameters.count(",") + 1 for name, parameters in found}


def test_the_stub_has_exactly_one_method_for_each_declared_function() -> None:
    tree = ast.parse((PACKAGE / "_native.pyi").read_text())
    [lib] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Lib"]
    methods = {node.name: node for node in lib.body if isinstance(node, ast.FunctionDef)}
    arity = {
        name: len(node.args.posonlyargs) + len(node.args.args) - 1 for name, node in methods.items()
    }  # self is not counted
    assert len(declared_functions()) > 50
    assert arity == declared_functions()


def test_the_compiled_module_has_each_declared_function() -> None:
    assert [name for name in declared_functions() if not callable(getattr(scardffi.lib, name, None))] == []
    assert {name for name in dir(scardffi.lib) if not name.isupper()} == set(declared_functions())
