"""Whatever the bytes, a parser of ISO/IEC 7816 reads them or raises its own error."""

import pytest
from support.mutation import PARSERS, Parser, run
from support.reports import report

from scardffi.iso7816.command import MalformedCommandError
from scardffi.iso7816.response import MalformedResponseError

INPUTS = 20_000


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_reads_mutated_bytes_or_raises_its_own_error(name: str) -> None:
    outcome = run(PARSERS[name], INPUTS, seed=7816)
    assert outcome.read + outcome.refused == INPUTS
    assert min(outcome) > INPUTS // 50, "the inputs must be neither all good nor all bad"
    report(f"mutated inputs for the {name} parser: {outcome.read} read, {outcome.refused} refused by its own error")


@pytest.mark.parametrize("error", [IndexError(), MalformedResponseError("elsewhere"), MalformedCommandError("", 9999)])
def test_an_error_of_another_kind_or_of_another_place_does_not_pass_unnoticed(error: Exception) -> None:
    def read(_: bytes) -> None:
        raise error

    with pytest.raises(AssertionError, match=r"Error\(.*\) for [0-9a-f]*$"):
        run(Parser(read, MalformedCommandError, [b"1234"]), 1, seed=1)
