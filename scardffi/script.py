"""Script: many commands packed once and run in one C call, with replies that are views of one memory block.

The C core (csrc/script.c) sends the commands. It returns from time to time, so that Ctrl-C, progress and cancel are
handled.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol, TypeAlias, overload

from ._arguments import flags, integer, invalid, readable, release
from ._half_made import repr_if_half_made
from ._loader import ffi, keeping, lib, owning
from ._not_copied import NotCopied
from .constants import MAX_BUFFER_SIZE_EXTENDED, Flow, ReturnCode
from .errors import E_FAIL, E_OUTOFMEMORY, E_UNEXPECTED, SCardError, ScriptError, from_hresult
from .exchange import SIGNAL_CHECK_MS, ExchangeFailure, answered, keep, state_detail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from typing import SupportsIndex

    from typing_extensions import Buffer

    from ._native import Manage, ScriptRun

StatusPattern: TypeAlias = int | tuple[int, int] | set[int] | frozenset[int]


class AttachedCard(Protocol):
    """The members of a card that a script uses; SCardManage has them."""

    @property
    def native(self) -> Manage:
        """The object in C."""
        ...

    @property
    def is_attached(self) -> bool:
        """True if the object has a card handle."""
        ...

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context manager that holds a transaction."""
        ...


class CancelFlag(Protocol):
    """An object with ``is_set``, such as threading.Event."""

    def is_set(self) -> bool:
        """Return True if the script must end."""
        ...


@repr_if_half_made
class Reply:
    """One reply of a script.

    Attributes:
        data: the response without its status word, as a read-only view of the script's memory.
        sw: the status word as an int; None if the response has fewer than two bytes, which ``bytes(reply)`` returns.
        elapsed_ns: the time of the exchange in nanoseconds; None if it was not measured.
    """

    __slots__ = ("_whole", "data", "elapsed_ns", "sw")

    def __init__(self, whole: memoryview, elapsed_ns: int | None) -> None:
        self._whole = whole
        self.data = whole[:-2]
        self.sw = int.from_bytes(whole[-2:], "big") if len(whole) >= 2 else None
        self.elapsed_ns = elapsed_ns

    def __bytes__(self) -> bytes:
        return bytes(self._whole)

    def __reduce__(self) -> tuple[object, ...]:
        return _reply, (bytes(self._whole), self.elapsed_ns)

    def __len__(self) -> int:
        return len(self._whole)

    def __repr__(self) -> str:
        if self.sw is None:
            return f"<scardffi.Reply {len(self)} bytes, no sw>"
        return f"<scardffi.Reply {len(self.data)} bytes, sw {self.sw:04X}>"


@repr_if_half_made
class Replies(Sequence[Reply]):
    """The replies of a script, in the order of its commands.

    Each :class:`Reply` is created when you ask for it; no byte is copied.
    """

    def __init__(self, run: ScriptRun, *, timed: bool) -> None:
        self._count = lib.script_run_count(run)
        self._offsets = lib.script_run_offsets(run)
        self._elapsed = lib.script_run_elapsed(run) if timed else None
        size = self._offsets[self._count]
        # The views of the replies keep the pointer ``arena`` alive, and the pointer keeps the run alive.
        arena = keeping(lib.script_run_arena(run), run) if size else ffi.new("unsigned char[1]")
        self._memory = memoryview(ffi.buffer(arena, size)).toreadonly()
        self.run: ScriptRun | None = run

    def __len__(self) -> int:
        return self._count

    def __reduce__(self) -> tuple[object, ...]:
        offsets = [self._offsets[index] for index in range(self._count + 1)]
        elapsed = None if self._elapsed is None else [self._elapsed[index] for index in range(self._count)]
        return _replies, (bytes(self._memory), offsets, elapsed)

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


