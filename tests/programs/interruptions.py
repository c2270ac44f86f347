"""Interrupts operations at each point at which Python handles signals, and looks what they leave.

Arguments: the compiled csrc/counting_pcsc.c, csrc/signal_points.c and csrc/memory_search.c, the virtual library, the
reader, and the names of operations to run or, after "-", to omit. By default all run but those that leave something on
purpose. Prints as JSON for each operation the number of points, of exceptions that CPython dropped,
and the faults.
"""

import ctypes
import gc
import json
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from programs.code_in_memory import byte_of, complements
from support.interruption import Signals, interrupt_everywhere

import scardffi._loader
from scardffi import (
    Context,
    Disposition,
    Flow,
    Library,
    Monitor,
    SCardError,
    SCardManage,
    SCardTimeoutError,
    Script,
    ShareMode,
)
from scardffi._locks import Mutex
from scardffi.constants import PNP_NOTIFICATION, Attribute, Protocol, control_code
from scardffi.exchange import Exchange
from scardffi.iso7816.status_word import StatusError
from scardffi.services.ch_verification import CHVerification
from scardffi.services.codes import Padding

CHALLENGE = bytes.fromhex("0084000008")
LONG_READ = bytes.fromhex("00B00000000000")
VERIFY = bytes.fromhex("0020000108")
SECRET_LENGTH = 12
SECRET_NUMBER = 987654321987654321


class World:
    """A library that counts what is open, and what it counted before an operation."""

    def __init__(self, counting: str, searching: str, virtual: str, reader: str) -> None:
        counts = ctypes.CDLL(counting)
        if not counts.forward_to(virtual.encode()):
            raise RuntimeError(f"{virtual} lacks a function")
        self.contexts, self.handles = counts.counted_contexts, counts.counted_handles
        self.copies_of = ctypes.CDLL(searching).copies_of
        self.copies_of.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
        self.copies_of.restype = ctypes.c_long
        self.library = Library(counting)
        self.reader = reader
        self.card = SCardManage(self.library).attach_by_ifd(reader)
        self.card.transmit(CHALLENGE)
        self.other = SCardManage(self.library).attach_by_ifd(reader)
        self.context = Context(library=self.library)
        RAW["own context"] = self.context.handle
        self.files = self.card.create_file_access()
        self.mutexes = [one for one in gc.get_objects() if issubclass(type(one), Mutex)]
        gc.freeze()  # gc.get_objects() omits what exists now, which is much
        self.secrets: list[bytes] = []
        self.before = self._counts()

    def _counts(self) -> tuple[int, int, int]:
        return self.contexts(), self.handles(), len(scardffi._loader._kept)  # what C memory is in use

    def begin(self) -> None:
        """Remember what is open now."""
        gc.collect()
        self.before = self._counts()

    def faults(self) -> list[str]:
        """Return what is open or held although no operation runs."""
        now = self._counts()
        names = ("contexts", "handles", "objects in C")
        found = [f"{n - b} {name} more" for name, n, b in zip(names, now, self.before, strict=True) if n > b]
        try:
            self.other.lock(0.5)
            self.other.unlock()
        except SCardError as error:
            found.append(f"another handle cannot lock: {type(error).__name__}")
        if not self.card.is_attached:
            found.append("the card is detached")
        mutexes = [*self.mutexes, *(one for one in gc.get_objects() if issubclass(type(one), Mutex))]
        found += ["a Mutex is held" for one in mutexes if one._is_owned()]
        copies = sum(self.copies_of(piece, len(piece)) for piece in self.secrets)
        if copies:
            found.append(f"{copies} copies of the code")
        return found


WORLD: World
OPERATIONS: dict[str, Callable[[], object]] = {}
FINISHES: dict[str, Callable[[], object]] = {}
SECRET_OPERATIONS: set[str] = set()


def operation(function: Callable[[], object]) -> Callable[[], object]:
    """Add an operation, named after its function."""
    OPERATIONS[function.__name__] = function
    return function


def secret_operation(function: Callable[[], object]) -> Callable[[], object]:
    """Add an operation with a code, after which the memory is searched."""
    SECRET_OPERATIONS.add(function.__name__)
    return operation(function)


def new_card() -> SCardManage:
    """Return a new manage object."""
    return SCardManage(WORLD.library)


@operation
def context() -> None:
    with Context(library=WORLD.library):
        pass


@operation
def release() -> None:
    Context(library=WORLD.library).release()


