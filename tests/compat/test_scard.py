"""scardffi.compat.scard beside pyscard's smartcard.scard: names, answers, faults and speed."""

import fnmatch
import inspect
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.callback_card import CallbackLibrary
from support.modes import program_named, run_python
from support.reports import report
from support.requirements import need_module

from scardffi import InvalidArgumentError
from scardffi._loader import calls, set_default_table
from scardffi.compat import scard
from scardffi.virtual import AnsweringCard, VirtualReader

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there pyscard can use the virtual library")

FUNCTIONS = 25
FEWEST_CALLS = 120
INVALID_HANDLE, INVALID_PARAMETER, UNKNOWN_READER = 0x80100003, 0x80100004, 0x80100009
NO_SERVICE = 0x8010001D

NO_EXCEPTION = "pyscard raises SystemError, because its C code sets no exception or forgets one"
TOO_MANY_BITS = "a handle of too many bits is not open; pyscard raises an error or ends the process later"
UNREAD = "pyscard hands back memory that PC/SC has not written"
ACCEPTED = "more types of sequences are accepted"
NO_BYTE = "pyscard cuts a number to 8 bits in silence; here the error names the byte"
NO_DWORD = "pyscard passes a number on that has no room in a DWORD on other platforms; here the error names it"

ALLOWED = {
    "* context zero": NO_EXCEPTION,
    "* card zero": NO_EXCEPTION,
    "* scope minus one": NO_EXCEPTION,
    "* share minus one": NO_EXCEPTION,
    "* attribute minus one": NO_EXCEPTION,
    "* timeout minus one": "a timeout below 0 waits without limit; pyscard raises SystemError",
    "* protocol minus one": "pyscard raises OverflowError; here no protocol has this number",
    "* context 65 bits": TOO_MANY_BITS,
    "* card 65 bits": TOO_MANY_BITS,
    "* timeout 65 bits": "more than INFINITE waits without limit; pyscard raises OverflowError",
    "SCARD_CTL_CODE code 65 bits": "the arithmetic of the macro has no limit; pyscard raises OverflowError",
    "SCardGetErrorMessage code 65 bits": "the lowest 32 bits of a number are a code",
    "SCardGetErrorMessage code 33 bits": "the lowest 32 bits of a number are a code",
    "SCardGetErrorMessage code minus one": "the lowest 32 bits of a number are a code",
    "SCardGetErrorMessage -0x*": "a signed code is the same code; pyscard does not know it where codes are unsigned",
    "* scope * bits": NO_DWORD,
    "* share * bits": NO_DWORD,
    "* attribute * bits": NO_DWORD,
    "SCardTransmit protocol * bits": NO_DWORD,
    "SCardGetStatusChange state * bits": NO_DWORD,
    "* byte minus one": NO_BYTE,
    "* byte * bits": NO_BYTE,
    "SCardTransmit byte 256": NO_BYTE,
    "SCardTransmit byte -124": NO_BYTE,
    "SCardReconnect other protocol": UNREAD,
    "SCardReconnect wrong handle": UNREAD,
    "SCardTransmit protocol number [358]": UNREAD,
    "SCardTransmit protocol number 65536": UNREAD,
    "SCardTransmit empty": UNREAD,
    "* tuple": ACCEPTED,
    "* bytes": ACCEPTED,
    "* bytearray": ACCEPTED,
    "* memoryview": ACCEPTED,
    "SCardGetStatusChange lists": ACCEPTED,
    "SCardConnect name with a surrogate": "it is a byte that is not UTF-8, and PC/SC says that there is no reader",
    "SCardGetStatusChange name outside ASCII": "pyscard raises UnicodeEncodeError",
    "SCardGetStatusChange long ATR": "the ATR says nothing to PC/SC; pyscard writes it behind its memory",
}
"""The reason of every difference, by the labels of the calls."""


class Outcomes(NamedTuple):
    """What each call of tests/programs/scard_probe.py returned, by its label."""

    pyscard: dict[str, str]
    ours: dict[str, str]

    def of(self, label: str) -> tuple[str, str]:
        """Return the outcome with pyscard's module, and with ours."""
        return self.pyscard[label], self.ours[label]

    @property
    def differences(self) -> list[str]:
        """The labels of the calls that had different outcomes."""
        return [label for label, outcome in self.pyscard.items() if outcome != self.ours[label]]


def run_probe(module: str) -> dict[str, str]:
    """Make the calls of the probe. A call that ends the process has this as its outcome; the next one follows it."""
    outcomes: dict[str, str] = {}
    start = 0
    while True:
        done = run_python(program_named("scard_probe.py"), module, str(start))
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
        outcomes |= {label: outcome for _, label, outcome in lines}
        if done.returncode == 0:
            return outcomes
        assert lines, done.stderr
        start, label, _ = lines[-1]
        outcomes[label] = "the process ended"
        start += 1


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    need_module("smartcard")
    return Outcomes(run_probe("smartcard.scard"), run_probe("scardffi.compat.scard"))


