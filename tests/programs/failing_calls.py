"""Makes each call of C code that can fail do so, one at a time. It runs under the library of csrc/failing_calls.c.

Arguments: that library, a folder for copies of the virtual library, and the virtual library in the shape of Windows.
Prints for each operation which functions were failed, and how often.
"""

import contextlib
import ctypes
import gc
import itertools
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from support.commands import ANSWER_4, READ_4
from support.ports import free_port

from scardffi import (
    Context,
    Library,
    LibraryError,
    MissingSymbolError,
    OutOfMemoryError,
    ReaderStateFlag,
    Replies,
    ReturnCode,
    SCardError,
    SCardManage,
    Script,
    ScriptError,
    _native,
    embed,
    ffi,
    virtual,
)
from scardffi._loader import calls
from scardffi.errors import from_code, from_hresult
from scardffi.iso7816.status_word import StatusError

READER = "scardffi Virtual Reader 0"
SLOTS_OF_THE_VIRTUAL_LIBRARY = 4096


class EmptyCard:
    """A card that answers with `data` and 9000, and counts the commands."""

    atr = b"\x3b\x00"

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self.commands = 0

    def transmit(self, _command: bytes) -> bytes:
        """Return the data and 9000."""
        self.commands += 1
        return self.data + b"\x90\x00"


malloc = ctypes.CDLL(sys.argv[1])
for name in ("attempted", "failed", "outstanding", "outstanding_bytes"):
    getattr(malloc, name).restype = ctypes.c_size_t
malloc.failed_function.restype = ctypes.c_char_p
malloc.fail_after.argtypes = [ctypes.c_size_t]
malloc.watch.argtypes = [ctypes.c_char_p]

failed: dict[str, Counter[str]] = {}
MEMORY = {"malloc", "calloc", "realloc", "strdup"}
ERRORS: dict[str, type[SCardError]] = {"dlopen": LibraryError, "dlsym": MissingSymbolError}
"""The errors of other functions than those of memory; the virtual library reports a lack of sockets as such a one."""
TOLERATED = {
    "dladdr",  # the path is empty then
    "realpath",  # the path is the one that the loader says
    "dlsym",  # the library lacks a function that it need not have
}
copies = (shutil.copy(virtual.library_path(), f"{sys.argv[2]}/copy{number}.so") for number in itertools.count())


def outstanding() -> tuple[int, int]:
    """Return the blocks and bytes that the core has allocated."""
    return malloc.outstanding(), malloc.outstanding_bytes()


def fail_each(name: str, operation: Callable[[], object], *, is_exact: bool = True) -> None:
    """Fail the first call of the operation that can fail, then the second, and so on until it succeeds."""
    attempted = malloc.attempted()
    failed[name] = Counter()
    while (function := failure(failed[name].total() + 1, operation)) is not None:
        failed[name][function] += 1
    # Each run made one call more than the previous one, and the last run made all of them.
    total = failed[name].total()
    made = malloc.attempted() - attempted
    assert made == total * (total + 1) // 2 + total or failed[name].keys() & TOLERATED or not is_exact, name


def succeeds_with_failure_of(number: int, operation: Callable[[], object]) -> bool:
    return failure(number, operation) is None


def failure(number: int, operation: Callable[[], object]) -> str | None:
    """Fail this call of the operation; return the function that failed, or None if the operation has fewer calls."""
    before, failures = outstanding(), malloc.failed()
    malloc.fail_after(number)
    raised: SCardError | None = None
    try:
        operation()
    except SCardError as error:
        raised = error
    malloc.fail_after(0)
    if malloc.failed() == failures:
        assert raised is None, raised
        return None
    assert malloc.failed() == failures + 1
    function: str = malloc.failed_function().decode()
    if raised is None:
        assert function in TOLERATED, f"{function} failed without an error"
        return function
    assert isinstance(raised, ERRORS.get(function, OutOfMemoryError)), (function, raised)
    if isinstance(raised, OutOfMemoryError):
        assert isinstance(raised, MemoryError)
        assert raised.hresult == 0x8007000E or raised.code == ReturnCode.SCARD_E_NO_MEMORY, raised
    raised = None
    assert outstanding() == before, (function, before, outstanding())
    return function


