"""scardffi.h and scardffi.embed: a complete table, a header that compiles everywhere, and several ways to the table."""

import ctypes
import re
import subprocess
from pathlib import Path

import cffi
import pytest
from conftest import Place
from support.commands import ANSWER_4, READ_4
from support.compile import compiler, need_pcsclite_headers, pcsc_include_flags
from support.interpreter import run_python
from support.requirements import need_program

import scardffi
from scardffi import SCardManage, embed, ffi, virtual
from scardffi._windows_functions import WindowsFunctions

PACKAGE = Path(scardffi.__file__).parent
HEADER = PACKAGE / "include" / "scardffi.h"
FROZEN = Path(__file__).parent / "embedding" / "scardffi_v1.h"
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Werror", "-fsyntax-only")
E_INVALIDARG, E_POINTER, E_UNEXPECTED = 0x80070057, 0x80004003, 0x8000FFFF


# the header


def compiled(source: str, *command: str) -> str:
    """Compile a source with the installed headers; return the compiler's output, which is empty without warnings."""
    need_program(command[0])
    whole = [*command, *STRICT, f"-I{embed.get_include()}", "-"]
    done = subprocess.run(whole, input=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout if done.returncode else ""


USE = '#include "scardffi.h"\nunsigned size_of(const scardffi_api *api);\n'
USE += "unsigned size_of(const scardffi_api *api) { return api->size; }\n"


@pytest.mark.parametrize("language", ["c++ -x c++ -std=c++11", "c++ -x c++ -std=c++20"])
def test_the_header_compiles_by_itself_in_cpp(language: str) -> None:
    assert compiled(USE, *language.split()) == ""


@pytest.mark.parametrize("standard", ["c11", "c17"])
def test_the_header_compiles_by_itself_in_c(standard: str) -> None:
    assert compiled(USE, *compiler(), "-x", "c", f"-std={standard}") == ""


def test_the_header_compiles_together_with_pcsclites_header() -> None:
    need_pcsclite_headers()
    source = f"#include <winscard.h>\n{USE}"
    assert compiled(source, *compiler(), *pcsc_include_flags(), "-x", "c", "-std=c11") == ""


@pytest.mark.parametrize("before", ["", "#include <windows.h>\n#include <winscard.h>\n"], ids=["alone", "winscard.h"])
def test_the_header_compiles_for_windows(before: str) -> None:
    assert compiled(before + USE, "x86_64-w64-mingw32-gcc", "-x", "c", "-std=c11") == ""


def test_every_name_of_the_header_has_the_prefix() -> None:
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(encoding="utf-8"), flags=re.DOTALL)
    names = re.findall(r"#define (\w+)", text) + re.findall(r"typedef struct (\w+)", text)
    names += re.findall(r"^\} (\w+);", text, re.MULTILINE) + re.findall(r"static inline .*?(\w+)\(", text)
    assert len(names) > 15
    assert [name for name in names if not name.lower().startswith("scardffi_")] == []


# the table


def fields_of(header: Path) -> list[tuple[str, int, str]]:
    """Return name, offset and type of each member of a header's table on this platform."""
    declarations = header.read_text(encoding="utf-8").partition("/* [declarations]")[2]
    parser = cffi.FFI()
    parser.cdef("""
        typedef unsigned long DWORD; typedef long LONG; typedef long SCARDCONTEXT; typedef long SCARDHANDLE;
        typedef struct io_request SCARD_IO_REQUEST; typedef struct reader_state SCARD_READERSTATE;
    """)
    parser.cdef(declarations.partition("*/")[2].partition("/* [end")[0])
    fields = parser.typeof("scardffi_api").fields
    assert fields is not None
    return [(name, field.offset, field.type.cname) for name, field in fields]


def test_the_table_begins_with_the_members_of_version_1() -> None:
    frozen = fields_of(FROZEN)
    assert fields_of(HEADER)[: len(frozen)] == frozen
    assert len(frozen) == 50


