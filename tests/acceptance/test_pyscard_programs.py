"""Unmodified programs and libraries for pyscard, from PyPI: on pyscard, on scardffi.compat, and without pyscard.

Each has an environment of its own, and a card whose commands are compared too. SCARDFFI_TEST_PROGRAMS=short runs those
that need few packages, SCARDFFI_TEST_PROGRAMS=long all of them.
"""

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support import program_cards as cards
from support.cards import T0_ATR
from support.program_environments import ALL_MODES, PYSCARD, WITHOUT_PYSCARD, Environment, make_environment
from support.reports import report

from scardffi.virtual import ContactlessStorageCard, VpcdCard, emv_card, piv_card
from scardffi.virtual.card import Card

FORM = os.environ.get("SCARDFFI_TEST_PROGRAMS")
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="pyscard finds our library by Linux's name of it"),
    pytest.mark.skipif(FORM is None, reason="it installs programs; `bash .ci/run programs` runs it"),
]
READER = "Card Reader 00 00"
SECONDS = 60
"""Until a program has ended."""
VARYING = r"0x[0-9a-f]{6,}"
"""Parts of outputs that differ from run to run: addresses."""
LAYERED = {"pyscard", "scard"}
"""The modes with pyscard's own layers."""


@dataclass(frozen=True)
class Program:
    """A program, and how to run it.

    Attributes:
        requirements: the distribution with its version, and the others that it needs.
        commands: the command lines of programs in the environment; a text of several lines is a script.
        card: makes the card in the reader; None for an empty reader.
        says: a regular expression that the output has.
        reader: the reader's name.
        random: whether the commands, or their order, are random; then only the set of their headers is compared.
        added_to_pyscard: what pyscard lacks for this program: lines for the end of its CardConnectionDecorator.py.
        is_short: whether it runs in the short form.
    """

    requirements: str
    commands: Sequence[str]
    card: Callable[[], Card] | None
    says: str
    reader: str = READER
    random: bool = False
    added_to_pyscard: str = ""
    is_short: bool = False

    @property
    def name(self) -> str:
        """The distribution and its version."""
        return self.requirements.split()[0]


