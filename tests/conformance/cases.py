"""Counts the cases by the names of the tests: a case is a test of this folder, in whatever place it ran."""

import re
from collections.abc import Iterable

from support.shape import MACOS, PLACES, WINDOWS

from .differences import DIFFERENCES

_ON_A_PLACE = re.compile(rf"tests/conformance/(.*)\[({'|'.join(PLACES)})(?:-(.*))?\]$")


def cases(tests: Iterable[str]) -> dict[str, set[str]]:
    """Return the places in which each case is among the tests."""
    found: dict[str, set[str]] = {}
    for test in tests:
        if matched := _ON_A_PLACE.fullmatch(test):
            found.setdefault(f"{matched[1]}[{matched[3]}]", set()).add(matched[2])
    return found


def summary(passed: Iterable[str], pcscd: str) -> str:
    """Return a line about the tests that passed, or an empty one if no case ran in all places."""
    everywhere = sum(ran_on == set(PLACES) for ran_on in cases(passed).values())
    if not everywhere:
        return ""
    if len(PLACES) == 1:
        shape = " in the shape of macOS" if MACOS else " in the shape of Windows" if WINDOWS else ""
        return f"conformance: {everywhere} cases on the virtual library{shape}"
    places = f"each on the virtual library and on {pcscd}"
    return f"conformance: {everywhere} cases, {places}; {len(DIFFERENCES)} deliberate differences"
