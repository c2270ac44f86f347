"""The order of imports between the modules of the package, read from the source."""

import graphlib
import sys

import pytest
from support.imports import SOURCES, UNITS, imported, inner_imports, unit_of

# From the lowest to the highest level. A module imports only from lower levels. A folder is one
# unit with all its modules; "scardffi" is the package's __init__, which collects the public names.
LEVELS: list[set[str]] = [
    {"_native", "_calls", "_half_made", "_printable", "_bytes_like", "_field_docs", "_first_use", "_extras"},
    {"constants", "iso7816", "_cdef", "_not_copied", "_locks", "_threads", "_at_exit", "_pyinstaller", "_html_page"},
    {"errors", "services", "_events"},
    {"_loader"},
    {"_arguments", "_fork_guard", "_library_info"},
    {"_marshalling", "_calls_by_cffi"},
    {"_windows_functions"},
    {"library"},
    {"raw", "handles", "exchange", "embed", "_reaper", "_service", "_event_queue", "_checked_waits"},
    {
        "script",
        "_attachment",
        "virtual",
        "_reader_polling",
        "_cancellable",
        "_keep_alive",
        "_bounded_call",
    },
    {"trace"},
    {"manage", "_reader_watch", "_awaited_call"},
    {"monitor"},
    {"context"},
    {"aio"},
    {"scardffi"},
    {"compat", "_doctor"},
    {"cli"},
    {"__main__"},
]

# Units with stricter rules than the levels: all that the unit may import of the package.
NOTHING: set[str] = set()
STRICTER = {
    "constants": NOTHING,  # no ffi, no loading, no exceptions
    "iso7816": {"_half_made", "_bytes_like", "_field_docs"},  # no PC/SC, no readers, no handles
    "errors": {"constants", "_field_docs"},  # no ffi, no handles
    "services": {
        "iso7816",
        "_not_copied",
        "_locks",
        "_half_made",
        "_bytes_like",
        "_field_docs",
        "_first_use",
        "_extras",
    },  # no PC/SC: they only have a transmitter
    "_attachment": {"constants", "_locks", "errors", "exchange", "services"},  # no native object, no handle
    "_half_made": NOTHING,
    "_printable": NOTHING,
    "_html_page": {"_printable"},  # it frames any page
    "_bytes_like": NOTHING,
    "_field_docs": NOTHING,
    "_first_use": NOTHING,
    "_extras": NOTHING,
    "_not_copied": NOTHING,
    "_events": {"constants", "_field_docs"},  # no ffi, no threads
    "_event_queue": {"constants", "errors", "_events", "_locks"},  # no ffi, no PC/SC library
    "_locks": NOTHING,
    "_threads": NOTHING,
    "_fork_guard": {"_loader", "errors"},
    "_keep_alive": {"_loader", "_locks", "_threads"},
    "_reaper": {"_locks", "_threads"},  # it closes any object
    "_cdef": NOTHING,  # it runs before the package is built
    "_at_exit": NOTHING,  # it decorates any function
    "_pyinstaller": NOTHING,  # PyInstaller runs it
    "_loader": {"_native", "_calls", "_locks", "_at_exit", "errors"},
}

# Imports from outside the standard library, by module: for builds, and for optional extras.
OUTSIDE = {
    "_cdef": {"cffi"},
    "_pyinstaller.hook-scardffi": {"PyInstaller"},
    "_pyinstaller.hook-scardffi.virtual": {"PyInstaller"},
    "_pyinstaller.hook-scardffi.virtual.file_system": {"PyInstaller"},
    "_pyinstaller.hook-scardffi.trace": {"PyInstaller"},
    "_awaited_call": {"anyio"},
    "cli.completion": {"shtab"},
    "cli._progress": {"rich"},
    "cli._plot": {"rich"},
    "cli._shell_input": {"prompt_toolkit"},
    "cli.watch": {"rich"},
    "aio": {"anyio"},
    "services.aes": {"cryptography"},
    "virtual._piv_keys": {"cryptography"},
}

# The compiled modules have only one importer at run time. Annotations may name their types everywhere.
ONLY_IMPORTERS = {"_native": {"_loader"}, "_calls": {"_loader"}}


def level_of(unit: str) -> int:
    return next(number for number, level in enumerate(LEVELS) if unit in level)


every_module = pytest.mark.parametrize("module", SOURCES, ids=lambda module: module or "scardffi")


def test_every_module_has_a_level_and_no_level_is_empty() -> None:
    assert set().union(*LEVELS) == UNITS
    assert sum(len(level) for level in LEVELS) == len(UNITS)


@every_module
def test_imports_run_one_way(module: str) -> None:
    unit = unit_of(module)
    others = {unit_of(other) for other in inner_imports(module)} - {unit}
    assert {other for other in others if level_of(other) >= level_of(unit)} == set()


@every_module
def test_an_independent_unit_imports_no_other_unit(module: str) -> None:
    unit = unit_of(module)
    others = {unit_of(other) for other in inner_imports(module)} - {unit}
    assert others - STRICTER.get(unit, UNITS) == set()


@every_module
def test_only_the_loader_imports_the_compiled_modules(module: str) -> None:
    others = {unit_of(other) for other in inner_imports(module)}
    assert [
        restricted for restricted in others & set(ONLY_IMPORTERS) if unit_of(module) not in ONLY_IMPORTERS[restricted]
    ] == []


@every_module
def test_only_the_standard_library_and_the_package_are_imported(module: str) -> None:
    outside = {name.partition(".")[0] for name in imported(module)} - {"scardffi"}
    assert outside - sys.stdlib_module_names == OUTSIDE.get(module, NOTHING)


def test_the_module_vpcd_imports_only_what_every_class_needs_the_errors_and_the_last_answer() -> None:
    needed_by_every_class = {"_at_exit", "_half_made", "_locks", "_not_copied", "constants"}
    assert inner_imports("virtual.vpcd") == needed_by_every_class | {"errors", "virtual._last_answer"}


def test_there_is_no_circular_import() -> None:
    graphlib.TopologicalSorter({module: inner_imports(module) for module in SOURCES}).prepare()


def test_this_test_reads_imports_as_python_does() -> None:
    assert inner_imports("_loader") == {"_native", "_calls", "_locks", "_at_exit", "errors"}
    assert inner_imports("") == {"_first_use", "_loader"}
    assert {"constants", "errors", "_loader", "_library_info"} <= inner_imports("library")
    assert {"", "cli._output", "cli._session"} <= inner_imports("cli.main")
    assert {"iso7816.status_word"} <= inner_imports("cli._exchanges")
    assert "typing_extensions" not in set(imported("raw"))
