"""LibraryInfo: path, version and functions of a loaded PC/SC library."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._field_docs import field_docs
from ._loader import lib, text_of

if TYPE_CHECKING:
    from ._native import Api


@field_docs(
    path="The file that it was loaded from.",
    version="The version in the file's name, such as 1.0.0; None if the name has none.",
    functions="The functions that it has, of those that scardffi knows.",
    missing="The functions that it lacks; calling one raises UnsupportedFunctionError.",
)
class LibraryInfo(NamedTuple):
    """Path, version and functions of a loaded PC/SC library."""

    path: str
    version: str | None
    functions: frozenset[str]
    missing: frozenset[str]


def library_info(table: Api) -> LibraryInfo:
    """Return path, version and functions of a loaded library."""
    file = text_of(lib.pcsc_path(table))
    _, found, version = file.rpartition(".so.")
    functions: set[str] = set()
    missing: set[str] = set()
    index = 0
    while name := lib.pcsc_function_name(index):
        (functions if lib.pcsc_has_function(table, index) else missing).add(text_of(name))
        index += 1
    return LibraryInfo(file, version if found and "." in version else None, frozenset(functions), frozenset(missing))
