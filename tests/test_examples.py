"""The programs in examples/ are short, and run on the virtual cards."""

import ast
import contextlib
import csv
import getpass
import gzip
import hashlib
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from support.alone import run_alone
from support.pcscd import PrivatePcscd
from support.ports import free_port
from support.requirements import need, need_program
from support.screen import screen

from scardffi import CommunicationError, Context, Library, virtual
from scardffi.iso7816 import decode
from scardffi.iso7816.status_word import SIM
from scardffi.virtual import DF, Card, ContactlessStorageCard, FileSystemCard, VpcdCard, emv_card, piv_card, sim_card
from scardffi.virtual.file_system import TransparentEF

if TYPE_CHECKING:
    from typing_extensions import Buffer

EXAMPLES = Path(__file__).parent.parent / "examples"
MOST_LINES = {**dict.fromkeys(("emv", "piv", "sim"), 28), "relay": 90, "personalize": 150, "fuzz_card": 150}
MOST_LINES_OF_OTHERS = 60
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


def without_hardware(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run an example by without_hardware.py."""
    command = [sys.executable, EXAMPLES / "without_hardware.py", *arguments]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, check=False, **options)


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


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_says_what_it_does_and_how_to_run_it_without_hardware(path: Path) -> None:
    documentation = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert documentation is not None
    assert re.search("without hardware|needs no hardware", documentation, re.IGNORECASE)


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
    expected = [
        "readers: ['scardffi Virtual Reader 0']",
        "T=0: True historical bytes: 80 73 f7 41 80",
        "DF TELECOM: 9000, 22 bytes",
        "no such file: INS A4 of class A0: file or pattern not found (9404)",
        "+Inserted: 3b 05 80 73 f7 41 80",
    ]
    with environment_of(sim_card(IMSI)) as environment:
        command = [sys.executable, "-u", str(EXAMPLES / "ported_from_pyscard.py"), "60"]
        with subprocess.Popen(command, cwd="/", env=environment, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            try:
                assert [program.stdout.readline().rstrip() for _ in expected] == expected
            finally:
                program.kill()  # it watches for a minute


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


def test_the_inventory_has_a_row_for_each_card_with_its_applications() -> None:
    done = without_hardware("inventory")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [(row["reader"], row["state"], row["applications"]) for row in rows] == [
        ("Desk 1", "card", "PIV"),
        ("Desk 2", "card", "EMV, EMV contactless"),
        ("Desk 3", "card", "USIM"),
        ("Desk 4", "card", ""),
    ]
    assert rows[3]["identifier"] == "04a1b2c3"


def test_the_inventory_goes_on_after_empty_readers_and_cards_that_fail(capsys: pytest.CaptureFixture[str]) -> None:
    class Short(ContactlessStorageCard):
        def transmit(self, command: object) -> bytes:  # noqa: ARG002  every command has the same answer
            return b"\x90"

    readers = [virtual.VirtualReader("A", Short()), virtual.VirtualReader("B"), virtual.VirtualReader("C", emv_card())]
    with virtual.installed(), readers[0], readers[1], readers[2]:
        runpy.run_path(str(EXAMPLES / "inventory.py"), run_name="__main__")
    states = {
        row["reader"]: row["state"].partition(":")[0] for row in csv.DictReader(capsys.readouterr().out.splitlines())
    }
    assert {reader: states[reader] for reader in "ABC"} == {"A": "error", "B": "empty", "C": "card"}


@contextlib.contextmanager
def ssh_server(folder: Path) -> Iterator[str]:
    """Run a server of SSH on this machine; yield the arguments with which `ssh` logs in to it."""
    need_program("ssh", "ssh-keygen")
    server = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    need([] if server else ["sshd is not installed"])
    Path("/run/sshd").mkdir(exist_ok=True)  # where sshd goes for its checks; Debian's service makes it
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    port = free_port()
    settings = ["ListenAddress 127.0.0.1", f"Port {port}", f"HostKey {folder}/host", "PidFile none", "UsePAM no"]
    settings += [f"AuthorizedKeysFile {folder}/user.pub", "StrictModes no", "PermitRootLogin yes"]
    (folder / "sshd_config").write_text("\n".join(settings) + "\n")
    command = [str(server), "-D", "-e", "-f", str(folder / "sshd_config")]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            wait_for_port(port)
            known = f"-o StrictHostKeyChecking=no -o UserKnownHostsFile={folder}/known -o LogLevel=ERROR -F none"
            yield f"-p {port} -i {folder}/user {known} {getpass.getuser()}@127.0.0.1"
        finally:
            process.terminate()


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("by_ssh", [False, True], ids=["directly", "by ssh"])
def test_the_relay_serves_a_card_to_the_pcscd_of_another_host(
    daemon: PrivatePcscd, vpcd_port: int, tmp_path: Path, *, by_ssh: bool
) -> None:
    with contextlib.ExitStack() as stack:
        way = ["--ssh", stack.enter_context(ssh_server(tmp_path))] if by_ssh else []
        command = [sys.executable, str(EXAMPLES / "without_hardware.py"), "relay", "--port", str(vpcd_port), *way]
        relay = stack.enter_context(subprocess.Popen(command, cwd="/", stdout=subprocess.PIPE, text=True))
        stack.callback(relay.send_signal, signal.SIGINT)
        assert relay.stdout is not None
        assert relay.stdout.readline() == "the card in Desk 1 is served\n"
        with Context(library=Library("libpcsclite.so.1")) as context:
            reader = daemon.vpcd_reader(vpcd_port)
            found = context.wait_for_card(20, reader=reader)
            assert found.atr == sim_card().atr
            with context.attach(reader) as card:
                card.send("A0 A4 00 00 02 2F E2", table=SIM)
                assert card.send("A0 B0 00 00 0A", table=SIM).data.hex() == "980001010000000010f9"
    assert relay.returncode == 0
    deadline = time.monotonic() + 10
    while daemon.atrs()[reader]:  # pcscd notices a removal later, and the next test would see this card
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_fuzzer_finds_the_planted_fault_and_saves_a_short_test_that_fails(tmp_path: Path) -> None:
    found = []
    for cores in ("1", "2"):
        saved = tmp_path / f"test_found_{cores}.py"
        command = [
            sys.executable,
            str(EXAMPLES / "fuzz_card.py"),
            "--seed",
            "7",
            "--cores",
            cores,
            "--save",
            str(saved),
        ]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("IndexError('bytearray index out of range') after ")
        found.append(saved.read_text())
    assert found[0] == found[1]
    commands = runpy.run_path(str(tmp_path / "test_found_1.py"))["COMMANDS"]
    assert [command[2:4] for command in commands] == ["a4", "d6"]
    assert commands[0][8:] == ""
    assert int(commands[1][6:8], 16) + len(bytes.fromhex(commands[1])[5:]) == 65  # the first byte after the memory
    test = runpy.run_path(str(tmp_path / "test_found_1.py"))["test_the_card_answers_every_command"]
    with pytest.raises(CommunicationError):
        test()


def test_the_line_personalizes_a_card_in_each_reader(tmp_path: Path) -> None:
    done = without_hardware("personalize", EXAMPLES / "people.csv", tmp_path / "log.csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "in doubt: none"
    steps = [row[:2] for row in csv.reader((tmp_path / "log.csv").read_text().splitlines())]
    assert sorted(steps) == [[number, step] for number in ("1001", "1002", "1003") for step in ("begun", "done")]


class Tearing(FileSystemCard):
    """A blank card that is taken out of its reader at its first UPDATE BINARY, after it has stored the bytes."""

    def __init__(self) -> None:
        super().__init__(DF(files=[TransparentEF(0x2F10, b"\xff" * 64)]))
        self.reader: virtual.VirtualReader | None = None

    def transmit(self, command: "Buffer") -> bytes:
        """Answer, and leave the reader after a write."""
        answer = super().transmit(command)
        if bytes(command)[1] == 0xD6 and self.reader is not None:
            threading.Thread(target=self.reader.remove).start()
            while self.reader.card is not None:
                time.sleep(0.001)
        return answer


def test_the_line_names_the_cards_in_doubt_and_writes_no_row_twice(tmp_path: Path) -> None:
    example = runpy.run_path(str(EXAMPLES / "personalize.py"))
    rows = [{"number": str(number), "name": "Ada"} for number in range(4)]
    told: list[str] = []
    torn, used = Tearing(), Tearing()
    used.transmit(bytes.fromhex("00A4000C022F10"))
    used.transmit(bytes.fromhex("00D600000100"))
    with virtual.installed(), virtual.VirtualReader("Torn") as first, virtual.VirtualReader("Good") as second:
        torn.reader = first

        def change_cards(message: str) -> None:
            told.append(message)
            if message == "Torn: insert a card":
                first.insert(torn)
            elif message == "Good: insert a card":
                second.insert(used)
            elif message.startswith("Good: "):
                second.swap(Tearing())

        with example["Log"](tmp_path / "log.csv") as log:
            doubtful = example["run"](rows, log, change_cards)
        assert len(doubtful) == 1
        number = doubtful[0]["number"]
        assert any(message.startswith(f"Torn: {number} is in doubt") for message in told)
        assert any("waits for another card: the card is not blank" in message for message in told)
        told.clear()
        with example["Log"](tmp_path / "log.csv") as log:
            again = example["run"](rows, log, told.append)
    assert again == doubtful
    assert told == [f"{number} is in doubt since an earlier run: look at its card"]
    done = [row[0] for row in csv.reader((tmp_path / "log.csv").read_text().splitlines()) if row[1] == "done"]
    assert sorted([*done, number]) == ["0", "1", "2", "3"]
