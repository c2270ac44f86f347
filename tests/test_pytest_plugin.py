"""The plugin for pytest, in separate runs: fixtures, faults by marker, pyscard on the virtual library."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.compile import need_pcsclite_headers, pcsc_include_flags, program
from support.requirements import need_module, need_program

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the virtual library is built for Linux")

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "testing.md"

CARDS = """
import pytest
from scardffi import Context, Library, SCardError, virtual

READ_4, ANSWER_4 = bytes.fromhex("00B0000004"), bytes.fromhex("000102039000")

class BrokenCard:
    atr = bytes.fromhex("3B80800101")

    def transmit(self, command):
        return self.look_up(command)

    def look_up(self, command):
        return {}["no such file"]

def attach(context):
    return context.attach(context.list_readers()[0])

def transmit(command=READ_4):
    with Context() as context, attach(context) as card:
        try:
            return card.transmit(command)
        except SCardError as error:
            return error.name

"""
WORLD_AS_BEFORE = """
def test_the_world_is_as_before():
    library = Library(virtual.library_path())
    assert Library.default() != library
    with Context(library=library) as context:
        assert context.list_readers() == [virtual.DEFAULT_READER]
        with attach(context) as card:
            assert card.transmit(READ_4) == ANSWER_4
"""


def run(pytester: pytest.Pytester, code: str, *arguments: str) -> pytest.RunResult:
    """Run these tests in this process."""
    pytester.makepyfile(CARDS + code)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "--strict-markers", "-W", "error", *arguments)


# Runs that do not use the plugin


def test_loading_the_plugin_imports_no_other_module_than_pytest() -> None:
    code = "import sys, pytest; before = set(sys.modules); import pytest_scardffi; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["pytest_scardffi"]


def test_a_run_without_its_features_prints_and_imports_the_same_as_without_the_plugin(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest(
        "import sys\n"
        "def pytest_unconfigure():\n"
        "    print([name for name in sys.modules if name.split('.')[0] in ('scardffi', '_cffi_backend', 'ctypes')])\n"
    )
    pytester.makepyfile("def test_passes(request):\n    print(request.fixturenames)\ndef test_fails():\n    assert 0")
    others = ("-p", "no:xdist", "-p", "no:anyio", "-p", "no:hypothesispytest")  # some of them import ctypes
    arguments = (*others, "-p", "no:cacheprovider", "-rA", "-q", "-W", "error", "--setup-show")
    outputs = [
        re.sub(r"in \d.*s", "", pytester.runpytest_subprocess(*arguments, *more).stdout.str())
        for more in ((), ("-p", "no:scardffi"))
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].endswith("[]")


def test_pytest_does_not_warn_if_scardffi_was_imported_first(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_passes(virtual_card): pass")
    code = "import pytest_scardffi, scardffi, sys, pytest; sys.exit(pytest.main(['-W', 'error', '-q']))"
    done = pytester.run(sys.executable, "-W", "error", "-c", code)
    done.assert_outcomes(passed=1)


# Reader and card


def test_virtual_reader_is_the_only_reader_and_is_empty(pytester: pytest.Pytester) -> None:
    code = """
def test_it(virtual_reader):
    assert Library.default() == Library(virtual.library_path())
    assert isinstance(virtual_reader, virtual.VirtualReader)
    assert virtual_reader.card is None
    with Context() as context:
        assert context.list_readers() == [virtual_reader.name] == [virtual.DEFAULT_READER]
        with pytest.raises(SCardError, match="SCARD_E_NO_SMARTCARD"):
            attach(context)
        virtual_reader.insert(virtual.AnsweringCard())
        with attach(context) as card:
            assert card.transmit(READ_4) == ANSWER_4
"""
    run(pytester, code + WORLD_AS_BEFORE).assert_outcomes(passed=2)


def test_virtual_card_is_an_answering_card_in_the_reader(pytester: pytest.Pytester) -> None:
    code = """
def test_it(virtual_card, virtual_reader):
    assert virtual_reader.card is virtual_card
    assert isinstance(virtual_card, virtual.AnsweringCard)
    assert transmit() == ANSWER_4
    assert transmit(bytes.fromhex("801A0000")) == bytes.fromhex("000000029000"), "a card of this test alone"
