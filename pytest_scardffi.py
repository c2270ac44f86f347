"""A pytest plugin with virtual readers and cards as fixtures, and a marker for faults.

pytest loads every installed plugin in every run. Functions here therefore import scardffi only when they need it, so
that other runs do not load it.

PYTEST_DONT_REWRITE: this file has no assertions to rewrite. Without this word pytest would warn if another module had
imported the file before.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from scardffi.virtual import AnsweringCard, Card, Environment, Fault, VirtualReader

__all__ = ["virtual_card", "virtual_environment", "virtual_reader"]

_VIRTUAL_PCSC_HELP = (
    "Give scardffi's virtual PC/SC library to everything that loads libpcsclite.so.1 in this process, such as pyscard"
)
_COMPAT_HELP = (
    "Run tests of programs that were written for pyscard on scardffi: all (every module of pyscard, the default) or "
    "scard (only smartcard.scard)"
)
_VIRTUAL_FAULT_HELP = (
    "virtual_fault(function, *, call=1, times=1, ...): use scardffi.virtual.fault(function, ...) during the test. "
    "Calls are counted from the start of the test; calls of its fixtures are not counted. Programs with the fixture "
    "virtual_environment have the fault too, and count their own calls. A test can have several of these markers."
)

_FAULTS: pytest.StashKey[list[list[Fault]]] = pytest.StashKey()
"""The faults of a test's markers, a list for each time at which they were armed."""
_ARE_ARMED: pytest.StashKey[bool] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the command line options and the configuration options."""
    group = parser.getgroup("scardffi")
    group.addoption("--virtual-pcsc", action="store_true", help=f"{_VIRTUAL_PCSC_HELP}.")
    parser.addini("virtual_pcsc", f"{_VIRTUAL_PCSC_HELP} (true or false).", type="bool", default=False)
    group.addoption("--scardffi-compat", nargs="?", const="all", metavar="LAYERS", help=f"{_COMPAT_HELP}.")
    parser.addini("scardffi_compat", f"{_COMPAT_HELP}.", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _VIRTUAL_FAULT_HELP)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Replace the system's library and pyscard before pytest loads the first conftest.py, which may import pyscard."""
    if early_config.known_args_namespace.virtual_pcsc or early_config.getini("virtual_pcsc"):
        from scardffi import virtual

        try:
            virtual.stand_in()
        except RuntimeError as error:
            raise pytest.UsageError(f"--virtual-pcsc: {error}") from None
    layers = early_config.known_args_namespace.scardffi_compat or early_config.getini("scardffi_compat")
    if layers:
        from scardffi import compat

        try:
            compat.install(layers)
        except (ImportError, RuntimeError, ValueError) as error:
            hint = "" if layers in {"all", "scard"} else "; before a file name write --scardffi-compat=all"
            raise pytest.UsageError(f"--scardffi-compat: {error}{hint}") from None
        early_config.add_cleanup(compat.uninstall)


