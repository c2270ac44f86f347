"""Fixtures for the tests of the virtual library."""

import pytest

from scardffi import Library, virtual


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(virtual.library_path())
