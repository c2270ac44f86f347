"""Windows CPython under Wine 10, with Wine's winscard.dll and a real pcscd; tests/wine/run runs this file there.

Wine is not Windows. It differs, so that these tests do not cover:
- SCardGetStatusChange returns at once for every known state;
- SCardStatus returns the bits of pcsc-lite instead of Windows' numbers, and drivers return codes of pcsc-lite;
- most functions that only Windows has are stubs that end the process;
- handles are pointers: a wrong handle other than 0 crashes the process;
- Wine's server may fail with an assertion if sockets are shut down while threads wait for them.
There is no 32-bit process, no module of the limited API, and no build by MSVC.
"""

import ctypes
import json
import subprocess
import sys
from collections.abc import Iterator
from ctypes import byref, wintypes
from pathlib import Path

import pytest
from support.commands import ANSWER_4, READ_4
from support.ports import free_port

from scardffi import (
    CardState,
    Context,
    Disposition,
    InvalidHandleError,
    Library,
    LibraryNotFoundError,
    NoSmartCardError,
    Protocol,
    ReaderStateFlag,
    ReturnCode,
    SCardError,
    SCardManage,
    Script,
    ShareMode,
    UnknownReaderError,
    UnsupportedFunctionError,
    control_code,
    ffi,
    lib,
    raw,
    trace,
    virtual,
)


@pytest.fixture
def context() -> Iterator[Context]:
    with Context() as opened:
        yield opened


@pytest.fixture
def readers(context: Context) -> list[str]:
    return context.list_readers()


@pytest.fixture
def card(context: Context, readers: list[str]) -> SCardManage:
    return context.attach(readers[0])


def test_the_default_library_is_winscard_dll() -> None:
    assert sys.platform == "win32"
    info = Library.default().info()
    assert info.path.lower() == r"c:\windows\system32\winscard.dll"
    assert {"SCardConnect", "SCardListReaders", "SCardStatus", "SCardTransmit", "SCardControl"} <= info.functions


def test_the_shapes_are_those_of_64_bit_windows() -> None:
    sizes = [ffi.sizeof(name) for name in ("DWORD", "LONG", "SCARDCONTEXT", "SCARDHANDLE", "SCARD_READERSTATE")]
    assert sizes == [4, 4, 8, 8, 64]
    assert (Protocol.RAW, control_code(3400)) == (0x10000, 0x313520)


def test_readers_are_listed(readers: list[str]) -> None:
    assert [name.rpartition(" 0")[0] for name in readers] == ["Test Reader 0 00", "Test Reader 1 01"]


def test_groups_are_listed(context: Context) -> None:
    assert context.list_reader_groups() == ["SCard$DefaultReaders"]


def test_the_returned_length_is_enough_for_the_names(context: Context, readers: list[str]) -> None:
    length = ffi.new("DWORD *")
    assert lib.SCardListReaders(context.handle, ffi.NULL, ffi.NULL, length) == 0
    names = ffi.new("char[]", length[0])
    assert lib.SCardListReaders(context.handle, ffi.NULL, names, length) == 0
    assert bytes(ffi.buffer(names)) == "".join(f"{name}\0" for name in readers).encode() + b"\0"


def test_a_card_answers(card: SCardManage) -> None:
    assert card.transmit(READ_4) == ANSWER_4


def test_status_names_the_reader_and_has_the_flags_of_all_platforms(card: SCardManage, readers: list[str]) -> None:
    status = card.status()
    assert (status.reader, status.protocol, len(status.atr)) == (readers[0], Protocol.T1, len(card.atr))
    assert CardState.PRESENT in status.state


def test_exchanges_and_scripts_run(card: SCardManage) -> None:
    response = bytearray(258)
    with card.exchange(READ_4, response) as exchange:
        assert (exchange(), exchange.sw) == (6, 0x9000)
    assert response[:6] == ANSWER_4
    replies = Script([READ_4] * 100, expect=0x9000).run(card)
    assert [bytes(reply) for reply in replies] == [ANSWER_4] * 100


def test_long_answers_arrive_whole(card: SCardManage) -> None:
    memory = bytearray(32768)
    assert card.read_binary_into(memory) == 32768
    assert memory == bytes((i ^ i >> 8) & 0xFF for i in range(32768))


def test_a_card_answers_in_a_transaction_and_after_a_reset(card: SCardManage) -> None:
    with card.transaction():
        assert card.transmit(READ_4) == ANSWER_4
    card.reconnect(initialization=Disposition.RESET)
    assert card.transmit(READ_4) == ANSWER_4


