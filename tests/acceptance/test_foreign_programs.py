"""Unmodified programs from outside this project on the virtual library: opensc-tool, pcsc_scan and pyscard."""

import os
import re
import subprocess
import sys
import time
from types import TracebackType
from typing import final

import pytest
from support.cards import T1_ATR, RecordingCard
from support.interpreter import run_python
from support.ports import free_port
from support.requirements import need_program

from scardffi import virtual
from scardffi.virtual import ANSWERING_ATR, DEFAULT_READER
from scardffi.virtual.vpcd import VpcdCard

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="they find our library by Linux's name of it")

ON_OUR_LIBRARY = {"LD_LIBRARY_PATH": virtual.library_folder() if sys.platform == "linux" else ""}
WAIT_SECONDS = 20


def output_of(*command: str) -> list[str]:
    """Run a program on the virtual library; return the lines that it prints."""
    need_program(command[0])
    environment = {**os.environ, **ON_OUR_LIBRARY}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done
    return [line.strip() for line in done.stdout.splitlines()]


# opensc-tool


def test_opensc_tool_lists_the_reader() -> None:
    assert output_of("opensc-tool", "-l")[-1].split(maxsplit=2) == ["0", "Yes", DEFAULT_READER]


def test_opensc_tool_prints_the_atr() -> None:
    assert output_of("opensc-tool", "-a") == [ANSWERING_ATR.hex(":")]


def test_opensc_tool_sends_commands() -> None:
    said = output_of("opensc-tool", "-s", "00A4000C023F00", "-s", "0084000008", "-s", "00B0002004")
    received = [line for line in said if line.startswith("Received")]
    assert received == ["Received (SW1=0x90, SW2=0x00)", *["Received (SW1=0x90, SW2=0x00):"] * 2]
    assert re.fullmatch(r"(?:[0-9A-F]{2} ){8}.{0,8}", said[4])  # spaces at the end are stripped
    assert said[-1].startswith("20 21 22 23 ")


@pytest.mark.parametrize("command", ["801C000600", "801E000604"], ids=["61xx", "6Cxx"])
def test_opensc_tool_follows_61xx_and_6cxx(command: str) -> None:
    assert output_of("opensc-tool", "-s", command)[-1].startswith("00 01 02 03 04 05 ")


# pcsc_scan


def test_pcsc_scan_lists_the_reader() -> None:
    assert output_of("pcsc_scan", "-r")[-1] == f"0: {DEFAULT_READER}"


def test_pcsc_scan_and_opensc_tool_list_1000_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCARDFFI_VIRTUAL", ";".join(f"reader,name=Gate {number}" for number in range(1000)))
    assert output_of("pcsc_scan", "-r")[-1000:] == [f"{number}: Gate {number}" for number in range(1000)]
    listed = [line.split(maxsplit=2) for line in output_of("opensc-tool", "-l")[-1000:]]
    assert listed == [[str(number), "Yes", f"Gate {number}"] for number in range(1000)]


def test_pcsc_scan_lists_the_card() -> None:
    assert any(ANSWERING_ATR.hex(" ").upper() in line for line in output_of("pcsc_scan", "-c", "-n"))


