"""Script: many commands packed once and run in one C call, with replies that are views of one memory block.

The C core (csrc/script.c) sends the commands. It returns from time to time, so that Ctrl-C, progress and cancel are
handled. A short run and its replies are one block of Python's memory, which C only fills. A run that needs more memory
than that, or that has a flow, is an object of the core, which must be freed.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Final, NoReturn, Protocol, TypeAlias, overload
from weakref import ref

from ._arguments import UNSIGNED_CHARS, flags, integer, invalid, new_memory, readable, release, writable
from ._half_made import repr_if_half_made
from ._loader import ffi, keeping, lib, owning
from ._not_copied import NotCopied
from .constants import MAX_BUFFER_SIZE_EXTENDED, Flow, ReturnCode
from .errors import E_FAIL, E_OUTOFMEMORY, E_UNEXPECTED, SCardError, ScriptError, from_hresult
from .exchange import SIGNAL_CHECK_MS, ExchangeFailure, answered, keep, state_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from typing import SupportsIndex

    from typing_extensions import Buffer

    from ._native import CData, Manage, ScriptRun

    # The replies of a run that has ended: their memory, number, offsets, and times if they were measured.
    _Contents: TypeAlias = tuple[memoryview, int, CData | list[int], CData | list[int] | None]

_DONE: Final = lib.SCARDFFI_SCRIPT_DONE
_MORE: Final = lib.SCARDFFI_SCRIPT_MORE
_FAILED: Final = lib.SCARDFFI_SCRIPT_FAILED
_UNEXPECTED_SW: Final = lib.SCRIPT_UNEXPECTED_SW
_FULL: Final = lib.SCRIPT_FULL

_ROOM: Final = MAX_BUFFER_SIZE_EXTENDED
"""The number of free bytes that are needed before a command is sent: enough for any response."""
# Each run calls these. A call of these is quicker than one of a function of ``lib``.
_place: Final = lib.script_run_place
_step: Final = lib.script_step
_POINTER: Final = ffi.typeof("unsigned char *")
_ADDRESS: Final = ffi.typeof("uintptr_t")

StatusPattern: TypeAlias = int | tuple[int, int] | set[int] | frozenset[int]
"""The status words that a command may have: one, a pair (value, mask), or a set of several."""


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
    """One reply of a script, which :class:`Replies` makes.

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


class _Target:
    """The part of the caller's memory in which a run receives its replies.

    Args:
        locked: the memory.
    """

    __slots__ = ("end", "is_overwritten", "is_running", "size", "start")

    def __init__(self, locked: CData) -> None:
        self.start = int(ffi.cast(_ADDRESS, locked))
        self.size = len(locked)
        self.end = self.start + self.size
        self.is_running = False
        self.is_overwritten = False

    def begin(self) -> None:
        """Begin a run in this memory; the replies of earlier runs in it can no longer be read.

        Raises:
            InvalidArgumentError: another run is using a part of the memory.
        """
        self.is_running = True
        # A finalizer or another thread may change them meanwhile; list() copies them in one step, copy() does not.
        for _, _, other in list(_targets.values()):
            if other.start < self.end and self.start < other.end and other is not self:
                if other.is_running:
                    raise invalid("into", "memory in which another run is receiving replies", "other memory, or wait")
                other.is_overwritten = True


_targets: Final[dict[int, tuple[ref[CData], CData, _Target]]] = {}
"""For each memory of a caller that is in use: a weak reference to its pointer, the locked memory, and the target.

The memory stays locked until the pointer is freed. This is true for a pointer in a reference cycle too.
"""
_numbers: Final = count()


def _target(into: Buffer) -> tuple[CData, _Target]:
    """Return a pointer to the caller's memory, which keeps it locked, and the target.

    Raises:
        InvalidArgumentError: the buffer is too short.
        TypeError: the value is no writable, contiguous buffer.
    """
    locked = writable("into", into)
    if len(locked) < _ROOM:
        size = len(locked)
        release(locked)
        raise invalid("into", f"a buffer of {size} bytes", f"{_ROOM} bytes or more")
    pointer, target = ffi.cast(_POINTER, locked), _Target(locked)
    number = next(_numbers)
    _targets[number] = ref(pointer, functools.partial(_targets.pop, number)), locked, target
    return pointer, target