@pytest.fixture
def virtual_reader() -> Iterator[VirtualReader]:
    """An empty reader without hardware: a scardffi.virtual.VirtualReader.

    During the test scardffi's default library is the virtual one. It has no other readers, except those that the test
    or the environment variable SCARDFFI_VIRTUAL adds. If the card in the reader raises an exception, the test fails
    at its end with the traceback in the card's code, unless the test removes the exception from the reader's
    ``errors``. Faults that the test creates end with the test.

    Raises:
        SCardError: the virtual library cannot be loaded, or there is not enough memory.
    """
    __tracebackhide__ = True
    from scardffi import UnknownReaderError, virtual
    from scardffi.virtual import _scardvirtual
    from scardffi.virtual.faults import armed

    reader = virtual.VirtualReader()
    with virtual.installed(), _without_default_reader():
        reader.plug()
        armed_before = set(armed)
        yield reader
        for fault in armed - armed_before:
            fault.end()
        _scardvirtual.start_service()
        with suppress(UnknownReaderError):  # the test may have unplugged it
            reader.unplug()
    if reader.errors:
        raise reader.errors[0]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Say in the report of a failed test that pyscard does not see the virtual reader, if this is so."""
    outcome = yield
    if call.excinfo is not None and "virtual_reader" in getattr(item, "fixturenames", ()) and _pyscard_is_outside():
        text = "pyscard uses the system's PC/SC library and sees no virtual readers: run pytest with --virtual-pcsc"
        outcome.get_result().sections.append(("scardffi", text))


def _pyscard_is_outside() -> bool:
    """Return True if pyscard was imported, and does not use the virtual library."""
    pyscard = sys.modules.get("smartcard.scard._scard")  # with --scardffi-compat it is a module of scardffi
    if pyscard is None or pyscard.__name__.startswith("scardffi.") or not sys.platform.startswith("linux"):
        return False
    from scardffi.virtual._library_files import is_standing_in

    return not is_standing_in()


@pytest.fixture
def virtual_card(virtual_reader: VirtualReader) -> AnsweringCard:
    """The card in virtual_reader: a scardffi.virtual.AnsweringCard.

    To use a card of your own, redefine this fixture::

        @pytest.fixture
        def virtual_card(virtual_reader):
            card = MyCard()
            virtual_reader.insert(card)
            return card
    """
    from scardffi.virtual import AnsweringCard

    card = AnsweringCard()
    virtual_reader.insert(card)
    return card


@pytest.fixture
def virtual_environment(
    request: pytest.FixtureRequest,
) -> Iterator[Callable[[Mapping[str, Card | AnsweringCard | None]], Environment]]:
    """A function that returns the environment variables with which a child process uses virtual readers.

    It is scardffi.virtual.environment(), for the time of the test: its argument is the card in each reader, by the
    reader's name, None for an empty reader. The child may be a program in any language on Linux::

        def test_my_program(virtual_environment):
            variables = virtual_environment({"Desk": MyCard()})
            assert subprocess.run(["./my-program"], env=variables).returncode == 0

    If a card raises an exception, the test fails at its end with the traceback in the card's code, unless the test
    removes the exception from ``variables.errors``.
    """
    __tracebackhide__ = True
    from scardffi import virtual

    with ExitStack() as stack:

        def environment(cards: Mapping[str, Card | AnsweringCard | None]) -> Environment:
            with _faults_armed(request.node):  # they are not armed yet if a fixture calls this
                return stack.enter_context(virtual.environment(cards))

        yield environment


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail the test before its fixtures run if the arguments of a marker are wrong."""
    item.stash[_FAULTS] = []
    try:
        with _faults_armed(item):
            pass
    except (TypeError, ValueError) as error:
        raise pytest.fail.Exception(f"@pytest.mark.virtual_fault: {error}", pytrace=False) from None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, None]:
    """Create the faults of the test's markers while it runs. A fault that never happens fails the test."""
    with _faults_armed(item):
        outcome = yield
        missed = [
            repr(same[-1]) for same in zip(*item.stash[_FAULTS], strict=True) if not any(one.hits for one in same)
        ]
    if missed and outcome.excinfo is None:
        message = f"{missed[0]} did not happen in the test, nor in a program that got virtual_environment"
        outcome.force_exception(pytest.fail.Exception(f"@pytest.mark.virtual_fault: {message}", pytrace=False))


@contextmanager
def _faults_armed(item: pytest.Item) -> Iterator[None]:
    """Create the faults of the test's markers, unless they are armed already."""
    markers = list(item.iter_markers("virtual_fault"))
    if not markers or item.stash.get(_ARE_ARMED, False):
        yield
        return
    from scardffi import virtual
    from scardffi.virtual import _scardvirtual

    with ExitStack() as stack:  # iter_markers yields the marker closest to the test first
        faults = [stack.enter_context(virtual.fault(*one.args, **one.kwargs)) for one in reversed(markers)]
        item.stash[_FAULTS].append(faults)
        item.stash[_ARE_ARMED] = True
        stack.callback(item.stash.__setitem__, _ARE_ARMED, False)
        yield
    _scardvirtual.start_service()  # a fault may have stopped it


@contextmanager
def _without_default_reader() -> Iterator[None]:
    from scardffi import UnknownReaderError, virtual

    default = virtual.VirtualReader(virtual.DEFAULT_READER, virtual.AnsweringCard())
    try:
        default.unplug()
    except UnknownReaderError:  # SCARDFFI_VIRTUAL or an earlier test removed it
        yield
        return
    yield
    default.plug()
