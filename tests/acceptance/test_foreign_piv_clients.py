"""Unmodified PIV clients from outside this project on the virtual PIV card: OpenSC's tools and yubico-piv-tool."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from support.requirements import need_program

from scardffi import virtual
from scardffi.virtual import FileSystemCard, VpcdCard, piv_card

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="they find our library by Linux's name of it")

PIN = "123456"
SLOTS = {0x9A: "PIV AUTH", 0x9C: "SIGN", 0x9D: "KEY MAN", 0x9E: "CARD AUTH"}
HASH = bytes(range(32))
GUID = bytes(range(16))
ADMIN_KEY = bytes(range(24))


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


class Programs:
    """Programs that find a card of Python in the reader "PIV"."""

    def __init__(self, card: VpcdCard, variables: dict[str, str]) -> None:
        self._environment = {
            **os.environ,
            **variables,
            "LD_LIBRARY_PATH": virtual.library_folder(),
            "SCARDFFI_VIRTUAL": f"reader,name=PIV,connect={card.port}",
        }

    def output_of(self, *command: str, code: int = 0) -> str:
        """Run a program to its success, which it says by an exit code; return all that it prints."""
        need_program(command[0])
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=60, check=False, errors="replace"
        )
        assert done.returncode == code, done
        return done.stdout + done.stderr


def serve(card: FileSystemCard, **variables: str) -> Iterator[Programs]:
    with VpcdCard(card, 0, listen=True) as served:
        yield Programs(served, variables)
    assert served.errors == []


@pytest.fixture(scope="module", name="with_ec")
def fixture_with_ec() -> Iterator[Programs]:
    """Programs that see a card with a key of P-256 in each slot."""
    yield from serve(piv_card(guid=uuid.UUID(bytes=GUID)))


@pytest.fixture(scope="module", name="with_rsa")
def fixture_with_rsa() -> Iterator[Programs]:
    """Programs that see a card with a key of RSA 2048 in each slot."""
    yield from serve(piv_card(dict.fromkeys(SLOTS, rsa_key())))


# OpenSC


def test_piv_tool_names_the_card_and_reads_its_guid(with_ec: Programs) -> None:
    assert "Personal Identity Verification Card" in with_ec.output_of("piv-tool", "--name")
    assert GUID.hex(" ").upper() in with_ec.output_of("piv-tool", "--serial")


@pytest.mark.parametrize("programs", ["with_ec", "with_rsa"])
def test_pkcs11_tool_lists_certificates_and_keys(programs: str, request: pytest.FixtureRequest) -> None:
    text = request.getfixturevalue(programs).output_of("pkcs11-tool", "--list-objects", "--login", "--pin", PIN)
    kind = "RSA" if programs == "with_rsa" else "EC"
    for name in SLOTS.values():
        assert f"label:      {name} key" in text
        assert f"label:      {name} pubkey" in text
    assert text.count("Certificate Object; type = X.509 cert") == 4
    assert text.count(f"Private Key Object; {kind}") == 4
    assert "Card Holder Unique Identifier" in text


def certificate(programs: Programs, number: int, folder: Path) -> x509.Certificate:
    """Return a certificate that pkcs11-tool reads."""
    path = folder / "certificate"
    programs.output_of("pkcs11-tool", "--read-object", "--type", "cert", "--id", f"{number:02}", "-o", str(path))
    return x509.load_der_x509_certificate(path.read_bytes())


@pytest.mark.parametrize(("number", "slot"), [(1, "PIV Authentication"), (2, "Digital Signature"), (4, "Card Auth")])
def test_pkcs11_tool_signs_with_ec(number: int, slot: str, with_ec: Programs, tmp_path: Path) -> None:
    read = certificate(with_ec, number, tmp_path)
    assert slot in read.subject.rfc4514_string()
    (tmp_path / "hash").write_bytes(HASH)
    files = ("-i", str(tmp_path / "hash"), "-o", str(tmp_path / "signature"))
    login = ("--login", "--pin", PIN)
    with_ec.output_of("pkcs11-tool", *login, "--sign", "-m", "ECDSA", "--id", f"{number:02}", *files)
    raw = (tmp_path / "signature").read_bytes()
    signature = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = read.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature, HASH, ec.ECDSA(utils.Prehashed(hashes.SHA256())))


def test_pkcs11_tool_signs_with_rsa(with_rsa: Programs, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"to be signed")
    files = ("-i", str(tmp_path / "data"), "-o", str(tmp_path / "signature"))
    with_rsa.output_of("pkcs11-tool", "--login", "--pin", PIN, "--sign", "-m", "SHA256-RSA-PKCS", "--id", "01", *files)
    signature = (tmp_path / "signature").read_bytes()
    rsa_key().public_key().verify(signature, b"to be signed", padding.PKCS1v15(), hashes.SHA256())


def test_pkcs11_tools_own_tests_pass(with_rsa: Programs) -> None:
    text = with_rsa.output_of("pkcs11-tool", "--login", "--pin", PIN, "--test")
    assert "No errors" in text
    assert "RSA-PKCS: OK" in text


def test_piv_tool_authenticates_the_administrator_and_writes_an_object(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(ADMIN_KEY.hex(":"))
    (tmp_path / "object").write_bytes(b"\x53\x05chuid")
    card = piv_card({}, admin_key=ADMIN_KEY)
    for programs in serve(card, PIV_EXT_AUTH_KEY=str(tmp_path / "key")):
        options = ("-A", "M:9B:0A", "-O", "3000", "-i", str(tmp_path / "object"))
        programs.output_of("piv-tool", *options, code=7)  # the number of bytes that it wrote
    assert card.mf.files[0].data[0x5FC102] == b"chuid"  # type: ignore[union-attr]  # it is a DF


# yubico-piv-tool


def yubico(programs: Programs, *actions: str) -> str:
    return programs.output_of("yubico-piv-tool", "-r", "PIV", *actions)


@pytest.mark.parametrize("programs", ["with_ec", "with_rsa"])
def test_yubico_piv_tool_lists_the_slots(programs: str, request: pytest.FixtureRequest) -> None:
    text = yubico(request.getfixturevalue(programs), "-a", "status")
    kind = "RSA2048" if programs == "with_rsa" else "ECCP256"
    for slot in SLOTS:
        assert f"Slot {slot:x}:" in text
    assert text.count(f"Algorithm:\t{kind}") == 4
    assert "Subject DN:\tCN=Digital Signature" in text
    assert "PIN tries left:\t3" in text


@pytest.mark.parametrize("programs", ["with_ec", "with_rsa"])
def test_yubico_piv_tool_verifies_the_pin_and_signs(
    programs: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    path, there = str(tmp_path / "certificate.pem"), request.getfixturevalue(programs)
    yubico(there, "-a", "read-certificate", "-s", "9a", "-o", path)
    text = yubico(there, "-a", "verify-pin", "-P", PIN, "-a", "test-signature", "-s", "9a", "-i", path)
    assert "Successfully verified PIN." in text
    assert f"Successful {'RSA' if programs == 'with_rsa' else 'ECDSA'} verification." in text


def test_yubico_piv_tool_agrees_on_a_secret(with_ec: Programs, tmp_path: Path) -> None:
    path = str(tmp_path / "certificate.pem")
    yubico(with_ec, "-a", "read-certificate", "-s", "9d", "-o", path)
    text = yubico(with_ec, "-a", "verify-pin", "-P", PIN, "-a", "test-decipher", "-s", "9d", "-i", path)
    assert "Successfully performed ECDH exchange with card." in text


def test_yubico_piv_tool_changes_and_unblocks_the_pin() -> None:
    for programs in serve(piv_card({})):
        assert "Successfully changed" in yubico(programs, "-a", "change-pin", "-P", PIN, "-N", "654321")
        assert "Successfully verified" in yubico(programs, "-a", "verify-pin", "-P", "654321")
        assert "Successfully unblocked" in yubico(programs, "-a", "unblock-pin", "-P", "12345678", "-N", PIN)
        assert "Successfully verified" in yubico(programs, "-a", "verify-pin", "-P", PIN)