def fail_often(operation: Callable[[], object]) -> None:
    """Fail more often than the virtual library has room for contexts and handles, so that a leak of them shows."""
    for _ in range(SLOTS_OF_THE_VIRTUAL_LIBRARY + 1):
        assert not succeeds_with_failure_of(1, operation)


def is_in_use(context: Context) -> bool:
    return bool(context.get_status_change([READER], 0)[0].state & ReaderStateFlag.INUSE)


def fail_the_library() -> Library:
    fail_each("Library", lambda: Library(next(copies)))

    def default() -> None:
        os.environ["SCARDFFI_LIBRARY"] = next(copies)
        Library.default()

    fail_each("Library.default", default)
    return Library(virtual.library_path())


def fail_a_manage_object(library: Library) -> None:
    gc.collect()
    before = outstanding()
    fail_each("SCardManage", lambda: SCardManage(library))
    gc.collect()
    assert outstanding() == before, "a collected object leaks memory"


def fail_attach_by_ifd(library: Library, context: Context) -> None:
    card = SCardManage(library)
    fail_often(lambda: card.attach_by_ifd(READER))
    assert not card.is_attached
    assert not is_in_use(context), "a failed attach leaves a handle open"
    fail_each("attach_by_ifd", lambda: card.attach_by_ifd(READER))
    assert is_in_use(context)
    assert card.transmit(READ_4) == ANSWER_4
    fail_attach_by_handle(library, card.handle)
    card.detach()
    assert not is_in_use(context)


def fail_attach_by_handle(library: Library, handle: int) -> None:
    code, fresh = library.SCardEstablishContext(2)
    assert code == 0
    code, other, _ = library.SCardConnect(fresh, READER, 2, 3)
    assert (code, other != handle) == (0, True)
    card = SCardManage(library)
    fail_often(lambda: card.attach_by_handle(other))
    assert not card.is_attached
    fail_each("attach_by_handle", lambda: card.attach_by_handle(other))
    assert card.transmit(READ_4) == ANSWER_4
    card.detach()
    assert library.SCardStatus(other)[0] == 0, "a borrowed handle was closed"
    assert library.SCardReleaseContext(fresh) == 0


def fail_what_an_attached_object_does(library: Library) -> None:
    card = SCardManage(library).attach_by_ifd(READER)  # the struct of its handle comes from the free list
    response = bytearray(8)
    fail_each("transmit", lambda: card.transmit(READ_4))
    assert card.transmit(READ_4) == ANSWER_4
    fail_each("transmit again", lambda: card.transmit(READ_4))
    fail_each("transmit_into", lambda: card.transmit_into(READ_4, response))
    assert response[:6] == ANSWER_4
    fail_each("status", card.status)
    fail_each("detach", card.detach)
    fail_each("attach again", lambda: card.attach_by_ifd(READER))
    card.detach()


def fail_the_table_for_others(library: Library) -> None:
    table, memory, card = embed.table(), ffi.new("unsigned char[20]"), SCardManage(library)

    def new_exchange() -> None:
        made = ffi.new("scardffi_exchange **")
        answered("exchange_new", table.exchange_new(card.native, 0, memory, 5, memory + 5, 15, made))
        table.exchange_free(made[0])

    def new_script() -> None:
        made = ffi.new("scardffi_script **")
        answered("script_new", table.script_new(1, memory, ffi.new("uint32_t[]", [5]), 0, made))
        table.script_free(made[0])

    fail_each("the table's exchange_new", new_exchange)
    fail_each("the table's script_new", new_script, is_exact=False)  # its last two allocations are checked together


def answered(function: str, hresult: int) -> None:
    if hresult != 0:
        raise from_hresult(hresult, function)


