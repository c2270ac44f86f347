"""Each target of targets.py accepts bytes that hypothesis generates, or raises its own error.

The number of inputs is that of hypothesis' profile; conftest.py defines the profiles.
"""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from support.reports import report

from fuzzing.inputs import BER_TLVS, COMMANDS, VALID, seeds_of
from fuzzing.programs import PROGRAMS, build
from fuzzing.targets import TARGETS, Target, is_accepted
from scardffi.iso7816.command import Command, MalformedCommandError
from scardffi.iso7816.response import MalformedResponseError
from scardffi.iso7816.tlv import TLV, decode, encode


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


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_accepts_bytes_or_raises_its_own_error(name: str) -> None:
    outcomes: Counter[str] = Counter()
    valid = VALID.get(name, st.sampled_from(seeds_of(name)))

    @settings(max_examples=settings().max_examples // (1 if name in VALID else 5))
    @given(corrupted(valid) | st.binary(max_size=40))
    def accepts_or_raises_its_own_error(raw: bytes) -> None:
        outcome = "accepted" if is_accepted(TARGETS[name], raw) else "refused"
        outcomes[outcome] += 1
        event(outcome)

    accepts_or_raises_its_own_error()
    report(f"generated inputs for {name}: {outcomes['accepted']} accepted, {outcomes['refused']} refused")
    if name in VALID:  # they were neither nearly all accepted nor nearly all refused
        assert min(outcomes["accepted"], outcomes["refused"]) > outcomes.total() // 50, outcomes


@pytest.mark.parametrize("name", VALID)
def test_a_parser_accepts_valid_bytes(name: str) -> None:
    given(VALID[name])(TARGETS[name].check)()


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_each_seed(name: str) -> None:
    for raw in seeds_of(name):
        is_accepted(TARGETS[name], raw)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (IndexError(), IndexError),
        (MalformedResponseError("another parser"), MalformedResponseError),
        (MalformedCommandError("wrong offset", 5), AssertionError),
    ],
)
def test_the_check_fails_if_a_target_raises_another_error_or_a_wrong_offset(
    raised: Exception, expected: type[Exception]
) -> None:
    def check(_: bytes) -> None:
        raise raised

    with pytest.raises(expected):
        is_accepted(Target(check, MalformedCommandError), b"1234")


# Values that are encoded and decoded


@given(COMMANDS)
def test_a_command_equals_the_command_that_is_decoded_from_its_bytes(command: Command) -> None:
    assert Command.decode(bytes(command)) == command


def rebuilt(objects: list[TLV]) -> bytes:
    """Encode the objects again, with the value of every constructed object built from its children."""
    return encode(
        TLV(one.tag, rebuilt(one.children()) if one.constructed else one.value, one.length_size) for one in objects
    )


@given(BER_TLVS)
def test_nested_objects_keep_the_sizes_of_their_length_fields(raw: bytes) -> None:
    assert rebuilt(decode(raw)) == raw


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_source_of_a_program_of_targets_in_c_compiles(name: str, tmp_path: Path) -> None:
    assert build(name, tmp_path, "-c", with_sources=False).exists()
