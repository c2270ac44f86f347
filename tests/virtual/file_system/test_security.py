"""Codes and keys on a card with files: the commands for codes, authentication, and access rules."""

import pytest
from support.cards import APPLICATION, KEY, authenticate, card_with_files, proof, select, send

from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.command import Command
from scardffi.virtual.file_system import DF, NEVER, Code, FileSystemCard, Key, TransparentEF

PIN, PUK, ADMINISTRATOR = 1, 2, 3
VERIFY, WRONG = iso.verify(b"1234", PIN), iso.verify(b"9999", PIN)
STATUS = iso.verify(b"", PIN)


def of_codes(**access: list[int] | None) -> FileSystemCard:
    """Make a card with a PIN with these rules, a PUK, an administrator's code, and a file that the PIN guards."""
    codes = [
        Code(PIN, b"1234", resetting_code=PUK, max_length=8, access=access),
        Code(PUK, b"87654321", tries=2),
        Code(ADMINISTRATOR, b"admin"),
    ]
    return FileSystemCard(DF(files=[TransparentEF(1, b"secret", access={"read": [PIN]})], references=codes))


def tries(card: FileSystemCard, reference: int = PIN) -> str:
    """Return the answer to VERIFY without data."""
    return send(card, iso.verify(b"", reference))


# VERIFY


def test_a_verified_code_satisfies_a_rule_until_a_reset() -> None:
    card = of_codes()
    read = iso.read_binary(0, 6)
    assert send(card, select("0001"), read) == "6982"
    assert send(card, STATUS) == "63C3"
    assert send(card, VERIFY) == "9000"
    assert send(card, STATUS) == "9000"
    assert send(card, read) == b"secret".hex().upper() + "9000"
    card.reset()
    assert send(card, select("0001"), read) == "6982"


def test_wrong_codes_count_down_and_block() -> None:
    card = of_codes()
    assert [send(card, WRONG) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    assert send(card, VERIFY) == send(card, STATUS) == "6983"
    card.reset()
    assert send(card, VERIFY) == "6983"


def test_a_right_code_restores_the_tries_and_a_wrong_one_ends_the_verification() -> None:
    card = of_codes()
    assert send(card, WRONG, WRONG, VERIFY, STATUS) == "9000"
    assert send(card, WRONG) == "63C2"
    assert send(card, STATUS) == "63C2"


@pytest.mark.parametrize("code", [b"123", b"12345", b"1235", b"\0"])
def test_codes_similar_to_the_right_one_are_wrong(code: bytes) -> None:
    assert send(of_codes(), iso.verify(code, PIN)) == "63C2"


def test_a_verification_can_be_ended() -> None:
    assert send(of_codes(), VERIFY, iso.end_verification(PIN), STATUS) == "63C3"
    assert send(of_codes(), "0020FF0101AA") == "6A87"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("0020000404", "6A88"),
        ("0020004104", "6A86"),
        ("0020010104", "6A86"),
        ("0024020104", "6A86"),
        ("002C040104", "6A86"),
        ("0028020104", "6A86"),
        ("0026020104", "6A86"),
        ("00240001", "6700"),
        ("00240101", "6700"),
        ("002C0001", "6700"),
        ("002C0101", "6700"),
        ("002C0201", "6700"),
        ("002C0301 04 31323334", "6700"),
        ("00280001", "6700"),
        ("00280101 04 31323334", "6700"),
        ("00820001 04 31323334", "6A88"),
        ("00880001 04 31323334 00", "6A88"),
        ("00240004 08 3132333435363738", "6A88"),
        ("002C0002 08 3132333435363738", "6984"),
    ],
)
def test_wrong_parameters_are_refused(command: str, answer: str) -> None:
    assert send(of_codes(), command) == answer


def test_reference_0_is_the_first_code_of_the_current_df_or_of_one_above_it() -> None:
    card = card_with_files()
    assert send(card, iso.verify(b"0000"), iso.verify(b"", 1)) == "9000"
    assert send(card, APPLICATION, iso.verify(b"1234"), iso.verify(b"", 0x81)) == "9000"
    assert send(card, select("5100"), iso.verify(b"1234")) == "9000"
    assert send(FileSystemCard(DF()), iso.verify(b"1234")) == "6A88"
    assert send(FileSystemCard(DF()), "0088000001FF00") == "6A88"


# CHANGE REFERENCE DATA


def test_a_code_is_changed_with_the_old_code() -> None:
    card = of_codes()
    assert send(card, iso.change_reference_data(b"1234", b"567890", PIN)) == "9000"
    assert send(card, VERIFY) == "63C2"
    assert send(card, iso.verify(b"567890", PIN)) == "9000"
    assert send(card, iso.change_reference_data(b"567890", b"1234", PIN), VERIFY) == "9000"


