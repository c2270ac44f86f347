"""The counterpart of each method of ISCardManage and the related interfaces, in the order of Microsoft's documents.

Every test runs on a card with files in the virtual library, and on the same card in a real pcscd with vpcd.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import TYPE_CHECKING

import pytest
from conftest import Place
from support import vicc
from support.requirements import need
from support.shape import PLACES

from scardffi import (
    CardState,
    Context,
    Disposition,
    InvalidArgumentError,
    InvalidHandleError,
    Library,
    NotTransactedError,
    Protocol,
    ResetCardError,
    SCardManage,
    ShareMode,
    UnexpectedStateError,
    UnknownReaderError,
    virtual,
)
from scardffi.errors import E_INVALIDARG
from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.command import Command
from scardffi.iso7816.instructions import FileInformation, SelectBy
from scardffi.iso7816.response import Response
from scardffi.iso7816.status_word import (
    AuthenticationBlockedError,
    CardFileNotFoundError,
    SecurityStatusNotSatisfiedError,
    StatusError,
    VerificationFailedError,
)
from scardffi.services.card_auth import CardAuth, WrongProofError
from scardffi.services.ch_verification import CHVerification
from scardffi.services.file_access import FileAccess
from scardffi.services.file_properties import FileKind, FileProperties
from scardffi.services.file_reference import FileRef
from scardffi.virtual.file_system import DF, Code, FileSystemCard, Key, RecordEF, TransparentEF
from scardffi.virtual.vpcd import VpcdCard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.pcscd import PrivatePcscd
    from typing_extensions import Buffer

    from scardffi.services.file_reference import Reference

READER = "Reader of ISCardManage"
AID = bytes.fromhex("A000000001")
KEY = b"a key of the whole card"
PIN, PUK = b"1234", b"87654321"


class HmacProof:
    """The algorithm for the card's key."""

    reference = 0
    challenge_length = 8

    def __init__(self, key: bytes = KEY) -> None:
        self._key = key

    def prove(self, challenge: bytes) -> bytes:
        """Return the beginning of the challenge's HMAC."""
        return hmac.digest(self._key, challenge, hashlib.sha256)[:8]

    def check(self, challenge: bytes, proof: bytes) -> bool:
        """Return True if the proof is right."""
        return hmac.compare_digest(self.prove(challenge), proof)


def make_card() -> FileSystemCard:
    application = DF(
        0x5000,
        [
            TransparentEF(0x5001, bytes(range(32)), short_id=1, access={"update": [0x81]}),
            RecordEF(0x5002, [b"\1abc", b"\2def"], capacity=4, short_id=2),
        ],
        name=AID,
        references=[Code(0x81, b"9876")],
    )
    mf = DF(
        files=[application, TransparentEF(0x2F05, b"of the card")],
        references=[Code(1, PIN, resetting_code=2), Code(2, PUK), Key(3, KEY, "hmac")],
        data={0x0101: b"a data object"},
    )
    return FileSystemCard(mf, algorithms={"hmac": lambda key, challenge: HmacProof(key).prove(challenge)})


class NewCard:
    """A card with files that can be replaced by a new one for each test."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Replace the card by a new one."""
        self._card = make_card()
        self.atr, self.transmit, self.reset = self._card.atr, self._card.transmit, self._card.reset


@pytest.fixture(scope="module", params=PLACES)
def place_and_card(request: pytest.FixtureRequest) -> Iterator[tuple[Place, NewCard]]:
    """The card in a reader of the virtual library, then in one of a real pcscd."""
    card = NewCard()
    if request.param == "virtual":
        with virtual.VirtualReader(READER, card):
            yield Place(Library(virtual.library_path()), READER), card
        return
    daemon: PrivatePcscd = request.getfixturevalue("daemon")
    port: int = request.getfixturevalue("vpcd_port")
    reader = daemon.vpcd_reader(port, 1)
    with VpcdCard(card, port + 1):
        daemon.wait_for_card(reader)
        yield Place(Library("libpcsclite.so.1"), reader), card
    daemon.wait_for_card(reader, present=False)


@pytest.fixture
def place(place_and_card: tuple[Place, NewCard]) -> Place:
    place, card = place_and_card
    card.renew()
    return place


@pytest.fixture
def card(place: Place) -> Iterator[SCardManage]:
    with SCardManage(place.library).attach_by_ifd(place.reader) as card:
        yield card


def sw(card: SCardManage, command: Command) -> int:
    return Response(card.transmit(command.encode())).sw


# ISCardManage