@operation
def release_with_cards() -> None:
    with Context(library=WORLD.library) as own:
        own.attach(WORLD.reader)
        own.attach(WORLD.reader).lock()


@operation
def collected_context() -> None:
    Context(library=WORLD.library)


@operation
def list_readers() -> None:
    WORLD.context.list_readers()


@operation
def list_reader_groups() -> None:
    WORLD.context.list_reader_groups()


@operation
def is_valid() -> None:
    WORLD.context.is_valid()


@operation
def get_status_change() -> None:
    WORLD.context.get_status_change([WORLD.reader])


@operation
def wait_for_a_change() -> None:
    states = WORLD.context.get_status_change([WORLD.reader, PNP_NOTIFICATION], 0)
    with suppress(SCardError):
        WORLD.context.get_status_change(states, 0.002)


@operation
def cancel() -> None:
    WORLD.context.cancel()


@operation
def monitor() -> None:
    with WORLD.context.monitor() as own:
        own.wait(timeout=10)


@operation
def monitor_and_close() -> None:
    Monitor(library=WORLD.library).close()


@operation
def iterate_over_events() -> None:
    with Monitor(library=WORLD.library) as own:
        next(iter(own))


@operation
def subscribe_to_events() -> None:
    with WORLD.context.monitor() as own:
        own.subscribe(lambda _: None)()


@operation
def collected_monitor() -> None:
    Monitor(library=WORLD.library)


@operation
def release_with_a_monitor() -> None:
    with Context(library=WORLD.library) as own:
        own.monitor()


@operation
def wait_for_card() -> None:
    WORLD.context.wait_for_card(10)


@operation
def wait_for_card_in_vain() -> None:
    with suppress(SCardTimeoutError):
        WORLD.context.wait_for_card(0.01, atr=b"none")


@operation
def context_attach() -> None:
    with WORLD.context.attach(WORLD.reader):
        pass


@operation
def attach_by_ifd() -> None:
    with new_card().attach_by_ifd(WORLD.reader):
        pass


@operation
def context_attach_within() -> None:
    with WORLD.context.attach(WORLD.reader, timeout=10):
        pass


@operation
def context_attach_by_a_part() -> None:
    with WORLD.context.attach(WORLD.reader[1:], timeout=10):
        pass


@operation
def attach_by_ifd_within() -> None:
    with new_card().attach_by_ifd(WORLD.reader, timeout=10):
        pass


@operation
def attach_in_vain() -> None:
    with suppress(SCardTimeoutError):
        new_card().attach_by_ifd(WORLD.reader, timeout=0).detach()


@operation
def attach_and_detach() -> None:
    card = new_card()
    card.attach_by_ifd(WORLD.reader)
    card.detach(Disposition.LEAVE)


@operation
def attach_direct() -> None:
    with new_card().attach_by_ifd(WORLD.reader, ShareMode.DIRECT, Protocol.UNDEFINED):
        pass


@operation
def collected_card() -> None:
    new_card().attach_by_ifd(WORLD.reader)


@operation
def collected_with_a_transaction() -> None:
    new_card().attach_by_ifd(WORLD.reader).lock()


@operation
def attach_by_handle() -> None:
    with new_card().attach_by_handle(WORLD.card) as borrowed:
        borrowed.lock()


@operation
def attach_by_owned_handle() -> None:
    code, handle, _ = WORLD.library.SCardConnect(WORLD.context.handle, WORLD.reader, ShareMode.SHARED, Protocol.ANY)
    assert code == 0
    try:
        with new_card().attach_by_handle(handle, owned=True):
            pass
    finally:
        scardffi._loader.lib.card_handle_disconnect(WORLD.library.native, handle, 0)  # it is not interrupted


@operation
def reconnect() -> None:
    WORLD.card.reconnect()


@operation
def reconnect_within() -> None:
    with new_card().attach_by_ifd(WORLD.reader) as card:  # an interrupted call may detach it
        card.reconnect(timeout=10)


@operation
def reconnect_exclusive() -> None:
    with new_card().attach_by_ifd(WORLD.reader) as card:
        try:
            card.reconnect(ShareMode.SHARED, Protocol.ANY, Disposition.LEAVE)
            card.lock()
        finally:
            card.detach()


@operation
def recover() -> None:
    with SCardManage(WORLD.library).attach_by_ifd(WORLD.reader, on_reset=SCardManage.status) as card:
        card.recover()