CRYPTOGRAPHY = "cryptography==50.0.2"
WEB = "anyio==4.16.0 h11==0.16.0 idna==3.20 typing_extensions==4.16.0 websockets==15.0.1"
PROGRAMS = [
    Program(
        f"yubikey-manager==5.9.2 fido2==2.2.1 {CRYPTOGRAPHY} click==8.3.0 keyring==25.6.0 python-pskc==1.4 "
        "SecretStorage==3.5.0 jeepney==0.9.0 jaraco.classes==3.4.0 jaraco.context==6.0.1 jaraco.functools==4.3.0 "
        "more-itertools==10.8.0 backports.tarfile==1.2.0 importlib_metadata==8.7.0 zipp==3.23.0 python-dateutil==2.9.0 "
        "six==1.17.0 lazy-importer==0.1.0 tzdata==2025.2",
        [
            "ykman list",
            "ykman list --readers",
            "ykman info",
            "ykman piv info",
            f"ykman piv keys generate -m {cards.MANAGEMENT_KEY.hex()} -a ECCP256 9c -",
            "ykman apdu -a piv fd f7009b",
            "ykman apdu -s 00a4040005a000000308 -s 00fd000000",
        ],
        cards.yubikey,
        "YubiKey 5A.*Serial: 12345678.*BEGIN PUBLIC KEY",
        reader="Yubico YubiKey CCID 00 00",
        random=True,
    ),
    Program(
        f"fido2==2.2.1 {CRYPTOGRAPHY}",
        [
            """
            from fido2.ctap2 import Ctap2
            from fido2.pcsc import CtapPcscDevice
            for device in CtapPcscDevice.list_devices():
                print(device, device.version, device.capabilities, device.get_atr().hex())
                print(Ctap2(device).info)
                device.close()
            """
        ],
        cards.fido_key,
        "CtapPcscDevice.*FIDO_2_1",
    ),
    Program(
        "TagBit==1.0 ndeflib==0.3.3",
        [
            """
            import threading
            from scardffi.virtual import ContactlessStorageCard, VirtualReader
            from smartcard.System import readers
            from tagbit import NoTagError, Reader
            tag = Reader().get_tag()
            print(tag.read())
            print(Reader().read_address(0).hex())
            with VirtualReader("Field") as field:
                reader = Reader(readers()[1])
                try:
                    reader.get_tag(blocking=False)
                except NoTagError:
                    print("no tag in", reader.reader)
                threading.Timer(0.5, field.insert, [ContactlessStorageCard()]).start()
                print(reader.send_command("FF:CA:00:00:00").hex())
            """
        ],
        cards.ndef_tag,
        "Hello.*no tag in Field.*04a1b2c3",
        is_short=True,
    ),
    Program(
        "smartcard-identifier==1.8.9",
        [
            """
            import os, sys, threading, time
            from scardffi.virtual import ContactlessStorageCard, VirtualReader
            import smartcard_identifier

            field = VirtualReader("Field")
            field.plug()

            def present_cards():
                for number in range(3):
                    time.sleep(1)
                    field.insert(ContactlessStorageCard(bytes((4, 5, 6, number))))
                    time.sleep(1)
                    field.remove()
                os._exit(0)

            threading.Thread(target=present_cards).start()
            sys.argv[1:] = ["--stdout"]
            smartcard_identifier.main()
            """
        ],
        None,
        "04050600.*04050601.*04050602",
    ),
    Program(
        "simple-nfc-tag==0.1.0",
        [
            """
            import queue
            import simple_nfc_tag
            from scardffi.virtual import ContactlessStorageCard, VirtualReader
            with VirtualReader("Field") as field:
                print(simple_nfc_tag.list_readers())
                field.insert(ContactlessStorageCard())
                reader = simple_nfc_tag.connect("Field")
                tag = reader.current_tag()
                print(tag)
                tag.write(["temperature", 21])
                print(tag.read(), tag.read_bytes(0, 32).hex())
                seen = queue.Queue()
                with simple_nfc_tag.Monitor(
                    reader, on_tag=lambda tag: seen.put(tag.uid.hex()), on_removed=seen.put, debounce=0
                ):
                    print(seen.get(timeout=10))
                    field.remove()
                    while seen.get(timeout=10) != tag.uid:
                        pass
                    field.insert(ContactlessStorageCard(bytes(4)))
                    while seen.get(timeout=10) != "00000000":
                        pass
                    print("another tag")
                reader.disconnect()
            """
        ],
        None,
        "MIFARE.*another tag",
        is_short=True,
    ),
    Program(
        f"pyscard-json-rpc==0.2.0 fastapi==0.110.0 starlette==0.36.3 pydantic==1.10.24 uvicorn==0.30.0 {WEB} "
        "click==8.3.0 sniffio==1.3.1",
        [
            """
            import json, queue, threading, time
            import uvicorn
            from pyscard_json_rpc.app import app
            from scardffi.virtual import ContactlessStorageCard, VirtualReader
            from websockets.sync.client import connect

            server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
            threading.Thread(target=server.run).start()
            while not server.started:
                time.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            events = []
            with connect(f"ws://127.0.0.1:{port}/ws/pyscard-json-rpc") as client:
                def receive():
                    message = json.loads(client.recv(timeout=10))
                    if message.get("method"):
                        events.append(f"{message['method']} {message['params']}")
                    return message

                def ask(method, **params):
                    client.send(json.dumps({"jsonrpc": "2.0", "id": method, "method": method, "params": params}))
                    while (answer := receive()).get("id") != method:
                        pass
                    shown = {**answer.get("result", {}), **answer.get("error", {})}
                    shown.pop("connection_id", None)
                    print(method, shown)
                    return answer.get("result", {})

                def until(event):
                    while not any(event in one for one in events):
                        receive()

                name = ask("smartcard.get_readers")["readers"][0]
                until("observer.card_added")
                until("observer.reader_added")
                known = ask("smartcard.connect", reader=name)
                ask("connection.get_atr", **known)
                ask("connection.disconnect", **known)
                ask("no method")
                with VirtualReader("Field") as field:
                    until("'Field'")
                    field.insert(ContactlessStorageCard())
                    until("card_added {'reader': 'Field'")
                    field.remove()
                    until("card_removed {'reader': 'Field'")
                until("reader_removed {'reader': 'Field'")
                print(*sorted(events), sep="\\n")
            server.should_exit = True
            """
        ],
        ContactlessStorageCard,
        "3b8f8001.*card_added.*card_removed",
    ),
    Program(
        f"pysatochip==0.18.6 {CRYPTOGRAPHY} certifi==2025.8.3 pyOpenSSL==26.4.0 pyaes==1.6.1 pycryptodomex==3.23.0 "
        "typing_extensions==4.16.0",
        [
            """
            import logging, time
            from pysatochip.CardConnector import CardConnector
            logging.basicConfig(level=logging.WARNING)
            connector = CardConnector(card_filter="satochip")
            print(connector.card_present)
            for _ in range(100):
                if connector.setup_done is not None:
                    break
                time.sleep(0.05)
            print(connector.card_type, connector.card_get_status())
            print(connector.card_get_label())
            connector.card_disconnect()
            connector.cardmonitor.deleteObserver(connector.cardobserver)
            """
        ],
        cards.satochip,
        "Satochip.*PIN0_remaining_tries': 5.*test",
    ),
    Program(
        f"cryptnox-sdk-py==1.0.5 {CRYPTOGRAPHY} aiohttp==3.14.5 aiohappyeyeballs==2.7.1 aiosignal==1.4.0 attrs==26.1.0 "
        "frozenlist==1.8.0 idna==3.20 multidict==7.2.1 propcache==0.5.4 typing_extensions==4.16.0 yarl==1.25.1",
        [
            """
            import cryptnox_sdk_py
            connection = cryptnox_sdk_py.Connection(0)
            card = cryptnox_sdk_py.factory.get_card(connection)
            print(type(card).__name__, card.serial_number, card.applet_version, card.alive)
            connection.disconnect()
            """
        ],
        cards.cryptnox,
        f"Basic {0x4711000000000001} .1, 6, 1. True",
        random=True,
    ),
    Program(
        "coinkite-tap-protocol==1.2.2 cbor2==6.3.0 click==8.3.0 pyqrcode==1.2.1 pypng==0.20220715.0 requests==2.34.2 "
        "PySocks==1.7.1 certifi==2025.8.3 charset-normalizer==3.5.3 idna==3.20 urllib3==2.8.0",
        ["cktap list", "cktap version", "cktap chain"],
        cards.satscard,
        r"SATSCARD via NFC.*1\.0\.3.*BTC",
    ),
    Program(
        "desfire==0.2",
        [
            """
            from desfire.pcsc import PCSCDevice
            from desfire.protocol import DESFire, DESFireCommunicationError
            from smartcard.System import readers
            connection = readers()[0].createConnection()
            connection.connect()
            card = DESFire(PCSCDevice(connection.component))
            for application in card.get_applications():
                card.select_application(application)
                print(hex(application), card.get_file_ids())
            try:
                card.get_file_settings(1)
            except DESFireCommunicationError as error:
                print(error)
            """
        ],
        cards.desfire_card,
        "0x10203.*0x40506.*Limited credit",
        is_short=True,
    ),
    Program(
        f"piv-smartcard==0.1.0 {CRYPTOGRAPHY}",
        ["piv-smartcard list", "piv-smartcard read --slot authentication --pem"],
        lambda: piv_card({0x9A: cards.KEY}, certificates={0x9A: cards.certificate()}),
        "Card Reader.*BEGIN CERTIFICATE",
    ),
    Program(
        "emv==1.0.14 pycountry==20.7.3 terminaltables==3.1.0 click==7.1.2 enum-compat==0.0.3",
        ["emvtool readers", "emvtool listapps", "emvtool info"],
        lambda: cards.LoggedCard(emv_card(), T0_ATR),
        "Card Reader.*TEST CREDIT.*Fetching card metadata",
        # It needs pyscard 2.0.0, which SWIG of today does not compile.
        added_to_pyscard="CardConnectionDecorator.__getattr__ = lambda self, name: getattr(self.component, name)",
        is_short=True,
    ),
]