def fail_scripts(library: Library) -> None:
    """Fail each allocation of a run. The command that had no memory is not sent, and no reply is lost."""
    empty = EmptyCard(bytes(5000))
    with virtual.VirtualReader("scripts") as reader:
        reader.insert(empty)
        card = SCardManage(library).attach_by_ifd("scripts")
        for name, flow, options in (
            ("a script", 0, {"repeat": 5, "keep_all": True}),
            ("a script with times", 0, {"repeat": 5, "keep_all": True, "timed": True}),
            ("a script with times and a flow", 1, {"repeat": 5, "keep_all": True, "timed": True}),
            ("a script of one pass", 0, {}),
            ("a script into memory", 0, {"into": bytearray(1_065_948)}),
            ("a script into memory with times and a flow", 1, {"into": bytearray(1_065_948), "timed": True}),
        ):
            script = Script([READ_4] * (40 if "repeat" in options else 200), flow=flow)
            failed[name] = Counter()
            while not script_succeeds_with_failure_of(failed[name].total() + 1, script, card, empty, options):
                failed[name][malloc.failed_function().decode()] += 1
        card.detach()


def script_succeeds_with_failure_of(
    number: int, script: Script, card: SCardManage, empty: EmptyCard, options: dict[str, Any]
) -> bool:
    empty.commands = 0
    before = outstanding()
    malloc.fail_after(number)
    ended: SCardError | None = None
    try:
        replies = script.run(card, **options)
    except (ScriptError, OutOfMemoryError) as error:
        ended = error
    malloc.fail_after(0)
    if ended is None:
        assert len(replies) == empty.commands == 200
        return True
    check_ended_script(ended, empty.commands, len(script))
    ended = None
    gc.collect()
    assert outstanding() == before, (before, outstanding())
    return False


def check_ended_script(error: SCardError, sent: int, count: int) -> None:
    if isinstance(error, OutOfMemoryError):  # there was no memory for the run itself
        assert sent == 0
        return
    assert isinstance(error, ScriptError)
    assert isinstance(error.__cause__, OutOfMemoryError)
    assert (error.code, error.hresult) == (None, 0x8007000E)
    assert isinstance(error.replies, Replies)
    assert len(error.replies) == sent, "a command was sent whose reply is lost"
    assert error.index == sent % count
    assert all(bytes(reply) == bytes(5000) + b"\x90\x00" for reply in error.replies)


def fail_whole_files(library: Library) -> None:
    card = SCardManage(library).attach_by_ifd(READER)
    memory = bytearray(600)
    fail_each("read_binary_into", lambda: card.read_binary_into(memory))
    fail_each("update_binary_from", lambda: update(card))
    fail_each("exchange", lambda: card.exchange(READ_4, memory).close())
    fail_each("transmit with a flow", lambda: card.transmit(READ_4, flow=3))
    fail_each("transmit_into with a flow", lambda: card.transmit_into(READ_4, memory, flow=3))
    card.detach()


def update(card: SCardManage) -> None:
    with contextlib.suppress(StatusError):  # the card refuses the command
        card.update_binary_from(bytes(10))


def fail_a_wait(library: Library, context: Context) -> None:
    before = outstanding()
    fail_often(lambda: context.get_status_change([READER], 10))  # it returns at once, but the machine may be busy
    fail_each("get_status_change", lambda: context.get_status_change([READER], 10))
    malloc.fail_after(1)
    assert library.SCardGetStatusChange(context.handle, 0, [(READER, 0)])[0] == ReturnCode.SCARD_E_NO_MEMORY
    assert outstanding() == before


class Emulator:
    """A card behind vpcd's protocol, which connects to a port or is asked at one."""

    atr = b"\x3b\x00"

    @staticmethod
    def transmit(_command: bytes) -> bytes:
        """Return 9000."""
        return b"\x90\x00"


