"""scardffi.h and scardffi.embed: a complete table, a header that compiles everywhere, and several ways to the table."""

import ctypes
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cffi
import pytest
from conftest import Place
from support.commands import ANSWER_4, READ_4
from support.compile import compiler, need_pcsclite_headers, pcsc_include_flags
from support.interpreter import run_python
from support.requirements import need_program

import scardffi
from scardffi import ReturnCode, SCardManage, embed, ffi, lib, virtual
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


WITH_WINSCARD = """
scardffi_long first_card(const scardffi_api *api, SCARD_READERSTATE *states, SCARDHANDLE *handle, DWORD *protocol);
scardffi_long first_card(const scardffi_api *api, SCARD_READERSTATE *states, SCARDHANDLE *handle, DWORD *protocol)
{
    SCARDCONTEXT context;
    LONG code = api->SCardEstablishContext(SCARD_SCOPE_SYSTEM, 0, 0, &context);
    if (code == SCARD_S_SUCCESS)
        code = api->SCardGetStatusChange(context, 0, states, 1);
    return code == SCARD_S_SUCCESS ? api->SCardConnect(context, "", 2, 3, handle, protocol) : code;
}
"""
PCSCLITE = "#include <winscard.h>\n"
WINDOWS = "#include <windows.h>\n#include <winscard.h>\n"
THIS = '#include "scardffi.h"\n'


@pytest.mark.parametrize(
    "command", ["gcc -x c -std=c99", "gcc -x c -std=c17", "clang -x c", "g++ -x c++", "clang++ -x c++"]
)
@pytest.mark.parametrize("order", [PCSCLITE + THIS, THIS + PCSCLITE], ids=["winscard.h first", "scardffi.h first"])
def test_the_header_compiles_with_pcsclites_header_in_both_orders(order: str, command: str) -> None:
    need_pcsclite_headers()
    assert compiled(order + WITH_WINSCARD, *command.split(), *pcsc_include_flags()) == ""


@pytest.mark.parametrize("compiler", ["x86_64-w64-mingw32-gcc", "i686-w64-mingw32-gcc"])
@pytest.mark.parametrize(
    "source",
    [USE, WINDOWS + THIS + WITH_WINSCARD, THIS + WINDOWS],  # Windows' winscard.h renames members if it comes later
    ids=["alone", "winscard.h first", "scardffi.h first"],
)
def test_the_header_compiles_for_windows(source: str, compiler: str) -> None:
    assert compiled(source, compiler, "-x", "c", "-std=c11") == ""


def test_pcsc_abi_takes_the_place_of_a_winscard() -> None:
    for order in (f'{THIS}#include "pcsc_abi.h"\n', f'#include "pcsc_abi.h"\n{THIS}'):
        assert compiled(order + WITH_WINSCARD, *compiler(), "-x", "c", "-std=c11") == ""


def test_every_name_of_the_header_has_the_prefix() -> None:
    types = HEADER.with_name("scardffi_types.h").read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", "", types + HEADER.read_text(encoding="utf-8"), flags=re.DOTALL)
    names = (
        re.findall(r"# *define (\w+)", text)
        + re.findall(r"typedef [^({]*?(\w+);", text)
        + re.findall(r"typedef struct (\w+)", text)
    )
    names += re.findall(r"^\} (\w+);", text, re.MULTILINE) + re.findall(r"static inline .*?(\w+)\(", text)
    assert len(names) > 15
    assert [name for name in names if not name.lower().startswith("scardffi_")] == []


def undocumented(text: str) -> list[str]:
    """Return the functions of a table that have no comment directly above them."""
    functions = re.findall(r"(\*/)?\n    [^\n*]*?\*?\(\*(\w+)\)\(", text)
    return [name for comment, name in functions if not comment]


def test_each_function_of_the_table_has_a_comment_above_it() -> None:
    text = HEADER.read_text(encoding="utf-8").partition("typedef struct scardffi_api {")[2]
    assert undocumented(text) == []
    assert len(re.findall(r"\(\*\w+\)\(", text)) == len(embed.names())
    assert undocumented(text.replace("    /* End a transaction. Return an HRESULT. */\n", "")) == ["unlock"]


# the table


