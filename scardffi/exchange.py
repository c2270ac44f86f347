"""Exchange and Script: the transmit loop with everything prepared beforehand.

An :class:`Exchange` binds a command buffer and a response buffer of the caller's; each call of it is one C call that
copies no byte in Python and makes nothing but the int it returns. A :class:`Script` packs many commands once and
runs them all in one C call; C comes back now and then so that Ctrl-C, progress and cancel have their turn.

Both work on an attached card, of which they know no more than its object in C.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence as _Sequence

from ._arguments import flags, integer, invalid, locked, pinned, readable, release, writable
from ._loader import ffi, lib, owning
from .constants import MAX_BUFFER_SIZE_EXTENDED, Flow
from .errors import (
    E_FAIL,
    E_INVALIDARG,
    E_OUTOFMEMORY,
    E_UNEXPECTED,
    InsufficientBufferError,
    SCardError,
    ScriptError,
    from_hresult,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Final, Protocol, Self, SupportsIndex, TypeAlias, overload

    from typing_extensions import Buffer

    from ._native import ExchangeObject, Manage, ScriptRun

    class AttachedCard(Protocol):
        """What a script needs of a card: SCardManage has it."""

        @property
        def native(self) -> Manage:
            """The object in C."""
            ...

        @property
        def is_attached(self) -> bool:
            """Whether it has a card handle."""
            ...

        def transaction(self) -> AbstractContextManager[object]:
            """Hold a transaction meanwhile."""
            ...

    class CancelFlag(Protocol):
        """Anything with ``is_set``, such as threading.Event."""

        def is_set(self) -> bool:
            """Whether the script shall end."""
            ...

    StatusPattern: TypeAlias = int | tuple[int, int] | set[int] | frozenset[int]

_CANCELLED: Final = 0x80100002
_STEP_MS: Final = 50
# What script_step answers, as script.h numbers it
_MORE: Final = 1
_FAILED: Final = 2
_MISSED: Final = 3
_ALL: Final = 0xFFFFFFFF

_send: Final = lib.exchange_send


def state_detail(native: Manage, function: str) -> str:
    """Why the object in C answered E_UNEXPECTED to a function."""
    if lib.manage_is_forked(native):
        return "the object was made in another process, of which this one is a fork"
    if function.startswith("attach"):
        return "the object is attached already; detach it first"
    return "the object is not attached"


def exchange_error(
    function: str, native: Manage, hresult: int, required: int, command_length: int, capacity: int, arrived: int = 0
) -> SCardError:
    """The error for an exchange that failed, ready to be raised.

    Args:
        function: whose answer it is.
        native: the manage object in C.
        hresult: its answer.
        required: the length that the response needs, 0 where it is not known.
        command_length: length of the command in bytes.
        capacity: room for the response in bytes.
        arrived: bytes of the response's data that had arrived before it failed.
    """
    if hresult == E_INVALIDARG:
        if not 1 <= command_length <= MAX_BUFFER_SIZE_EXTENDED:
            return invalid("command", f"{command_length} bytes", f"1 to {MAX_BUFFER_SIZE_EXTENDED} bytes")
        if capacity < 2:
            return invalid("response", f"a buffer of {capacity} bytes", "2 bytes or more")
        return invalid("response", "a buffer that overlaps the command", "memory of its own")
    detail = ""
    if hresult == E_UNEXPECTED:
        detail = state_detail(native, function)
    elif arrived:
        detail = f"{arrived} bytes had arrived" + (f", {required} are needed" if required else "")
    error = from_hresult(hresult, function, detail)
    error.arrived = arrived
    if isinstance(error, InsufficientBufferError):
        error.required = required or None
    return error


class Exchange:
    """A command and a response buffer of the caller's own, bound to a card.

    The buffers are locked against resizing while it lives. It serves one thread at a time: a second one is refused
    before anything is sent. After the card's detach it raises, after its reconnect it uses the new protocol. As a
    context manager it is closed at the end.

    Args:
        card: the card, which it keeps alive.
        command: 1 to 65548 bytes in a contiguous buffer; change its bytes between the calls as you like.
        response: a writable, contiguous buffer of 2 bytes or more that does not overlap the command.
        flow: a :class:`~scardffi.constants.Flow`, or several.

    Attributes:
        unchecked: calls without arguments and answers the response's length in bytes or, where :meth:`__call__`
            would raise, the negated HRESULT.
    """

    __slots__ = ("_card", "_closed", "_command", "_native", "_response", "_size", "command", "response", "unchecked")

    def __init__(self, card: AttachedCard, command: Buffer, response: Buffer, flow: SupportsIndex = 0) -> None:
        chosen = flags("flow", flow, Flow)
        self._card = card
        self._closed = False
        receive = writable("response", response)
        try:
            send = locked("command", command)
        except TypeError:
            release(receive)
            raise
        size, capacity = len(send), len(receive)
        refusal = lib.transmit_check(send, size, receive, capacity)
        if refusal != 0:
            release(send, receive)
            raise exchange_error("exchange", card.native, refusal, 0, size, capacity)
        send, self._command = pinned(send, command)
        receive, self._response = pinned(receive, response)
        native = lib.exchange_new(card.native, chosen, send, size, receive, capacity)
        if not native:
            release(self._command, self._response)
            raise from_hresult(E_OUTOFMEMORY, "exchange")
        self._native: ExchangeObject = owning(native, lib.exchange_free)
        self._size = size
        self.command = command
        self.response = response
        self.unchecked: Callable[[], int] = functools.partial(lib.exchange_send, self._native)
        vars(self.unchecked)["keeps"] = card, self._command, self._response  # it may outlive this object

    def __call__(self, length: int | None = None) -> int:
        """Send the command and receive the response in place. Wraps ``SCardTransmit``.

        It cannot be interrupted, and is never repeated.

        Args:
            length: how many bytes of the command buffer to send; None for all.

        Returns:
            The length of the response in bytes, status word included.

        Raises:
            InsufficientBufferError: the response did not fit; the card has executed the command.
            CardStateError: the card was reset, removed or switched off.
            InvalidArgumentError: no such length.
            UnexpectedStateError: the card is detached, the exchange is closed, or another thread is in it.
        """
        if length is not None:
            return self._send_part(length)
        received = _send(self._native)
        if received < 0:
            raise self._error(-received)
        return received

    def _send_part(self, length: SupportsIndex) -> int:
        size = integer("length", length)
        if not 1 <= size <= self._size:
            raise invalid("length", size, f"1 to {self._size}, the length of the command buffer")
        received = lib.exchange_send_part(self._native, size)
        if received < 0:
            raise self._error(-received)
        return received

    def _error(self, hresult: int) -> SCardError:
        if hresult == E_UNEXPECTED and self._card.is_attached:
            detail = "the exchange is closed" if self._closed else "another thread is in this exchange"
            return from_hresult(hresult, "exchange", detail)
        native = self._native
        required, arrived = lib.exchange_required(native), lib.exchange_arrived(native)
        return exchange_error("exchange", self._card.native, hresult, required, 1, 2, arrived)

    @property
    def sw(self) -> int:
        """The status word of the last response as an int, 0 while there is none."""
        return lib.exchange_sw(self._native)

    @property
    def native(self) -> ExchangeObject:
        """The object in C (``scardffi_exchange *``); for :mod:`scardffi.embed`, while this object lives."""
        return self._native

    def close(self) -> None:
        """Unlock the buffers; every later call is refused. Closing twice is nothing.

        Raises:
            UnexpectedStateError: a call is under way; it stays open.
        """
        if not lib.exchange_close(self._native):
            raise from_hresult(E_UNEXPECTED, "close", "a call of this exchange is under way")
        if not self._closed:
            self._closed = True
            release(self._command, self._response)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Reply:
    """One reply of a script.

    Attributes:
        data: the response without its status word, as a read-only view of the script's own memory.
        sw: the status word as an int.
        elapsed_ns: how long the exchange took in nanoseconds; None where it was not timed.
    """

    __slots__ = ("_whole", "data", "elapsed_ns", "sw")

    def __init__(self, whole: memoryview, elapsed_ns: int | None) -> None:
        self._whole = whole
        self.data = whole[:-2]
        self.sw = int.from_bytes(whole[-2:], "big")
        self.elapsed_ns = elapsed_ns

    def __bytes__(self) -> bytes:
        return bytes(self._whole)

    def __len__(self) -> int:
        return len(self._whole)

    def __repr__(self) -> str:
        return f"<scardffi.Reply {len(self.data)} bytes, sw {self.sw:04X}>"


class Replies(_Sequence[Reply]):
    """The replies of a script, in the order of its commands. Each is made when it is asked for; no byte is copied."""

    def __init__(self, run: ScriptRun, *, timed: bool) -> None:
        self._count = lib.script_run_count(run)
        self._offsets = lib.script_run_offsets(run)
        self._elapsed = lib.script_run_elapsed(run) if timed else None
        size = self._offsets[self._count]
        # The views of the replies hold the memory's address, and that holds the run.
        arena = owning(lib.script_run_arena(run), lambda _: run) if size else ffi.new("unsigned char[1]")
        self._memory = memoryview(ffi.buffer(arena, size)).toreadonly()
        self._run = run

    def __len__(self) -> int:
        return self._count

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: int) -> Reply: ...
        @overload
        def __getitem__(self, index: slice) -> list[Reply]: ...

    def __getitem__(self, index: int | slice) -> Reply | list[Reply]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(self._count))]
        place = index + self._count if index < 0 else index
        if not 0 <= place < self._count:
            raise IndexError(f"index: {index} is not allowed; there are {self._count} replies")
        whole = self._memory[self._offsets[place] : self._offsets[place + 1]]
        return Reply(whole, None if self._elapsed is None else self._elapsed[place])

    def __repr__(self) -> str:
        return f"<scardffi.Replies {self._count}>"


class Script:
    """Commands packed once and run in one C call, on any card, by any number of threads at a time.

    Args:
        commands: the command APDUs, each 1 to 65548 bytes in a contiguous buffer. They are copied here.
        expect: the status word that every command must be answered by, such as 0x9000; a set of several; or a pair
            (value, mask), met where ``sw & mask == value``. A list has one of these, or None, for each command.
        flow: a :class:`~scardffi.constants.Flow`, or several, for every command.

    Raises:
        InvalidArgumentError: a command, a status word or a flow that is not allowed; it says which.
    """

    def __init__(
        self,
        commands: Iterable[Buffer],
        *,
        expect: StatusPattern | Sequence[StatusPattern | None] | None = None,
        flow: SupportsIndex = 0,
    ) -> None:
        packed = bytearray()
        lengths = []
        for index, command in enumerate(commands):
            send = readable(f"commands[{index}]", command)
            length = len(send)
            packed += send if type(send) is bytes else ffi.buffer(send)
            release(send)
            if not 1 <= length <= MAX_BUFFER_SIZE_EXTENDED:
                raise invalid(f"commands[{index}]", f"{length} bytes", f"1 to {MAX_BUFFER_SIZE_EXTENDED} bytes")
            lengths.append(length)
        self._count = len(lengths)
        memory = ffi.from_buffer(packed)
        native = lib.script_new(self._count, memory, ffi.new("uint32_t[]", lengths), flags("flow", flow, Flow))
        ffi.release(memory)
        packed[:] = bytes(len(packed))  # a command may hold a PIN
        if not native:
            raise from_hresult(E_OUTOFMEMORY, "Script")
        self._native = owning(native, lib.script_free)
        for index, pattern in self._patterns(expect):
            self._expect(index, pattern)

    def _patterns(
        self, expect: StatusPattern | Sequence[StatusPattern | None] | None
    ) -> Iterator[tuple[int, StatusPattern]]:
        """The patterns with the index of their command."""
        if expect is None:
            return
        if not isinstance(expect, list):
            yield _ALL, expect  # type: ignore[misc]  # a list is the one form for each command
            return
        if len(expect) != self._count:
            raise invalid("expect", f"a list of {len(expect)}", f"one for each of the {self._count} commands")
        yield from ((index, one) for index, one in enumerate(expect) if one is not None)

    def _expect(self, index: int, pattern: StatusPattern) -> None:
        several = pattern if isinstance(pattern, (set, frozenset)) else [pattern]
        pairs = [one if isinstance(one, tuple) else (one, 0xFFFF) for one in several]
        for pair in pairs:
            if len(pair) != 2 or not all(isinstance(one, int) and 0 <= one <= 0xFFFF for one in pair):
                raise invalid("expect", pattern, "status words from 0 to 0xFFFF, a set of them, or (value, mask)")
        values = ffi.new("uint16_t[]", [value & mask for value, mask in pairs])
        masks = ffi.new("uint16_t[]", [mask for _, mask in pairs])
        if not lib.script_expect(self._native, index, len(pairs), values, masks):
            raise from_hresult(E_OUTOFMEMORY, "Script")

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"<scardffi.Script of {self._count} commands>"

    def run(
        self,
        card: AttachedCard,
        *,
        repeat: int = 1,
        keep_all: bool = False,
        timed: bool = False,
        transaction: bool = False,
        progress: Callable[[int, int], object] | None = None,
        cancel: CancelFlag | None = None,
    ) -> Replies:
        """Send every command in turn. Wraps ``SCardTransmit``.

        Ctrl-C, ``progress`` and ``cancel`` have their turn between two commands, at least every 100 ms where no
        single command takes longer: a command cannot be interrupted. Other threads that use the card come in between
        as well, unless they use other handles and ``transaction`` keeps them out. After Ctrl-C the replies are to be
        found in the exception's ``replies``.

        Args:
            card: an attached card.
            repeat: how often to run it, 1 or more.
            keep_all: keep the replies of every pass rather than of the last one.
            timed: measure each exchange.
            transaction: hold a transaction meanwhile.
            progress: called with the commands executed so far and the number of all.
            cancel: anything with ``is_set``; once that is true the script ends with an error.

        Returns:
            The replies of the last pass, or of all.

        Raises:
            ScriptError: a command failed (its error is the cause), a status word was not expected, or it was
                cancelled; the replies so far are in it.
            UnexpectedStateError: the card is not attached.
        """
        times = integer("repeat", repeat)
        if not 1 <= times < 1 << 32:
            raise invalid("repeat", times, "1 to 0xFFFFFFFF")
        run = lib.script_run_new(self._native, card.native, times, bool(keep_all), bool(timed))
        if not run:
            raise from_hresult(E_OUTOFMEMORY, "Script.run")
        held = owning(run, lib.script_run_free)
        if not card.is_attached:
            raise from_hresult(E_UNEXPECTED, "Script.run", state_detail(card.native, "run"))
        if not transaction:
            return self._run(held, card, times, timed, progress, cancel)
        with card.transaction():
            return self._run(held, card, times, timed, progress, cancel)

    def _run(
        self,
        run: ScriptRun,
        card: AttachedCard,
        times: int,
        timed: bool,
        progress: Callable[[int, int], object] | None,
        cancel: CancelFlag | None,
    ) -> Replies:
        try:
            while (state := lib.script_step(run, _STEP_MS)) == _MORE:
                if progress is not None:
                    progress(lib.script_run_executed(run), times * self._count)
                if cancel is not None and cancel.is_set():
                    cause = from_hresult(_CANCELLED, "Script.run")
                    raise self._ended(run, timed, "it was cancelled", _CANCELLED, cause) from cause
        except KeyboardInterrupt as interrupt:
            vars(interrupt)["replies"] = Replies(run, timed=timed)
            raise
        if state == _FAILED:
            failure = -lib.script_run_failure(run)
            hresult, required, arrived = failure & 0xFFFFFFFF, failure >> 32, lib.script_run_arrived(run)
            cause = exchange_error("transmit", card.native, hresult, required, 1, 2, arrived)
            raise self._ended(run, timed, str(cause), hresult, cause) from cause
        if state == _MISSED:
            error = self._ended(run, timed, "", 0)
            error.sw = error.replies[-1].sw  # type: ignore[attr-defined]  # they are Replies
            raise error
        if progress is not None:
            progress(lib.script_run_executed(run), times * self._count)
        return Replies(run, timed=timed)

    def _ended(
        self, run: ScriptRun, timed: bool, why: str, hresult: int, cause: SCardError | None = None
    ) -> ScriptError:
        """The error of a script that ended before its end, with what had arrived."""
        replies = Replies(run, timed=timed)
        index = lib.script_run_index(run)
        if not why:
            index -= 1
            why = f"the card answered {replies[-1].sw:04X}, which was not expected"
        message = (
            f"Script.run: {why} (command {index}, counted from 0, of {self._count}; {len(replies)} replies are there)"
        )
        error = ScriptError(
            message, code=None if cause is None else cause.code, hresult=hresult or E_FAIL, function="Script.run"
        )
        error.replies = replies
        error.index = index
        return error