"""
    run(pytester, code + code.replace("test_it", "test_again") + WORLD_AS_BEFORE).assert_outcomes(passed=3)


def test_virtual_card_can_be_redefined(pytester: pytest.Pytester) -> None:
    code = """
class EchoCard(BrokenCard):
    def look_up(self, command):
        return command + b"\\x90\\x00"

@pytest.fixture
def virtual_card(virtual_reader):
    card = EchoCard()
    virtual_reader.insert(card)
    return card

@pytest.mark.usefixtures("virtual_card")
def test_it():
    assert transmit(b"\\0\\1\\2\\3") == b"\\0\\1\\2\\3\\x90\\x00"
"""
    run(pytester, code + WORLD_AS_BEFORE).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    "end",
    [
        "virtual_reader.unplug()",
        "virtual_reader.remove()",
        "virtual_reader.swap(virtual.AnsweringCard(b''))",
        "virtual_reader.latency = 60",
        "virtual.service_stopped().__enter__()",
        "virtual.fault('SCardListReaders', stop=True); Library.default().SCardListReaders(0)",
        "virtual.fault('SCardTransmit', call=2, times=100, code=1)",
        "virtual.fault('SCardTransmit', removal=True); transmit()",
        "assert False",
    ],
)
def test_a_tests_changes_to_the_reader_are_undone(end: str, pytester: pytest.Pytester) -> None:
    code = f"""
def test_it(virtual_reader, virtual_card):
    {end}
"""
    outcomes = run(pytester, code + WORLD_AS_BEFORE).parseoutcomes()
    assert outcomes == ({"failed": 1, "passed": 1} if end == "assert False" else {"passed": 2})


def error_with_the_cards_traceback(result: pytest.RunResult) -> str:
    """Check that the test's error is the exception of the card, with its traceback, and return the whole output."""
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            ">*return self.look_up(command)",
            ">*return {}?*no such file*",
            "E*KeyError: 'no such file'",
        ],
        consecutive=False,
    )
    said = result.stdout.str()
    assert "During handling" not in said
    return said


def test_an_exception_of_a_card_fails_the_test_with_its_traceback(pytester: pytest.Pytester) -> None:
    code = """
def test_it(virtual_reader):
    virtual_reader.insert(BrokenCard())
    assert transmit() == "SCARD_F_COMM_ERROR"
"""
    result = run(pytester, code + WORLD_AS_BEFORE)
    result.assert_outcomes(passed=2, errors=1)
    said = error_with_the_cards_traceback(result)
    assert "pytest_scardffi" not in said
    assert "reader.py" not in said


def test_an_exception_that_the_test_removes_from_errors_does_not_fail_it(pytester: pytest.Pytester) -> None:
    code = """
def test_it(virtual_reader):
    virtual_reader.insert(BrokenCard())
    assert transmit() == "SCARD_F_COMM_ERROR"
    assert isinstance(virtual_reader.errors.pop(), KeyError)
"""
    run(pytester, code + WORLD_AS_BEFORE).assert_outcomes(passed=2)


CHILD = """
import subprocess, sys

def child(variables, command="00B0000004"):
    arguments = [sys.executable, "-I", "-m", "scardffi", "send", command]
    return subprocess.run(arguments, env=variables, capture_output=True, text=True)
"""


def test_an_exception_of_a_card_in_a_child_process_fails_the_test_with_its_traceback(pytester: pytest.Pytester) -> None:
    code = """
def test_it(virtual_environment):
    assert "SCARD_F_COMM_ERROR" in child(virtual_environment({"Desk": BrokenCard()})).stderr
"""
    result = run(pytester, CHILD + code)
    result.assert_outcomes(passed=1, errors=1)
    said = error_with_the_cards_traceback(result)
    assert "vpcd.py" not in said


def test_an_exception_in_a_child_process_that_the_test_removes_does_not_fail_it(pytester: pytest.Pytester) -> None:
    code = """
def test_it(virtual_environment):
    variables = virtual_environment({"Desk": BrokenCard()})
    child(variables)
    assert isinstance(variables.errors.pop(), KeyError)
"""
    run(pytester, CHILD + code).assert_outcomes(passed=1)


# Faults


