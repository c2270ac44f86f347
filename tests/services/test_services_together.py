"""Several services of one card: each has its own selection and its own answers, and none keeps the card alive."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import TYPE_CHECKING

import pytest
from support.cards import AID, READER, Reversal, ScriptedCard, in_reader

from scardffi import Disposition, Library, SCardManage, virtual
from scardffi.iso7816.command import Command
from scardffi.iso7816.status_word import SecurityStatusNotSatisfiedError, StatusError
from scardffi.services.card_auth import CardAuth
from scardffi.services.file_access import FileAccess
from scardffi.virtual.file_system import DF, NEVER, Code, FileSystemCard, Key, TransparentEF

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer


def make_card() -> FileSystemCard:
    application = DF(
        0x5000,
        [
            TransparentEF(0x5001, b"of the application"),
            TransparentEF(0x5002, b"another one"),
            TransparentEF(0x5003, b"closed", access={"read": NEVER}),
        ],
        name=AID,
    )
    mf = DF(
        files=[application, TransparentEF(0x5001, b"of the card")],
        references=[Key(3, b"key", "reversal"), Code(1, b"1234")],
    )
    return FileSystemCard(mf, algorithms={"reversal": lambda _, challenge: challenge[::-1]})


@pytest.fixture
def card() -> Iterator[SCardManage]:
    with in_reader(make_card()) as card:
        yield card


def test_each_service_reads_its_own_file(card: SCardManage) -> None:
    first, second, third = card.create_file_access(), card.create_file_access(), FileAccess(card)
    first.change_dir(AID)
    file = first.open(0x5001)
    assert second.open(0x5001).read() == b"of the card"
    assert file.read(6) == b"of the"
    assert third.open("/5000/5002").read() == b"another one"
    assert file.read() == b" application"


def test_threads_read_their_own_files(card: SCardManage) -> None:
    wrong: list[bytes] = []

    def read(path: str, content: bytes) -> None:
        files = card.create_file_access()
        for _ in range(200):
            found = files.open(path).read()
            if found != content:
                wrong.append(found)

    jobs = [("5001", b"of the card"), ("/5000/5001", b"of the application"), ("/5000/5002", b"another one")]
    threads = [threading.Thread(target=read, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("shared", [True, False])
def test_each_thread_proves_its_own_challenge(shared: bool, card: SCardManage) -> None:
    failures: list[StatusError] = []
    one = card.create_card_auth()

    def prove() -> None:
        auth = one if shared else card.create_card_auth()
        for _ in range(100):
            try:
                auth.app_auth(Reversal(), 3)
                auth.icc_auth(Reversal(), 3)
            except StatusError as error:
                failures.append(error)

    threads = [threading.Thread(target=prove) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize("way", ["reconnect", "unlock"])
def test_after_a_reset_through_the_object_each_file_is_selected_again(way: str, card: SCardManage) -> None:
    files = card.create_file_access()
    files.change_dir(AID)
    file = files.open(0x5001, "r+b")
    if way == "unlock":
        card.lock()
        card.unlock(Disposition.RESET)
    card.reconnect(initialization=Disposition.RESET if way == "reconnect" else Disposition.LEAVE)
    assert file.read() == b"of the application"
    file.seek(0)
    assert file.write(b"OF") == 2
    assert files.open("/5001").read() == b"of the card"
    card.reconnect(initialization=Disposition.RESET)
    files.change_dir(AID)
    assert card.transmit(bytes.fromhex("00A4020C025002")) == b"\x90\x00", "the application is the current DF"


@pytest.mark.parametrize("reader", ["file", "all of a file", "code"])
def test_an_error_of_a_service_keeps_no_card_alive(reader: str) -> None:
    library = Library(virtual.library_path())
    with virtual.VirtualReader(READER, make_card()):
        card = SCardManage(library).attach_by_ifd(READER)
        gc.collect()
        gc.disable()
        try:
            refuse(card, reader)
            card.detach()
            alive = weakref.ref(card)
            del card
            assert alive() is None
        finally:
            gc.enable()


def refuse(card: SCardManage, reader: str) -> None:
    """Send a command that the card refuses."""
    if reader == "code":
        codes = card.create_ch_verification()
        with pytest.raises(StatusError):
            codes.reset_security_state(9)
        return
    file = card.create_file_access().open("/5000/5003")
    with pytest.raises(SecurityStatusNotSatisfiedError):
        file.read() if reader == "all of a file" else file.readinto(bytearray(4))


def test_a_wrong_le_of_get_response_is_corrected() -> None:
    card = ScriptedCard("6108", "6C04", "010203049000")
    assert CardAuth(card).get_challenge(4) == b"\1\2\3\4"
    assert card.sent == ["0084000004", "00C0000008", "00C0000004"]


def test_a_file_of_an_application_named_mf_is_found_again() -> None:
    class Applet:
        """A card with an application whose FCI has the identifier 3F00."""

        atr = b""

        def __init__(self) -> None:
            self.selected: list[str] = []

        def transmit(self, command: Buffer, /) -> bytes:
            """Return the response."""
            ours = Command.decode(command)
            if ours.ins == 0xA4:
                self.selected.append(bytes(ours.data).hex().upper())
            by_name = ours.ins == 0xA4 and ours.p1 == 4
            return bytes.fromhex("6F07 820138 83023F00 9000" if by_name else "9000")

    card = Applet()
    files = FileAccess(card)
    files.change_dir(AID)
    assert files.current_dir == AID.hex().upper()
    files.forget_selection()
    files.open("5001")
    assert AID.hex().upper() in card.selected[1:]
