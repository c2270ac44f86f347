"""Forks while it has a card and a context, and prints the number of forks.

Arguments: scenario, PC/SC library, reader, and "talk" if the children of while_threads_transmit are to use the card.
If a child fails or hangs, its exit status and that of the program are not 0.
"""

import contextlib
import faulthandler
import gc
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import SupportsIndex

from support.commands import ANSWER_4, READ_4

from scardffi import (
    CancelledError,
    Context,
    Disposition,
    ForkedProcessError,
    InvalidHandleError,
    Library,
    SCardManage,
    ShareMode,
)

VENDOR_NAME = 0x00010100
THREADS = 4
FORKS = 50 * int(os.environ.get("SCARDFFI_TEST_TIMES", "1"))
CHILD_SECONDS = 5

library = Library(sys.argv[2])
reader = sys.argv[3]


def fork(child: Callable[[], object]) -> None:
    """Run the function in a child that exits normally, with all finalizers; raise an AssertionError if it fails."""
    pid = os.fork()
    if pid == 0:
        faulthandler.register(signal.SIGALRM, chain=True)  # prints where the child hangs
        signal.alarm(CHILD_SECONDS)  # ends the child if it hangs
        try:
            child()
            sys.exit(0)
        finally:
            gc.collect()
    status = os.waitpid(pid, 0)[1]
    assert not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGALRM, f"the child hangs: {child.__name__}"
    assert status == 0, f"the child ended with status {status}: {child.__name__}"


def refuses(use: Callable[[], object], name: str) -> None:
    message = ""
    try:
        use()
    except ForkedProcessError as error:
        message = str(error)
    assert "fork" in message, f"{name} did not refuse: {message}"


def uses_of_a_card(card: SCardManage) -> dict[str, Callable[[], object]]:
    return {
        "attach_by_handle": lambda: card.attach_by_handle(1),
        "attach_by_ifd": lambda: card.attach_by_ifd(reader),
        "detach": card.detach,
        "detach with a disposition": lambda: card.detach(Disposition.RESET),
        "reconnect": lambda: card.reconnect(ShareMode.SHARED),
        "lock": card.lock,
        "lock with a timeout": lambda: card.lock(0.1),
        "unlock": card.unlock,
        "transaction": lambda: card.transaction().__enter__(),
        "status": card.status,
        "atr": lambda: card.atr,
        "protocol": lambda: card.protocol,
        "handle": lambda: card.handle,
        "handing it to another object": lambda: SCardManage(library).attach_by_handle(card),
        "transmit": lambda: card.transmit(READ_4),
        "transmit_into": lambda: card.transmit_into(READ_4, bytearray(8)),
        "control": lambda: card.control(1),
        "get_attribute": lambda: card.get_attribute(VENDOR_NAME),
        "set_attribute": lambda: card.set_attribute(VENDOR_NAME, b"x"),
    }


def uses_of_a_context(context: Context) -> dict[str, Callable[[], object]]:
    return {
        "context.handle": lambda: context.handle,
        "is_valid": context.is_valid,
        "list_readers": context.list_readers,
        "list_reader_groups": context.list_reader_groups,
        "attach": lambda: context.attach(reader),
        "get_status_change": lambda: context.get_status_change([reader], 0),
        "cancel": context.cancel,
    }


def context_is_refused(context: Context) -> None:
    for name, use in uses_of_a_context(context).items():
        refuses(use, name)


def talk_to_the_card() -> None:
    """Use a new context and a new card in this process."""
    with Context(library=library) as context:
        assert reader in context.list_readers()
        with context.attach(reader) as card:
            assert card.transmit(READ_4) == ANSWER_4


def inherited() -> int:
    with Context(library=library) as context:
        cards = {
            "owned": context.attach(reader),
            "borrowed": SCardManage(library),
            "detached": SCardManage(library),
        }
        cards["borrowed"].attach_by_handle(cards["owned"])
        assert cards["borrowed"].transmit(READ_4) == ANSWER_4

        def is_refused() -> None:
            for kind, card in cards.items():
                for name, use in uses_of_a_card(card).items():
                    refuses(use, f"{kind} {name}")
                assert not card.is_attached
                with card:
                    pass
            context_is_refused(context)

        def is_released_by_nobody() -> None:
            cards.clear()
            context.release()
            gc.collect()

        for child in (is_refused, is_released_by_nobody, talk_to_the_card):
            fork(child)
            assert cards["owned"].transmit(READ_4) == ANSWER_4, f"after {child.__name__}"
            assert cards["borrowed"].status().reader == reader
            assert context.is_valid()
            assert context.list_readers()
    return 3


