"""The virtual PIV card: its data objects, its PIN, its keys, its administrator."""

import gzip
import pickle
import subprocess
import sys
import uuid
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from support.cards import select, send

from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.command import Command
from scardffi.iso7816.instructions import SelectBy
from scardffi.iso7816.tlv import TLV, decode
from scardffi.virtual import FileSystemCard, PIVCard, piv_card
from scardffi.virtual.piv import ALGORITHMS, PIV_AID

PIV = select(PIV_AID, SelectBy.DF_NAME)
VERIFY = iso.verify(b"123456\xff\xff", 0x80)
HASH = bytes(range(32))
ADMIN_KEY = bytes(range(24))


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def read(card: FileSystemCard, tag: int) -> bytes:
    """Return the value in the tag 53 of a data object, however long it is."""
    number = f"{tag:X}"
    answer = card.transmit(bytes.fromhex(f"00CB3FFF00{len(number) // 2 + 2:04X}5C{len(number) // 2:02X}{number}0000"))
    assert answer[-2:] == b"\x90\x00", answer.hex()
    (wrapper,) = decode(answer[:-2])
    assert wrapper.tag == 0x53
    return wrapper.value


def certificate(card: FileSystemCard, tag: int) -> x509.Certificate:
    found = decode(read(card, tag)).find(0x70)
    assert found is not None
    return x509.load_der_x509_certificate(found.value)


def use(card: FileSystemCard, key: int, algorithm: int, data: bytes, tag: int = 0x81) -> bytes | str:
    """Send GENERAL AUTHENTICATE with a chain; return the card's value, or the status word in hexadecimal."""
    command = Command(
        0, 0x87, algorithm, key, bytes(TLV(0x7C, b"\x82\0" + bytes(TLV(tag, data)))), 65536, extended=True
    )
    answer = card.transmit(bytes(command))
    if answer[-2:] != b"\x90\x00":
        return answer.hex().upper()
    found = decode(answer[:-2]).find("7C/82")
    assert found is not None
    return found.value


@pytest.mark.parametrize("length", [5, 9, 11])
def test_a_whole_or_shortened_aid_selects_the_application(length: int) -> None:
    answer = send(piv_card({}), iso.select_file(PIV_AID[:length], SelectBy.DF_NAME))
    assert answer == "611F4F0600001000010079074F05A000000308500C" + b"scardffi PIV".hex().upper() + "9000"


def test_the_chuid_has_the_guid() -> None:
    guid = uuid.UUID(int=7)
    card = piv_card({}, guid=guid)
    assert send(card, PIV) == "9000"
    chuid = decode(read(card, 0x5FC102))
    assert [one.tag for one in chuid] == [0x30, 0x34, 0x35, 0x3E, 0xFE]
    assert chuid[1].value == guid.bytes
    assert send(card, "00CB3FFF035C017E00") == "7E124F0BA0000003080000100001005F2F0240009000"


def test_each_slot_has_a_certificate_and_a_key_by_default() -> None:
    card = piv_card()
    assert send(card, PIV, VERIFY) == "9000"
    for slot, tag in {0x9C: 0x5FC10A, 0x9A: 0x5FC105, 0x9D: 0x5FC10B, 0x9E: 0x5FC101}.items():
        signature = use(card, slot, 0x11, HASH)
        assert isinstance(signature, bytes)
        public = certificate(card, tag).public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(signature, HASH, ec.ECDSA(utils.Prehashed(hashes.SHA256())))


def test_an_rsa_key_signs_what_the_program_has_padded() -> None:
    card = piv_card({0x9A: rsa_key()})
    send(card, PIV, VERIFY)
    message = b"\0\1" + b"\xff" * 202 + b"\0" + bytes.fromhex("3031300D060960864801650304020105000420") + HASH
    signature = use(card, 0x9A, 0x07, message)
    assert isinstance(signature, bytes)
    rsa_key().public_key().verify(signature, HASH, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))
    assert use(card, 0x9A, 0x07, message[1:]) == "6A80"
    assert use(card, 0x9A, 0x07, b"\xff" * 256) == "6A80", "more than the modulus"


def test_a_key_agrees_on_a_secret_and_refuses_other_data() -> None:
    key, other = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP384R1())
    card = piv_card({0x9D: key})
    send(card, PIV, VERIFY)
    numbers = other.public_key().public_numbers()
    point = b"\4" + numbers.x.to_bytes(48, "big") + numbers.y.to_bytes(48, "big")
    assert use(card, 0x9D, 0x14, point, 0x85) == key.exchange(ec.ECDH(), other.public_key())
    assert use(card, 0x9D, 0x14, b"\4" + bytes(95) + b"\1", 0x85) == "6A80", "not a point of the curve"
    assert use(card, 0x9D, 0x14, bytes(31)) == "6A80"


def test_the_keys_need_the_pin_as_piv_says() -> None:
    card = piv_card()
    send(card, PIV)
    assert [use(card, slot, 0x11, HASH) for slot in (0x9A, 0x9C, 0x9D)] == ["6982"] * 3
    assert len(use(card, 0x9E, 0x11, HASH)) > 60
    send(card, VERIFY)
    assert len(use(card, 0x9C, 0x11, HASH)) > 60
    assert use(card, 0x9C, 0x11, HASH) == "6982", "each signature needs the PIN"
    assert use(card, 0x9A, 0x07, HASH) == "6A86"