def test_a_card_is_attached_exclusively(context: Context, readers: list[str]) -> None:
    with context.attach(readers[0], ShareMode.EXCLUSIVE) as card:
        assert card.transmit(READ_4) == ANSWER_4


def test_attributes_are_read(card: SCardManage) -> None:
    assert card.get_attribute(0x00090303) == card.atr


def test_an_unknown_attribute_is_an_error(card: SCardManage) -> None:
    with pytest.raises(SCardError) as caught:
        card.get_attribute(0x7FFF1234)
    assert caught.value.code == 0x8010001F  # pcsc-lite's SCARD_E_UNSUPPORTED_FEATURE; Windows' is 50


def test_a_handle_of_another_binding_is_attached_to(readers: list[str]) -> None:
    winscard = ctypes.WinDLL("winscard")  # type: ignore[attr-defined]  # only on Windows
    context, handle, protocol = ctypes.c_size_t(), ctypes.c_size_t(), wintypes.DWORD()
    assert winscard.SCardEstablishContext(2, None, None, byref(context)) == 0
    assert winscard.SCardConnectW(context, readers[0], 2, 3, byref(handle), byref(protocol)) == 0
    with SCardManage().attach_by_handle(handle) as card:
        assert card.transmit(READ_4) == ANSWER_4
    assert winscard.SCardDisconnect(handle, 0) == 0
    assert winscard.SCardReleaseContext(context) == 0


@pytest.mark.usefixtures("context")
def test_a_wrong_handle_is_refused() -> None:
    with pytest.raises(InvalidHandleError) as caught:
        SCardManage().attach_by_handle(0)
    assert caught.value.code in {6, ReturnCode.SCARD_E_INVALID_HANDLE}


def test_reader_states_are_returned(context: Context, readers: list[str]) -> None:
    full, empty = context.get_status_change(readers, 0)
    assert (full.reader, empty.reader) == tuple(readers)
    assert full.state & (ReaderStateFlag.PRESENT | ReaderStateFlag.EMPTY) == ReaderStateFlag.PRESENT
    assert empty.state & (ReaderStateFlag.PRESENT | ReaderStateFlag.EMPTY) == ReaderStateFlag.EMPTY


def test_errors_have_their_classes(context: Context, readers: list[str]) -> None:
    with pytest.raises(NoSmartCardError):
        context.attach(readers[1])
    with pytest.raises(UnknownReaderError):
        context.attach("Lesegerät 読取機 😀")


def test_raw_functions_return_codes(readers: list[str]) -> None:
    code, number = raw.SCardEstablishContext(2)
    assert code == 0
    code, handle, protocol = raw.SCardConnect(number, readers[0], ShareMode.SHARED, Protocol.ANY)
    assert (code, protocol) == (0, Protocol.T1)
    response = bytearray(6)
    assert raw.SCardTransmit(handle, protocol, READ_4, response) == (0, 6)
    assert response == ANSWER_4
    assert raw.SCardStatus(handle)[:2] == (0, readers[0])
    assert raw.SCardDisconnect(handle, Disposition.LEAVE) == 0
    assert raw.SCardReleaseContext(number) == 0
    assert raw.SCardReleaseContext(number) == 6


def test_windows_functions_are_called_if_the_library_has_them() -> None:
    code, event = raw.SCardAccessStartedEvent()
    assert (code, event != 0) == (0, True)
    assert raw.SCardReleaseStartedEvent() == 0
    functions = Library.default().info().functions
    assert "SCardListCards" in functions  # a stub, which ends the process
    assert "SCardCancelTransaction" not in functions
    with pytest.raises(UnsupportedFunctionError, match=r"^SCardCancelTransaction: "):
        raw.SCardCancelTransaction(1)


def test_a_missing_library_is_not_found() -> None:
    with pytest.raises(LibraryNotFoundError, match="no_such_library"):
        Library("no_such_library.dll")


BEHIND_A_SOCKET = """
import os, sys
os.environ["SCARDFFI_VIRTUAL"] = f"reader,name=R,listen={sys.argv[1]}"
from scardffi import Context, Library, ReaderStateFlag, virtual
from scardffi.virtual.vpcd import VpcdCard
class Card:
    atr = bytes.fromhex("3B80800101")
    def transmit(self, command):
        return command + bytes.fromhex("9000")
with Context(library=Library(virtual.library_path())) as context:
    states = context.get_status_change(["R"])
    with VpcdCard(Card(), int(sys.argv[1])):
        states = context.get_status_change(states, 10)
        card = context.attach("R")
        print(card.transmit(bytes(300)) == bytes(300) + bytes.fromhex("9000"))
    while not states[0].state & ReaderStateFlag.EMPTY:
        states = context.get_status_change(states, 10)
    print("gone")
    card.detach()
"""


