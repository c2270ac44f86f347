"""The fields of named tuples have docstrings, which ``help()`` shows."""

import importlib
import pkgutil

import pytest

import scardffi
from scardffi._field_docs import field_docs


def named_tuples() -> list[type]:
    """Return the public named tuples of all public modules."""
    found: set[type] = set()
    for module in pkgutil.walk_packages(scardffi.__path__, "scardffi."):
        if any(part.startswith(("_", "libscard", "libpcsc")) for part in module.name.split(".")):
            continue  # a private module, or a PC/SC library
        for one in vars(importlib.import_module(module.name)).values():
            if isinstance(one, type) and issubclass(one, tuple) and hasattr(one, "_fields"):
                found.add(one)
    public = [one for one in found if "._" not in one.__module__ or hasattr(scardffi, one.__name__)]
    return sorted((one for one in public if not one.__name__.startswith("_")), key=lambda one: one.__name__)


@pytest.mark.parametrize("kind", named_tuples(), ids=lambda kind: kind.__name__)
def test_each_field_of_a_public_named_tuple_has_a_docstring(kind: type) -> None:
    for name in kind._fields:  # type: ignore[attr-defined]  # it is a NamedTuple
        text = getattr(kind, name).__doc__
        assert text.endswith(".")
        assert "Alias for field number" not in text


def test_the_public_named_tuples_are_found() -> None:
    assert {"ReaderState", "Status", "CodeInfo", "StatusInfo"} <= {one.__name__ for one in named_tuples()}


def test_a_docstring_for_a_field_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(AttributeError):
        field_docs(no_such_field="...")(scardffi.ReaderState)