@pytest.mark.parametrize("place", ["test", "fixture"])
def test_a_fault_of_the_marker_is_one_of_child_processes(place: str, pytester: pytest.Pytester) -> None:
    where = "@pytest.fixture\ndef variables" if place == "fixture" else "def made"
    code = f"""
{where}(virtual_environment):
    return virtual_environment({{"Desk": virtual.AnsweringCard()}})

@pytest.mark.virtual_fault("SCardTransmit", call=1, code="SCARD_E_NO_MEMORY")
@pytest.mark.virtual_fault("SCardConnect", call=2, code="SCARD_E_NO_MEMORY")
def test_it({"variables" if place == "fixture" else "virtual_environment"}):
    {"" if place == "fixture" else "variables = made(virtual_environment)"}
    assert "SCARD_E_NO_MEMORY" in child(variables).stderr
"""
    result = run(pytester, CHILD + code)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*virtual_fault: <scardffi.virtual.Fault of SCardConnect: call=2,*> did not happen in the test, nor*"]
    )
    result.stdout.no_fnmatch_line("*Fault of SCardTransmit*")


def test_a_fault_affects_the_calls_of_the_test_and_not_those_of_its_fixtures(pytester: pytest.Pytester) -> None:
    code = """
@pytest.fixture
def used(virtual_card):
    assert transmit() == ANSWER_4
    yield
    assert transmit() == ANSWER_4

@pytest.mark.usefixtures("used")
@pytest.mark.virtual_fault("SCardTransmit", call=2, times=100, code="SCARD_E_NO_MEMORY")
def test_it():
    assert [transmit() for _ in range(3)] == [ANSWER_4, "SCARD_E_NO_MEMORY", "SCARD_E_NO_MEMORY"]
"""
    run(pytester, code + WORLD_AS_BEFORE).assert_outcomes(passed=2)


def test_markers_of_the_function_and_of_the_class_all_apply(pytester: pytest.Pytester) -> None:
    code = """
@pytest.mark.virtual_fault("SCardTransmit", call=3, answer=b"garbage")
class TestIt:
    @pytest.mark.parametrize("times", [1, 2])
    @pytest.mark.virtual_fault("SCardTransmit", call=1, reset=True)
    @pytest.mark.virtual_fault("SCardTransmit", call=5, removal=True)
    def test_it(self, times, virtual_card):
        said = [transmit() for _ in range(5)]
        assert said == ["SCARD_W_RESET_CARD", ANSWER_4, b"garbage", ANSWER_4, "SCARD_E_NO_SMARTCARD"]
"""
    run(pytester, code + WORLD_AS_BEFORE).assert_outcomes(passed=3)


def test_a_stopped_resource_manager_runs_again_after_the_test(pytester: pytest.Pytester) -> None:
    code = """
@pytest.mark.virtual_fault("SCardEstablishContext", call=2, stop=True)
def test_it(virtual_card):
    codes = [Library.default().SCardEstablishContext(2)[0] for _ in range(3)]
    assert codes == [0, 0x8010001D, 0x8010001D]

def test_next(virtual_card):
    assert transmit() == ANSWER_4
"""
    run(pytester, code + WORLD_AS_BEFORE).assert_outcomes(passed=3)


def test_the_marker_needs_no_fixture(pytester: pytest.Pytester) -> None:
    code = """
@pytest.mark.virtual_fault("SCardEstablishContext", stop=True)
def test_it():
    assert Library(virtual.library_path()).SCardEstablishContext(2)[0] == 0x8010001D
"""
    run(pytester, code + WORLD_AS_BEFORE).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ('"SCardTransmitt", code=1', "function: 'SCardTransmitt' is not allowed; give a function of PC/SC"),
        ('"SCardConnect", removal=True', "function: 'SCardConnect' is not allowed"),
        ('"SCardTransmit"', "number of effects: 0 is not allowed; give exactly one of code, answer, latency"),
        ('"SCardTransmit", code=1, calls=2', "unexpected keyword argument 'calls'"),
        ('"SCardTransmit", code=1, call=0', "call: 0 is not allowed; give 1 to 0xFFFFFFFF"),
        ("5, code=1", "function: expected a str, got int"),
        ("", "missing 1 required positional argument: 'function'"),
    ],
)
def test_a_wrong_marker_fails_the_test_before_it_starts(marker: str, message: str, pytester: pytest.Pytester) -> None:
    code = f"""
@pytest.mark.virtual_fault({marker})
def test_it(virtual_card):
    print("started")
"""
    result = run(pytester, code + WORLD_AS_BEFORE)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([f"@pytest.mark.virtual_fault: *{message}*"])
    result.stdout.no_fnmatch_line("started")


