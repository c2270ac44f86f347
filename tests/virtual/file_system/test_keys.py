"""GENERAL AUTHENTICATE, MANAGE SECURITY ENVIRONMENT and PERFORM SECURITY OPERATION on a card with files."""

from pathlib import Path

import pytest
from support.cards import send

from scardffi.iso7816 import instructions as iso
from scardffi.virtual.file_system import DF, NEVER, Code, FileSystemCard, Key

PIN, SIGNING, PLAIN, ADMINISTRATOR = 0x80, 0x9C, 0x9A, 0x9B
ALGORITHM = 0x11
VERIFY = iso.verify(b"123456\xff\xff", PIN)


def reversed_with_key(key: bytes, challenge: bytes) -> bytes:
    """Return the challenge in reverse order, after the key; refuse one byte."""
    if len(challenge) == 1:
        raise ValueError("too short")
    return key + challenge[::-1]


def card() -> FileSystemCard:
    keys = [
        Key(PLAIN, b"A", "reverse", access={"internal": [PIN]}, algorithm_reference=ALGORITHM),
        Key(SIGNING, b"C", "reverse", access={"internal": [PIN]}, algorithm_reference=ALGORITHM, each_use=True),
        Key(ADMINISTRATOR, b"B", "reverse", access={"internal": NEVER}, algorithm_reference=0x08, tries=2),
    ]
    mf = DF(references=[Code(PIN, b"123456\xff\xff"), *keys], access={"put_data": [ADMINISTRATOR]})
    return FileSystemCard(mf, algorithms={"reverse": reversed_with_key})


def ask(key: int, *objects: str, algorithm: int = 0) -> str:
    """Return a GENERAL AUTHENTICATE with these objects in its template, in hexadecimal."""
    data = "".join(objects)
    size = len(data) // 2
    return f"0087{algorithm:02X}{key:02X}{size + 2:02X}7C{size:02X}{data}00"


def sign(key: int, algorithm: int = ALGORITHM) -> str:
    return ask(key, "8200", "8103010203", algorithm=algorithm)


def given(answer: str) -> str:
    """Return the value of the one object in an answer of 16 or 17 bytes."""
    assert answer.startswith("7C"), answer
    assert answer.endswith("9000")
    return answer[8:-4]


# GENERAL AUTHENTICATE


def test_a_key_signs_a_challenge_after_its_pin() -> None:
    assert send(card(), sign(PLAIN)) == "6982"
    assert send(card(), VERIFY, sign(PLAIN)) == "7C068204410302019000"
    assert send(card(), VERIFY, sign(PLAIN), sign(PLAIN, algorithm=0)) == "7C068204410302019000"
    assert send(card(), VERIFY, ask(PLAIN, "8200", "8502AABB")) == "7C05820341BBAA9000"


def test_a_key_can_need_its_pin_before_each_use() -> None:
    one = card()
    assert send(one, VERIFY, sign(SIGNING)) == "7C068204430302019000"
    assert send(one, sign(SIGNING)) == "6982"
    assert send(one, sign(PLAIN))[-4:] == "9000"
    assert send(one, VERIFY, sign(PLAIN), sign(SIGNING))[-4:] == "9000"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (sign(PLAIN, algorithm=0x07), "6A86"),
        (sign(0x9D), "6A88"),
        (ask(PLAIN, "8200", "810101"), "6A80"),  # the algorithm cannot use it
        (ask(PLAIN, "8103010203"), "6A80"),
        (ask(PLAIN, "8200"), "6A80"),
        (ask(PLAIN), "6A80"),
        (ask(PLAIN, "8200", "8200"), "6A80"),
        (ask(PLAIN, "8100", "8200"), "6A80"),
        (ask(PLAIN, "8703010203", "8200"), "6A80"),
        ("0087009A028200", "6A80"),
        ("0087009A0181", "6A80"),
        ("0087009A", "6A80"),
    ],
)
def test_wrong_templates_are_refused(command: str, answer: str) -> None:
    assert send(card(), VERIFY, command) == answer


def test_the_other_side_proves_a_key_by_a_challenge() -> None:
    one = card()
    challenge = bytes.fromhex(given(send(one, ask(ADMINISTRATOR, "8100"))))
    assert len(challenge) == 16
    proof = reversed_with_key(b"B", challenge).hex()
    assert send(one, "00DA5F500141") == "6982"
    assert send(one, ask(ADMINISTRATOR, f"8211{proof}")) == "9000"
    assert send(one, "00DA5F500141") == "9000"
    assert send(one, ask(ADMINISTRATOR, f"8211{proof}")) == "6985", "a challenge is used once"


def test_both_sides_prove_a_key_by_a_witness() -> None:
    one = card()
    witness = bytes.fromhex(given(send(one, ask(ADMINISTRATOR, "8000"))))[1:][::-1].hex()
    assert send(one, ask(ADMINISTRATOR, f"8010{witness}", "8102AABB")) == "7C05820342BBAA9000"
    assert send(one, "00DA5F500141") == "9000"
    assert send(one, ask(ADMINISTRATOR, f"8010{witness}", "8102AABB")) == "6985", "a witness is used once"


