"""The parsers of the bytes that a reader with a PIN pad sends, with bytes that hypothesis generates."""

import pytest
from hypothesis import strategies as st
from support.arbitrary_bytes import Parser, assert_both_outcomes, check_parser
from support.reports import report

from scardffi.services.pin_structures import (
    MalformedPinDataError,
    PinModify,
    PinProperties,
    PinVerify,
    decode_features,
    decode_properties,
)


def structure(size: int) -> st.SearchStrategy[bytes]:
    """A PIN structure: numbers of this size in total, the length of the APDU, and the APDU."""
    return st.builds(
        lambda numbers, apdu: numbers + len(apdu).to_bytes(4, "little") + apdu,
        st.binary(min_size=size, max_size=size),
        st.binary(max_size=20),
    )


def objects(values: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Objects of a tag byte, a length byte and a value."""
    one = st.builds(lambda tag, value: bytes([tag, len(value)]) + value, st.integers(0, 40), values)
    return st.lists(one, max_size=5).map(b"".join)


def check_verify(raw: bytes) -> None:
    assert PinVerify.decode(raw).encode() == raw


def check_modify(raw: bytes) -> None:
    assert PinModify.decode(raw).encode() == raw


def check_pin_properties(raw: bytes) -> None:
    assert PinProperties.decode(raw).encode() == raw


def check_features(raw: bytes) -> None:
    decode_features(raw)


def check_properties(raw: bytes) -> None:
    decode_properties(raw)


PARSERS = {
    "PIN_VERIFY": Parser(check_verify, MalformedPinDataError, structure(15)),
    "PIN_MODIFY": Parser(check_modify, MalformedPinDataError, structure(20)),
    "PIN_PROPERTIES": Parser(check_pin_properties, MalformedPinDataError, st.binary(min_size=4, max_size=4)),
    "features": Parser(check_features, MalformedPinDataError, objects(st.binary(min_size=4, max_size=4))),
    "properties": Parser(check_properties, MalformedPinDataError, objects(st.binary(min_size=1, max_size=4))),
}


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_accepts_bytes_or_raises_its_own_error(name: str) -> None:
    outcomes = check_parser(PARSERS[name])
    report(f"generated inputs for the {name} parser: {outcomes['accepted']} accepted, {outcomes['refused']} refused")
    assert_both_outcomes(outcomes)
