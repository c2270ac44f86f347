"""Fixtures that several test files share: a private pcscd for the whole run, and libraries and readers to test on."""

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conformance.cases import summary
from hypothesis import settings
from support.pcscd import PrivatePcscd, pcscd_version, unavailable_reason
from support.ports import free_port
from support.reports import REPORTS
from support.shape import PLACES

from scardffi import Library, SCardManage, virtual

# Tests with generated inputs use the same inputs in every run. For different inputs, and many more of them:
# pytest tests/fuzzing --hypothesis-profile=long
settings.register_profile("quick", max_examples=100, deadline=None, derandomize=True, database=None)
settings.register_profile("long", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile("quick")

IFD_READERS = 4
IDLE_SECONDS = 30


class Place(NamedTuple):
    """A library and a reader of it with a card that answers READ BINARY and GET CHALLENGE."""

    library: Library
    reader: str


def pytest_configure() -> None:
    """Handle Ctrl-C in this process and in those that tests start, even if a shell in the background ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Leave what exists before the first test out of later collections, which many tests make: they are then quick."""
    gc.collect()
    if hasattr(gc, "freeze"):  # PyPy has none
        gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Give what tests measured to the process that prints it, if pytest-xdist runs the tests in others."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["reports"] = REPORTS


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what the tests of another process measured."""
    REPORTS.extend(getattr(node, "workeroutput", {}).get("reports", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured, and how many cases of conformance/ ran and where."""
    if REPORTS:
        terminalreporter.section("measured")
        for line in REPORTS:
            terminalreporter.line(line)
    passed = [report.nodeid for report in terminalreporter.stats.get("passed", []) if report.when == "call"]
    if line := summary(passed, pcscd_version()):
        terminalreporter.line(line)


@pytest.fixture(scope="session")
def vpcd_port() -> int:
    return free_port()


@pytest.fixture(scope="session", autouse=True)
def _private_daemon(tmp_path_factory: pytest.TempPathFactory, vpcd_port: int) -> Iterator[PrivatePcscd | None]:
    """Start the daemon before any other fixture, because pcsc-lite reads the socket's path once in a process."""
    reason = unavailable_reason(vpcd=True)
    if reason is not None:
        if os.environ.get("CI") and "pcscd" in PLACES:
            pytest.fail(f"under CI the tests on a real pcscd must run: {reason}")
        os.environ["PCSCLITE_CSOCK_NAME"] = "/nonexistent/pcscd.comm"  # never a real daemon of this machine
        yield None
        return
    with PrivatePcscd(tmp_path_factory.mktemp("pcscd"), IFD_READERS, [vpcd_port]) as daemon:
        os.environ.update(daemon.environment)
        yield daemon


@pytest.fixture(scope="session", autouse=True)
def _idle_wait(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str] | None]:
    """Run a long wait during the other tests, if one of them uses its result."""
    if not any("idle_wait" in getattr(item, "fixturenames", ()) for item in request.session.items):
        yield None
        return
    program = Path(__file__).parent / "programs" / "idle_wait.py"
    command = [sys.executable, str(program), str(IDLE_SECONDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.fixture
def idle_wait(_idle_wait: subprocess.Popen[str]) -> subprocess.Popen[str]:
    """The process of programs/idle_wait.py, which is started with the session."""
    return _idle_wait


@pytest.fixture(scope="session")
def daemon(_private_daemon: PrivatePcscd | None) -> PrivatePcscd:
    """A real pcscd, with readers of the tests' own IFD handler and one reader of vpcd."""
    if _private_daemon is None:
        pytest.skip(f"no private pcscd here: {unavailable_reason(vpcd=True)}")  # under CI this is a failure
    return _private_daemon


@pytest.fixture
def removal_daemon(daemon: PrivatePcscd) -> Iterator[PrivatePcscd]:
    """The same daemon, for tests that remove and insert the cards of the readers 2 and 3.

    Some milliseconds after its last client has disconnected, pcscd powers a card down, even while another client
    connects, and then it can miss a removal or an insertion (seen with 1.9.9). Connections that last prevent that.
    """
    with SCardManage().attach_by_ifd(daemon.ifd_reader(2)), SCardManage().attach_by_ifd(daemon.ifd_reader(3)):
        time.sleep(0.05)
        yield daemon


@pytest.fixture(scope="session")
def virtual_place() -> Place:
    return Place(Library(virtual.library_path()), "scardffi Virtual Reader 0")


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, virtual_place: Place) -> Place:
    """A reader of the virtual library, then one of a real pcscd."""
    if request.param == "virtual":
        return virtual_place
    daemon: PrivatePcscd = request.getfixturevalue("daemon")
    return Place(Library("libpcsclite.so.1"), daemon.ifd_reader(0))
