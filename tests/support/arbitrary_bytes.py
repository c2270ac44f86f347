"""Tests of parsers with bytes that hypothesis generates: each input is accepted, or the parser raises its own error.

The number of inputs is that of hypothesis' profile; conftest.py defines the profiles.
"""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from hypothesis import event, given
from hypothesis import strategies as st

from scardffi.iso7816.malformed import MalformedError


class Parser(NamedTuple):
    """A parser and inputs for it."""

    check: Callable[[bytes], None]
    """Parse the bytes and assert that the result is encoded into the same bytes."""
    error: type[MalformedError]
    """The only error that the parser may raise."""
    valid: st.SearchStrategy[bytes]
    """Bytes that the parser accepts."""


@st.composite
def corrupted(draw: st.DrawFn, valid: st.SearchStrategy[bytes]) -> bytes:
    """Valid bytes in which one to four pieces are replaced, deleted or inserted."""
    raw = bytearray(draw(valid))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 4) | st.just(len(raw))))
        same_size = st.binary(min_size=end - start, max_size=end - start)
        limits = st.sampled_from([b"", b"\x00", b"\x7f", b"\x80", b"\xff"])
        raw[start:end] = draw(same_size | limits | st.binary(max_size=4))
    return bytes(raw)


def is_accepted(parser: Parser, raw: bytes) -> bool:
    """Pass the bytes to the parser and return True if it accepts them.

    Raises:
        AssertionError: the parser's error has an offset outside of the bytes.
        Exception: the parser raised another error than its own.
    """
    try:
        parser.check(raw)
    except parser.error as error:
        offset = error.offset
    else:
        return True
    assert 0 <= offset <= len(raw)
    return False


def check_parser(parser: Parser) -> Counter[str]:
    """Test a parser with valid, corrupted and random bytes, and return how many it accepted and refused."""
    outcomes: Counter[str] = Counter()

    @given(corrupted(parser.valid) | st.binary(max_size=40))
    def accepts_or_raises_its_own_error(raw: bytes) -> None:
        outcome = "accepted" if is_accepted(parser, raw) else "refused"
        outcomes[outcome] += 1
        event(outcome)

    @given(parser.valid)
    def accepts_valid_bytes(raw: bytes) -> None:
        parser.check(raw)

    accepts_or_raises_its_own_error()
    accepts_valid_bytes()
    return outcomes


def assert_both_outcomes(outcomes: Counter[str]) -> None:
    """Assert that the inputs were neither nearly all accepted nor nearly all refused."""
    assert min(outcomes["accepted"], outcomes["refused"]) > outcomes.total() // 50, outcomes