class Run:
    """What the commands of a program printed in a mode, and what its card got.

    Args:
        program: the program.
        mode: one of ALL_MODES.
        place: an empty folder.
        added_to_pyscard: as of :class:`Program`.
        configuration: of the reader, and of faults, as in SCARDFFI_VIRTUAL, instead of the program's card.
    """

    def __init__(
        self, program: Program, mode: str, place: Path, added_to_pyscard: str, configuration: str | None = None
    ) -> None:
        place.mkdir()
        self._environment = Environment(program.requirements.split(), place, added_to_pyscard)
        self._variables = self._environment.variables(mode)
        self._mode, self._place = mode, place
        self.commands: list[str] = []
        if configuration is not None or program.card is None:
            if configuration is not None:
                self._variables["SCARDFFI_VIRTUAL"] = f"reader,name={program.reader},{configuration}"
            self.output = self._outputs(program)
            return
        card = cards.LoggedCard(program.card())
        with VpcdCard(card, 0, listen=True) as served:
            self._variables["SCARDFFI_VIRTUAL"] = f"reader,name={program.reader},connect={served.port}"
            self.output = self._outputs(program)
        assert served.errors == []
        self.commands = sorted({one[:8] for one in card.commands}) if program.random else card.commands

    def _outputs(self, program: Program) -> str:
        outputs = "".join(map(self._output, program.commands)).replace(str(self._place), "")
        return re.sub(VARYING, "...", outputs)

    def _output(self, command: str) -> str:
        words = command.split()
        if "\n" in command:
            script = self._place / "script.py"
            script.write_text(textwrap.dedent(command))
            words = [str(script)]
        done = subprocess.run(
            self._environment.command(self._mode, *words),
            cwd=self._place,
            env=self._variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
            start_new_session=True,  # without a terminal
        )
        return f"$ {shown(command)}\n{done.stdout}ended with {done.returncode}\n"


