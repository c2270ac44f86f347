"""The programs in examples/ are short, and run on the virtual cards."""

import contextlib
import gzip
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from support.alone import run_alone
from support.requirements import need_program
from support.screen import screen

from scardffi import virtual
from scardffi.iso7816 import decode
from scardffi.virtual import DF, Card, ContactlessStorageCard, FileSystemCard, VpcdCard, emv_card, piv_card, sim_card

EXAMPLES = Path(__file__).parent.parent / "examples"
MOST_LINES = dict.fromkeys(("emv", "piv", "sim"), 25)
MOST_LINES_OF_OTHERS = 45
CERTIFICATES = {"authentication": 0x5FC105, "signature": 0x5FC10A, "key management": 0x5FC10B, "card": 0x5FC101}
IMSI = "001019876543210"


@contextlib.contextmanager
def environment_of(card: Card) -> Iterator[Mapping[str, str]]:
    """Serve a card, and yield the environment in which a program uses it."""
    with VpcdCard(card, 0, listen=True) as served:
        yield {
            **os.environ,
            "SCARDFFI_LIBRARY": virtual.library_path(),
            "SCARDFFI_VIRTUAL": f"reader,connect={served.port}",
        }
    assert served.errors == []


def run(name: str, card: Card, pin: str = "", *arguments: str) -> list[str]:
    """Run an example on a card; return the lines that it prints. It reads the PIN from standard input."""
    with environment_of(card) as environment:
        done = subprocess.run(
            [sys.executable, EXAMPLES / f"{name}.py", *arguments],
            cwd="/",
            env=environment,
            input=f"{pin}\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            start_new_session=True,  # without a terminal, from which getpass would read
        )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def certificate(card: FileSystemCard, tag: int) -> bytes:
    """Return a certificate of a PIV card."""
    (application,) = card.mf.files
    assert isinstance(application, DF)
    found = decode(application.data[tag]).find(0x70)
    assert found is not None
    return found.value


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES.get(path.stem, MOST_LINES_OF_OTHERS)


def test_the_piv_example_reads_certificates_and_signs() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    card = piv_card(dict.fromkeys((0x9A, 0x9C, 0x9D, 0x9E), key), pin="654321")
    identifier, *certificates, signature = run("piv", card, "654321")
    assert re.fullmatch("identifier: [0-9a-f]{32}", identifier)
    assert [line.partition(":")[0] for line in certificates] == [*CERTIFICATES]
    for line, tag in zip(certificates, CERTIFICATES.values(), strict=True):
        assert line.endswith(hashlib.sha256(certificate(card, tag)).hexdigest())
    key.public_key().verify(bytes.fromhex(signature.split()[1]), b"sign this", ec.ECDSA(hashes.SHA256()))


def test_the_piv_example_reads_a_compressed_certificate() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    keys = dict.fromkeys((0x9A, 0x9C, 0x9D, 0x9E), key)
    packed = gzip.compress(b"a certificate")
    lines = run("piv", piv_card(keys, certificates={0x9A: packed}, pin="654321"), "654321")
    assert lines[1] == f"authentication: SHA-256 {hashlib.sha256(b'a certificate').hexdigest()}"


def test_the_emv_example_prints_the_records() -> None:
    text = "\n".join(run("emv", emv_card("4000000000000002", label="MY BANK")))
    assert '50 application label: 4D 59 20 42 41 4E 4B "MY BANK"' in text
    assert "5A application primary account number (PAN): 40 00 00 00 00 00 00 02" in text
    assert text.endswith("tries of the PIN: 3")


def test_the_sim_example_reads_the_subscriber_twice() -> None:
    assert run("sim", sim_card(IMSI, iccid="8944100000000000012", pin="4321"), "4321") == [
        "card: 8944100000000000012",
        f"subscriber (SIM): {IMSI}",
        f"subscriber (USIM): {IMSI}",
    ]


def test_the_program_ported_from_pyscard_waits_selects_and_watches() -> None:
    lines = run("ported_from_pyscard", sim_card(IMSI), "", "0.1")
    assert lines == [
        "readers: ['scardffi Virtual Reader 0']",
        "T=0: True historical bytes: 80 73 f7 41 80",
        "DF TELECOM: 9000, 22 bytes",
        "no such file: INS A4 of class A0: file or pattern not found (9404)",
        "+Inserted: 3b 05 80 73 f7 41 80",
    ]


def test_the_door_service_answers_with_the_identifier_of_the_card() -> None:
    identifier = bytes.fromhex("04A1B2C3")
    with environment_of(ContactlessStorageCard(uid=identifier)) as environment:
        command = [sys.executable, str(EXAMPLES / "door.py"), "0"]
        with subprocess.Popen(command, cwd="/", env=environment, stdout=subprocess.PIPE, text=True) as service:
            assert service.stdout is not None
            port = int(service.stdout.readline().split()[1])
            deadline = time.monotonic() + 20
            while not (answer := ask(port)):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            service.send_signal(signal.SIGINT)
            service.wait(5)
    assert answer == f"scardffi Virtual Reader 0: {identifier.hex()}\n"


def ask(port: int) -> str:
    """Return what a service sends to a client."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        return b"".join(iter(lambda: client.recv(1024), b"")).decode()


def test_the_window_shows_readers_and_cards_while_they_come_and_go() -> None:
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    need_program("Xvfb")
    with screen() as environment:
        found, errors = run_alone("tk_window", str(EXAMPLES / "window.py"), environment=environment)
    assert errors == ""
    assert found == ["Desk: no card", "Desk: 3b 88 80 01 73 63 61 72 64 66 66 69 07", "Desk: no card", ""]