def collected() -> int:
    """Drop the last references to the inherited objects in the child, before its end or by it."""
    holder: list[Context | SCardManage] = []

    def drops_them() -> None:
        holder.clear()
        gc.collect()

    context = Context(library=library)
    card = context.attach(reader)
    holder += [card, context]
    handle, number = card.handle, context.handle
    del context, card

    def ends() -> None:
        pass

    fork(drops_them)
    fork(ends)
    assert library.SCardIsValidContext(number) == 0
    assert library.SCardStatus(handle)[0] == 0
    for one in holder:
        with one:
            pass
    return 2


class RecordingLibrary(Library):
    """A library that records which contexts were released through it."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.released: list[int] = []

    def SCardReleaseContext(self, context: SupportsIndex) -> int:  # noqa: N802  PC/SC's name
        """Wraps ``SCardReleaseContext``."""
        self.released.append(int(context))
        return super().SCardReleaseContext(context)


def while_something_waits_to_be_closed() -> int:
    """Fork after the parent has collected objects and before it has closed them: only the parent closes them."""
    recording = RecordingLibrary(sys.argv[2])

    def closes_its_own_alone() -> None:
        own = Context(library=recording).handle  # it is collected at once
        while own not in recording.released:
            time.sleep(0.001)
        assert recording.released == [own], "the child closed its parent's context"

    sys.setswitchinterval(CHILD_SECONDS)  # another thread runs only if this one calls C code that releases the GIL
    while True:
        recording.released.clear()
        inherited_context = Context(library=recording)
        number = inherited_context.handle
        del inherited_context
        if number not in recording.released:  # seldom the finalizer's calls have let the other thread close it
            break
    fork(closes_its_own_alone)
    while number not in recording.released:
        time.sleep(0.001)
    return 1


def while_threads_list_readers() -> int:
    stop = threading.Event()
    context = Context(library=library)

    def list_readers() -> None:
        while not stop.is_set():
            context.list_readers()

    threads = [threading.Thread(target=list_readers) for _ in range(THREADS)]
    for thread in threads:
        thread.start()

    def is_refused() -> None:
        context_is_refused(context)

    try:
        for _ in range(FORKS):
            fork(is_refused)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    context.release()
    return FORKS


def while_a_thread_waits() -> int:
    context = Context(library=library)
    known = context.get_status_change([reader], 0)
    ends: list[Exception] = []

    def wait_for_a_change() -> None:
        try:
            context.get_status_change(known)
        except CancelledError as error:
            ends.append(error)

    waiter = threading.Thread(target=wait_for_a_change, daemon=True)
    waiter.start()
    time.sleep(0.1)

    def is_refused() -> None:
        context_is_refused(context)

    fork(is_refused)
    fork(context.release)
    assert waiter.is_alive(), "the child ended its parent's wait"
    context.cancel()
    waiter.join()
    assert len(ends) == 1
    context.release()
    return 2


def while_threads_transmit() -> int:
    """Use some threads with separate cards, and some with one shared card."""
    stop = threading.Event()
    exchanges = [0] * THREADS
    shared = SCardManage(library).attach_by_ifd(reader)

    def transmit(number: int, card: SCardManage) -> None:
        while not stop.is_set():
            assert card.transmit(READ_4) == ANSWER_4
            exchanges[number] += 1

    own = [SCardManage(library).attach_by_ifd(reader) for _ in range(THREADS // 2)]
    cards = [*own, *[shared] * (THREADS - len(own))]
    threads = [threading.Thread(target=transmit, args=one) for one in enumerate(cards)]
    for thread in threads:
        thread.start()

    handle = shared.handle

    def child() -> None:
        refuses(lambda: shared.transmit(READ_4), "transmit")
        refuses(shared.detach, "detach")
        if sys.argv[4:]:
            with contextlib.suppress(InvalidHandleError):  # a handle that the parent's threads use all the time
                SCardManage(library).attach_by_handle(handle)
            talk_to_the_card()

    try:
        for _ in range(FORKS):
            before = list(exchanges)
            fork(child)
            while any(now == then for now, then in zip(exchanges, before, strict=True)):
                assert all(thread.is_alive() for thread in threads)
                time.sleep(0)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for card in {*own, shared}:
        card.detach()
    return FORKS


def main() -> None:
    scenarios = (
        inherited,
        collected,
        while_something_waits_to_be_closed,
        while_threads_list_readers,
        while_a_thread_waits,
        while_threads_transmit,
    )
    forks = next(one for one in scenarios if one.__name__ == sys.argv[1])()
    sys.stdout.write(json.dumps(forks) + "\n")


main()