def test_doctor_finds_nothing_wrong() -> None:
    code = "import sys; from scardffi.cli.main import main; sys.exit(main(['doctor', '--json']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(done.stdout)["findings"] == []
    assert done.returncode == 0


def test_doctor_has_found_the_stopped_service() -> None:
    """Wine's winscard.dll looks for the service only in the environment that Wine was started in, so run did that."""
    text = Path("/ifd/doctor").read_text(encoding="utf-8")
    assert "\nwindows-service-stopped\n" in text
    assert "SCardEstablishContext returned SCARD_E_NO_SERVICE" in text
    assert "next     sc.exe start SCardSvr" in text
    assert text.endswith("\n23\n")


def test_a_card_behind_a_socket_connects_and_disconnects() -> None:
    command = [sys.executable, "-c", BEHIND_A_SOCKET, str(free_port())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.split(), done.stderr) == (["True", "gone"], "")


def test_functions_that_only_windows_has_are_recorded(tmp_path: Path) -> None:
    file = tmp_path / "trace.pcapng"
    fake = Library(str(Path(__file__).with_name("fake_winscard.dll")))
    with trace.record(file, library=fake) as library:
        code, count = library.SCardGetTransmitCount(0xFEDCBA9876543210)
        assert code == 0
        assert library.SCardIntroduceReader(0x123456789A, "Lesegerät 読取機 😀", "device") == 0
        library.SCardWriteCache(0x123456789A, bytes(16), 1, "item", b"95173864")
    counted, introduced, cached = trace.read(file)
    assert counted.function == "SCardGetTransmitCount"
    assert counted.arguments == {"handle": 0xFEDCBA9876543210, "count": count}
    assert introduced.arguments == {"context": 0x123456789A, "reader": "Lesegerät 読取機 😀", "device": "device"}
    assert cached.arguments == {"context": 0x123456789A, "freshness": 1, "item": "item", "length": 8}


@pytest.mark.parametrize("destination", ["trace.pcapng", "-"])
def test_a_program_that_uses_scardffi_is_traced(destination: str, tmp_path: Path) -> None:
    code = "from scardffi import Context; import sys; print(Context().list_readers()); sys.exit(7)"
    command = ["trace", "--virtual", "-o", destination, "--", sys.executable, "-c", code]
    done = subprocess.run(
        [sys.executable, "-m", "scardffi", *command],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (7, f"[{virtual.DEFAULT_READER!r}]\n")
    if destination == "-":
        assert f'readers=["{virtual.DEFAULT_READER}"]' in done.stderr
    else:
        assert "SCardListReaders" in [record.function for record in trace.read(tmp_path / destination)]


def test_calls_of_wines_winscard_dll_are_recorded(tmp_path: Path) -> None:
    file = tmp_path / "trace.pcapng"
    with trace.record(file), Context() as context:
        names = context.list_readers()
        with context.attach(names[0]) as card:
            assert card.transmit(READ_4) == ANSWER_4
    records = list(trace.read(file))
    assert next(record for record in records if record.function == "SCardConnect").arguments["reader"] == names[0]
    (exchange,) = [record for record in records if record.function == "SCardTransmit"]
    assert (exchange.command, exchange.response) == (READ_4, ANSWER_4)


def access_entries(file: Path) -> list[str]:
    """Return the entries of a file's access control list, without that of the system."""
    descriptor, text, dacl = ctypes.create_string_buffer(1000), ctypes.c_wchar_p(), 4
    security = ctypes.WinDLL("advapi32")  # type: ignore[attr-defined]  # only on Windows
    assert security.GetFileSecurityW(str(file), dacl, descriptor, 1000, byref(wintypes.DWORD()))
    convert = security.ConvertSecurityDescriptorToStringSecurityDescriptorW
    assert convert(descriptor, 1, dacl, byref(text), None)
    return [entry for entry in (text.value or "").split("(")[1:] if not entry.endswith(";;;SY)")]


def test_only_the_user_may_read_a_trace(tmp_path: Path) -> None:
    file, other = tmp_path / "trace.pcapng", tmp_path / "other"
    other.touch()
    with trace.record(file):
        pass
    assert len(access_entries(file)) == 1
    assert len(access_entries(other)) > 1