def test_a_wrong_old_code_uses_up_a_try_and_changes_nothing() -> None:
    card = of_codes()
    wrong = iso.change_reference_data(b"9999", b"5678", PIN)
    assert [send(card, wrong) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    card = of_codes()
    assert send(card, wrong, VERIFY) == "9000"


@pytest.mark.parametrize("new", [b"", b"123", b"123456789"])
def test_a_new_code_of_a_wrong_length_is_refused_and_uses_up_no_try(new: bytes) -> None:
    card = of_codes(change=[], reset=[])
    send(card, WRONG, WRONG, iso.verify(b"0", PUK))
    for command in (
        Command(0, 0x24, 0, PIN, b"1234" + new),
        Command(0, 0x24, 0, PIN, b"9999" + new),
        Command(0, 0x2C, 0, PIN, b"87654321" + new),
        Command(0, 0x2C, 0, PIN, b"00000000" + new),
        *([Command(0, 0x24, 1, PIN, new), Command(0, 0x2C, 2, PIN, new)] if new else []),
    ):
        assert send(card, command) == "6A80"
        assert (tries(card), tries(card, PUK)) == ("63C1", "63C1")
    assert send(card, VERIFY) == "9000"


@pytest.mark.parametrize(("access", "answer"), [({}, "6982"), ({"change": NEVER}, "6982"), ({"change": [3]}, "9000")])
def test_a_code_is_changed_without_the_old_one_if_a_rule_allows_it(access: dict[str, list[int]], answer: str) -> None:
    card = of_codes(**access)
    change = iso.change_reference_data(b"", b"5678", PIN)
    assert send(card, change) == "6982"
    assert send(card, iso.verify(b"admin", ADMINISTRATOR), change) == answer
    assert send(card, iso.verify(b"5678", PIN)) == ("9000" if answer == "9000" else "63C2")


def test_a_blocked_code_cannot_be_changed_with_the_old_code() -> None:
    card = of_codes()
    assert send(card, WRONG, WRONG, WRONG, iso.change_reference_data(b"1234", b"5678", PIN)) == "6983"


# RESET RETRY COUNTER


def blocked(**access: list[int] | None) -> FileSystemCard:
    card = of_codes(**access)
    send(card, WRONG, WRONG, WRONG)
    return card


def test_a_resetting_code_unblocks_and_sets_a_new_code() -> None:
    card = blocked()
    assert send(card, iso.reset_retry_counter(b"87654321", b"5555", PIN)) == "9000"
    assert send(card, VERIFY) == "63C2"
    assert send(card, iso.verify(b"5555", PIN)) == "9000"


def test_a_resetting_code_without_a_new_code_keeps_the_old_one() -> None:
    card = blocked()
    assert send(card, iso.reset_retry_counter(b"87654321", b"", PIN), STATUS) == "63C3"
    assert send(card, VERIFY) == "9000"


def test_wrong_resetting_codes_count_down_and_block() -> None:
    card = blocked()
    both, alone = iso.reset_retry_counter(b"00000000", b"5555", PIN), iso.reset_retry_counter(b"0000", b"", PIN)
    assert [send(card, both), send(card, alone), send(card, alone)] == ["63C1", "63C0", "6983"]
    assert send(card, iso.reset_retry_counter(b"87654321", b"5555", PIN)) == "6983"
    assert send(card, VERIFY) == "6983"


def test_a_failed_reset_or_change_keeps_the_verification_unless_it_blocks_the_code() -> None:
    card = of_codes()
    send(card, VERIFY, iso.verify(b"87654321", PUK))
    assert send(card, iso.reset_retry_counter(b"0000", b"", PIN)) == "63C1"
    assert send(card, iso.change_reference_data(b"9999", b"5555", PIN)) == "63C2"
    assert (tries(card), tries(card, PUK)) == ("9000", "9000")
    assert send(card, iso.reset_retry_counter(b"0000", b"", PIN)) == "63C0"
    assert (tries(card), tries(card, PUK)) == ("9000", "6983")


def test_resetting_does_not_verify_the_resetting_code() -> None:
    card = blocked()
    assert send(card, iso.reset_retry_counter(b"87654321", b"5555", PIN)) == "9000"
    assert (tries(card), tries(card, PUK)) == ("63C3", "63C2")


@pytest.mark.parametrize("new", [b"", b"5555"])
def test_a_rule_may_allow_a_reset_without_a_code(new: bytes) -> None:
    card = blocked(reset=[ADMINISTRATOR])
    reset = iso.reset_retry_counter(b"", new, PIN)
    assert send(card, reset) == "6982"
    assert send(card, iso.verify(b"admin", ADMINISTRATOR), reset, iso.verify(new or b"1234", PIN)) == "9000"
    assert send(blocked(), reset) == "6982"


def test_without_a_resetting_code_no_reset_is_possible() -> None:
    card = FileSystemCard(DF(references=[Code(1, b"1234", resetting_code=9)]))
    assert send(card, iso.reset_retry_counter(b"1234", b"", 1)) == "6984"


# ENABLE and DISABLE VERIFICATION REQUIREMENT


def test_a_disabled_code_is_not_required() -> None:
    card = of_codes()
    read = iso.read_binary(0, 1)
    assert send(card, iso.disable_verification_requirement(b"9999", PIN)) == "63C2"
    assert send(card, select("0001"), read) == "6982"
    assert send(card, iso.disable_verification_requirement(b"1234", PIN), read) == "739000"
    assert send(card, STATUS) == "9000"
    assert send(card, iso.enable_verification_requirement(b"1234", PIN), read) == "6982"


def test_a_rule_may_allow_disabling_and_enabling_without_the_code() -> None:
    card = of_codes(disable=[ADMINISTRATOR], enable=[])
    disable, enable = iso.disable_verification_requirement(b"", PIN), iso.enable_verification_requirement(b"", PIN)
    assert send(card, disable) == "6982"
    assert send(card, iso.verify(b"admin", ADMINISTRATOR), disable, STATUS) == "9000"
    assert send(card, enable, STATUS) == "63C3"
    assert send(of_codes(), enable) == "6982"
    assert send(card, WRONG, WRONG, WRONG, enable) == "6983"


# Keys


def test_a_challenge_proves_a_key_once() -> None:
    card = card_with_files()
    status = iso.external_authenticate(b"", 0, 3)
    assert send(card, status) == "63CF"
    challenge = card.transmit(bytes(iso.get_challenge(8)))[:-2]
    answer = iso.external_authenticate(proof(KEY, challenge), 0, 3)
    assert send(card, answer) == "9000"
    assert send(card, answer) == "6985"
    assert send(card, status) == "9000"
    assert authenticate(card, reference=0) == "9000", "reference 0 means the first key"


def test_wrong_proofs_count_down_and_block() -> None:
    card = card_with_files()
    authenticate(card)
    assert [authenticate(card, b"wrong") for _ in range(16)] == [f"63C{left:X}" for left in range(14, -1, -1)] + [
        "6983"
    ]
    assert send(card, "0082000300") == "6A81"
    assert send(card, iso.external_authenticate(b"", 0, 3)) == "6983"
    assert send(card, iso.internal_authenticate(b"12345678", 0, 3)) == "6983"


def test_the_card_proves_a_key() -> None:
    card = card_with_files()
    assert send(card, iso.internal_authenticate(b"12345678", 0, 3)) == proof(KEY, b"12345678").hex().upper() + "9000"
    assert send(card, "0088000301FF") == "6700"
    assert send(card, "0088000300") == "6700"
    assert send(card, iso.internal_authenticate(b"12345678", 1, 3)) == "6A86"


def test_a_challenge_that_an_algorithm_cannot_take_is_refused() -> None:
    card = card_with_files()
    assert send(card, iso.internal_authenticate(b"1", 0, 3)) == "6A80"
    assert send(card, iso.get_challenge(4), iso.external_authenticate(b"12345678", 0, 3)) == "6A80"
    assert send(card, iso.external_authenticate(b"", 0, 3)) == "63CF"


def test_algorithms_get_copies_of_key_and_challenge() -> None:
    seen: list[bytes] = []

    def remember(key: bytes, challenge: bytes) -> bytes:
        seen.extend((key, challenge))
        return b"proof"

    mf = DF(references=[Key(1, KEY, "remember")])
    card = FileSystemCard(mf, algorithms={"remember": remember})
    assert send(card, iso.internal_authenticate(b"12345678", 0, 1)) == b"proof".hex().upper() + "9000"
    assert seen == [KEY, b"12345678"]
    assert all(type(one) is bytes for one in seen)


def test_a_rule_guards_internal_authenticate() -> None:
    key = Key(2, KEY, "hmac", access={"internal": [1]})
    card = FileSystemCard(DF(references=[Code(1, b"1234"), key]), algorithms={"hmac": proof})
    ask = iso.internal_authenticate(b"12345678", 0, 2)
    assert send(card, ask) == "6982"
    assert send(card, iso.verify(b"1234", 1), ask)[-4:] == "9000"


def test_challenges_are_random_and_have_the_requested_length() -> None:
    card = card_with_files()
    assert len({card.transmit(bytes(iso.get_challenge(16))) for _ in range(20)}) == 20
    assert len(card.transmit(bytes(iso.get_challenge(65536)))) == 65538
    assert send(card, "00840000") == "6700"
    assert send(card, "0084010008") == "6A86"
    assert send(card, "0084000001FF08") == "6700"
    card.transmit(bytes(iso.get_challenge(8)))
    card.reset()
    assert send(card, iso.external_authenticate(b"12345678", 0, 3)) == "6985"


def test_a_rule_with_several_references_requires_all() -> None:
    codes = [Code(1, b"1111"), Code(2, b"2222")]
    card = FileSystemCard(DF(files=[TransparentEF(1, b"a", access={"read": [1, 2, 1]})], references=codes))
    read = iso.read_binary(0, 1)
    assert send(card, select("0001"), iso.verify(b"1111", 1), read) == "6982"
    assert send(card, iso.verify(b"2222", 2), read) == "619000"


def test_a_rule_with_a_missing_reference_is_never_satisfied() -> None:
    card = FileSystemCard(DF(files=[TransparentEF(1, b"a", access={"read": [7]})]))
    assert send(card, select("0001"), iso.read_binary(0, 1)) == "6982"