# Names


def public(module: Any) -> dict[str, Any]:
    return {
        name: value for name, value in vars(module).items() if not name.startswith("_") and not inspect.ismodule(value)
    }


def test_every_name_of_pyscards_module_is_there_with_the_same_value() -> None:
    need_module("smartcard")
    import smartcard.scard

    theirs = public(smartcard.scard)
    ours = {name: getattr(scard, name) for name in scard.__all__}
    assert sorted(theirs) == sorted(ours)
    assert sum(inspect.isfunction(value) for value in theirs.values()) == FUNCTIONS
    values = {name: value for name, value in theirs.items() if not callable(value)}
    assert values == {name: ours[name] for name in values}
    assert {type(ours[name]) for name in values} == {int, str}
    assert issubclass(scard.error, Exception)


def test_every_function_has_the_same_argument_names() -> None:
    need_module("smartcard")
    import smartcard.scard

    for name, theirs in public(smartcard.scard).items():
        if inspect.isfunction(theirs):
            ours = getattr(scard, name)
            assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters), name


def test_an_import_with_an_asterisk_brings_the_names_of_pyscard_only() -> None:
    done = run_python("-c", "from scardffi.compat.scard import *\nprint(*dir())")
    assert {name for name in done.stdout.split() if not name.startswith("__")} == set(scard.__all__)


# Answers


def test_the_probe_calls_every_function(outcomes: Outcomes) -> None:
    assert outcomes.pyscard.keys() == outcomes.ours.keys()
    assert len(outcomes.ours) >= FEWEST_CALLS
    called = {label.partition(" ")[0] for label in outcomes.ours}
    assert called == {name for name in scard.__all__ if name.startswith("SCard")} | {"SCARD_CTL_CODE"}


def test_every_difference_has_a_reason(outcomes: Outcomes) -> None:
    reasons = {label: [one for one in ALLOWED if fnmatch.fnmatch(label, one)] for label in outcomes.differences}
    assert {label: outcomes.of(label) for label, found in reasons.items() if not found} == {}
    kinds = len({ALLOWED[found[0]] for found in reasons.values()})
    report(
        f"smartcard.scard: {len(outcomes.ours)} calls of {FUNCTIONS} functions under pyscard and scardffi.compat, "
        f"{len(reasons)} different outcomes for {kinds} reasons, which pytest -rP lists"
    )
    for label, found in reasons.items():
        print(f"{label}: {' / '.join(outcomes.of(label))}: {ALLOWED[found[0]]}")  # noqa: T201  for pytest -rP


def test_every_reason_has_a_difference(outcomes: Outcomes) -> None:
    assert [one for one in ALLOWED if not fnmatch.filter(outcomes.differences, one)] == []


def test_no_call_of_ours_ends_the_process_or_raises_an_error_without_a_message(outcomes: Outcomes) -> None:
    errors = {outcome for outcome in outcomes.ours.values() if outcome[0].isalpha()}
    assert errors == {"TypeError", "InvalidArgumentError"}


# pyscard's faults, beside what happens here


@pytest.mark.parametrize("kind", ["tuple", "bytes", "bytearray", "memoryview"])
def test_a_command_may_have_any_type_of_bytes(kind: str, outcomes: Outcomes) -> None:
    assert outcomes.of(f"SCardTransmit {kind}") == ("TypeError", outcomes.ours["SCardTransmit list"])
    assert outcomes.of(f"SCardControl {kind}") == ("TypeError", outcomes.ours["SCardControl list"])
    assert outcomes.of(f"SCardSetAttrib {kind}") == ("TypeError", outcomes.ours["SCardSetAttrib list"])


@pytest.mark.parametrize("byte", ["256", "-124"])
def test_a_number_that_is_no_byte_is_refused_and_not_cut(byte: str, outcomes: Outcomes) -> None:
    assert outcomes.of(f"SCardTransmit byte {byte}") == ("[0, [103, 0]]", "InvalidArgumentError")


def test_the_error_names_the_byte_that_is_wrong() -> None:
    wrong: Any = [0, 0, "1"]
    with pytest.raises(InvalidArgumentError, match=r"^apducommand\[1\]: 256 is not allowed; give 0 to 255$"):
        scard.SCardTransmit(1, 1, [0, 256])
    with pytest.raises(TypeError, match=r"^inbuffer\[2\]: expected an int, got str$"):
        scard.SCardControl(1, 1, wrong)
    with pytest.raises(TypeError, match=r"^apducommand: expected a list, a tuple or a buffer of bytes, got str$"):
        scard.SCardTransmit(1, 1, wrong[2])


