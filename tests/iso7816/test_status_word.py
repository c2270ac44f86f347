"""Status words: the standard's meanings and groups, their errors, and tables of a card."""

import copy
import pickle

import pytest

from scardffi.iso7816 import status_word
from scardffi.iso7816.status_word import (
    SUCCESS,
    AuthenticationBlockedError,
    CardFileNotFoundError,
    CardWarningError,
    StatusError,
    StatusInfo,
    VerificationFailedError,
    WrongLengthError,
    meaning,
    raise_for,
)


def error_of(sw: int) -> StatusError | None:
    try:
        raise_for(sw)
    except StatusError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("sw", "words"),
    [
        (0x9000, "success"),
        (0x6110, "success, 16 more bytes available by GET RESPONSE"),
        (0x6100, "success, 256 more bytes available by GET RESPONSE"),
        (0x6200, "warning, memory unchanged"),
        (0x6201, "warning, memory unchanged, not further specified"),
        (0x6202, "the card has a query of 2 bytes"),
        (0x6280, "the card has a query of 128 bytes"),
        (0x6282, "warning: end of file or record reached before Le bytes were read"),
        (0x6288, "warning, memory unchanged, not further specified"),
        (0x63C0, "warning, counter at 0"),
        (0x63CF, "warning, counter at 15"),
        (0x63D0, "warning, memory changed, not further specified"),
        (0x6480, "the card has a query of 128 bytes"),
        (0x6702, "unexpected value of Lc"),
        (0x6982, "security status not satisfied"),
        (0x6A82, "file or application not found"),
        (0x6AFF, "wrong parameters P1-P2, not further specified"),
        (0x6C10, "wrong Le, 16 bytes are available"),
        (0x6C00, "wrong Le, 256 bytes are available"),
        (0x6D01, "instruction not supported, not further specified"),
        (0x9001, "proprietary status"),
        (0x9F10, "proprietary status"),
        (0x6000, "not a status word of ISO/IEC 7816-4"),
        (0x0000, "not a status word of ISO/IEC 7816-4"),
        (0xFFFF, "not a status word of ISO/IEC 7816-4"),
    ],
)
def test_each_status_word_has_its_meaning(sw: int, words: str) -> None:
    assert meaning(sw) == words


def test_only_9000_and_61xx_are_a_success() -> None:
    passed = {sw for sw in range(0x10000) if error_of(sw) is None}
    assert passed == {SUCCESS, *range(0x6100, 0x6200)}


def test_every_status_word_of_the_standards_groups_has_a_meaning_and_others_are_unknown() -> None:
    known = {sw for sw in range(0x10000) if not meaning(sw).startswith(("not a status word", "proprietary"))}
    assert known == {SUCCESS, *range(0x6100, 0x7000)}


def test_the_table_has_the_status_words_that_the_standard_lists() -> None:
    vague = ("not further specified", "a query of", "warning, counter", "wrong Le", "proprietary", "not a status word")
    precise = {sw for sw in range(0x6200, 0x10000) if not any(words in meaning(sw) for words in vague)}
    groups = {sw1 << 8 for sw1 in range(0x62, 0x70) if sw1 != 0x6C}
    assert precise - groups == {
        SUCCESS, *range(0x6281, 0x6288), 0x6340, 0x6381, 0x6401, 0x6581, 0x6701, 0x6702, *range(0x6881, 0x6885),
        *range(0x6981, 0x6989), *range(0x6A80, 0x6A8B),
    }  # fmt: skip
    queries = {sw for sw in range(0x10000) if "a query of" in meaning(sw)}
    assert queries == {*range(0x6202, 0x6281), *range(0x6402, 0x6481)}
    assert {sw for sw in range(0x10000) if "proprietary" in meaning(sw)} == {*range(0x9001, 0xA000)}


