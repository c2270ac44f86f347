"""The public names of scardffi.virtual."""

import pytest
from support.interpreter import run_python

from scardffi import virtual
from scardffi.virtual import file_system, vpcd


def test_cards_in_python_can_be_imported_from_virtual() -> None:
    assert virtual.VpcdCard is vpcd.VpcdCard
    assert {name: getattr(virtual, name) for name in file_system.__all__} == {
        name: getattr(file_system, name) for name in file_system.__all__
    }
    assert set(virtual.__all__) <= set(dir(virtual))


def test_an_unknown_name_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'scardffi\.virtual' has no attribute 'Missing'"):
        virtual.Missing  # noqa: B018  the access raises


def test_cards_in_python_are_imported_at_their_first_use() -> None:
    program = "import sys, scardffi.virtual; print(sorted({'json', 'tempfile', 'selectors'} & set(sys.modules)))"
    assert run_python(program) == ["[]"]