@pytest.mark.parametrize(
    "function",
    ["SCardReleaseContext", "SCardIsValidContext", "SCardCancel", "SCardBeginTransaction", "SCardDisconnect"],
)
def test_the_handle_0_returns_a_code_and_no_error_without_an_exception(function: str, outcomes: Outcomes) -> None:
    (label,) = fnmatch.filter(outcomes.ours, f"{function} * zero")
    assert outcomes.of(label) == ("SystemError", str(INVALID_HANDLE))


def test_reader_names_may_have_any_script(outcomes: Outcomes) -> None:
    theirs, ours = outcomes.of("SCardGetStatusChange name outside ASCII")
    assert theirs == "UnicodeEncodeError"
    assert ours == f"[{UNKNOWN_READER}, [('読取機', 0, [])]]"


@pytest.mark.parametrize("call", ["empty", "protocol number 3", "protocol number 8"])
def test_no_memory_that_nobody_wrote_is_handed_back(call: str, outcomes: Outcomes) -> None:
    theirs, ours = outcomes.of(f"SCardTransmit {call}")
    assert theirs == f"[{INVALID_PARAMETER}] and a list of 65548"
    assert ours == f"[{INVALID_PARAMETER}, []]"


def test_after_an_error_of_reconnect_the_protocol_is_0(outcomes: Outcomes) -> None:
    theirs, ours = outcomes.of("SCardReconnect wrong handle")
    assert theirs.startswith(f"[{INVALID_HANDLE}, ")
    assert ours == f"[{INVALID_HANDLE}, 0]"


def test_a_long_atr_does_not_end_the_process(outcomes: Outcomes) -> None:
    theirs, ours = outcomes.of("SCardGetStatusChange long ATR")
    assert theirs == "the process ended"
    assert ours == outcomes.ours["SCardGetStatusChange"]


@pytest.mark.parametrize("module", ["smartcard.scard", "scardffi.compat.scard"])
def test_without_a_library_functions_return_no_service(module: str, tmp_path: Path) -> None:
    need_module("smartcard")
    (tmp_path / "libpcsclite.so.1").write_text("no library")
    code = (
        f"import {module} as scard\n"
        "print(scard.SCardEstablishContext(2), scard.SCardListReaders(1, []) if 'compat' in scard.__name__ else '')"
    )
    done = run_python("-c", code, LD_LIBRARY_PATH=str(tmp_path), SCARDFFI_LIBRARY=str(tmp_path / "libpcsclite.so.1"))
    assert done.stderr == ""
    if module == "smartcard.scard":
        assert f"[{NO_SERVICE}, " in done.stdout  # after a message; the context is any number
        assert f"[{NO_SERVICE}, 0]" not in done.stdout
    else:
        assert done.stdout == f"[{NO_SERVICE}, 0] [{NO_SERVICE}, []]\n"


def test_without_a_library_an_error_message_has_our_text() -> None:
    done = run_python(
        "-c",
        "from scardffi.compat import scard; print(scard.SCardGetErrorMessage(scard.SCARD_E_NO_SERVICE))",
        SCARDFFI_LIBRARY="/nowhere",
    )
    assert done.stderr == ""
    assert done.stdout == "the resource manager does not run\n"


class ScardCard:
    """A card behind a connection of scardffi.compat.scard."""

    def __init__(self) -> None:
        _, self._context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        _, self._card, self._protocol = scard.SCardConnect(self._context, "any", 2, 3)

    def transmit(self, command: list[int] | bytes, /) -> bytes:
        """Send a command."""
        code, response = scard.SCardTransmit(self._card, self._protocol, command)
        assert code == scard.SCARD_S_SUCCESS
        return bytes(response)


@pytest.mark.skipif(calls is None, reason="without the compiled module each call has memory of its own")
def test_a_response_is_wiped_in_the_memory_in_which_it_was_received(tmp_path: Path) -> None:
    secret = b"1234567890"
    cards = CallbackLibrary(tmp_path)
    cards.attach(lambda _: secret + b"\x90\x00").detach()
    before = set_default_table(cards.library.native)
    try:
        card = ScardCard()
        assert card.transmit([0x00, 0xB0, 0x00, 0x00, 0x0A]) == secret + b"\x90\x00"
        assert cards.memory_behind(card, 12) == bytes(12)
    finally:
        set_default_table(before)


# Waiting, threads and memory