@pytest.mark.parametrize(
    ("name", "words"),
    {
        "CardWarningError": {0x6281, 0x6282, 0x6283, 0x6284, 0x6285, 0x6286, 0x6287, 0x62FF, 0x6381},
        "VerificationFailedError": {0x6300, 0x6340, 0x63C0, 0x63CF},
        "MemoryFailureError": {0x6581},
        "WrongLengthError": {0x6700, 0x6701, 0x6702, 0x6A85, 0x6A87, 0x6C00, 0x6CFF},
        "NotSupportedError": {0x6800, 0x6881, 0x6882, 0x6884, 0x6A81, 0x6D00, 0x6E00},
        "SecurityStatusNotSatisfiedError": {0x6982},
        "AuthenticationBlockedError": {0x6983},
        "ConditionsNotSatisfiedError": {0x6985, 0x6986},
        "WrongParametersError": {0x6A80, 0x6A86, 0x6B00},
        "CardFileNotFoundError": {0x6A82},
        "RecordNotFoundError": {0x6A83},
        "NoSpaceError": {0x6A84},
        "ReferenceNotFoundError": {0x6A88},
        "CardFileExistsError": {0x6A89, 0x6A8A},
        "StatusError": {0x0000, 0x6400, 0x6401, 0x6600, 0x6883, 0x6900, 0x6981, 0x6984, 0x6F00, 0x9F00},
    }.items(),
)
def test_each_status_word_raises_its_class_of_error(name: str, words: set[int]) -> None:
    assert {type(error_of(sw)).__name__ for sw in words} == {name}


def test_every_class_of_error_has_a_status_word() -> None:
    kinds = {kind for kind in vars(status_word).values() if isinstance(kind, type) and issubclass(kind, StatusError)}
    assert {type(error_of(sw)) for sw in range(0x6200, 0x7000)} == kinds


def test_the_error_of_a_failed_verification_has_the_tries_left() -> None:
    for sw, tries in [(0x63C3, 3), (0x63C0, 0), (0x63CF, 15), (0x6300, None), (0x6340, None)]:
        error = error_of(sw)
        assert isinstance(error, VerificationFailedError)
        assert error.tries_left == tries


def test_the_error_of_a_wrong_length_has_the_right_length_if_the_card_gives_it() -> None:
    for sw, available in [(0x6C10, 16), (0x6C00, 256), (0x6700, None)]:
        error = error_of(sw)
        assert isinstance(error, WrongLengthError)
        assert error.available == available


def test_an_allowed_status_word_raises_no_error() -> None:
    raise_for(0x6282, allow={0x6282})
    raise_for(0x63C2, allow=range(0x63C0, 0x63D0))
    with pytest.raises(CardWarningError):
        raise_for(0x6281, allow={0x6282})


CARD = {
    0x6300: StatusInfo("code blocked", AuthenticationBlockedError),
    0x6D00: StatusInfo("nothing to do", None),
    0x9F00: StatusInfo("nothing there"),
    range(0x9F00, 0xA000): StatusInfo("success, {length} more bytes available by GET RESPONSE", None),
}


def test_the_cards_own_table_takes_precedence_over_the_standard() -> None:
    assert meaning(0x6300, table=CARD) == "code blocked"
    with pytest.raises(AuthenticationBlockedError):
        raise_for(0x6300, table=CARD)
    raise_for(0x6D00, table=CARD)
    raise_for(0x9F01, table=CARD)
    assert meaning(0x9F01, table=CARD) == "success, 1 more bytes available by GET RESPONSE"
    with pytest.raises(StatusError, match="nothing there"):
        raise_for(0x9F00, table=CARD)


def test_status_words_outside_the_cards_table_have_the_standards_meaning() -> None:
    assert meaning(0x6A82, table=CARD) == meaning(0x6A82)
    with pytest.raises(CardFileNotFoundError):
        raise_for(0x6A82, table=CARD)


def test_the_message_has_meaning_and_number_and_the_error_can_be_copied() -> None:
    error = error_of(0x63C2)
    assert isinstance(error, VerificationFailedError)
    again: StatusError
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301  the test made these bytes
        assert isinstance(again, VerificationFailedError)
        assert str(again) == "warning, counter at 2 (63C2)"
        assert (again.sw, again.meaning, again.tries_left) == (0x63C2, "warning, counter at 2", 2)