def members(text: str, start: str, end: str) -> list[str]:
    """Return the declarations between two marks, each on one line and without comments."""
    body = re.sub(r"/\*.*?\*/", "", text.partition(start)[2].partition(end)[0], flags=re.DOTALL)
    return [" ".join(member.split()) for member in re.split(r";|\n {8}(?=\S)", body) if member.strip()]


def test_the_cython_file_declares_what_the_header_declares() -> None:
    cython = (PACKAGE / "__init__.pxd").read_text(encoding="utf-8")
    told = members(cython, "ctypedef struct scardffi_api:", "\n\n")
    declared = members(HEADER.read_text(encoding="utf-8").replace("\n", " "), "typedef struct scardffi_api {", "}")
    assert [member.removesuffix(" noexcept nogil") for member in told] == declared


def test_the_table_has_its_size_its_version_and_no_null_member() -> None:
    table = embed.table()
    pointer = ctypes.sizeof(ctypes.c_void_p)
    assert (table.size, table.version) == (ffi.sizeof("scardffi_api"), 1)
    assert table.size == 8 + pointer * len(embed.names())
    assert [name for name in embed.names() if not getattr(table, name)] == []


def test_the_table_has_each_function_of_pcsc_that_is_not_only_on_windows() -> None:
    info = scardffi.Library(virtual.library_path()).info()
    windows = {name for name in vars(WindowsFunctions) if name.startswith("SCard")}
    known = info.functions | info.missing
    assert {name for name in embed.names() if name.startswith("SCard")} == known - windows
    assert windows < known


def test_the_capsule_holds_the_table_and_is_made_once() -> None:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    assert get(scardffi.C_API, b"scardffi.C_API") == embed.address(embed.table())
    assert scardffi.C_API is scardffi.C_API
    load = ctypes.pythonapi.PyCapsule_Import
    load.restype, load.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_int]
    assert load(b"scardffi.C_API", 0) == embed.address(embed.table())


def test_importing_scardffi_does_not_load_embed_ctypes_or_cffi() -> None:
    code = """
        import sys, scardffi
        print([name for name in ("ctypes", "cffi", "scardffi.embed", "scardffi._cdef") if name in sys.modules])
        scardffi.C_API
        print([name for name in ("cffi", "scardffi._cdef") if name in sys.modules])
    """
    assert run_python(code) == ["[]", "[]"]


# the ways to the table


def test_a_prototype_has_the_sizes_and_signs_of_c() -> None:
    send, pointer = embed.prototype("exchange_new"), ctypes.sizeof(ctypes.c_void_p)
    assert [ctypes.sizeof(kind) for kind in send.argtypes] == [pointer, 4, *[pointer] * 5]
    assert send.restype is ctypes.c_uint32
    assert embed.prototype("exchange_send").restype(-1).value == -1
    assert embed.prototype("manage_free").restype is None
    with pytest.raises(AttributeError, match="no function 'size'"):
        embed.prototype("size")


def test_address_takes_pointers_only(virtual_place: Place) -> None:
    card = SCardManage(virtual_place.library)
    assert embed.address(card.native) == int(ffi.cast("uintptr_t", card.native))
    assert embed.address(ffi.NULL) == 0
    for other in (card, 1, ffi.cast("int", 1)):
        with pytest.raises(TypeError, match="pointer: expected a pointer of cffi"):
            embed.address(other)  # type: ignore[arg-type]  # the test passes a wrong type


def test_a_call_through_the_table_uses_the_same_objects_as_python(virtual_place: Place) -> None:
    response = bytearray(258)
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
        with card.exchange(READ_4, response) as exchange:
            native = embed.address(exchange.native)
            assert embed.prototype("exchange_send")(native) == len(ANSWER_4)
            assert response[: len(ANSWER_4)] == ANSWER_4
            assert exchange.sw == 0x9000
        assert embed.prototype("exchange_send")(native) == -E_UNEXPECTED  # the exchange is closed
        memory = ctypes.create_string_buffer(258)
        assert embed.prototype("transmit")(embed.address(card.native), READ_4, 5, memory, 258) == len(ANSWER_4)
        assert embed.prototype("detach")(embed.address(card.native), 0) == 0
        assert not card.is_attached