@repr_if_half_made
class Script(NotCopied):
    """Commands packed once and run in one C call, on any card, by any number of threads at a time.

    Args:
        commands: the command APDUs, each 1 to 65548 bytes in a contiguous buffer. They are copied.
        expect: the status word that every command must return, such as 0x9000; a set of several; or a pair (value,
            mask), which matches if ``sw & mask == value``. A list has one of these, or None, for each command. A
            response without a status word matches nothing.
        flow: a :class:`~scardffi.constants.Flow`, or several, for every command.

    Raises:
        InvalidArgumentError: a command, a status word or a flow is not allowed; the message says which.
        TypeError: a command is no contiguous buffer; the message says which.
    """

    def __init__(
        self,
        commands: Iterable[Buffer],
        *,
        expect: StatusPattern | Sequence[StatusPattern | None] | None = None,
        flow: SupportsIndex = 0,
    ) -> None:
        if isinstance(commands, (str, bytes, bytearray, memoryview)) or not hasattr(commands, "__iter__"):
            raise TypeError(f"commands: expected a list of commands, got {type(commands).__name__}; give [commands]")
        sends = [readable(f"commands[{index}]", command) for index, command in enumerate(commands)]
        lengths = [len(send) for send in sends]
        for index, length in enumerate(lengths):
            if not 1 <= length <= MAX_BUFFER_SIZE_EXTENDED:
                release(*sends)
                raise invalid(f"commands[{index}]", f"{length} bytes", f"1 to {MAX_BUFFER_SIZE_EXTENDED} bytes")
        self._count = len(lengths)
        size = sum(lengths)
        packed = ffi.new("unsigned char[]", size)
        create = functools.partial(
            lib.script_new, self._count, packed, ffi.new("uint32_t[]", lengths), flags("flow", flow, Flow)
        )
        try:
            place = 0
            for send, length in zip(sends, lengths, strict=True):
                ffi.memmove(packed + place, send, length)
                place += length
            native = owning(create, lib.script_free)
        finally:
            lib.wipe_memory(packed, size)  # a command may hold a PIN
        release(*sends)
        if native is None:
            raise from_hresult(E_OUTOFMEMORY, "Script")
        self._native = native
        for index, pattern in self._patterns(expect):
            self._expect(index, pattern)

    def _patterns(
        self, expect: StatusPattern | Sequence[StatusPattern | None] | None
    ) -> Iterator[tuple[int, StatusPattern]]:
        """Yield each pattern with the index of its command."""
        if expect is None:
            return
        if not isinstance(expect, list):
            yield lib.SCRIPT_ALL, expect  # type: ignore[misc]  # only a list has one for each command
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
        """Send every command in order. Wraps ``SCardTransmit``.

        Ctrl-C, ``progress`` and ``cancel`` are handled between two commands, at least every 100 ms if no single
        command takes longer: a command cannot be interrupted. Other threads may use the card between two commands, but
        not between the parts of one response. With ``transaction``, only threads that use the same handle may do so.

        Any exception that ends the run early has the complete replies in ``replies``. Its ``index`` is the index of the
        first command without a complete reply or, if a status word was not expected, of the command that got it. This
        is true for exceptions from signal handlers, ``progress`` and ``cancel`` too. If a response had arrived in part,
        ``partial`` has its bytes, and ``arrived`` is the number of its data bytes. Before each command there is memory
        for a response of any length; if memory is exhausted, the script ends before the command.

        Args:
            card: an attached card.
            repeat: the number of passes, 1 or more.
            keep_all: keep the replies of every pass instead of the last one only.
            timed: measure the time of each exchange.
            transaction: hold a transaction during the run.
            progress: called with the number of commands executed so far and the total number. In a script with a flow
                it must not use the same card, because a response may have arrived only in part.
            cancel: an object with ``is_set``; if that returns true the script ends with an error.

        Returns:
            The replies of the last pass, or of all passes if ``keep_all`` is true.

        Raises:
            ScriptError: a command failed (its error is the cause), a status word was not expected, or the script was
                cancelled; ``replies`` has the replies so far.
            UnexpectedStateError: the card is not attached.
        """
        times = integer("repeat", repeat)
        if not 1 <= times < 1 << 32:
            raise invalid("repeat", times, "1 to 0xFFFFFFFF")
        create = functools.partial(lib.script_run_new, self._native, card.native, times, bool(keep_all), bool(timed))
        run = owning(create, lib.script_run_free)
        if run is None:
            raise from_hresult(E_OUTOFMEMORY, "Script.run")
        if not card.is_attached:
            raise from_hresult(E_UNEXPECTED, "Script.run", state_detail(card.native, "run"))
        try:
            with card.transaction() if transaction else nullcontext():
                return self._run(run, card, times, timed, progress, cancel)
        except BaseException as error:
            if not _has_replies_of(run, error):
                arrived, partial = _partial(run)
                keep(error, replies=Replies(run, timed=timed), index=lib.script_run_index(run))
                if arrived:
                    keep(error, arrived=arrived, partial=partial)
            raise

    def _run(
        self,
        run: ScriptRun,
        card: AttachedCard,
        times: int,
        timed: bool,
        progress: Callable[[int, int], object] | None,
        cancel: CancelFlag | None,
    ) -> Replies:
        total = times * self._count
        try:
            while (state := lib.script_step(run, SIGNAL_CHECK_MS)) == lib.SCARDFFI_SCRIPT_MORE:
                if progress is not None:
                    progress(lib.script_run_executed(run), total)
                if cancel is not None and cancel.is_set():
                    cause = from_hresult(ReturnCode.SCARD_E_CANCELLED, "Script.run")
                    raise self._ended(run, timed, "it was cancelled", cause) from cause
        finally:
            lib.script_run_end(run)
        if state == lib.SCARDFFI_SCRIPT_FAILED:
            arrived, partial = _partial(run)
            is_refused = lib.script_run_is_refused(run)
            failure = ExchangeFailure.decode(lib.script_run_failure(run), arrived, partial, is_refused=is_refused)
            cause = failure.error("transmit", card.native)
            raise self._ended(run, timed, str(cause), cause) from cause
        if state == lib.SCRIPT_UNEXPECTED_SW:
            raise self._ended(run, timed)
        if progress is not None:
            progress(lib.script_run_executed(run), total)
        return Replies(run, timed=timed)

    def _ended(self, run: ScriptRun, timed: bool, why: str = "", cause: SCardError | None = None) -> ScriptError:
        """Return the error of a script that ended early, with the replies so far.

        If there is no cause, the script ended because of an unexpected status word.
        """
        replies = Replies(run, timed=timed)
        index = lib.script_run_index(run)
        sw = None
        if cause is None:
            index -= 1
            sw = replies[-1].sw
            why = f"{answered(len(replies[-1]), sw)}, which was not expected"
        message = f"Script.run: {why} (command {index}, counted from 0, of {self._count}; replies: {len(replies)})"
        code, hresult = (None, E_FAIL) if cause is None else (cause.code, cause.hresult)
        error = ScriptError(message, code=code, hresult=hresult, function="Script.run")
        error.replies, error.index, error.sw = replies, index, sw
        error.arrived, error.partial = _partial(run)
        return error


def _reply(whole: bytes, elapsed_ns: int | None) -> Reply:
    """Return a reply that was copied or pickled."""
    return Reply(memoryview(whole), elapsed_ns)


def _replies(memory: bytes, offsets: list[int], elapsed: list[int] | None) -> Replies:
    """Return replies that were copied or pickled; their memory is in Python."""
    replies = Replies.__new__(Replies)
    replies.run = None
    vars(replies).update(_count=len(offsets) - 1, _offsets=offsets, _elapsed=elapsed, _memory=memoryview(memory))
    return replies


def _partial(run: ScriptRun) -> tuple[int, bytes]:
    """Return what arrived of a response that is not complete: the number of data bytes, and all bytes."""
    arrived = lib.script_run_arrived(run)
    length = arrived + lib.script_run_rest(run)
    if not length:
        return 0, b""
    end = lib.script_run_offsets(run)[lib.script_run_count(run)]
    return arrived, bytes(ffi.buffer(lib.script_run_arena(run) + end, length))


def _has_replies_of(run: ScriptRun, error: BaseException) -> bool:
    replies = vars(error).get("replies")
    return isinstance(replies, Replies) and replies.run is run
