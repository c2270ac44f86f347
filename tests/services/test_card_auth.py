"""Authentication: commands, proofs, and codes that are wiped."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest
from support.cards import Reversal, ScriptedCard
from support.requirements import need_module

from scardffi.iso7816.instructions import FileInformation, select_file
from scardffi.iso7816.response import MalformedResponseError
from scardffi.iso7816.status_word import (
    AuthenticationBlockedError,
    ReferenceNotFoundError,
    StatusInfo,
    VerificationFailedError,
)
from scardffi.services.card_auth import CardAuth, WrongProofError
from scardffi.virtual.file_system import DF, FileSystemCard, Key

if TYPE_CHECKING:
    from scardffi.services.aes import AesCmac

CHALLENGE = bytes(range(16))
RFC_4493_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
RFC_4493_MESSAGE = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
RFC_4493_CMAC = bytes.fromhex("070a16b46b4d4144f79bdd9dd04a287c")


def cmac(key: bytes = RFC_4493_KEY, /, *, length: int = 8, challenge_length: int = 16, reference: int = 0) -> AesCmac:
    need_module("cryptography")
    from scardffi.services.aes import AesCmac

    return AesCmac(key, length=length, challenge_length=challenge_length, reference=reference)


def test_a_challenge_has_the_length_that_was_asked_for() -> None:
    card = ScriptedCard("01020304050607089000")
    assert CardAuth(card).get_challenge() == bytes(range(1, 9))
    assert card.sent == ["0084000008"]
    card = ScriptedCard("01029000")
    assert CardAuth(card, cla=0x80).get_challenge(2, algorithm=7) == b"\1\2"
    assert card.sent == ["8084070002"]
    with pytest.raises(MalformedResponseError, match="2 bytes arrived; 8 were requested"):
        CardAuth(ScriptedCard("01029000")).get_challenge()


@pytest.mark.parametrize("length", [0, -1, 65537])
def test_a_challenge_of_a_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="le"):
        CardAuth(ScriptedCard()).get_challenge(length)


def test_the_program_answers_the_cards_challenge() -> None:
    card = ScriptedCard("010203049000", "9000")
    CardAuth(card).app_auth(Reversal(5, 4), 0x81)
    assert card.sent == ["0084050004", "008205810404030201"]


def test_the_error_for_a_wrong_proof_has_the_tries_left() -> None:
    with pytest.raises(VerificationFailedError) as caught:
        CardAuth(ScriptedCard("010203049000", "63C2")).app_auth(Reversal(5, 4))
    assert caught.value.tries_left == 2
    with pytest.raises(AuthenticationBlockedError):
        CardAuth(ScriptedCard("010203049000", "6983")).app_auth(Reversal(5, 4))


def test_the_card_proves_its_key() -> None:
    card = ScriptedCard("040302019000")
    assert CardAuth(card).icc_auth(Reversal(5, 4), 3, challenge=b"\1\2\3\4") == b"\4\3\2\1"
    assert card.sent == ["00880503040102030400"]


def test_a_card_without_the_key_raises_an_error() -> None:
    for proof in ["01020304", "", "0403020100"]:
        with pytest.raises(WrongProofError, match="key 0x03"):
            CardAuth(ScriptedCard(proof + "9000")).icc_auth(Reversal(5, 4), 3, challenge=b"\1\2\3\4")
    with pytest.raises(ReferenceNotFoundError):
        CardAuth(ScriptedCard("6A88")).icc_auth(Reversal(5, 4))


def test_each_challenge_is_different() -> None:
    card = ScriptedCard("9000", "9000")
    for _ in range(2):
        with pytest.raises(WrongProofError):
            CardAuth(card).icc_auth(Reversal(5, 4))
    assert len(card.sent[0]) == 2 * (5 + 4 + 1)
    assert card.sent[0] != card.sent[1]


@pytest.mark.parametrize("reference", [-1, 32, 0x7F, 0xA0, 0x100])
def test_a_wrong_reference_is_refused_before_a_command_is_sent(reference: int) -> None:
    auth = CardAuth(ScriptedCard())
    with pytest.raises(ValueError, match=f"key: {reference} is not allowed; give 0 to"):
        auth.app_auth(Reversal(5, 4), reference)
    with pytest.raises(ValueError, match=f"key: {reference} is not allowed"):
        auth.icc_auth(Reversal(5, 4), reference)
    with pytest.raises(ValueError, match=f"reference: {reference} is not allowed"):
        auth.user_auth(b"1234", reference)


def test_an_empty_challenge_is_refused() -> None:
    with pytest.raises(ValueError, match="length of challenge: 0"):
        CardAuth(ScriptedCard()).icc_auth(Reversal(5, 4), challenge=b"")


def test_the_user_proves_a_code() -> None:
    card = ScriptedCard("9000")
    CardAuth(card).user_auth(bytearray(b"1234"), 1)
    assert card.sent == ["002000010431323334"]
    assert not any(map(any, card.buffers))


def test_a_code_may_be_sent_enciphered() -> None:
    card = ScriptedCard("010101019000", "9000")
    CardAuth(card).user_auth(b"1234", 0x88, algorithm=Reversal(5, 4))
    assert card.sent == ["0084000004", "002000880430333235"]


@pytest.mark.parametrize("code", [b"", bytes(256)])
def test_an_empty_code_is_refused(code: bytes) -> None:
    with pytest.raises(ValueError, match="length of code"):
        CardAuth(ScriptedCard()).user_auth(code)


@pytest.mark.parametrize("answers", [["63C1"], ["6983"], ["90"]])
def test_no_traceback_contains_the_code(answers: list[str]) -> None:
    card = ScriptedCard(*answers)
    code = bytearray(b"73519")
    try:
        CardAuth(card).user_auth(code)
    except (VerificationFailedError, AuthenticationBlockedError, MalformedResponseError) as error:
        code[:] = bytes(5)
        whole = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert "73519" not in "".join(whole.format())
    assert not any(map(any, card.buffers))


def test_status_words_of_the_cards_own_table_have_their_meaning() -> None:
    table = {0x9840: StatusInfo("code blocked", AuthenticationBlockedError)}
    with pytest.raises(AuthenticationBlockedError, match="code blocked"):
        CardAuth(ScriptedCard("9840"), table=table).user_auth(b"1234")


def test_a_wrong_class_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="cla: 256 is not allowed"):
        CardAuth(ScriptedCard(), cla=256)


def test_aes_cmac_passes_the_vectors_of_rfc_4493() -> None:
    algorithm = cmac(length=16)
    assert algorithm.prove(RFC_4493_MESSAGE) == RFC_4493_CMAC
    assert algorithm.check(RFC_4493_MESSAGE, RFC_4493_CMAC)
    assert not algorithm.check(RFC_4493_MESSAGE, RFC_4493_CMAC[:8])
    assert cmac().check(RFC_4493_MESSAGE, RFC_4493_CMAC[:8])
    assert not cmac().check(RFC_4493_MESSAGE, bytes(8))


def test_an_aes_key_authenticates_both_ways() -> None:
    algorithm = cmac(reference=9)
    card = ScriptedCard(CHALLENGE.hex() + "9000", "9000", algorithm.prove(CHALLENGE).hex() + "9000")
    auth = CardAuth(card)
    auth.app_auth(algorithm, 1)
    assert card.sent[1] == "0082090108" + algorithm.prove(CHALLENGE).hex().upper()
    assert auth.icc_auth(algorithm, 1, challenge=CHALLENGE) == algorithm.prove(CHALLENGE)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"length": 3}, "length: 3"),
        ({"length": 17}, "length"),
        ({"challenge_length": 7}, "challenge"),
        ({"reference": 256}, "ref"),
    ],
)
def test_wrong_arguments_of_an_algorithm_are_refused(arguments: dict[str, int], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        cmac(**arguments)


@pytest.mark.parametrize("size", [0, 15, 17, 33, 64])
def test_a_wrong_aes_key_is_refused_and_not_shown(size: int) -> None:
    with pytest.raises(ValueError, match=f"key: {size} bytes are not allowed; give 16, 24 or 32"):
        cmac(b"k" * size)


def test_a_repr_shows_no_key() -> None:
    assert repr(cmac(bytes.fromhex("41" * 32), reference=2)) == "<AesCmac of 256 bits, 8 bytes, number 2>"


@pytest.mark.parametrize("reference", [1, 0x81])
def test_a_card_with_files_and_a_program_authenticate_each_other_by_aes(reference: int) -> None:
    algorithms = {"aes": lambda key, challenge: cmac(key).prove(challenge)}
    folder = DF(0x5000, references=[Key(0x81, RFC_4493_KEY, "aes")])
    card = FileSystemCard(DF(files=[folder], references=[Key(1, RFC_4493_KEY, "aes")]), algorithms=algorithms)
    card.transmit(select_file(b"\x50\x00", information=FileInformation.NONE).encode())
    auth = CardAuth(card)
    assert len(auth.icc_auth(cmac(), reference)) == 8
    auth.app_auth(cmac(), reference)
    with pytest.raises(VerificationFailedError) as caught:
        auth.app_auth(cmac(bytes(16)), reference)
    assert caught.value.tries_left == 14
    with pytest.raises(WrongProofError):
        auth.icc_auth(cmac(bytes(16)), reference)
    with pytest.raises(ReferenceNotFoundError):
        auth.icc_auth(cmac(), 2)