class _Run:
    """One run of a script: its object in C, and the memory that this object needs.

    Args:
        native: the object in C.
        owner: the memory of that object, or the object if C frees it.
        memory: the caller's memory for the replies; None if the object in C has them.
        target: the addresses of that memory, and how it is used.
        is_timed: True if each exchange is measured.
    """

    __slots__ = ("contents", "is_timed", "memory", "native", "owner", "target")

    def __init__(
        self,
        native: ScriptRun,
        owner: CData,
        memory: CData | None = None,
        target: _Target | None = None,
        is_timed: bool = False,  # noqa: FBT002  passing it by name takes a tenth of a short run
    ) -> None:
        self.native = native
        self.owner = owner
        self.memory = memory
        self.target = target
        self.is_timed = is_timed
        self.contents: _Contents | None = None  # set when the run has ended and someone looks at it

    @property
    def is_overwritten(self) -> bool:
        """True if a later run has written to the memory of the replies."""
        return self.target is not None and self.target.is_overwritten

    def grow(self) -> bool:
        """Go on with a new object in C, whose memory grows. Return False if memory is exhausted."""
        native = owning(functools.partial(lib.script_run_continue, self.native), lib.script_run_free)
        if native is None:
            return False
        self.native = self.owner = native
        return True

    def partial(self) -> tuple[int, bytes]:
        """Return what arrived of a response that is not complete: the number of data bytes, and all bytes."""
        native = self.native
        arrived = lib.script_run_arrived(native)
        length = arrived + lib.script_run_rest(native)
        if not length:
            return 0, b""
        end = lib.script_run_offsets(native)[lib.script_run_count(native)]
        return arrived, bytes(ffi.buffer(lib.script_run_arena(native) + end, length))


