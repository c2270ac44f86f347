"""Other processes and interpreters: forks, multiprocessing in all its ways, and sub-interpreters."""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable

import pytest
from conftest import Place
from support.alone import run_alone
from support.commands import ANSWER_4
from support.interpreter import run_python
from support.platforms import FORKS

from scardffi import Context, ForkedProcessError, Script, UnexpectedStateError, virtual
from scardffi.virtual import VirtualReader

# Python 3.12 advises against forks of a process with threads.
pytestmark = pytest.mark.filterwarnings(r"ignore:.*use of fork\(\):DeprecationWarning")
READ = bytes.fromhex("00B0000004")


def in_a_fork(work: Callable[[], object]) -> int:
    """Run the function in a child, and return 0 if it raised nothing."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:  # noqa: BLE001  the parent sees only the status
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def refused(uses: dict[str, Callable[[], object]]) -> None:
    for name, use in uses.items():
        try:
            use()
        except ForkedProcessError:
            continue
        raise AssertionError(f"{name} did not refuse")


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_process_of_multiprocessing_uses_a_context_of_its_own(place: Place, method: str) -> None:
    options = ["-W", "ignore::DeprecationWarning"]
    seen, stderr = run_alone("processes", method, place.library.info().path, place.reader, options=options)
    assert stderr == ""
    assert seen["child"] == seen["parent"] == ANSWER_4.hex()
    assert seen["exit"] == 0
    assert len(seen["refusals"]) == (2 if method == "fork" else 0)
    if method != "fork":
        assert "SCardManage" in seen["given"]


def test_the_error_of_a_fork_is_one_of_the_object_s_state() -> None:
    assert issubclass(ForkedProcessError, UnexpectedStateError)


@FORKS
def test_everything_made_from_a_card_is_refused_in_a_fork() -> None:
    with virtual.installed(), Context() as context, context.attach(virtual.DEFAULT_READER) as card:
        files, codes, auth = card.create_file_access(), card.create_ch_verification(), card.create_card_auth()
        exchange, script, transaction = card.exchange(READ, bytearray(16)), Script([READ]), card.transaction()
        flow = card.exchange(READ, bytearray(16), flow=1)
        interface = card.create_interface("FileAccess")

        def work() -> None:
            refused(
                {
                    "exchange": exchange,
                    "exchange with a flow": flow,
                    "script": lambda: script.run(card),
                    "transaction": transaction.__enter__,
                    "transmit with a flow": lambda: card.transmit(READ, flow=1),
                    "send": lambda: card.send(READ),
                    "read_binary_into": lambda: card.read_binary_into(bytearray(4)),
                    "update_binary_from": lambda: card.update_binary_from(b"abcd"),
                    "turns": lambda: card.turns,
                    "reader": lambda: card.reader,
                    "create_file_access": card.create_file_access,
                    "file access": lambda: files.change_dir(0x3F00),
                    "codes": lambda: codes.verify(bytearray(b"1234"), 1),
                    "authentication": lambda: auth.get_challenge(8),
                    "interface": lambda: interface.change_dir(0x3F00),
                    "monitor": context.monitor,
                    "wait_for_card": lambda: context.wait_for_card(0),
                }
            )
            exchange.close()
            card.__exit__(None, None, None)
            context.release()

        assert in_a_fork(work) == 0
        assert exchange() == 6
        assert card.transmit(READ) == ANSWER_4


@FORKS
def test_a_service_is_refused_in_a_fork_although_another_thread_was_using_it() -> None:
    with virtual.installed(), Context() as context, context.attach(virtual.DEFAULT_READER) as card:
        service = card.create_card_auth()
        held, done = threading.Event(), threading.Event()

        def hold() -> None:
            with card.turns.lock:
                held.set()
                done.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()

        def work() -> None:
            signal.alarm(5)
            refused({"service": lambda: service.get_challenge(8)})

        try:
            assert in_a_fork(work) == 0
        finally:
            done.set()
            thread.join()


@FORKS
def test_a_virtual_reader_is_refused_in_a_fork_and_stays_as_it_is_in_the_parent() -> None:
    with virtual.installed(), VirtualReader("shared", virtual.AnsweringCard()) as reader, Context() as context:

        def work() -> None:
            refused(
                {
                    "plug": reader.plug,
                    "unplug": reader.unplug,
                    "insert": lambda: reader.insert(virtual.AnsweringCard()),
                    "remove": reader.remove,
                    "swap": lambda: reader.swap(virtual.AnsweringCard()),
                    "reset": reader.reset,
                    "latency": lambda: setattr(reader, "latency", 0.1),
                }
            )
            reader.__exit__(None, None, None)
            with VirtualReader("own", virtual.AnsweringCard()), Context() as own, own.attach("own") as card:
                assert card.transmit(READ) == ANSWER_4

        assert in_a_fork(work) == 0
        with context.attach("shared") as card:
            assert card.transmit(READ) == ANSWER_4


SUB_INTERPRETERS = """
    import sys
    CODE = "try: import scardffi\\nexcept ImportError as error: print(error, flush=True)"
    if sys.version_info >= (3, 13):
        import _interpreters
        makers = [lambda kind=kind: _interpreters.create(kind) for kind in ("isolated", "legacy")]
        run, end = _interpreters.exec, _interpreters.destroy
    else:
        import _xxsubinterpreters
        makers = [lambda kind=kind: _xxsubinterpreters.create(isolated=kind) for kind in (True, False)]
        run, end = _xxsubinterpreters.run_string, _xxsubinterpreters.destroy
    def in_each():
        for make in makers:
            one = make()
            run(one, CODE)
            end(one)
    if "before" in sys.argv:
        in_each()
    from scardffi import Context, virtual
    if "after" in sys.argv:
        in_each()
    with virtual.installed(), Context() as context, context.attach(virtual.DEFAULT_READER) as card:
        print(card.transmit(bytes.fromhex("00B0000004")).hex())
    """


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="only CPython has sub-interpreters")
@pytest.mark.skipif(bool(os.environ.get("SCARDFFI_NO_CALLS")), reason="the module _calls refuses sub-interpreters")
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_sub_interpreter_gets_an_error_with_a_sentence_and_the_main_interpreter_goes_on(when: str) -> None:
    refusal = "scardffi works only in the main interpreter of a process: import it there, not in a sub-interpreter"
    assert run_python(SUB_INTERPRETERS, when) == [refusal, refusal, ANSWER_4.hex()]