def shown(command: str) -> str:
    """Return a command line; "a script" in place of a script."""
    return "a script" if "\n" in command else command


def runs_of(program: Program, place: Path, configuration: str | None = None) -> list[Run]:
    """Run a program in each mode."""
    make_environment(program.requirements.split())

    def run(mode: str) -> Run:
        return Run(program, mode, place / mode, program.added_to_pyscard if mode in LAYERED else "", configuration)

    with ThreadPoolExecutor(len(ALL_MODES)) as pool:
        return list(pool.map(run, ALL_MODES))


@pytest.mark.parametrize(
    "program", [one for one in PROGRAMS if one.is_short or FORM == "long"], ids=lambda program: program.name
)
def test_a_program_for_pyscard_prints_the_same_with_scardffi(program: Program, tmp_path: Path) -> None:
    pyscards, *ours = runs_of(program, tmp_path)
    assert re.search(program.says, pyscards.output, re.DOTALL), pyscards.output
    assert pyscards.output.count("ended with 0") == len(program.commands), pyscards.output
    for mode, run in zip(ALL_MODES[1:], ours, strict=True):
        assert run.output == pyscards.output, mode
        assert run.commands == pyscards.commands, mode
    got = f"{len(pyscards.commands)} commands" if program.card else "cards in the script"
    commands = ", ".join(map(shown, program.commands))
    report(f"| {program.name} | {commands} | {PYSCARD}, scard, all, without pyscard | yes | {got} |")


