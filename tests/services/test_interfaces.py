"""Services by name and by UUID, services of other packages, and their errors after detach."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from support.cards import ScriptedCard

from scardffi import InvalidArgumentError, Protocol, SCardManage, Scope, ShareMode, UnexpectedStateError, lib, virtual
from scardffi.errors import E_INVALIDARG
from scardffi.services import interfaces
from scardffi.services.card_auth import CardAuth
from scardffi.services.ch_verification import CHVerification
from scardffi.services.file_access import FileAccess
from scardffi.services.interfaces import CARD_AUTH, CH_VERIFICATION, FILE_ACCESS, PIN_PAD, UnknownInterfaceError
from scardffi.services.pin_pad import PinPad

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READER = "scardffi Virtual Reader 0"
THEIRS = UUID("5f3f0b0e-5b3f-4ad8-9f0c-2a6f9d3f7a10")


class CardInAReader(ScriptedCard):
    """A transmitter whose reader has a method control, which these tests do not call."""

    control = print


@pytest.fixture
def card() -> Iterator[SCardManage]:
    with virtual.installed(), SCardManage().attach_by_ifd(READER) as card:
        yield card


@pytest.fixture
def their_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package with a service, a service that cannot be loaded, and one with the name of scardffi's."""
    (tmp_path / "their_package.py").write_text(
        "class Crypto:\n    def __init__(self, transmitter, data):\n        self.given = transmitter, data\n"
    )
    metadata = tmp_path / "their_package-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[scardffi.interfaces]\n"
        "CryptoProvider = their_package:Crypto\n"
        f"{THEIRS} = their_package:Crypto\n"
        "Broken = no_such_module:Nothing\n"
        "CardAuth = no_such_module:Nothing\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield
    sys.modules.pop("their_package", None)


@pytest.mark.parametrize("id_or_name", ["CardAuth", CARD_AUTH, str(CARD_AUTH), f"{{{CARD_AUTH}}}".upper()])
def test_the_services_of_the_package_are_found_by_name_and_by_uuid(id_or_name: str | UUID, card: SCardManage) -> None:
    service = card.create_interface(id_or_name)
    assert isinstance(service, CardAuth)
    assert len(service.get_challenge()) == 8


@pytest.mark.parametrize(
    ("name", "uuid", "service"),
    [
        ("CardAuth", CARD_AUTH, CardAuth),
        ("CHVerification", CH_VERIFICATION, CHVerification),
        ("FileAccess", FILE_ACCESS, FileAccess),
        ("PinPad", PIN_PAD, PinPad),
    ],
)
def test_every_service_of_the_package_is_found(name: str, uuid: UUID, service: type) -> None:
    card = CardInAReader()
    assert type(interfaces.create(name, card)) is type(interfaces.create(uuid, card)) is service
    assert name in interfaces.names()


def test_services_take_their_keyword_arguments() -> None:
    card = ScriptedCard("00" * 8 + "9000")
    interfaces.create("CardAuth", card, {"cla": 0x80}).get_challenge()
    assert card.sent == ["8084000008"]


@pytest.mark.usefixtures("their_package")
@pytest.mark.parametrize("id_or_name", ["CryptoProvider", THEIRS, str(THEIRS).upper()])
def test_services_of_other_packages_are_found_and_get_the_callers_data(
    id_or_name: str | UUID, card: SCardManage
) -> None:
    transmitter, data = card.create_interface(id_or_name, "their data").given
    assert data == "their data"
    assert transmitter.transmit(bytes.fromhex("0084000004"))[-2:] == b"\x90\x00"


@pytest.mark.usefixtures("their_package")
def test_no_other_package_can_replace_a_service_and_a_broken_one_raises(card: SCardManage) -> None:
    assert isinstance(card.create_interface("CardAuth"), CardAuth)
    with pytest.raises(ModuleNotFoundError):
        card.create_interface("Broken")


@pytest.mark.usefixtures("their_package")
@pytest.mark.parametrize("id_or_name", ["cardauth", "", "Nothing", UUID(int=1), "\0"])
def test_an_unknown_service_is_an_invalid_argument_and_the_error_names_all(
    id_or_name: str | UUID, card: SCardManage
) -> None:
    with pytest.raises(InvalidArgumentError, match=r"CardAuth, .*Broken, CryptoProvider") as caught:
        card.create_interface(id_or_name)
    assert caught.value.hresult == E_INVALIDARG
    assert repr(str(id_or_name)) in str(caught.value)
    with pytest.raises(UnknownInterfaceError):
        interfaces.create(id_or_name, ScriptedCard())


@pytest.mark.parametrize("id_or_name", [None, 5, b"CardAuth"])
def test_a_name_of_a_wrong_type_is_a_type_error(id_or_name: object, card: SCardManage) -> None:
    with pytest.raises(TypeError, match="id_or_name: expected a UUID or a name"):
        card.create_interface(id_or_name)  # type: ignore[arg-type]  # the test passes a wrong type


def test_no_service_is_created_without_a_card() -> None:
    with virtual.installed():
        card = SCardManage()
    creators = card.create_card_auth, card.create_ch_verification, card.create_file_access
    for create in (*creators, lambda: card.create_interface("CardAuth")):
        with pytest.raises(UnexpectedStateError, match="not attached"):
            create()


def test_after_detach_a_service_refuses_even_if_another_card_is_attached(card: SCardManage) -> None:
    auth = card.create_card_auth()
    other = card.create_card_auth(cla=0)
    assert auth.get_challenge() != other.get_challenge()
    card.detach()
    with pytest.raises(UnexpectedStateError, match="create a new service"):
        auth.get_challenge()
    card.attach_by_ifd(READER)
    with pytest.raises(UnexpectedStateError, match="create a new service"):
        auth.get_challenge()
    assert len(card.create_card_auth().get_challenge()) == 8


def test_detach_ends_a_service_of_an_attach_that_ctrl_c_interrupted(card: SCardManage) -> None:
    card.detach()
    lib.manage_attach_by_ifd(
        card.native, Scope.SYSTEM, READER.encode(), ShareMode.SHARED, Protocol.ANY
    )  # the part in C
    auth = card.create_card_auth()
    assert len(auth.get_challenge()) == 8
    card.detach()
    with pytest.raises(UnexpectedStateError, match="create a new service"):
        auth.get_challenge()


def test_a_service_works_after_a_reconnect(card: SCardManage) -> None:
    auth = card.create_card_auth()
    card.reconnect()
    assert len(auth.get_challenge()) == 8