def test_attach_by_handle(card: SCardManage, place: Place) -> None:
    with SCardManage(place.library).attach_by_handle(card.handle) as other:
        assert other.handle == card.handle
        assert len(other.create_card_auth().get_challenge()) == 8
    assert card.is_attached
    with pytest.raises(InvalidHandleError) as caught:
        SCardManage(place.library).attach_by_handle(card.handle ^ 0x5A5A)
    assert caught.value.hresult == E_INVALIDARG


def test_attach_by_ifd(place: Place) -> None:
    card = SCardManage(place.library)
    with pytest.raises(UnknownReaderError):
        card.attach_by_ifd("no such reader")
    with card.attach_by_ifd(place.reader):
        assert card.atr == make_card().atr


def test_detach(card: SCardManage) -> None:
    card.detach()
    assert not card.is_attached
    with pytest.raises(UnexpectedStateError):
        card.detach()


def test_reconnect(card: SCardManage) -> None:
    assert sw(card, iso.verify(PIN, 1)) == 0x9000
    card.reconnect(initialization=Disposition.RESET)
    assert sw(card, iso.verify(b"", 1)) == 0x63C3, "the verification is still valid"


def test_scard_lock_and_scard_unlock(card: SCardManage, place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as other:
        card.lock()
        with pytest.raises(TimeoutError):
            other.lock(timeout=0)
        card.unlock()
        other.lock(timeout=1)
        other.unlock(Disposition.RESET)
        with pytest.raises(ResetCardError):
            card.status()
        card.reconnect()
        other.reconnect()
    with pytest.raises(NotTransactedError):
        card.unlock()
    with pytest.raises(InvalidArgumentError):
        card.unlock(17)


def test_status(card: SCardManage, place: Place) -> None:
    status = card.status()
    assert (status.reader, status.protocol, status.atr) == (place.reader, Protocol.T1, make_card().atr)
    assert CardState.PRESENT in status.state


def test_create_card_auth(card: SCardManage) -> None:
    assert isinstance(card.create_card_auth(), CardAuth)


def test_create_ch_verification(card: SCardManage) -> None:
    assert isinstance(card.create_ch_verification(), CHVerification)
    with pytest.raises(ValueError, match="padding"):
        card.create_ch_verification(padding="zeros")


def test_create_file_access(card: SCardManage) -> None:
    assert isinstance(card.create_file_access(), FileAccess)


def test_create_interface(card: SCardManage) -> None:
    assert isinstance(card.create_interface("CardAuth"), CardAuth)
    with pytest.raises(InvalidArgumentError, match="'CryptoProvider' is not allowed; give one of CardAuth") as caught:
        card.create_interface("CryptoProvider")
    assert caught.value.hresult == E_INVALIDARG


# ISCardAuth


def test_app_auth(card: SCardManage) -> None:
    card.create_card_auth().app_auth(HmacProof(), 3)
    assert sw(card, iso.external_authenticate(b"", 0, 3)) == 0x9000, "authenticated"
    with pytest.raises(VerificationFailedError) as caught:
        card.create_card_auth().app_auth(HmacProof(b"another key"), 3)
    assert caught.value.tries_left == 14


def test_user_auth(card: SCardManage) -> None:
    card.create_card_auth().user_auth(PIN, 1)
    assert sw(card, iso.verify(b"", 1)) == 0x9000, "verified"


def test_icc_auth(card: SCardManage) -> None:
    challenge = bytes(8)
    assert card.create_card_auth().icc_auth(HmacProof(), 3, challenge=challenge) == HmacProof().prove(challenge)
    with pytest.raises(WrongProofError):
        card.create_card_auth().icc_auth(HmacProof(b"another key"), 3)


def test_get_challenge(card: SCardManage) -> None:
    auth = card.create_card_auth()
    assert len(auth.get_challenge(16)) == 16
    assert auth.get_challenge() != auth.get_challenge()


# ISCardVerify


def test_verify_with_global_and_local_references(card: SCardManage) -> None:
    codes = card.create_ch_verification()
    with pytest.raises(VerificationFailedError) as caught:
        codes.verify("0000", 1)
    assert caught.value.tries_left == codes.tries_left(1) == 2
    codes.verify(bytearray(PIN), 1)
    card.create_file_access().change_dir(AID)
    codes.verify("9876", 1, local=True)
    assert codes.tries_left(1, local=True) is None, "verified"


def test_change_code(card: SCardManage) -> None:
    codes = card.create_ch_verification()
    codes.change_code(PIN, "55555", 1)
    codes.verify("55555", 1)


def test_unblock(card: SCardManage) -> None:
    codes = card.create_ch_verification()
    for tries_left in (2, 1, 0):
        with pytest.raises(VerificationFailedError) as caught:
            codes.verify("0000", 1)
        assert caught.value.tries_left == tries_left
    with pytest.raises(AuthenticationBlockedError):
        codes.verify(PIN, 1)
    codes.unblock(PUK, "5555", 1)
    assert codes.tries_left(1) == 3
    codes.verify("5555", 1)


def test_reset_security_state(card: SCardManage) -> None:
    codes = card.create_ch_verification()
    codes.verify(PIN, 1)
    codes.reset_security_state()
    assert codes.tries_left(1) == 3, "not verified any more"


def test_enable_and_disable_the_requirement(card: SCardManage) -> None:
    files, codes = card.create_file_access(), card.create_ch_verification()
    file = files.open("/5000/5001", "r+b")
    with pytest.raises(SecurityStatusNotSatisfiedError):
        file.write(b"new")
    codes.disable("9876", 1, local=True)
    assert file.write(b"new") == 3
    codes.enable("9876", 1, local=True)
    file.seek(0)
    with pytest.raises(SecurityStatusNotSatisfiedError):
        file.write(b"old")


# ISCardFileAccess


def test_change_dir_and_get_current_dir(card: SCardManage) -> None:
    files = card.create_file_access()
    assert files.current_dir == "3F00"
    files.change_dir(0x5000)
    assert files.current_dir == "3F00/5000"
    files.change_dir("..")
    assert files.current_dir == "3F00"
    with pytest.raises(CardFileNotFoundError):
        files.change_dir(0x6000)
    assert files.current_dir == "3F00"


def test_directory_by_file_type(card: SCardManage) -> None:
    files = card.create_file_access()
    assert [entry.name for entry in files.directory(FileKind.DF)] == [AID]
    files.change_dir(AID)
    entries = files.directory(probe=range(0x5000, 0x5010))
    assert {(entry.file_id, entry.short_id) for entry in entries} == {(0x5001, 1), (0x5002, 2)}
    assert [entry.file_id for entry in files.directory(FileKind.LINEAR_FIXED)] == [0x5002]


@pytest.mark.parametrize(
    "reference",
    [FileRef.by_short_id(1), 0x5001, "5001", "/5000/5001", FileRef.by_id(0x5001), FileRef.by_path("3F00/5000/5001")],
    ids=str,
)
def test_open_read_seek_and_close_by_every_reference(reference: Reference, card: SCardManage) -> None:
    files = card.create_file_access()
    files.change_dir(FileRef.by_name(AID))
    with files.open(reference) as file:
        assert file.read(4) == b"\0\1\2\3"
        assert file.seek(-2, os.SEEK_END) == 30
        assert file.read() == b"\x1e\x1f"
        assert file.seek(8) == 8
        assert file.seek(2, os.SEEK_CUR) == 10
        assert file.read(1) == b"\x0a"
    assert file.closed


def test_write(card: SCardManage) -> None:
    card.create_file_access().change_dir(AID)
    card.create_ch_verification().verify("9876", 1, local=True)
    files = card.create_file_access()
    with files.open("/5000/5001", "r+b") as file:
        assert file.write(b"new") == 3
    with files.open("/5000/5001") as file:
        assert file.read(5) == b"new\3\4"


def test_the_records_of_a_file(card: SCardManage) -> None:
    records = card.create_file_access().records("/5000/5002")
    assert list(records) == [b"\1abc", b"\2def"]
    records.append(b"\3ghi")
    records[0] = b"\4jkl"
    assert records[:] == [b"\4jkl", b"\2def", b"\3ghi"]


def test_create_and_delete(card: SCardManage) -> None:
    files = card.create_file_access()
    reference = files.create(kind=FileKind.TRANSPARENT, file_id=0x6001, size=8, short_id=6)
    with files.open(reference, "r+b") as file:
        file.write(b"contents")
    assert files.open(FileRef.by_short_id(6)).read() == b"contents"
    files.delete(reference)
    with pytest.raises(CardFileNotFoundError):
        files.open(0x6001)


def test_get_file_capabilities(card: SCardManage) -> None:
    capabilities = card.create_file_access().capabilities()
    assert capabilities.chaining
    assert capabilities.extended_length


def test_get_properties_and_set_properties(card: SCardManage) -> None:
    files = card.create_file_access()
    properties = files.properties("/5000/5001")
    assert (properties.kind, properties.file_id, properties.size) == (FileKind.TRANSPARENT, 0x5001, 32)
    assert (properties.short_id, properties.is_active) == (1, True)
    files.set_properties(0x2F05, short_id=9)
    assert files.properties(0x2F05).short_id == 9


def test_invalidate_and_rehabilitate(card: SCardManage) -> None:
    files = card.create_file_access()
    files.invalidate(0x2F05)
    assert not files.properties(0x2F05).is_active
    with pytest.raises(StatusError):
        files.open(0x2F05).read()
    files.rehabilitate(0x2F05)
    assert files.open(0x2F05).read() == b"of the card"


def test_the_flag_for_secure_messaging(card: SCardManage) -> None:
    class Secured:
        """A transmitter as for secure messaging, which counts the commands."""

        atr = card.atr

        def transmit(self, command: Buffer, /) -> bytes:
            """Count and send the command."""
            wrapped.append(len(memoryview(command)))
            return card.transmit(command)

    wrapped: list[int] = []
    assert FileAccess(Secured()).open(0x2F05).read() == b"of the card"
    assert len(wrapped) >= 2


# ISCard


def test_iscard_attach_by_reader_and_detach(place: Place) -> None:
    with Context(library=place.library) as context:
        card = context.attach(place.reader, ShareMode.EXCLUSIVE, Protocol.T1)
        assert card.protocol == Protocol.T1
        card.detach(Disposition.RESET)


def test_iscard_reattach(card: SCardManage) -> None:
    card.reconnect(ShareMode.EXCLUSIVE, Protocol.T1)
    assert card.protocol == Protocol.T1


def test_iscard_lock_scard_and_unlock_scard(card: SCardManage) -> None:
    card.lock()
    card.unlock(Disposition.LEAVE)


def test_iscard_transaction(card: SCardManage) -> None:
    assert card.transmit(iso.get_challenge(8).encode())[-2:] == b"\x90\x00"


def test_iscard_properties(card: SCardManage) -> None:
    assert card.atr == make_card().atr
    assert card.protocol == Protocol.T1
    assert card.handle == int(card.handle)
    assert CardState.PRESENT in card.status().state
    card.detach()
    with pytest.raises(UnexpectedStateError):
        _ = card.handle


def test_iscard_context(place: Place) -> None:
    with Context(library=place.library) as context:
        assert context.is_valid()
        assert isinstance(context.handle, int)


# ISCardCmd


def test_build_cmd_and_the_properties_of_a_command(card: SCardManage) -> None:
    command = Command(0x00, 0xA4, 0x04, 0x0C, AID)
    assert (command.cla, command.ins, command.p1, command.p2) == (0x00, 0xA4, 0x04, 0x0C)
    assert (command.data, command.le, bytes(command)) == (AID, None, bytes.fromhex("00A4040C05A000000001"))
    reply = Response(card.transmit(command.encode()))
    assert (reply.data, reply.sw, reply.sw >> 8, reply.sw & 0xFF) == (b"", 0x9000, 0x90, 0x00)


def test_encapsulate() -> None:
    inner = iso.read_binary(0, 300)
    assert Command.decode(bytes(iso.envelope(bytes(inner)))).data == bytes(inner)


# ISCardISO7816


SELECT = iso.select_file(AID, SelectBy.DF_NAME, information=FileInformation.NONE)


def answers(card: SCardManage, *commands: Command) -> list[bytes]:
    return [card.transmit(command.encode()) for command in commands]


def test_append_record_read_record_update_record_write_record(card: SCardManage) -> None:
    done = answers(
        card,
        SELECT,
        iso.append_record(b"\3ghi", short_id=2),
        iso.update_record(1, b"\4jkl", short_id=2),
        iso.write_record(2, b"\0\0\0\1", short_id=2),
        iso.read_record(1, short_id=2),
        iso.read_record(2, short_id=2),
        iso.read_record(3, short_id=2),
    )
    assert done == [b"\x90\x00"] * 4 + [b"\4jkl\x90\x00", b"\2deg\x90\x00", b"\3ghi\x90\x00"]


def test_erase_binary_read_binary_update_binary_write_binary(card: SCardManage) -> None:
    done = answers(
        card,
        SELECT,
        iso.verify(b"9876", 0x81),
        iso.update_binary(0, b"\x70\x71\x72", short_id=1),
        iso.write_binary(1, b"\x0f", short_id=1),
        iso.erase_binary(2, 4),
        iso.read_binary(0, 6, short_id=1),
    )
    assert done == [b"\x90\x00"] * 5 + [b"\x70\x7f\0\0\x04\x05\x90\x00"]


def test_external_authenticate_and_internal_authenticate(card: SCardManage) -> None:
    (challenge,) = answers(card, iso.get_challenge(8))
    proof = HmacProof().prove(challenge[:-2])
    assert answers(card, iso.external_authenticate(proof, 0, 3)) == [b"\x90\x00"]
    assert answers(card, iso.internal_authenticate(bytes(8), 0, 3)) == [HmacProof().prove(bytes(8)) + b"\x90\x00"]


def test_get_data_and_put_data(card: SCardManage) -> None:
    done = answers(card, iso.put_data(0x0102, b"new"), iso.get_data(0x0102), iso.get_data(0x0101))
    assert done == [b"\x90\x00", b"new\x90\x00", b"a data object\x90\x00"]


def test_get_response(card: SCardManage) -> None:
    done = answers(card, SELECT, iso.read_binary(0, 4, short_id=1), iso.get_response())
    assert done[1:] == [b"\0\1\2\3\x90\x00", b"\x69\x85"]


def test_manage_channel(card: SCardManage) -> None:
    assert sw(card, iso.manage_channel()) == 0x6D00, "this card has only one channel"
    assert iso.manage_channel(2, close=True) == Command(0, 0x70, 0x80, 2)


def test_select_file_and_set_default_class_id(card: SCardManage) -> None:
    assert answers(card, iso.select_file(b"\x2f\x05", information=FileInformation.NONE)) == [b"\x90\x00"]
    assert sw(card, iso.select_file(AID, SelectBy.DF_NAME, cla=0x01)) == 0x6881, "the class byte is an argument"


def test_verify(card: SCardManage) -> None:
    assert sw(card, iso.verify(b"0000", 1)) == 0x63C2
    assert sw(card, iso.verify(PIN, 1)) == 0x9000


# On vicc, as far as it supports the methods


@pytest.fixture(scope="module")
def vicc_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A card from outside this project, in a real pcscd."""
    if "pcscd" not in PLACES:
        pytest.skip("vicc needs a pcscd, whose library has another shape than this build")
    need([reason] if (reason := vicc.unavailable_reason()) else [])
    daemon: PrivatePcscd = request.getfixturevalue("daemon")
    port: int = request.getfixturevalue("vpcd_port")
    reader = daemon.vpcd_reader(port)
    with vicc.Vicc(port, tmp_path_factory.mktemp("vicc")):
        daemon.wait_for_card(reader)
        yield Place(Library("libpcsclite.so.1"), reader)
    daemon.wait_for_card(reader, present=False)


@pytest.fixture
def foreign(vicc_place: Place) -> Iterator[SCardManage]:
    with SCardManage(vicc_place.library).attach_by_ifd(vicc_place.reader) as card:
        yield card


def test_vicc_is_attached_to_locked_and_reconnected(foreign: SCardManage, vicc_place: Place) -> None:
    with SCardManage(vicc_place.library).attach_by_handle(foreign.handle, share_mode=ShareMode.SHARED) as other:
        with other.transaction():
            assert other.status().reader == vicc_place.reader
        other.reconnect()
    assert CardState.PRESENT in foreign.status().state


def test_vicc_gives_challenges_and_refuses_a_wrong_key(foreign: SCardManage) -> None:
    auth = foreign.create_interface("CardAuth")
    assert auth.get_challenge() != auth.get_challenge()
    with pytest.raises(WrongProofError):
        auth.icc_auth(HmacProof())
    with pytest.raises(VerificationFailedError):
        auth.app_auth(HmacProof())


def test_vicc_verifies_its_code(foreign: SCardManage) -> None:
    codes = foreign.create_ch_verification()
    with pytest.raises(VerificationFailedError) as caught:
        codes.verify("0000")
    assert caught.value.tries_left is None, "vicc answers 6300"
    codes.verify("1234")
    foreign.create_card_auth().user_auth(b"1234")


def test_vicc_has_a_file_created_read_and_deleted(foreign: SCardManage) -> None:
    """Use the commands directly, because a SELECT that asks for file control parameters ends this version of vicc."""
    parameters = FileProperties(kind=FileKind.TRANSPARENT, file_id=0x5001, size=32, short_id=1)
    created = [sw(foreign, iso.create_file(parameters.encode()))]
    select = iso.select_file(b"\x50\x01", SelectBy.CHILD_EF, information=FileInformation.NONE)
    assert [*created, sw(foreign, select)] == [0x9000, 0x9000]
    assert foreign.read_binary_into(content := bytearray(32)) == 32
    assert content == bytes(32)
    assert foreign.transmit(iso.read_binary(0, 4, short_id=1).encode()) == b"\0\0\0\0\x90\x00"
    assert sw(foreign, iso.delete_file(b"\x50\x01", SelectBy.CHILD_EF)) == 0x9000
    assert sw(foreign, select) == 0x6A82
