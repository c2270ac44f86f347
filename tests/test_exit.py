"""The end of the interpreter with open objects and starting threads: only ResourceWarnings are written to stderr."""

import os
import re
import subprocess
import sys

import pytest
from support.alone import run_alone
from support.reports import report

HOLDERS = ["program", "module", "class", "sys", "builtins", "cycle"]
COUNTS = {"": 0, "kept": 0}
STARTS_AT_THE_END = sys.version_info < (3, 12)
"""True if Python itself still starts threads while a program ends."""
ENDS = int(os.environ.get("SCARDFFI_TEST_ENDS", "4"))


@pytest.fixture(scope="module", autouse=True)
def report_the_counts() -> object:
    yield
    report(f"objects left open at the end of the interpreter: {sum(COUNTS.values())} cases, no error on stderr")


@pytest.mark.parametrize("kept", COUNTS, ids=["modules_free", "modules_kept"])
@pytest.mark.parametrize("holder", HOLDERS)
def test_objects_left_open_at_exit_print_only_resource_warnings(holder: str, kept: str) -> None:
    options = ["-X", "dev", "-W", "error", "-W", "default::ResourceWarning"]
    count, stderr = run_alone("left_open", holder, kept, options=options)
    warned = re.compile(r".*\bResourceWarning: |  _warn\(")  # Python shows a line of code below the warning
    rest = [line for line in stderr.splitlines() if not warned.match(line)]
    assert rest == []
    assert "was collected while attached" in stderr or kept or holder != "program"
    assert count >= 25
    COUNTS[kept] += count


def test_a_program_that_ends_while_threads_start_does_not_crash() -> None:
    options = ["-X", "dev", "-W", "error", "-W", "ignore::ResourceWarning"]
    for end in range(ENDS):
        found, stderr = run_alone("ends_starting_threads", str(end % 5), options=options)
        assert stderr == ""
        assert found == {"with timeout": "can't start new thread: the program is ending", "without": "9000"}
    report(f"programs that ended while threads started: {ENDS}, no crash and no error on stderr")


END = """
import atexit, time
def tell():  # it was registered before scardffi's exit function, so it runs after that
    print(time.perf_counter() - start, len(_threads._not_running))
atexit.register(tell)
from scardffi import _threads
{program}
print("end")
start = time.perf_counter()
"""


def end(program: str) -> tuple[str, float, int]:
    """Run a program that imports scardffi._threads.

    Returns:
        what it prints, the seconds until scardffi's exit function has returned, and the number of threads that do not
        run yet then
    """
    command = [sys.executable, "-I", "-u", "-c", END.format(program=program)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=True)
    *printed, last = done.stdout.splitlines(keepends=True)
    seconds, left = last.split()
    return "".join(printed), float(seconds), int(left)


def test_the_end_of_a_program_waits_until_a_thread_runs() -> None:
    late = """
import threading
begin = _threads.prepared(int)
def run_late():  # as a thread that was started before the end, and runs only now
    while not _threads.program_is_ending():
        time.sleep(0.001)
    run, arguments = begin.args
    run(*arguments)
threading.Thread(target=run_late, daemon=True).start()
_threads._EXIT_SECONDS = 60
"""
    printed, _, left = end(late)
    assert (printed, left) == ("end\n", 0)


def test_the_end_of_a_program_waits_a_second_for_a_thread_that_does_not_run() -> None:
    printed, seconds, left = end("begin = _threads.prepared(int)")
    assert (printed, left) == ("end\n", 1)
    assert 1 <= seconds < 30


def test_the_end_of_a_program_does_not_wait_for_a_thread_that_could_not_be_started_or_that_a_fork_has_left_behind() -> (
    None
):
    failed = """
import _thread, os
def fail(*arguments):
    raise RuntimeError
working, _thread.start_new_thread = _thread.start_new_thread, fail
try:
    _threads.start(print)
except RuntimeError:
    pass
_thread.start_new_thread = working
assert not _threads._not_running
begin = _threads.prepared(print)
if os.name == "posix":
    child = os.fork()
    if not child:
        os._exit(len(_threads._not_running))
    assert os.waitpid(child, 0)[1] == 0
del begin
assert not _threads._not_running
"""
    assert end(failed)[0] == "end\n"


@pytest.mark.parametrize("thread", ["late()", *(["_thread.start_new_thread(late, ())"] if STARTS_AT_THE_END else [])])
def test_no_thread_is_started_after_the_end_of_a_program(thread: str) -> None:
    program = f"""
import _thread, atexit, time
def late():
    try:
        _threads.start(print, "ran")
    except RuntimeError as error:
        print(error)
def use():
    {thread}
    time.sleep(0.1)
atexit.unregister(_threads._wait_for_starts)
atexit.register(use)
atexit.register(_threads._wait_for_starts)
"""
    message = "can't start new thread: the program is ending\n"
    assert end(program)[0] == "end\n" + (message if thread == "late()" else "")