@operation
def recover_a_lost_handle() -> None:
    with SCardManage(WORLD.library).attach_by_ifd(WORLD.reader, on_reset=SCardManage.status) as card:
        WORLD.library.SCardDisconnect(card.handle, Disposition.LEAVE)
        card.recover()


@operation
def lock() -> None:
    WORLD.card.lock()


def unlock() -> None:
    WORLD.card.unlock()


FINISHES["lock"] = unlock


@operation
def lock_with_a_timeout() -> None:
    with new_card().attach_by_ifd(WORLD.reader) as card:  # an interrupted call may detach it
        card.lock(10)


@operation
def transaction() -> None:
    with WORLD.card.transaction():
        pass


@operation
def transaction_that_is_kept_alive() -> None:
    with WORLD.card.transaction(keep_alive=True):
        pass


@operation
def two_transactions() -> None:
    with WORLD.card.transaction(), WORLD.card.transaction() as card:
        card.transmit(CHALLENGE)


@operation
def transaction_in_an_exit_stack() -> None:
    with ExitStack() as stack:
        stack.enter_context(WORLD.card.transaction())


@operation
def transaction_with_an_error() -> None:
    with suppress(ZeroDivisionError), WORLD.card.transaction():
        _ = 1 // 0


RAW: dict[str, int] = {}
"""What the raw functions returned. Storing it calls no function, so nothing can interrupt between call and record."""


@operation
def raw_context() -> None:
    RAW["context"] = WORLD.library.SCardEstablishContext(0)[1]


FINISHES["raw_context"] = lambda: WORLD.library.SCardReleaseContext(RAW["context"])


@operation
def raw_connect() -> None:
    RAW["handle"] = WORLD.library.SCardConnect(RAW["own context"], WORLD.reader, ShareMode.SHARED, Protocol.ANY)[1]


FINISHES["raw_connect"] = lambda: WORLD.library.SCardDisconnect(RAW["handle"], Disposition.LEAVE)


@operation
def raw_begin_transaction() -> None:
    WORLD.library.SCardBeginTransaction(WORLD.card.handle)


FINISHES["raw_begin_transaction"] = lambda: WORLD.library.SCardEndTransaction(WORLD.card.handle, Disposition.LEAVE)


@operation
def transmit() -> None:
    WORLD.card.transmit(CHALLENGE)


@operation
def transmit_with_a_flow() -> None:
    WORLD.card.transmit(CHALLENGE, flow=Flow.GET_RESPONSE)


@operation
def transmit_on_a_new_object() -> None:
    with new_card().attach_by_handle(WORLD.card) as card:
        card.transmit(CHALLENGE)


@operation
def transmit_into() -> None:
    WORLD.card.transmit_into(CHALLENGE, bytearray(300))


@operation
def exchange() -> None:
    with Exchange(WORLD.card, CHALLENGE, bytearray(300)) as prepared:
        prepared()


@operation
def script() -> None:
    list(Script([CHALLENGE] * 3, expect=0x9000).run(WORLD.card))


@operation
def script_in_a_transaction() -> None:
    Script([CHALLENGE]).run(WORLD.card, transaction=True, progress=lambda *_: None)


@operation
def script_into_memory() -> None:
    list(Script([CHALLENGE] * 3).run(WORLD.card, into=bytearray(70_000)))


@operation
def script_that_needs_more_memory() -> None:
    Script([LONG_READ] * 3).run(WORLD.card)


@operation
def read_binary_into() -> None:
    WORLD.card.read_binary_into(bytearray(600))


@operation
def status() -> None:
    WORLD.card.status()


@operation
def control() -> None:
    WORLD.card.control(control_code(2000), b"1234")


@operation
def get_attribute() -> None:
    WORLD.card.get_attribute(Attribute.VENDOR_NAME)


@operation
def create_a_service() -> None:
    WORLD.card.create_file_access()


@operation
def use_a_service() -> None:
    with suppress(Exception):
        WORLD.files.change_dir("3F00")


def code_of(length: int = SECRET_LENGTH, padding: Padding = Padding.NONE) -> bytearray:
    """Return the code; nothing else has it."""
    code = bytearray(length)
    for place in range(length):
        code[place] = byte_of(SECRET_NUMBER, place, padding)
    return code


CODES = {padding: code_of(padding=padding) for padding in Padding}


def with_codes(padding: Padding, method: str, count: int) -> None:
    """Send codes. The caller's own bytearray is wiped for the search."""
    service = CHVerification(WORLD.card, padding=padding, length=8 if padding is Padding.FORMAT_2 else 40)
    with suppress(StatusError):
        getattr(service, method)(*[CODES[padding]] * count, reference=1)


