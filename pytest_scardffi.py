"""A plugin for pytest: readers and cards without hardware as fixtures, faults on demand as a marker.

pytest loads it in every run in its environment, so it imports scardffi where that is used and not before.

PYTEST_DONT_REWRITE: nothing here asserts, and pytest need not warn where this was imported before it.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Any

    from scardffi.virtual import AnsweringCard, Fault, VirtualReader

_VIRTUAL_PCSC = (
    "Whatever loads libpcsclite.so.1 in this process, such as pyscard, gets scardffi's virtual PC/SC library"
)
_VIRTUAL_FAULT = (
    "virtual_fault(function, *, call=1, times=1, ...): arms scardffi.virtual.fault(function, ...) from the first line "
    "of the test to its last; calls are counted from there. Several may be given."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option and its line in the configuration file."""
    parser.getgroup("scardffi").addoption("--virtual-pcsc", action="store_true", help=f"{_VIRTUAL_PCSC}.")
    parser.addini("virtual_pcsc", f"{_VIRTUAL_PCSC} (true or false).", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """The marker."""
    config.addinivalue_line("markers", _VIRTUAL_FAULT)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Take the place of the system's library before the first conftest.py, which may import what loads that."""
    if early_config.known_args_namespace.virtual_pcsc or early_config.getini("virtual_pcsc"):
        from scardffi import virtual

        try:
            virtual.stand_in()
        except RuntimeError as error:
            raise pytest.UsageError(f"--virtual-pcsc: {error}") from None


@pytest.fixture
def virtual_reader() -> Iterator[VirtualReader]:
    """A reader without hardware, empty, as a scardffi.virtual.VirtualReader.

    It is the only one, but for those that the test adds, or SCARDFFI_VIRTUAL where that is set. The virtual library
    is scardffi's default meanwhile. What a card in the reader raises fails the test in the end, with the card's own
    traceback, unless the test takes it out of the reader's ``errors``. Faults that the test has armed end with it.
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
        with suppress(UnknownReaderError):  # the test has unplugged it
            reader.unplug()
    if reader.errors:
        raise reader.errors[0]


@pytest.fixture
def virtual_card(virtual_reader: VirtualReader) -> AnsweringCard:
    """The card in virtual_reader: a scardffi.virtual.AnsweringCard.

    For a card of your own redefine this fixture::

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


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a marker that no fault can be made of."""
    try:
        with _faults_armed(item):
            pass
    except (TypeError, ValueError) as error:
        raise pytest.fail.Exception(f"@pytest.mark.virtual_fault: {error}", pytrace=False) from None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, None]:
    """Arm the faults of the test's markers while it runs. One that it never meets fails it: it tests nothing."""
    with _faults_armed(item) as faults:
        outcome = yield
        missed = [repr(fault) for fault in faults if fault.hits == 0]
    if missed and outcome.excinfo is None:
        outcome.force_exception(
            pytest.fail.Exception(f"@pytest.mark.virtual_fault: the test never met {missed[0]}", pytrace=False)
        )


@contextmanager
def _faults_armed(item: pytest.Item) -> Iterator[list[Fault]]:
    markers = list(item.iter_markers("virtual_fault"))
    if not markers:
        yield []
        return
    from scardffi import virtual
    from scardffi.virtual import _scardvirtual

    with ExitStack() as stack:  # pytest tells the marker closest to the test first
        yield [stack.enter_context(virtual.fault(*one.args, **one.kwargs)) for one in reversed(markers)]
    _scardvirtual.start_service()  # a fault may have stopped it


@contextmanager
def _without_default_reader() -> Iterator[None]:
    from scardffi import UnknownReaderError, virtual

    default = virtual.VirtualReader(virtual.DEFAULT_READER, virtual.AnsweringCard())
    try:
        default.unplug()
    except UnknownReaderError:  # SCARDFFI_VIRTUAL, or an earlier test, has it so
        yield
        return
    yield
    default.plug()