@final
class PcscScan:
    """A pcsc_scan that runs during a `with` statement."""

    def __init__(self, configuration: str) -> None:
        self._environment = {**os.environ, **ON_OUR_LIBRARY, "SCARDFFI_VIRTUAL": configuration}
        self._said = b""

    def __enter__(self) -> "PcscScan":
        need_program("pcsc_scan")
        self._process = subprocess.Popen(["pcsc_scan", "-n"], env=self._environment, stdout=subprocess.PIPE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def says(self, text: str) -> bool:
        """Wait until pcsc_scan prints this text after the texts of earlier calls; return False if it does not."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + WAIT_SECONDS
        while text.encode() not in self._said:
            if time.monotonic() > deadline:
                return False
            self._said += os.read(self._process.stdout.fileno(), 4096)
        self._said = self._said.partition(text.encode())[2]
        return True


def test_pcsc_scan_sees_an_emulator_connect_and_disconnect() -> None:
    port = free_port()
    with PcscScan(f"reader,listen={port}") as scan:
        assert scan.says("Card state: Card removed")
        for _ in range(2):
            with VpcdCard(RecordingCard(), port):
                assert scan.says("Card state: Card inserted")
                assert scan.says(T1_ATR.hex(" ").upper())
            assert scan.says("Card state: Card removed")


# pyscard


def run_with_pyscard(code: str) -> list[str]:
    """Run a program with pyscard on the virtual library; return the lines that it prints."""
    return run_python(code, environment=ON_OUR_LIBRARY)


def test_pyscard_talks_to_the_card() -> None:
    code = """
        from smartcard.System import readers
        connection = readers()[0].createConnection()
        connection.connect()
        print(readers()[0], bytes(connection.getATR()).hex())
        print(*connection.transmit([0x00, 0xB0, 0x00, 0x20, 0x04]))
        connection.disconnect()
        """
    assert run_with_pyscard(code) == [f"{DEFAULT_READER} {ANSWERING_ATR.hex()}", "[32, 33, 34, 35] 144 0"]


def test_a_card_request_of_pyscard_waits_for_the_card() -> None:
    code = """
        import threading
        from smartcard.CardRequest import CardRequest
        from smartcard.CardType import ATRCardType
        from smartcard.Exceptions import CardRequestTimeoutException
        from scardffi.virtual import AnsweringCard, VirtualReader
        wanted = ATRCardType([0x3B, 0x80, 0x80, 0x01, 0x01])
        try:
            CardRequest(timeout=0.2, cardType=wanted).waitforcard()
        except CardRequestTimeoutException:
            print("not there")
        reader = VirtualReader("Another")
        reader.plug()
        timer = threading.Timer(0.3, lambda: reader.insert(AnsweringCard(bytes.fromhex("3B80800101"))))
        timer.start()
        service = CardRequest(timeout=20, cardType=wanted).waitforcard()  # whose end is its connection's
        service.connection.connect()
        answer = service.connection.transmit([0x00, 0xA4, 0x00, 0x0C, 0x02, 0x3F, 0x00])
        print(service.connection.getReader(), *answer)
        """
    assert run_with_pyscard(code) == ["not there", "Another [] 144 0"]


def test_the_monitors_of_pyscard_see_cards_and_readers() -> None:
    code = """
        import queue
        from smartcard.CardMonitoring import CardMonitor, CardObserver
        from smartcard.ReaderMonitoring import ReaderMonitor, ReaderObserver
        from scardffi.virtual import DEFAULT_READER, AnsweringCard, VirtualReader

        seen = queue.Queue()

        class Cards(CardObserver):
            def update(self, observable, handlers):
                for way, cards in zip(("inserted into", "removed from"), handlers):
                    for card in cards:
                        seen.put(f"{way} {card.reader}")

        class Readers(ReaderObserver):
            def update(self, observable, handlers):
                for way, readers in zip(("plugged", "unplugged"), handlers):
                    for reader in readers:
                        seen.put(f"{way} {reader}")

        def expect(event):
            said = seen.get(timeout=20)
            assert said == event, (said, event)
            print(said)

        cards, readers = CardMonitor(), ReaderMonitor(period=0.1)
        card_observer, reader_observer = Cards(), Readers()
        cards.addObserver(card_observer)
        expect(f"inserted into {DEFAULT_READER}")
        default = VirtualReader()
        default.remove()
        expect(f"removed from {DEFAULT_READER}")
        default.insert(AnsweringCard())
        expect(f"inserted into {DEFAULT_READER}")
        cards.deleteObserver(card_observer)
        readers.addObserver(reader_observer)
        expect(f"plugged {DEFAULT_READER}")
        with VirtualReader("Another"):
            expect("plugged Another")
        expect("unplugged Another")
        readers.deleteObserver(reader_observer)
        """
    assert len(run_with_pyscard(code)) == 6