def fields_of(header: Path) -> list[tuple[str, int, str]]:
    """Return name, offset and type of each member of a header's table on this platform."""
    declarations = header.read_text(encoding="utf-8").partition("/* [declarations]")[2]
    parser = cffi.FFI()
    parser.cdef("""
        typedef unsigned long DWORD; typedef long LONG; typedef long SCARDCONTEXT; typedef long SCARDHANDLE;
        typedef DWORD scardffi_dword; typedef LONG scardffi_long;
        typedef SCARDCONTEXT scardffi_context; typedef SCARDHANDLE scardffi_handle;
        typedef void SCARD_IO_REQUEST; typedef void SCARD_READERSTATE; // any pointer is allowed since version 2
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
    assert (table.size, table.version) == (ffi.sizeof("scardffi_api"), 2)
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


def test_the_length_that_a_response_needs_is_returned(virtual_place: Place) -> None:
    response = bytearray(4)
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
        result = embed.prototype("transmit")(embed.address(card.native), READ_4, 5, (ctypes.c_char * 4)(), 4)
        assert (-result & 0xFFFFFFFF, -result >> 32) == (ReturnCode.SCARD_E_INSUFFICIENT_BUFFER, len(ANSWER_4))
        with card.exchange(READ_4, response) as exchange:
            native = embed.address(exchange.native)
            assert embed.prototype("exchange_send")(native) == -ReturnCode.SCARD_E_INSUFFICIENT_BUFFER
            assert embed.prototype("exchange_required")(native) == len(ANSWER_4)


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


def test_the_results_of_an_exchange_and_a_run_are_read_after_the_manage_object_was_freed(virtual_place: Place) -> None:
    table, memory, lengths = embed.table(), ffi.new("unsigned char[40]", READ_4), ffi.new("uint32_t[]", [5])
    manage, exchange, script = (ffi.new(f"scardffi_{name} **") for name in ("manage", "exchange", "script"))
    assert table.manage_new(virtual_place.library.native, manage) == 0
    assert table.attach_by_ifd(manage[0], 2, virtual_place.reader.encode(), 2, 3) == 0
    assert table.exchange_new(manage[0], 0, memory, 5, memory + 5, 30, exchange) == 0
    assert table.script_new(1, memory, lengths, 3, script) == 0
    run = table.script_run_new(script[0], manage[0], 1, 0, 0)
    assert (table.exchange_send(exchange[0]), table.script_step(run, 50)) == (len(ANSWER_4), 0)
    assert table.detach(manage[0], 0) == 0
    table.manage_free(manage[0])
    assert (table.exchange_sw(exchange[0]), table.script_run_count(run)) == (0x9000, 1)
    assert bytes(ffi.buffer(table.script_run_arena(run), table.script_run_offsets(run)[1])) == ANSWER_4
    table.exchange_free(exchange[0])
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


CALL_EACH = """
    import sys
    from scardffi import embed, ffi, lib
    from scardffi._loader import set_default_table

    nothing = ffi.new("char[]", 4096)
    if sys.argv[1] == "empty table":
        set_default_table(ffi.cast("scardffi_library *", nothing))
    table = embed.table()

    def code(function):
        kinds = [argument.kind for argument in ffi.typeof(function).args]
        return function(*(ffi.NULL if kind == "pointer" else 0 for kind in kinds)) & 0xFFFFFFFF

    plain = [name for name in dir(table) if name.startswith("SCard")]
    others = [name for name in dir(lib) if name.startswith("pcsc_SCard")]
    print(len(plain), len(others))
    print(*sorted({f"{code(getattr(table, name)):08X}" for name in plain}))
    print(*sorted({f"{code(getattr(lib, name)):08X}" for name in others}))
"""


@pytest.mark.parametrize(
    ("default", "plain", "with_a_library"),
    [
        ("no library", "8010001D", "8007007E"),
        ("empty table", f"{ReturnCode.SCARD_E_UNSUPPORTED_FEATURE:08X}", "80004001"),
    ],
)
def test_each_function_says_that_there_is_no_library_or_that_the_library_lacks_it(
    default: str, plain: str, with_a_library: str
) -> None:
    counts, *codes = run_python(CALL_EACH, default, environment={"SCARDFFI_LIBRARY": "/nowhere"})
    assert codes == [plain, with_a_library]
    assert all(int(count) > 15 for count in counts.split())


NULL, TOO_LONG = ffi.NULL, 65549
Call = Callable[[Any, Any], int]
# Calls with the manage object and memory; both functions of the table and those that only Python calls.
WITHOUT_A_POINTER: dict[str, Call] = {
    "manage_new without library": lambda _, memory: lib.manage_new(NULL, ffi.cast("scardffi_manage **", memory)),
    "manage_new without memory": lambda _, memory: lib.manage_new(ffi.cast("scardffi_library *", memory), NULL),
    "attach_by_handle without object": lambda _, memory: lib.manage_attach_by_handle(NULL, 1, 0, 0, numbers(memory)),
    "attach_by_handle without memory": lambda manage, _: lib.manage_attach_by_handle(manage, 1, 0, 0, NULL),
    "attach_by_ifd without object": lambda *_: lib.manage_attach_by_ifd(NULL, 2, b"", 2, 3),
    "attach_by_ifd without reader": lambda manage, _: lib.manage_attach_by_ifd(manage, 2, NULL, 2, 3),
    "detach without object": lambda *_: lib.manage_detach(NULL, 0),
    "status without state": lambda manage, memory: status(manage, memory, 0),
    "status without protocol": lambda manage, memory: status(manage, memory, 1),
    "status without length of the name": lambda manage, memory: status(manage, memory, 3),
    "status without length of the ATR": lambda manage, memory: status(manage, memory, 5),
    "control without length": lambda manage, memory: lib.manage_control(manage, 1, memory, 1, memory, 1, NULL),
    "control without command": lambda manage, memory: lib.manage_control(
        manage, 1, NULL, 1, memory, 1, numbers(memory)
    ),
    "control without response": lambda manage, memory: lib.manage_control(manage, 1, NULL, 0, NULL, 1, numbers(memory)),
    "get_attribute without value": lambda manage, memory: lib.manage_get_attribute(manage, 1, NULL, numbers(memory)),
    "get_attribute without length": lambda manage, memory: lib.manage_get_attribute(manage, 1, memory, NULL),
    "set_attribute without value": lambda manage, _: lib.manage_set_attribute(manage, 1, NULL, 1),
    "exchange_new without object": lambda _, memory: new_exchange(NULL, memory, memory + 30),
    "exchange_new without place": lambda manage, memory: new_exchange(manage, memory, NULL),
    "script_new without commands": lambda _, memory: new_script(NULL, numbers(memory), memory),
    "script_new without lengths": lambda _, memory: new_script(memory, NULL, memory),
    "script_new without place": lambda _, memory: new_script(memory, numbers(memory), NULL),
}
WITH_A_WRONG_NUMBER: dict[str, Call] = {
    "attach_by_handle": lambda manage, memory: lib.manage_attach_by_handle(manage, 1, 0, 4, numbers(memory)),
    "attach_by_ifd without share mode": lambda manage, _: lib.manage_attach_by_ifd(manage, 2, b"", 0, 3),
    "attach_by_ifd with share mode 4": lambda manage, _: lib.manage_attach_by_ifd(manage, 2, b"", 4, 3),
    "detach": lambda manage, _: lib.manage_detach(manage, 4),
    "reconnect with share mode 4": lambda manage, _: lib.manage_reconnect(manage, 4, 3, 0),
    "reconnect with disposition 3": lambda manage, _: lib.manage_reconnect(manage, 2, 3, 3),
    "unlock": lambda manage, _: lib.manage_unlock(manage, 4),
    "control of a long command": lambda manage, memory: lib.manage_control(
        manage, 1, memory, TOO_LONG, memory, 1, numbers(memory)
    ),
    "control with a long response": lambda manage, memory: lib.manage_control(
        manage, 1, memory, 1, memory, TOO_LONG, numbers(memory)
    ),
    "set_attribute": lambda manage, memory: lib.manage_set_attribute(manage, 1, memory, TOO_LONG),
}
WITHOUT_A_CARD: dict[str, Call] = {
    "detach": lambda manage, _: lib.manage_detach(manage, 0),
    "reconnect": lambda manage, _: lib.manage_reconnect(manage, 2, 3, 0),
    "lock": lambda manage, _: lib.manage_lock(manage),
    "unlock": lambda manage, _: lib.manage_unlock(manage, 0),
    "probe": lambda manage, _: lib.manage_probe(manage),
    "status": lambda manage, memory: status(manage, memory, None),
    "control": lambda manage, memory: lib.manage_control(manage, 1, memory, 1, memory, 1, numbers(memory)),
    "get_attribute": lambda manage, memory: lib.manage_get_attribute(manage, 1, memory, numbers(memory)),
    "set_attribute": lambda manage, memory: lib.manage_set_attribute(manage, 1, memory, 1),
    "transmit": lambda manage, memory: -lib.exchange_plain(manage, memory, 5, memory + 5, 15),
    "transmit without object": lambda _, memory: -lib.exchange_plain(NULL, memory, 5, memory + 5, 15),
}


def numbers(memory: Any) -> Any:
    return ffi.cast("uint32_t *", memory)


def status(manage: Any, memory: Any, lacking: int | None) -> int:
    """Call manage_status without its pointer of this number."""
    number = numbers(memory)
    pointers = [number, number + 1, memory + 8, number + 2, memory + 12, number + 3]
    return lib.manage_status(manage, *(NULL if place == lacking else one for place, one in enumerate(pointers)))


def new_exchange(manage: Any, memory: Any, place: Any) -> int:
    made = ffi.cast("scardffi_exchange **", place)
    return int(embed.table().exchange_new(manage, 0, memory, 5, memory + 5, 15, made))


def new_script(commands: Any, lengths: Any, place: Any) -> int:
    return int(embed.table().script_new(1, commands, lengths, 0, ffi.cast("scardffi_script **", place)))


@pytest.mark.parametrize(
    ("calls", "expected"),
    [(WITHOUT_A_POINTER, E_POINTER), (WITH_A_WRONG_NUMBER, E_INVALIDARG), (WITHOUT_A_CARD, E_UNEXPECTED)],
    ids=["without a pointer", "with a wrong number", "without a card"],
)
def test_each_function_in_c_refuses_what_it_cannot_use(
    calls: dict[str, Call], expected: int, virtual_place: Place
) -> None:
    manage, memory = SCardManage(virtual_place.library).native, ffi.new("unsigned char[]", 64)
    assert {name for name, call in calls.items() if call(manage, memory) & 0xFFFFFFFF != expected} == set()
    assert lib.manage_handle(manage, ffi.new("SCARDHANDLE *")) == 0
    assert not lib.manage_needs_detach(manage)


def test_freeing_nothing_does_nothing() -> None:
    for free in (lib.manage_free, lib.exchange_free, lib.script_free, lib.script_run_free, lib.transaction_free):
        free(NULL)
    lib.native_context_free(NULL)


def test_an_exchange_sends_no_part_that_it_does_not_have_and_ends_no_call_of_another_thread(
    virtual_place: Place,
) -> None:
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
        with card.exchange(READ_4, bytearray(40), flow=3) as exchange:
            for send in (lib.exchange_send_part, lib.exchange_start_part):
                assert {send(exchange.native, length) for length in (0, 6)} == {-E_INVALIDARG}
            assert lib.exchange_step(exchange.native) == -E_UNEXPECTED  # no call is between two steps
            assert lib.exchange_end(exchange.native) == 0
            assert exchange() == len(ANSWER_4)
        assert lib.exchange_send(exchange.native) == -E_UNEXPECTED


def test_a_borrowed_handle_keeps_the_share_mode_that_only_its_owner_knows(virtual_place: Place) -> None:
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as owner:
        borrowed = SCardManage(virtual_place.library).attach_by_handle(owner.handle)
        assert lib.manage_reconnect(borrowed.native, 0, 3, 0) == E_INVALIDARG
        assert lib.manage_reconnect(borrowed.native, 2, 3, 0) == 0
        attachment = ffi.new("uint64_t *")
        assert lib.manage_lock_recorded(borrowed.native, attachment) == 0
        assert not lib.manage_keep_alive(borrowed.native, attachment[0] + 1)  # another attachment
        assert lib.manage_keep_alive(borrowed.native, attachment[0])
        lib.manage_undo_lock(borrowed.native, attachment[0] + 1)
        assert lib.manage_keep_alive(borrowed.native, attachment[0])
        lib.manage_undo_lock(borrowed.native, attachment[0])
        lib.manage_undo_lock(borrowed.native, attachment[0])
        assert not lib.manage_keep_alive(borrowed.native, attachment[0])
        lib.manage_undo_attach(borrowed.native, 0)
        lib.manage_undo_attach(borrowed.native, attachment[0] + 1)
        assert borrowed.transmit(READ_4) == ANSWER_4
        lib.manage_end_given_up(borrowed.native)
        assert borrowed.is_attached
        borrowed.detach()
        assert not lib.manage_keep_alive(borrowed.native, 0)
