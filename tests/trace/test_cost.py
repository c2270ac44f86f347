"""What a trace costs: a call that is recorded to a file, and calls that are not recorded."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.reports import report
from support.requirements import need_program

from scardffi import Context, Library, trace, virtual
from scardffi.virtual import DEFAULT_READER

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measured on Linux")

READ = bytes.fromhex("00B0000004")
CALLS, ROUNDS, TRIES = 500, 30, 5
LIMIT = 3e-6
UNTRACED = """
import sys
from scardffi import Context, Library, trace, virtual
library = Library(virtual.library_path())
if sys.argv[2]:
    with trace.record(sys.argv[2], library=library) as traced, Context(library=traced) as context:
        context.list_readers()
with Context(library=library) as context, context.attach(virtual.DEFAULT_READER) as card:
    response = bytearray(300)
    for _ in range(int(sys.argv[1])):
        card.transmit_into(b"\\0\\xb0\\0\\0\\4", response)
"""


def fastest_call(library: Library) -> float:
    """Return the seconds of one exchange, in the fastest of several rounds."""
    with Context(library=library) as context, context.attach(DEFAULT_READER) as card:
        response = bytearray(300)
        rounds = []
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            for _ in range(CALLS):
                card.transmit_into(READ, response)
            rounds.append((time.perf_counter() - begin) / CALLS)
    return min(rounds)


@pytest.mark.alone
def test_recording_a_call_to_a_file_takes_at_most_3_us(tmp_path: Path) -> None:
    library = Library(virtual.library_path())
    with trace.record(tmp_path / "trace.pcapng", library=library) as traced:
        for _ in range(TRIES):  # other programs can slow down all rounds
            cost = fastest_call(traced) - fastest_call(library)
            if cost <= LIMIT:
                break
    report(f"a recorded call: {cost * 1e6:.2f} us more, minimum of {ROUNDS} rounds")
    assert cost <= LIMIT


def instructions_of_exchange(file: str, folder: Path) -> float:
    """Return the instructions of one exchange in the core and the virtual library, by callgrind."""
    need_program("valgrind", "callgrind_annotate")
    counts = []
    for calls in (1000, 2000):
        out = folder / f"callgrind.{calls}"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        program = [sys.executable, "-I", "-c", UNTRACED, str(calls), file]
        subprocess.run([*command, *program], cwd="/", capture_output=True, timeout=300, check=True)
        annotated = ["callgrind_annotate", "--threshold=100", str(out)]
        said = subprocess.run(annotated, capture_output=True, text=True, check=True).stdout
        lines = re.findall(r"^\s*([\d,]+) .*\[.*/(?:_calls|_native|libscard\w+)\.[\w.]*so\]$", said, re.MULTILINE)
        counts.append(sum(int(count.replace(",", "")) for count in lines))
    return (counts[1] - counts[0]) / 1000


@pytest.mark.skipif(not os.environ.get("SCARDFFI_TEST_MEMORY"), reason="slow: `bash .ci/run sanitizers` runs it")
def test_an_exchange_takes_the_same_instructions_before_and_after_a_recording(tmp_path: Path) -> None:
    without = instructions_of_exchange("", tmp_path)
    after = instructions_of_exchange(str(tmp_path / "trace.pcapng"), tmp_path)
    report(f"instructions of an exchange: {without:.1f} without a trace, {after:.1f} after one")
    assert 100 < without < 5000
    assert abs(without - after) < 1