def test_a_function_of_the_table_is_called_through_cffi(virtual_place: Place) -> None:
    table, out = embed.table(), ffi.new("scardffi_manage **")
    assert table.manage_new(virtual_place.library.native, out) == 0
    assert table.attach_by_ifd(out[0], 2, virtual_place.reader.encode(), 2, 3) == 0
    state, protocol = ffi.new("uint32_t *"), ffi.new("uint32_t *")
    assert table.status(out[0], state, protocol, ffi.NULL, ffi.NULL, ffi.NULL, ffi.NULL) == 0
    assert table.reconnect(out[0], 0, 3, 1) == table.lock(out[0]) == table.unlock(out[0], 0) == 0
    handle = ffi.new("SCARDHANDLE *")
    assert table.handle(out[0], handle) == 1
    with SCardManage(virtual_place.library).attach_by_handle(handle) as card:
        assert (card.transmit(READ_4), int(card.protocol)) == (ANSWER_4, protocol[0])
    assert table.detach(out[0], 0) == 0
    assert table.detach(out[0], 0) == E_UNEXPECTED
    table.manage_free(out[0])


def test_a_script_made_through_the_table_runs_and_keeps_its_replies(virtual_place: Place) -> None:
    table, script = embed.table(), ffi.new("scardffi_script **")
    lengths = ffi.new("uint32_t[]", [5, 5])
    assert table.script_new(2, READ_4 + READ_4, lengths, 0, script) == 0
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
        run = table.script_run_new(script[0], card.native, 3, 1, 1)
        while (step := table.script_step(run, 50)) == 1:
            pass
        offsets = table.script_run_offsets(run)
        assert (step, table.script_run_count(run)) == (0, 6)
        assert bytes(ffi.buffer(table.script_run_arena(run), offsets[6])) == 6 * ANSWER_4
        assert table.script_run_elapsed(run)[5] > 0
        table.script_run_free(run)
    run = table.script_run_new(script[0], card.native, 1, 0, 0)
    assert (table.script_step(run, 50), table.script_run_index(run)) == (2, 0)
    assert table.script_run_failure(run) == -E_UNEXPECTED
    table.script_run_free(run)
    table.script_free(script[0])


def test_the_table_refuses_what_python_refuses(virtual_place: Place) -> None:
    table, memory = embed.table(), ffi.new("unsigned char[20]")
    manage, exchange = SCardManage(virtual_place.library).native, ffi.new("scardffi_exchange **")
    assert table.exchange_new(manage, 0, memory, 5, memory + 5, 1, exchange) == E_INVALIDARG
    assert table.exchange_new(manage, 0, memory, 0, memory + 5, 10, exchange) == E_INVALIDARG
    assert table.exchange_new(manage, 0, memory, 5, memory + 4, 10, exchange) == E_INVALIDARG
    assert table.exchange_new(manage, 8, memory, 5, memory + 5, 10, exchange) == E_INVALIDARG
    assert table.exchange_new(manage, 0, memory, 5, ffi.NULL, 10, exchange) == E_POINTER
    assert table.exchange_new(ffi.NULL, 0, memory, 5, memory + 5, 10, exchange) == E_POINTER
    script, lengths = ffi.new("scardffi_script **"), ffi.new("uint32_t[]", [0, 65549])
    assert table.script_new(1, memory, lengths, 0, script) == E_INVALIDARG
    assert table.script_new(1, memory, lengths + 1, 0, script) == E_INVALIDARG
    assert table.script_new(0, memory, lengths, 8, script) == E_INVALIDARG
    assert table.script_new(1, ffi.NULL, lengths, 0, script) == E_POINTER
    assert (exchange[0], script[0]) == (ffi.NULL, ffi.NULL)