@secret_operation
def verify() -> None:
    with_codes(Padding.NONE, "verify", 1)


@secret_operation
def verify_with_padding() -> None:
    with_codes(Padding.FF, "verify", 1)


@secret_operation
def verify_a_block() -> None:
    with_codes(Padding.FORMAT_2, "verify", 1)


@secret_operation
def change_code() -> None:
    with_codes(Padding.NONE, "change_code", 2)


@secret_operation
def unblock() -> None:
    with_codes(Padding.FF, "unblock", 2)


KEPT: list[bytes] = []


@secret_operation
def leave_a_copy() -> None:
    """Leave a copy on purpose, to test the search."""
    KEPT.append(bytes(CODES[Padding.NONE]))
    WORLD.card.status()


@operation
def leave_a_transaction() -> None:
    """Leave a transaction on purpose, to test the harness."""
    WORLD.card.lock()
    WORLD.card.status()
    WORLD.card.unlock()


@operation
def leave_a_context() -> None:
    """Leave a context on purpose, to test the harness."""
    _, handle = WORLD.library.SCardEstablishContext(0)
    WORLD.library.SCardIsValidContext(handle)
    WORLD.library.SCardReleaseContext(handle)


MUTEX = Mutex()


@operation
def use_a_mutex() -> None:
    with MUTEX:
        pass


@operation
def leave_a_mutex() -> None:
    """Leave a mutex on purpose, to test the harness."""
    MUTEX.acquire()
    MUTEX.release()


APDU = bytearray(5 + SECRET_LENGTH)


@secret_operation
def transmit_a_code() -> None:
    WORLD.card.transmit(APDU)


@secret_operation
def send_a_code() -> None:
    with suppress(StatusError):
        WORLD.card.send(APDU)


@secret_operation
def script_with_a_code() -> None:
    Script([APDU, APDU]).run(WORLD.card)


@secret_operation
def script_with_a_code_into_memory() -> None:
    Script([APDU, APDU]).run(WORLD.card, into=bytearray(70_000))


DEFAULT = [name for name in OPERATIONS if not name.startswith("leave_")]
DEFAULT.sort(key=lambda name: name not in SECRET_OPERATIONS)  # these first: there is less memory to search


def hide() -> None:
    """Complement the codes of this program, so that the search does not find them; a second call undoes it."""
    for code in (*CODES.values(), APDU):
        for place, value in enumerate(code):
            code[place] = 255 - value


def run(name: str, signals: Signals) -> dict[str, object]:
    """Run one operation."""
    secret = name in SECRET_OPERATIONS
    pieces: list[bytes] = []
    if secret:
        digits = complements(SECRET_NUMBER, SECRET_LENGTH, Padding.FORMAT_2)
        others = complements(SECRET_NUMBER, SECRET_LENGTH, Padding.NONE)
        pieces = [digits[0], digits[-1]] if name == "verify_a_block" else [others[0], others[-1]]

    def faults() -> list[str]:
        if not secret:
            return WORLD.faults()
        hide()
        try:
            return WORLD.faults()
        finally:
            hide()

    OPERATIONS[name]()  # the first call imports and fills caches
    FINISHES.get(name, lambda: None)()
    WORLD.secrets = pieces
    WORLD.begin()
    outcome = interrupt_everywhere(signals, OPERATIONS[name], FINISHES.get(name, lambda: None), faults, WORLD.begin)
    WORLD.secrets = []
    return outcome._asdict()


def main() -> None:
    """Run the program."""
    global WORLD  # noqa: PLW0603  the operations need it
    counting, points, searching, virtual, reader, *names = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.simplefilter("ignore", ResourceWarning)
    sys.unraisablehook = lambda _: None
    gc.disable()
    APDU[:5] = VERIFY[:4] + bytes([SECRET_LENGTH])
    for place in range(SECRET_LENGTH):
        APDU[5 + place] = byte_of(SECRET_NUMBER, place, Padding.NONE)
    WORLD = World(counting, searching, virtual, reader)
    signals = Signals(Path(points))
    omitted = {name.removeprefix("-") for name in names if name.startswith("-")}
    chosen = [name for name in names if name in OPERATIONS] or [name for name in DEFAULT if name not in omitted]
    print(json.dumps({name: run(name, signals) for name in chosen}))  # noqa: T201  the test reads it


if __name__ == "__main__":
    main()