def test_pytest_lists_the_marker_and_the_fixtures(pytester: pytest.Pytester) -> None:
    pytester.runpytest_inprocess("--markers").stdout.fnmatch_lines(["@pytest.mark.virtual_fault(function, *, call=1*"])
    fixtures = pytester.runpytest_inprocess("--fixtures").stdout
    fixtures.fnmatch_lines(["virtual_reader -- *", "*An empty reader without hardware*"])
    fixtures.fnmatch_lines(["virtual_card -- *"])


def test_readers_from_the_environment_are_kept(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCARDFFI_VIRTUAL", "reader,name=Other")
    pytester.makepyfile(
        CARDS
        + """
def test_it(virtual_card):
    with Context() as context:
        assert context.list_readers() == ["Other", virtual.DEFAULT_READER]

def test_afterwards():
    with virtual.installed(), Context() as context:
        assert context.list_readers() == ["Other"]
"""
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=2)


# pyscard

PYSCARD = """
from smartcard.System import readers

def test_pyscard(virtual_reader, virtual_card):
    connection = readers()[0].createConnection()
    connection.connect()
    assert str(readers()[0]) == virtual_reader.name
    assert connection.transmit([0x00, 0xB0, 0x00, 0x20, 0x04]) == ([0x20, 0x21, 0x22, 0x23], 0x90, 0)
    connection.disconnect()
"""


@pytest.mark.parametrize("way", ["option", "ini", "pyproject"])
def test_with_virtual_pcsc_pyscard_uses_the_virtual_library(way: str, pytester: pytest.Pytester) -> None:
    if way == "ini":
        pytester.makeini("[pytest]\nvirtual_pcsc = true")
    if way == "pyproject":
        pytester.makepyprojecttoml("[tool.pytest.ini_options]\nvirtual_pcsc = true")
    pytester.makeconftest("import smartcard.scard  # before any test, and before pytest_configure")
    pytester.makepyfile(PYSCARD)
    result = pytester.runpytest_subprocess(*["--virtual-pcsc"] * (way == "option"))
    result.assert_outcomes(passed=1)


def test_without_virtual_pcsc_pyscard_uses_the_systems_library(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "from scardffi import Library, virtual\nfrom smartcard import scard\n"
        "def test_it(virtual_card):\n"
        "    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)\n"
        "    assert Library(virtual.library_path()).SCardIsValidContext(context) != 0\n"
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_virtual_pcsc_after_the_systems_library_was_loaded_is_a_usage_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    code = "import smartcard.scard, sys, pytest; sys.exit(pytest.main(['--virtual-pcsc']))"
    done = pytester.run(sys.executable, "-c", code)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in done.outlines + done.errlines if line]
    assert line.startswith("ERROR: --virtual-pcsc: another libpcsclite.so.1 is loaded in this process already")
    assert "LD_LIBRARY_PATH=" in line


def test_a_fault_that_does_not_happen_fails_the_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
@pytest.mark.virtual_fault("SCardTransmit", call=3, code=0x80100013)
def test_two_commands(virtual_card):
    transmit()
    transmit()

@pytest.mark.virtual_fault("SCardTransmit", call=3, code=0x80100013)
def test_that_fails_by_itself(virtual_card):
    assert False, "its own reason"
""",
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*virtual_fault: <*Fault of SCardTransmit: call=3,*> did not happen in the test*"])
    result.stdout.fnmatch_lines(["*its own reason*"])


# Programs in other languages

SERIAL = """
import subprocess

class SerialCard:
    atr = bytes.fromhex("3B80800101")

    def transmit(self, command):
        return (b"\\x04\\x2a\\x90\\x00" if command[:4] == b"\\x00\\xca\\x01\\x01" else b"\\x6d\\x00")

def test_it(virtual_environment):
    variables = virtual_environment({"Desk": SerialCard(), "Empty": None})
    done = subprocess.run(COMMAND, env=variables, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("042A\\n", "")
"""


def test_virtual_environment_gives_a_program_in_c_a_card(pytester: pytest.Pytester) -> None:
    need_pcsclite_headers()
    source = TESTS / "csrc" / "read_serial.c"
    command = [str(program(source, pytester.path, *pcsc_include_flags(), "-l:libpcsclite.so.1"))]
    pytester.makepyfile(f"COMMAND = {command!r}\n" + SERIAL)
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error").assert_outcomes(passed=1)


def test_virtual_environment_gives_a_program_in_java_a_card(pytester: pytest.Pytester) -> None:
    need_program("java", "javac")
    subprocess.run(["javac", "-d", pytester.path, TESTS / "programs" / "ReadSerial.java"], check=True)
    command = ["java", "-cp", str(pytester.path), "ReadSerial"]
    pytester.makepyfile(f"COMMAND = {command!r}\n" + SERIAL)
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error").assert_outcomes(passed=1)


# The documentation


def test_the_examples_of_the_documentation_pass(pytester: pytest.Pytester) -> None:
    files = dict(re.findall(r"```python\n# (\w*door\.py)\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    assert list(files) == ["door.py", "test_door.py", "test_pyscard_door.py", "test_foreign_door.py"]
    need_program("opensc-tool")
    for name, code in files.items():
        (pytester.path / name).write_text(code, encoding="utf-8")
    result = pytester.runpytest_subprocess("--virtual-pcsc", "-W", "error", "--strict-markers", "-v")
    result.assert_outcomes(passed=5)


COMPAT = """
import smartcard.scard

def test_scard():
    assert smartcard.scard.SCardTransmit.__module__ == "scardffi.compat.scard"
    assert (smartcard.__name__ == "smartcard") == LAYERS_ARE_SCARD
"""


@pytest.mark.parametrize("way", ["option", "ini"])
@pytest.mark.parametrize("layers", ["all", "scard"])
def test_with_scardffi_compat_a_test_run_uses_scardffi_in_place_of_pyscard(
    way: str, layers: str, pytester: pytest.Pytester
) -> None:
    if way == "ini":
        pytester.makeini(f"[pytest]\nscardffi_compat = {layers}")
    pytester.makeconftest("import smartcard.scard")
    pytester.makepyfile(COMPAT.replace("LAYERS_ARE_SCARD", str(layers == "scard")))
    option = "--scardffi-compat" if layers == "all" else f"--scardffi-compat={layers}"
    pytester.runpytest_subprocess(*[option] * (way == "option")).assert_outcomes(passed=1)


def test_scardffi_compat_after_an_import_of_pyscard_is_a_usage_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    code = "import smartcard.scard, sys, pytest; sys.exit(pytest.main(['--scardffi-compat']))"
    done = pytester.run(sys.executable, "-c", code)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in done.outlines + done.errlines if line]
    assert line.startswith("ERROR: --scardffi-compat: smartcard was imported from ")


def test_unknown_layers_of_scardffi_compat_are_a_usage_error(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_subprocess("--scardffi-compat=some")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    refusal = "ERROR: --scardffi-compat: layers: 'some' is not allowed; give 'all' or 'scard'"
    done.stderr.fnmatch_lines([f"{refusal}; before a file name write --scardffi-compat=all"])


@pytest.mark.parametrize("options", [[], ["--virtual-pcsc"], ["--scardffi-compat=scard"], ["--scardffi-compat=all"]])
def test_the_report_of_a_failed_test_with_pyscard_names_the_option_that_it_lacks(
    options: list[str], pytester: pytest.Pytester
) -> None:
    need_module("smartcard")
    pytester.makepyfile("""
        import smartcard.scard
        def test_that_passes(virtual_card): pass
        def test_that_fails(virtual_card): assert False
    """)
    done = pytester.runpytest_subprocess(*options)
    done.assert_outcomes(passed=1, failed=1)
    named = [line for line in done.outlines if line.startswith("pyscard uses the system's PC/SC library")]
    assert len(named) == (0 if options else 1)
    assert all(line.endswith("run pytest with --virtual-pcsc") for line in named)


def test_scardffi_compat_ends_with_the_test_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    code = (
        "import sys, pytest; pytest.main(['--scardffi-compat']); import smartcard.scard as scard;"
        "print(scard.SCardTransmit.__module__)"
    )
    assert pytester.run(sys.executable, "-c", code).outlines[-1] == "smartcard.scard.scard"