def test_an_encrypted_witness_is_no_proof() -> None:
    one = card()
    encrypted = given(send(one, ask(ADMINISTRATOR, "8000")))
    assert send(one, ask(ADMINISTRATOR, f"8211{encrypted}")) == "6985"
    assert send(one, f"0082009B11{encrypted}") == "6985"


def test_an_administrators_key_encrypts_nothing_for_others() -> None:
    assert send(card(), VERIFY, ask(ADMINISTRATOR, "8200", "8103010203")) == "6982"


def test_wrong_proofs_count_down_and_block_the_key() -> None:
    one = card()
    wrong = ask(ADMINISTRATOR, f"8210{bytes(16).hex()}")
    assert send(one, ask(ADMINISTRATOR, "8100"), wrong) == "63C1"
    assert send(one, ask(ADMINISTRATOR, "8000"), ask(ADMINISTRATOR, f"8010{bytes(16).hex()}", "8101AA")) == "63C0"
    assert send(one, ask(ADMINISTRATOR, "8100"), wrong) == "6983"


def test_a_reset_forgets_challenge_witness_and_environment() -> None:
    one = card()
    send(one, ask(ADMINISTRATOR, "8100"), ask(ADMINISTRATOR, "8000"), "002241B603 84019A")
    one.reset()
    assert send(one, ask(ADMINISTRATOR, "8201AA")) == "6985"
    assert send(one, ask(ADMINISTRATOR, "8001AA", "8101AA")) == "6985"
    assert send(one, VERIFY, "002A9E9A03 010203 00") == "6985"


# MANAGE SECURITY ENVIRONMENT and PERFORM SECURITY OPERATION


def test_the_environment_says_which_key_signs_and_which_deciphers() -> None:
    one = card()
    assert send(one, "002241B606 800111 84019C") == "9000"
    assert send(one, "002241B803 84019A") == "9000"
    assert send(one, "002A9E9A03 010203 00") == "6982"
    assert send(one, VERIFY, "002A9E9A03 010203 00") == "430302019000"
    assert send(one, "002A808603 000203 00") == "4103029000", "without the byte that states the padding"
    assert send(one, "0022F301", "002A808603 000203 00") == "6985"


def test_the_environment_says_which_key_internal_authenticate_uses() -> None:
    one = card()
    assert send(one, VERIFY, iso.internal_authenticate(b"\1\2\3", 0, 0)) == "410302019000", "the first key"
    assert send(one, "002241A403 84019C", iso.internal_authenticate(b"\1\2\3", 0, 0)) == "430302019000"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("0022F30101AA", "6700"),
        ("0022F20101AA", "6A81"),
        ("002241B403 84019A", "6A86"),
        ("002241B6", "6A80"),
        ("002241B603 800111", "6A80"),
        ("002241B604 8402009A", "6A80"),
        ("002241B603 840100", "6A80"),
        ("002241B603 84019D", "6A88"),
        ("002241B606 800107 84019A", "6A86"),
        ("002241B606 950107 84019A", "6A80"),
        ("002A9E9A03 010203", "6700"),
        ("002A9E9A00", "6700"),
        ("002A909A03 010203 00", "6A86"),
    ],
)
def test_wrong_environments_and_operations_are_refused(command: str, answer: str) -> None:
    assert send(card(), VERIFY, command) == answer


def test_another_application_ends_the_environment() -> None:
    one = FileSystemCard(
        DF(files=[DF(0x5000, references=[Key(0x81, b"A", "reverse")])]), algorithms={"reverse": reversed_with_key}
    )
    assert send(one, "00A4000C025000", "002241B603 840181", "002A9E9A02 0102 00") == "4102019000"
    assert send(one, "00A4000C023F00", "002A9E9A02 0102 00") == "6985"


# Keys and codes


def test_a_saved_card_keeps_the_new_fields_of_keys(tmp_path: Path) -> None:
    card().save(tmp_path / "card.json")
    loaded = FileSystemCard.load(tmp_path / "card.json", algorithms={"reverse": reversed_with_key})
    assert loaded == card()
    assert loaded != FileSystemCard(DF())


def test_with_t_0_only_get_response_fetches_the_answer() -> None:
    one = FileSystemCard(card().mf, algorithms={"reverse": reversed_with_key}, atr=bytes.fromhex("3B00"))
    assert send(one, VERIFY) == "9000"
    assert send(one, sign(PLAIN)) == "6108"
    assert send(one, "00C0000008") == "7C068204410302019000"
    assert send(one, sign(PLAIN)[:-2], "00C0000004") == "7C0682046104"
    assert len(send(one, "0084000008")) == 20, "a command without data is answered at once"