FAILURES = {
    "no card": "card=none",
    "card in use": "card=answering; fault,function=SCardConnect,times=1000,code=SCARD_E_SHARING_VIOLATION",
    "mute card": "card=answering; fault,function=SCardConnect,times=1000,code=SCARD_W_UNRESPONSIVE_CARD",
    "removed card": "card=answering; fault,function=SCardTransmit,times=1000,code=SCARD_W_REMOVED_CARD",
    "failed exchange": "card=answering; fault,function=SCardTransmit,times=1000,code=SCARD_E_NOT_TRANSACTED",
    "no service": "card=answering; fault,function=SCardEstablishContext,times=1000,code=SCARD_E_NO_SERVICE",
    "service stopped": "card=answering; fault,function=SCardListReaders,times=1000,code=SCARD_E_NO_SERVICE",
}
FAILING = ["yubikey-manager", "fido2", "cryptnox-sdk-py", "coinkite-tap-protocol", "desfire", "piv-smartcard", "emv"]
"""The programs that end if they do not find their card."""


def outline(output: str) -> str:
    """Return an output with the classes of exceptions in place of tracebacks, and without the texts of exceptions."""
    output = re.sub(r"(?m)^(Traceback|The above exception| ).*\n", "", output)
    output = re.sub(r"(?m)\n+((?:\w+\.)*(\w+(?:Error|Exception)): .*\n+)+", r"\n\2\n", output)
    return re.sub(r"(?m)^error: .*", "error", output.replace("occurredTraceback", "occurred\nTraceback"))


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("name", FAILING if FORM == "long" else ["desfire"])
def test_a_program_for_pyscard_fails_with_the_same_exceptions(name: str, failure: str, tmp_path: Path) -> None:
    program = next(one for one in PROGRAMS if one.name.startswith(name))
    if name == "yubikey-manager":
        program = replace(program, commands=["ykman list", "ykman list --readers", "ykman info"])
    pyscards, *ours = runs_of(program, tmp_path, FAILURES[failure])
    for mode, run in zip(ALL_MODES[1:], ours, strict=True):
        assert outline(run.output) == outline(pyscards.output), mode


WHICH = """
import importlib.metadata, sys
import smartcard.scard, smartcard.System
names = [sys.modules[name].__name__ for name in ("smartcard.System", "smartcard.scard")]
print(*names, "pyscard" in {one.name for one in importlib.metadata.distributions()})
"""
MODULES = {
    "pyscard": "smartcard.System smartcard.scard True",
    "scard": "smartcard.System scardffi.compat.scard True",
    "all": "scardffi.compat.smartcard.System scardffi.compat.scard True",
    WITHOUT_PYSCARD: "scardffi.compat.smartcard.System scardffi.compat.scard False",
}


@pytest.mark.parametrize("mode", ALL_MODES)
def test_a_mode_has_the_modules_of_its_layers(mode: str, tmp_path: Path) -> None:
    program = next(one for one in PROGRAMS if one.name.startswith("desfire"))
    run = Run(replace(program, commands=[WHICH]), mode, tmp_path / mode, "")
    assert run.output == f"$ a script\n{MODULES[mode]}\nended with 0\n"


def test_pyscard_is_not_installed_in_the_environment_of_a_program(tmp_path: Path) -> None:
    program = next(one for one in PROGRAMS if one.name.startswith("desfire"))
    environment = Environment(program.requirements.split(), tmp_path)
    variables = {**environment.variables(WITHOUT_PYSCARD), "PYTHONPATH": ""}
    (tmp_path / "script").write_text("import smartcard")
    command = environment.command(WITHOUT_PYSCARD, str(tmp_path / "script"))
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError: No module named 'smartcard'" in done.stderr


@pytest.mark.parametrize("program", [one for one in PROGRAMS if one.added_to_pyscard], ids=lambda program: program.name)
def test_a_program_needs_what_is_added_to_pyscard(program: Program, tmp_path: Path) -> None:
    run = Run(program, "pyscard", tmp_path / "pyscard", "")
    assert "AttributeError: 'CardConnectionDecorator' object has no attribute" in run.output