def fail_the_start_of_a_virtual_library() -> None:
    """Fail each call of the start, with a fresh copy for each. The next try starts the same copy."""
    with virtual.VpcdCard(Emulator(), 0, listen=True) as listening:
        for name, configuration, is_card in (
            ("start of the virtual library", "reader", True),
            ("start with a reader that listens", "reader,listen={port}", False),
            ("start with a reader that connects", f"reader,connect={listening.port}", True),
        ):
            failed[name] = Counter()
            for number in itertools.count(1):
                for _ in range(5):
                    os.environ["SCARDFFI_VIRTUAL"] = configuration.format(port=free_port())
                    function = failure_of_a_start(number, is_card=is_card)
                    failed[name] += Counter([function] if function is not None else [])
                    if function not in OF_THREADS:  # otherwise a call of the start may have been the next one
                        break
                if function is None:
                    break
        del os.environ["SCARDFFI_VIRTUAL"]


UNNEEDED = {"fcntl", "accept4"}
"""Functions whose failure may be of no consequence: sockets are made so that programs do not inherit them, and the
thread that accepts connections tries again."""
OF_THREADS = {"accept4", "poll", "recv"}
"""Functions that the library's own threads call, before or after the next call of the start."""
NO_CARD = {"connect", "send", "recv", "poll", "getsockname"}
"""Functions whose failure means that nothing, or no card emulator, is at the port: the reader stays empty."""


def failure_of_a_start(number: int, *, is_card: bool) -> str | None:
    """Fail this call of the start of a copy; return the function that failed, or None if there are fewer."""
    path = next(copies)
    library = Library(path)
    assert malloc.watch(os.fsencode(path)) == 1
    failures = malloc.failed()
    malloc.fail_after(number)
    code, context = library.SCardEstablishContext(2)
    malloc.fail_after(0)
    function: str | None = malloc.failed_function().decode() if malloc.failed() > failures else None
    if function in NO_CARD:
        assert code == 0
        return function
    if function is not None and not (function in UNNEEDED and code == 0):
        no_port = function in {"bind", "listen"}
        expected = ReturnCode.SCARD_E_NO_SERVICE if no_port else ReturnCode.SCARD_E_NO_MEMORY
        assert code == expected, (function, hex(code))
        code, context = library.SCardEstablishContext(2)
    assert code == 0, (function, hex(code))
    code, names = library.SCardListReaders(context)
    assert (code, len(names)) == (0, 1)
    code, [(state, _)] = library.SCardGetStatusChange(context, 0, [(names[0], 0)])
    assert (code, bool(state & ReaderStateFlag.PRESENT)) == (0, is_card), (function, hex(state))
    assert library.SCardReleaseContext(context) == 0
    return function


def fail_the_virtual_library(context: Context) -> None:
    library = ctypes.CDLL(virtual.library_path())
    names, length = ctypes.c_char_p(), ctypes.c_ulong(-1)
    assert malloc.watch(virtual.library_path().encode()) == 1
    readers = iter([virtual.VirtualReader("first"), virtual.VirtualReader("second")])
    fail_each("plugging a reader in", lambda: next(readers).plug())
    fail_each("list of the readers", context.list_readers)
    opened, protocol = ctypes.c_long(), ctypes.c_ulong()
    to_reader = ctypes.c_long(context.handle), READER.encode(), 2, 3, ctypes.byref(opened), ctypes.byref(protocol)
    fail_each("connection to a reader", lambda: library.SCardConnect(*to_reader))
    assert library.SCardDisconnect(opened, 0) == 0
    virtual.VirtualReader("first").unplug()
    with virtual.VirtualReader("another") as reader:
        fail_each("insertion of a card", lambda: reader.insert(EmptyCard()))
        reader.remove()
        fail_each("insertion of the answering card", lambda: reader.insert(virtual.AnsweringCard()))
    fail_each("fault", lambda: virtual.fault("SCardTransmit", answer=b"x").end())
    malloc.fail_after(1)
    handle = ctypes.c_long(context.handle)
    arguments = handle, None, ctypes.byref(names), ctypes.byref(length)
    failures = malloc.failed()
    assert library.SCardListReaders(*arguments) & 0xFFFFFFFF == ReturnCode.SCARD_E_NO_MEMORY
    failed["SCARD_AUTOALLOCATE of the virtual library"] = Counter(malloc=malloc.failed() - failures)
    assert not names
    length.value = -1
    before = outstanding()
    assert library.SCardListReaders(*arguments) == 0
    assert names.value == READER.encode()
    assert outstanding()[0] == before[0] + 1
    assert library.SCardFreeMemory(handle, names) == 0
    assert outstanding() == before