@repr_if_half_made
class Replies(_Run, Sequence[Reply]):
    """The replies of a script, in the order of its commands.

    Each :class:`Reply` is created when you ask for it; no byte is copied. The replies of ``run(into=...)`` are views of
    your memory. They keep it in place, and show what is in it: copy what you need before you write to it. After a later
    run into the same memory, reading a reply raises UnexpectedStateError, and a :class:`Reply` that you already have
    shows the new bytes.
    """

    __slots__ = ()

    def __len__(self) -> int:
        return (self.contents or self._open())[1]

    def __reduce__(self) -> tuple[object, ...]:
        memory, length, offsets, elapsed = self._read()
        times = None if elapsed is None else [elapsed[index] for index in range(length)]
        return _replies, (bytes(memory), [offsets[index] for index in range(length + 1)], times)

    @overload
    def __getitem__(self, index: int) -> Reply: ...
    @overload
    def __getitem__(self, index: slice) -> list[Reply]: ...
    def __getitem__(self, index: int | slice) -> Reply | list[Reply]:
        contents = self.contents
        if contents is None or self.target is not None:
            contents = self._read()
        memory, length, offsets, elapsed = contents
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(length))]
        place = index + length if index < 0 else index
        if not 0 <= place < length:
            raise IndexError(f"index: {index} is not allowed; there are {length} replies")
        whole = memory[offsets[place] : offsets[place + 1]]
        return Reply(whole, None if elapsed is None else elapsed[place])

    def _read(self) -> _Contents:
        if self.is_overwritten:
            raise from_hresult(E_UNEXPECTED, "Replies", "a later run has written to the memory of these replies")
        return self.contents or self._open()

    def _open(self) -> _Contents:
        native = self.native
        count, offsets = lib.script_run_count(native), lib.script_run_offsets(native)
        elapsed = lib.script_run_elapsed(native) if self.is_timed else None
        if self.memory is not None:
            arena = self.memory
        elif offsets[count]:
            # The views of the replies keep the pointer ``arena`` alive, and the pointer keeps the memory.
            arena = keeping(lib.script_run_arena(native), self.owner)
        else:
            arena = ffi.new("unsigned char[1]")
        memory = memoryview(ffi.buffer(arena, offsets[count])).toreadonly()
        self.contents = memory, count, offsets, elapsed
        return self.contents

    def __repr__(self) -> str:
        return f"<scardffi.Replies {len(self)}{', overwritten' * self.is_overwritten}>"


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
        chosen = flags("flow", flow, Flow)
        size = sum(lengths)
        packed = ffi.new("unsigned char[]", size)
        create = functools.partial(lib.script_new, self._count, packed, ffi.new("uint32_t[]", lengths), chosen)
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
        self._has_flow = bool(chosen)
        self._size, self._size_without_replies = (lib.script_run_size(native, flag) for flag in (True, False))
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
        into: Buffer | None = None,
    ) -> Replies:
        """Send every command in order. Wraps ``SCardTransmit``.

        Ctrl-C and ``progress`` are handled between two commands, at least every 100 ms if no single command takes
        longer; with ``cancel``, all three are handled after each command. A command cannot be interrupted. Other
        threads may use the card between two commands, but not between the parts of one response. With ``transaction``,
        only threads that use the same handle may do so.

        Any exception that ends the run early has the complete replies in ``replies``. Its ``index`` is the index of the
        first command without a complete reply or, if a status word was not expected, of the command that got it. This
        is true for exceptions from signal handlers, ``progress`` and ``cancel`` too. If a response had arrived in part,
        ``partial`` has its bytes, and ``arrived`` is the number of its data bytes. Before each command there is memory
        for a response of any length; if memory is exhausted, the script ends before the command.

        With ``into``, the responses arrive in your memory, one after the other from its beginning; no other memory is
        used for them. Each pass without ``keep_all`` begins at the beginning. The run ends before the first command for
        which fewer than 65548 bytes are left, so give the length of all responses plus 65548. See :class:`Replies` for
        how long the replies can be read.

        Args:
            card: an attached card.
            repeat: the number of passes, 1 or more.
            keep_all: keep the replies of every pass instead of the last one only.
            timed: measure the time of each exchange.
            transaction: hold a transaction during the run.
            progress: called with the number of commands executed so far and the total number. In a script with a flow
                it must not use the same card, because a response may have arrived only in part.
            cancel: an object with ``is_set``; if that returns true the script ends with an error.
            into: the memory for the responses: a writable, contiguous buffer of 65548 bytes or more, in which no other
                run is receiving. It cannot be resized while the replies or their data exist. None for new memory.

        Returns:
            The replies of the last pass, or of all passes if ``keep_all`` is true.

        Raises:
            ScriptError: a command failed (its error is the cause), a status word was not expected, the script was
                cancelled, or ``into`` has no room for another response (``code`` is None, and there is no cause);
                ``replies`` has the replies so far.
            UnexpectedStateError: the card is not attached.
            InvalidArgumentError: ``repeat`` is not allowed, or ``into`` is too short, overlaps the commands, or is in
                use by another run.
            TypeError: ``into`` is no writable, contiguous buffer.
        """
        times = repeat if type(repeat) is int else integer("repeat", repeat)
        if not 1 <= times < 1 << 32:
            raise invalid("repeat", times, "1 to 0xFFFFFFFF")
        if transaction and not card.is_attached:
            raise _not_attached(card)
        run = self._begin(card.native, times, keep_all, timed, into)
        try:
            if run.target is not None:
                run.target.begin()
            if transaction:
                with card.transaction():
                    return self._go_on(None, run, card, times, progress, cancel)
            state = None if self._has_flow or cancel is not None else _step(run.native, SIGNAL_CHECK_MS)
            if state == _DONE and progress is None:
                return run
            return self._go_on(state, run, card, times, progress, cancel)
        except BaseException as error:
            if vars(error).get("replies") is not run:
                arrived, partial = run.partial()
                keep(error, replies=run, index=lib.script_run_index(run.native))
                if arrived:
                    keep(error, arrived=arrived, partial=partial)
            raise
        finally:
            if run.target is not None:
                run.target.is_running = False

    def _begin(self, manage: Manage, times: int, keep_all: bool, timed: bool, into: Buffer | None) -> Replies:
        """Return the replies of a run that has sent no command."""
        memory = target = None
        if into is not None:
            memory, target = _target(into)
        if keep_all or timed or self._has_flow:
            create = functools.partial(lib.script_run_new, self._native, manage, times, bool(keep_all), bool(timed))
            native = owning(create, lib.script_run_free)
            if native is None:
                raise from_hresult(E_OUTOFMEMORY, "Script.run")
            run = Replies(native, native, memory, target, bool(timed))
        else:
            size = self._size if into is None else self._size_without_replies
            owner = new_memory(UNSIGNED_CHARS, size)
            run = Replies(_place(owner, size, self._native, manage, times), owner, memory, target)
        if target is not None and not lib.script_run_receive_in(run.native, memory or ffi.NULL, target.size):
            raise invalid("into", "a buffer that overlaps the commands", "a buffer that does not overlap them")
        return run

    def _go_on(
        self,
        state: int | None,
        run: Replies,
        card: AttachedCard,
        times: int,
        progress: Callable[[int, int], object] | None,
        cancel: CancelFlag | None,
    ) -> Replies:
        """Send the commands that are left, and return the replies.

        Args:
            state: the result of the first step; None if no step was made.
            run: the run.
            card: an attached card.
            times: the number of passes.
            progress: as for :meth:`run`.
            cancel: as for :meth:`run`.
        """
        total = times * self._count
        step_ms = SIGNAL_CHECK_MS if cancel is None else 0  # 0: one command
        try:
            if state is None:
                state = _step(run.native, step_ms)
            while state in (_MORE, _FULL):
                if state == _FULL:
                    self._make_room(run)
                if progress is not None:
                    progress(lib.script_run_executed(run.native), total)
                if cancel is not None and cancel.is_set():
                    cause = from_hresult(ReturnCode.SCARD_E_CANCELLED, "Script.run")
                    raise self._ended(run, "it was cancelled", cause) from cause
                state = _step(run.native, step_ms)
        finally:
            if self._has_flow:
                lib.script_run_end(run.native)
        if state == _FAILED:
            self._raise_failure(run, card)
        if state == _UNEXPECTED_SW:
            last = run[-1]
            raise self._ended(run, f"{answered(len(last), last.sw)}, which was not expected", last=last)
        if progress is not None:
            progress(lib.script_run_executed(run.native), total)
        return run

    def _make_room(self, run: Replies) -> None:
        """Go on with a run whose memory is full, or raise if it cannot grow."""
        if run.target is not None:
            left = run.target.size - lib.script_run_offsets(run.native)[len(run)]
            raise self._ended(
                run,
                f"into has {left} bytes left; the next command needs {_ROOM}, and was not sent",
                hresult=E_OUTOFMEMORY,
            )
        if not run.grow():
            cause = from_hresult(E_OUTOFMEMORY, "transmit")
            raise self._ended(run, str(cause), cause) from cause

    def _raise_failure(self, run: Replies, card: AttachedCard) -> NoReturn:
        """Raise the error of a command that failed."""
        native = run.native
        arrived, partial = run.partial()
        is_refused = lib.script_run_is_refused(native)
        failure = ExchangeFailure.decode(lib.script_run_failure(native), arrived, partial, is_refused=is_refused)
        if failure.hresult == E_UNEXPECTED and not (arrived or lib.script_run_executed(native) or card.is_attached):
            raise _not_attached(card)
        cause = failure.error("transmit", card.native)
        raise self._ended(run, str(cause), cause) from cause

    def _ended(
        self,
        run: Replies,
        why: str,
        cause: SCardError | None = None,
        *,
        last: Reply | None = None,
        hresult: int = E_FAIL,
    ) -> ScriptError:
        """Return the error of a script that ended early, with the replies so far.

        Args:
            run: the run.
            why: the reason, for the message.
            cause: the error of the command.
            last: the last reply if its status word was not expected.
            hresult: the HRESULT if there is no cause.
        """
        index = lib.script_run_index(run.native) - (last is not None)
        message = f"Script.run: {why} (command {index}, counted from 0, of {self._count}; replies: {len(run)})"
        code, hresult = (None, hresult) if cause is None else (cause.code, cause.hresult)
        error = ScriptError(message, code=code, hresult=hresult, function="Script.run")
        error.replies, error.index, error.sw = run, index, None if last is None else last.sw
        error.arrived, error.partial = run.partial()
        return error


def _reply(whole: bytes, elapsed_ns: int | None) -> Reply:
    """Return a reply that was copied or pickled."""
    return Reply(memoryview(whole), elapsed_ns)


def _replies(memory: bytes, offsets: list[int], elapsed: list[int] | None) -> Replies:
    """Return replies that were copied or pickled; their memory is in Python."""
    replies = Replies.__new__(Replies)
    replies.target = None
    replies.contents = memoryview(memory), len(offsets) - 1, offsets, elapsed
    return replies


def _not_attached(card: AttachedCard) -> SCardError:
    """Return the error of a run on a card that is not attached."""
    return state_error(card.native, "Script.run")