@pytest.mark.parametrize("timeout", [-1, scard.INFINITE, 0xFFFFFFFF, 2**40])
def test_a_wait_without_limit_ends_with_the_event(timeout: int, virtual_reader: VirtualReader) -> None:
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    _, ((_, state, _),) = scard.SCardGetStatusChange(context, 0, [(virtual_reader.name, 0)])
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(scard.SCardGetStatusChange, context, timeout, [(virtual_reader.name, state)])
        with pytest.raises(TimeoutError):
            waiting.result(0.05)
        virtual_reader.insert(answering := AnsweringCard())
        code, ((name, state, atr),) = waiting.result(10)
    assert (code, name, bytes(atr)) == (scard.SCARD_S_SUCCESS, virtual_reader.name, answering.atr)
    assert state & scard.SCARD_STATE_PRESENT
    assert scard.SCardReleaseContext(context) == 0


@contextmanager
def connected(reader: str) -> Iterator[tuple[int, int]]:
    """Open a card handle; yield it and its protocol."""
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    code, card, protocol = scard.SCardConnect(context, reader, scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_ANY)
    assert code == scard.SCARD_S_SUCCESS
    yield card, protocol
    assert scard.SCardReleaseContext(context) == scard.SCARD_S_SUCCESS


def test_each_thread_gets_its_own_response(virtual_reader: VirtualReader) -> None:
    virtual_reader.insert(AnsweringCard())

    def echo(number: int) -> bool:
        data = [number] * 200
        with connected(virtual_reader.name) as (card, protocol):
            answers = [scard.SCardTransmit(card, protocol, [0x80, 0x18, 0, 0, 200, *data, 0]) for _ in range(100)]
        return answers == [[0, [*data, 0x90, 0x00]]] * 100

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(echo, range(8))) == [True] * 8


def test_transmit_keeps_no_object(virtual_reader: VirtualReader) -> None:
    virtual_reader.insert(AnsweringCard())
    wrong: Any = "text"

    def calls_of_each_kind(card: int, protocol: int) -> None:
        scard.SCardTransmit(card, protocol, [0x80, 0x12, 0x03, 0xE8])
        scard.SCardTransmit(card, protocol, bytearray([0x80, 0x12, 0x03, 0xE8]))
        scard.SCardTransmit(12345, protocol, (0x00, 0xB0, 0x00, 0x00, 0x04))
        for command in ([0, 256], [wrong], wrong):
            with suppress(TypeError, ValueError):
                scard.SCardTransmit(card, protocol, command)

    with connected(virtual_reader.name) as opened:
        calls_of_each_kind(*opened)
        before = sys.getallocatedblocks()
        for _ in range(300):
            calls_of_each_kind(*opened)
        assert sys.getallocatedblocks() - before < 300


# Speed


@pytest.mark.alone
@pytest.mark.skipif(calls is None, reason="the compiled module makes it quick")
def test_transmit_is_not_slower_than_pyscards(tmp_path: Path) -> None:
    need_module("smartcard")
    program = tmp_path / "speed.py"
    program.write_text(
        "import json, timeit\n"
        "import smartcard.scard as theirs\n"
        "import scardffi.compat.scard as ours\n"
        "figures = {}\n"
        "def connected(scard):\n"
        "    context = scard.SCardEstablishContext(2)[1]\n"
        "    reader = scard.SCardListReaders(context, [])[1][0]\n"
        "    return scard.SCardConnect(context, reader, 2, 3)[1:]\n"
        "handles = {scard: connected(scard) for scard in (theirs, ours)}\n"
        "for length in (2, 16, 255):\n"
        "    command = [0x00, 0xB0, 0, 0, length - 2] if length > 2 else [0x00, 0xA4, 0, 0]\n"
        "    for number in range(1000):  # on a busy machine 80 may not do\n"
        "        if number >= 80 and figures[f'ours {length}'] <= figures[f'theirs {length}']:\n"
        "            break\n"
        "        for name, scard in (('theirs', theirs), ('ours', ours)):\n"
        "            card, protocol = handles[scard]\n"
        "            timer = timeit.Timer(lambda: scard.SCardTransmit(card, protocol, command))\n"
        "            taken = timer.timeit(300) / 300 * 1e6\n"
        "            key = f'{name} {length}'\n"
        "            figures[key] = min(figures.get(key, taken), taken)\n"
        "print(json.dumps(figures))\n"
    )
    done = run_python(str(program))
    assert done.stderr == ""
    figures = json.loads(done.stdout)
    ratios = {length: figures[f"theirs {length}"] / figures[f"ours {length}"] for length in (2, 16, 255)}
    fast = ", ".join(f"{ratio:.1f}x for {length} bytes" for length, ratio in ratios.items())
    report(f"SCardTransmit of scardffi.compat.scard is as fast as pyscard's: {fast}")
    assert min(ratios.values()) >= 1, figures