def test_the_pin_blocks_and_the_puk_unblocks_it() -> None:
    card = piv_card({}, pin="1234567")
    assert send(card, PIV, iso.verify(b"", 0x80)) == "63C3"
    assert [send(card, VERIFY) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    assert send(card, iso.reset_retry_counter(b"12345678", b"654321\xff\xff", 0x80)) == "9000"
    assert send(card, iso.verify(b"654321\xff\xff", 0x80)) == "9000"
    assert send(card, iso.change_reference_data(b"654321\xff\xff", b"123456\xff\xff", 0x80), VERIFY) == "9000"


def test_there_is_no_global_pin() -> None:
    card = piv_card({})
    commands = [
        iso.verify(b"123456\xff\xff", 0),
        iso.verify(b"", 0),
        iso.change_reference_data(b"123456\xff\xff", b"654321\xff\xff", 0),
        iso.reset_retry_counter(b"12345678", b"654321\xff\xff", 0),
    ]
    assert send(card, PIV) == "9000"
    assert [send(card, command) for command in commands] == ["6A88"] * 4
    assert send(card, iso.verify(b"", 0x80)) == "63C3", "not verified"
    assert send(card, VERIFY) == "9000", "the same PIN as before"


def test_the_administrator_writes_objects() -> None:
    card = piv_card({}, admin_key=ADMIN_KEY)
    put = "00DB3FFF085C035FC109530141"
    assert send(card, PIV, put) == "6982"
    encrypted = send(card, "00870A9B047C02800000")
    decryptor = Cipher(algorithms.AES(ADMIN_KEY), modes.ECB()).decryptor()  # noqa: S305  one random block
    witness = decryptor.update(bytes.fromhex(encrypted[8:-4]))
    challenge = bytes(16)
    answer = send(card, f"00870A9B267C248010{witness.hex()}8110{challenge.hex()}00")
    assert answer == "7C128210" + ALGORITHMS["aes"](ADMIN_KEY, challenge).hex().upper() + "9000"
    assert send(card, put) == "9000"
    assert read(card, 0x5FC109) == b"A"
    assert send(piv_card({}), PIV, put) == "6982"


def test_a_command_without_le_is_answered() -> None:
    assert send(piv_card({}), PIV, "00CB3FFF035C017E").startswith("7E12")


def test_certificates_can_be_given_without_keys() -> None:
    card = piv_card({}, certificates={0x9A: b"DER"})
    send(card, PIV)
    assert read(card, 0x5FC105) == b"\x70\x03DER\x71\x01\x00\xfe\x00"
    assert send(card, "00CB3FFF055C035FC10A00") == "6A82"


def test_a_saved_card_keeps_its_keys(tmp_path: Path) -> None:
    card = piv_card()
    card.save(tmp_path / "piv.json")
    loaded = PIVCard.load(tmp_path / "piv.json")
    assert loaded == card == pickle.loads(pickle.dumps(card))  # noqa: S301  our own data
    assert isinstance(loaded, PIVCard)
    send(loaded, PIV)
    assert len(use(loaded, 0x9E, 0x11, HASH)) > 60


def test_even_instruction_bytes_are_refused_as_by_real_cards() -> None:
    card = piv_card()
    challenge = TLV(0x7C, [TLV(0x82), TLV(0x81, HASH)])
    assert send(card, PIV) == "9000"
    assert send(card, iso.general_authenticate(challenge, 0x11, 0x9E)) == "6D00"
    assert send(card, iso.general_authenticate(challenge, 0x11, 0x9E, odd=True)).endswith("9000")
    assert send(card, "00CA007E00") == "6D00"
    assert send(card, "00DA007E0101") == "6D00"


def test_a_certificate_that_gzip_has_compressed_has_the_flag_for_it() -> None:
    compressed = gzip.compress(b"DER")
    card = piv_card({}, certificates={0x9A: compressed, 0x9C: b"DER"})
    send(card, PIV)
    packed, plain = decode(read(card, 0x5FC105)), decode(read(card, 0x5FC10A))
    assert [packed.find(tag) for tag in (0x70, 0x71)] == [TLV(0x70, compressed), TLV(0x71, b"\1")]
    assert [plain.find(tag) for tag in (0x70, 0x71)] == [TLV(0x70, b"DER"), TLV(0x71, b"\0")]


def test_a_card_without_keys_needs_no_cryptography() -> None:
    code = "from scardffi.virtual import piv_card; piv_card({}); import sys; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pin": "12345"}, "pin: 5 characters"),
        ({"puk": "1234567"}, "puk: 7 characters"),
        ({"pin": "ääääää"}, "pin: 6 characters"),
        ({"admin_key": bytes(8)}, "admin_key: 8 bytes"),
        ({"certificates": {0x9F: b""}}, "slot: 9F is not allowed; give 9A, 9C, 9D, 9E"),
        ({"keys": {0x80: ec.generate_private_key(ec.SECP256R1())}}, "slot: 80 is not allowed"),
        ({"keys": {0x9A: ec.generate_private_key(ec.SECP521R1())}}, "keys: ec of 521 bits is not allowed"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        piv_card(**{"keys": {}, **arguments})  # type: ignore[arg-type]  # some are wrong on purpose