class WideState(ctypes.Structure):
    """SCARD_READERSTATEW."""

    _fields_ = [
        ("reader", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("current", ctypes.c_uint32),
        ("event", ctypes.c_uint32),
        ("atr_length", ctypes.c_uint32),
        ("atr", ctypes.c_ubyte * 36),
    ]


def fail_the_wide_functions(path: str) -> None:
    """Fail each allocation of the functions with names in UTF-16, with as many readers as there is room for."""
    library = ctypes.CDLL(path)
    names = [READER, *(f"reader {number}" for number in range(1023))]
    for name in names[1:]:
        assert library.scardvirtual_plug(name.encode(), None) == 0
    whole = "".join(f"{name}\0" for name in [*names, ""]).encode("utf-16-le")
    context, handle, protocol = ctypes.c_size_t(), ctypes.c_size_t(), ctypes.c_uint32()
    assert library.SCardEstablishContext(2, None, None, ctypes.byref(context)) == 0
    assert malloc.watch(path.encode()) == 1
    memory = ctypes.create_string_buffer(len(whole))

    def call(function: str, *arguments: object) -> None:
        code = getattr(library, function)(*arguments) & 0xFFFFFFFF
        if code != 0:
            raise from_code(code, function)

    def list_into_a_buffer() -> None:
        length = ctypes.c_uint32(len(whole) // 2)
        call("SCardListReadersW", context, None, memory, ctypes.byref(length))

    def list_into_memory_of_the_library() -> None:
        length, allocated = ctypes.c_uint32(0xFFFFFFFF), ctypes.c_void_p()
        call("SCardListReadersW", context, None, ctypes.byref(allocated), ctypes.byref(length))
        assert ctypes.string_at(allocated.value or 0, 2 * length.value) == whole
        call("SCardFreeMemory", context, allocated)

    def wait() -> None:
        states = (WideState * 3)(*(WideState(f"{name}\0".encode("utf-16-le")) for name in names[:3]))
        call("SCardGetStatusChangeW", context, 0, states, 3)

    def connect() -> None:
        wide_name = f"{READER}\0".encode("utf-16-le")
        call("SCardConnectW", context, wide_name, 2, 3, ctypes.byref(handle), ctypes.byref(protocol))

    def status() -> None:
        length = ctypes.c_uint32(len(whole) // 2)
        call("SCardStatusW", handle, memory, ctypes.byref(length), None, None, None, None)

    fail_each("SCardListReadersW into a buffer", list_into_a_buffer)
    assert memory.raw == whole
    fail_each("SCardListReadersW into memory of the library", list_into_memory_of_the_library)
    fail_each("SCardGetStatusChangeW", wait)
    fail_each("SCardConnectW", connect)
    fail_each("SCardStatusW", status)
    call("SCardReleaseContext", context)


def main() -> None:
    modules = [_native] if calls is None else [calls, _native]
    assert all(malloc.watch(os.fsencode(module.__file__ or "")) for module in modules), "the core is not loaded"
    library = fail_the_library()
    fail_a_manage_object(library)
    with Context(library=library) as context:
        fail_attach_by_ifd(library, context)
        gc.collect()
        before = outstanding()
        fail_what_an_attached_object_does(library)
        gc.collect()
        assert outstanding() == before, "a collected object leaks memory"
        fail_the_table_for_others(library)
        gc.collect()
        assert outstanding() == before, "objects of the table leak memory"
        fail_scripts(library)
        fail_whole_files(library)
        gc.collect()
        assert outstanding() == before, "a script or a transfer leaks memory"
        fail_a_wait(library, context)
        fail_the_virtual_library(context)
        fail_the_start_of_a_virtual_library()
    fail_the_wide_functions(sys.argv[3])
    sys.stdout.write(json.dumps(failed) + "\n")


main()
