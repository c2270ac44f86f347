"""As many virtual readers, contexts and handles as there is room for: each is found, and freed room is used again."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from support.cards import T1_ATR
from support.interpreter import run_python
from support.platforms import FORKS
from support.shape import NO_SUCH_HANDLE

from scardffi import Context, Library, OutOfMemoryError, ReturnCode, SCardManage, UnknownReaderError
from scardffi.virtual import DEFAULT_READER, AnsweringCard, VirtualReader

ROOM = 1024
NUMBERS = 4096
FILLER = "é" * 50
NAMES = [f"{FILLER}{number}" for number in range(1000)]


class NumberedCard:
    """A card that answers with its number."""

    atr = T1_ATR

    def __init__(self, number: int) -> None:
        self.answer = number.to_bytes(2, "big") + b"\x90\x00"

    def transmit(self, _command: bytes) -> bytes:
        """Return the number and 9000."""
        return self.answer


@contextmanager
def plugged(*names: str) -> Iterator[list[VirtualReader]]:
    """Plug readers in, each with an answering card."""
    with ExitStack() as stack:
        yield [stack.enter_context(VirtualReader(name, AnsweringCard())) for name in names]


def names(library: Library) -> list[str]:
    with Context(library=library) as context:
        return context.list_readers()


def test_there_is_room_for_1024_readers_and_one_wait_watches_them_all(library: Library) -> None:
    everything = [DEFAULT_READER, *(f"reader {number}" for number in range(1, ROOM))]
    for _ in range(2):
        with plugged(*everything[1:]), Context(library=library) as context:
            assert context.list_readers() == everything
            states = context.get_status_change(everything)
            assert [state.reader for state in states] == everything
            assert {state.atr for state in states} == {AnsweringCard().atr}
            with pytest.raises(OutOfMemoryError):
                VirtualReader("one too many").plug()
        assert names(library) == [DEFAULT_READER]


def test_each_of_1000_names_finds_its_own_reader(library: Library) -> None:
    with ExitStack() as stack:
        for number, name in enumerate(NAMES):
            stack.enter_context(VirtualReader(name, NumberedCard(number)))
        cards = [stack.enter_context(SCardManage(library).attach_by_ifd(name)) for name in NAMES]
        for number, (name, card) in enumerate(zip(NAMES, cards, strict=True)):
            assert card.transmit(bytes(4)) == number.to_bytes(2, "big") + b"\x90\x00"
            assert card.status().reader == name
        for name in (FILLER, f"{FILLER}1000", NAMES[7][:-1], NAMES[7].upper()):
            with pytest.raises(UnknownReaderError):
                SCardManage(library).attach_by_ifd(name)


def test_a_short_name_in_the_place_of_a_long_one_is_whole(library: Library) -> None:
    for name in (FILLER, "short"):
        with plugged(name), SCardManage(library).attach_by_ifd(name) as card:
            assert card.status().reader == name


def test_a_name_ends_with_its_reader_and_its_place_in_the_list_is_used_again(library: Library) -> None:
    with plugged("a", "b", "c", "d") as (_, b, c, _), Context(library=library) as context:
        for reader in (c, b):
            reader.unplug()
            with pytest.raises(UnknownReaderError):
                SCardManage(library).attach_by_ifd(reader.name)
        with plugged("new"):
            assert context.list_readers()[1:] == ["a", "new", "d"]
            with pytest.raises(UnknownReaderError):
                SCardManage(library).attach_by_ifd("b")
            b.plug()  # its place was taken, and that of c is free
            assert context.list_readers()[1:] == ["a", "new", "b", "d"]
            context.attach("b").detach()
        assert context.list_readers()[1:] == ["a", "b", "d"]


def test_readers_come_and_go_beside_handles_that_stay_open(library: Library) -> None:
    with Context(library=library) as context, ExitStack() as stack:
        for number in range(3 * ROOM):
            with plugged(f"passing {number}"):
                card = context.attach(f"passing {number}")
                if number < ROOM - 2:  # the room of a reader is not used again while it has a handle
                    stack.callback(card.detach)
                else:
                    card.detach()
        assert context.list_readers() == [DEFAULT_READER]
        with plugged("last of the room"), pytest.raises(OutOfMemoryError):
            VirtualReader("one too many").plug()
    with plugged("first", "second"):
        assert names(library) == [DEFAULT_READER, "first", "second"]


def test_there_is_room_for_4096_contexts_and_a_freed_number_does_not_come_back_soon(library: Library) -> None:
    def establish_all() -> list[int]:
        established = []
        while (answer := library.SCardEstablishContext(2))[0] == 0:
            established.append(answer[1])
        assert answer == (ReturnCode.SCARD_E_NO_MEMORY, 0)
        return established

    contexts = establish_all()
    assert NUMBERS - 10 < len(contexts) <= NUMBERS  # other tests may have left some open
    seen = set(contexts)
    assert len(seen) == len(contexts)
    for turn in range(5):
        released = contexts[turn::3]
        assert {library.SCardReleaseContext(context) for context in released} == {0}
        assert {library.SCardIsValidContext(context) for context in released} == {NO_SUCH_HANDLE}
        established = establish_all()
        assert len(set(established)) == len(established) == len(released)
        assert seen.isdisjoint(established)
        seen.update(established)
        contexts = [*(set(contexts) - set(released)), *established]
        assert {library.SCardIsValidContext(context) for context in contexts} == {0}
    assert {library.SCardReleaseContext(context) for context in contexts} == {0}


def test_there_is_room_for_4096_handles(library: Library) -> None:
    _, context = library.SCardEstablishContext(2)
    handles = []
    while (answer := library.SCardConnect(context, DEFAULT_READER, 2, 3))[0] == 0:
        handles.append(answer[1])
    assert answer[0] == ReturnCode.SCARD_E_NO_MEMORY
    assert NUMBERS - 10 < len(set(handles)) == len(handles) <= NUMBERS
    assert library.SCardDisconnect(handles[99], 0) == 0
    assert library.SCardConnect(context, DEFAULT_READER, 2, 3)[0] == 0
    assert library.SCardStatus(handles[99])[0] == NO_SUCH_HANDLE
    assert library.SCardStatus(handles[98])[0] == 0
    assert library.SCardReleaseContext(context) == 0
    assert {library.SCardStatus(handle)[0] for handle in handles} == {NO_SUCH_HANDLE}


def test_the_release_of_a_context_ends_all_its_waiting_connects_and_no_others(library: Library) -> None:
    (_, owner), (_, released), (_, kept) = (library.SCardEstablishContext(2) for _ in range(3))
    codes: dict[tuple[int, str], int] = {}

    def connect(context: int, name: str) -> None:
        codes[context, name] = library.SCardConnect(context, name, 2, 3)[0]

    with plugged(*NAMES[:30]):
        owned = [library.SCardConnect(owner, name, 2, 3)[1] for name in NAMES[:2]]
        assert [library.SCardBeginTransaction(handle) for handle in owned] == [0, 0]
        threads = {
            (context, name): threading.Thread(target=connect, args=(context, name))
            for context in (released, kept)
            for name in NAMES[:2]
        }
        for thread in threads.values():
            thread.start()
            thread.join(0.05)
        assert codes == {}
        assert library.SCardReleaseContext(released) == 0
        for name in NAMES[:2]:
            threads[released, name].join(10)
        assert codes == {(released, name): NO_SUCH_HANDLE for name in NAMES[:2]}
        assert [library.SCardEndTransaction(handle, 0) for handle in owned] == [0, 0]
        for thread in threads.values():
            thread.join(10)
        assert [codes[kept, name] for name in NAMES[:2]] == [0, 0]
        assert [library.SCardReleaseContext(context) for context in (owner, kept)] == [0, 0]


@FORKS
def test_the_child_of_a_fork_has_its_own_room_for_readers() -> None:
    program = """
        import os, time
        from scardffi import Context, virtual
        readers = [virtual.VirtualReader(f"reader {number}", virtual.AnsweringCard()) for number in range(1000)]
        with virtual.installed():
            for reader in readers:
                reader.plug()
            child = os.fork()
            if child == 0:
                with Context() as context:
                    print(len(context.list_readers()), flush=True)
                    readers = [virtual.VirtualReader(reader.name, virtual.AnsweringCard()) for reader in readers]
                    for reader in reversed(readers):  # in other places than in the parent
                        reader.plug()
                    print(len(context.list_readers()), flush=True)
                    print({context.attach(reader.name).transmit(bytes(4)).hex() for reader in readers}, flush=True)
                    readers[7].latency = 0.05
                    start = time.perf_counter()
                    context.attach("reader 7").transmit(bytes(4))
                    print(time.perf_counter() - start >= 0.05, flush=True)
                os._exit(0)
            os.waitpid(child, 0)
            with Context() as context:
                print(len(context.list_readers()), flush=True)
        """
    assert run_python(program) == ["1", "1001", "{'6d00'}", "True", "1001"]
