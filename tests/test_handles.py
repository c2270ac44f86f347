"""Attach by handle: the forms of a handle, its owner, and refusals."""

import ctypes
import gc
import operator
import re
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress

import cffi
import pytest
from conftest import Place
from support.commands import ANSWER_4, READ_4
from support.pcscd import PrivatePcscd
from support.shape import MACOS, NO_SUCH_HANDLE, WINDOWS

from scardffi import (
    Attribute,
    Disposition,
    Flow,
    InvalidArgumentError,
    InvalidHandleError,
    RemovedCardError,
    ResetCardError,
    ReturnCode,
    SCardManage,
    Script,
    ShareMode,
    SharingViolationError,
    UnexpectedStateError,
    control_code,
    ffi,
    lib,
)

E_INVALIDARG = 0x80070057
E_UNEXPECTED = 0x8000FFFF


@pytest.fixture
def owner(place: Place) -> Iterator[SCardManage]:
    """The connection that opened the handle."""
    with SCardManage(place.library).attach_by_ifd(place.reader) as card:
        yield card


class Indexable:
    """An object with __index__."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


def pointer_to(value: int) -> object:
    return ffi.new("SCARDHANDLE *", value)


def pointer_of_another_cffi_module(value: int) -> object:
    return cffi.FFI().new("int32_t *" if MACOS else "long *", value)


def integer_cdata(value: int) -> object:
    return ffi.cast("SCARDHANDLE", value)


FORMS = [
    int,
    Indexable,
    integer_cdata,
    pointer_to,
    *(
        [] if WINDOWS else [pointer_of_another_cffi_module, ctypes.c_long]
    ),  # on Windows a C long has fewer bits than a handle
    *(
        [] if MACOS else [ctypes.c_ulonglong, ctypes.c_void_p]
    ),  # a negative number of 32 bits becomes another number in wider types
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_handle_in_any_form_is_attached_and_stays_open_after_detach(form: type, owner: SCardManage) -> None:
    handle = owner.handle
    with SCardManage(owner.library).attach_by_handle(form(handle)) as card:
        assert card.handle == handle
        assert type(card.handle) is int
        assert card.transmit(READ_4) == ANSWER_4
    assert owner.transmit(READ_4) == ANSWER_4


def test_attaching_to_a_manage_object_uses_its_handle_and_keeps_it_alive(place: Place) -> None:
    source = SCardManage(place.library).attach_by_ifd(place.reader)
    alive = weakref.ref(source)
    card = SCardManage(place.library).attach_by_handle(source)
    handle = source.handle
    del source
    gc.collect()
    assert alive() is not None
    assert card.transmit(READ_4) == ANSWER_4
    last = alive()
    assert last is not None
    card.detach()
    last.detach()
    with pytest.raises(InvalidHandleError):
        card.attach_by_handle(handle)


def test_a_manage_object_of_another_library_is_refused(virtual_place: Place, daemon: PrivatePcscd) -> None:
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as other:
        with pytest.raises(InvalidArgumentError, match=r"handle: .* uses the same PC/SC library"):
            SCardManage().attach_by_handle(other)
        assert other.transmit(READ_4) == ANSWER_4
    assert daemon.socket.exists()


def test_a_handle_of_pyscard_is_used_by_both(daemon: PrivatePcscd) -> None:
    from smartcard import scard

    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    assert code == 0
    code, handle, protocol = scard.SCardConnect(
        context, daemon.ifd_reader(1), scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_ANY
    )
    assert code == 0
    with SCardManage().attach_by_handle(handle) as card:
        assert card.transmit(READ_4) == ANSWER_4
        assert card.status().reader == daemon.ifd_reader(1)
    assert scard.SCardTransmit(handle, protocol, list(READ_4)) == [0, list(ANSWER_4)]
    assert scard.SCardDisconnect(handle, scard.SCARD_LEAVE_CARD) == 0
    scard.SCardReleaseContext(context)


def test_attaching_to_a_connection_of_pyscard_keeps_it_alive(daemon: PrivatePcscd) -> None:
    from smartcard.System import readers

    reader = next(one for one in readers() if one.name == daemon.ifd_reader(1))
    connection = reader.createConnection()
    connection.connect()
    alive = weakref.ref(connection.component)
    card = SCardManage().attach_by_handle(connection)
    del connection
    gc.collect()
    assert alive() is not None
    assert card.transmit(READ_4) == ANSWER_4
    still = alive()
    assert still is not None
    assert still.transmit(list(READ_4)) == ([0, 1, 2, 3], 0x90, 0)
    del still
    card.detach()
    gc.collect()
    assert alive() is None


def test_an_unconnected_connection_of_pyscard_is_refused(daemon: PrivatePcscd) -> None:
    from smartcard.System import readers

    reader = next(one for one in readers() if one.name == daemon.ifd_reader(1))
    with pytest.raises(InvalidArgumentError, match="the hcard of this one is None"):
        SCardManage().attach_by_handle(reader.createConnection())


@pytest.mark.parametrize("number", [0, -1, 12345, 2**70, -(2**70)])
def test_a_wrong_handle_number_is_an_invalid_argument(number: int, place: Place) -> None:
    card = SCardManage(place.library)
    with pytest.raises(InvalidHandleError) as failure:
        card.attach_by_handle(number)
    assert failure.value.hresult == E_INVALIDARG
    assert isinstance(failure.value, ValueError)
    shown = number % 2**64 if WINDOWS and number == -1 else number  # on these platforms handles have no sign
    assert str(shown) in str(failure.value)
    assert failure.value.code == (NO_SUCH_HANDLE if abs(number) < 2**63 else None)
    assert not card.is_attached


def test_a_stale_handle_is_an_invalid_argument(owner: SCardManage) -> None:
    handle = owner.handle
    owner.detach()
    with pytest.raises(InvalidHandleError) as failure:
        owner.attach_by_handle(handle)
    assert (failure.value.hresult, failure.value.code) == (E_INVALIDARG, NO_SUCH_HANDLE)


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        "1",
        b"1",
        None,
        True,
        object(),
        ctypes.c_char(b"1"),
        ctypes.c_bool(True),
        ctypes.c_double(1),
        ctypes.pointer(ctypes.c_char(b"1")),
        ctypes.pointer(ctypes.c_bool(True)),
        ctypes.pointer(ctypes.c_double(1)),
        ctypes.pointer(ctypes.pointer(ctypes.c_long(1))),
        ctypes.byref(ctypes.c_double(1)),
        ffi.new("char *"),
        ffi.new("double *"),
        ffi.new("unsigned char[]", 8),
        ffi.cast("_Bool", 1),
        ffi.cast("double", 1),
    ],
    ids=lambda value: re.sub("0x[0-9a-f]+", "0x", repr(value)),  # names that are the same in every process
)
def test_an_object_of_another_type_is_refused_with_the_arguments_name(value: object, virtual_place: Place) -> None:
    card = SCardManage(virtual_place.library)
    with pytest.raises(TypeError, match="handle: expected"):
        card.attach_by_handle(value)
    assert not card.is_attached


def test_a_null_pointer_is_refused(virtual_place: Place) -> None:
    with pytest.raises(InvalidArgumentError, match=r"handle: .* NULL"):
        SCardManage(virtual_place.library).attach_by_handle(ffi.cast("SCARDHANDLE *", 0))


def test_a_second_attach_is_refused_and_the_first_attachment_still_works(owner: SCardManage) -> None:
    with SCardManage(owner.library).attach_by_handle(owner) as card:
        again: Callable[[], object]
        for again in (lambda: card.attach_by_handle(owner.handle), lambda: card.attach_by_ifd("any")):
            with pytest.raises(UnexpectedStateError, match="already attached") as failure:
                again()
            assert failure.value.hresult == E_UNEXPECTED
            assert failure.value.code is None
        assert card.transmit(READ_4) == ANSWER_4


USES: list[Callable[[SCardManage], object]] = [
    lambda card: card.transmit(READ_4),
    lambda card: card.transmit_into(READ_4, bytearray(10)),
    operator.methodcaller("detach"),
    operator.methodcaller("reconnect", ShareMode.SHARED),
    operator.methodcaller("lock"),
    lambda card: card.lock(timeout=1),
    operator.methodcaller("unlock"),
    operator.methodcaller("status"),
    operator.methodcaller("control", 1),
    operator.methodcaller("get_attribute", 1),
    operator.methodcaller("set_attribute", 1, b"1"),
    operator.attrgetter("atr"),
    operator.attrgetter("protocol"),
    operator.attrgetter("handle"),
]


@pytest.mark.parametrize("use", USES)
def test_use_after_detach_is_refused(use: Callable[[SCardManage], object], owner: SCardManage) -> None:
    card = SCardManage(owner.library).attach_by_handle(owner)
    card.detach()
    with pytest.raises(UnexpectedStateError, match="not attached") as failure:
        use(card)
    assert failure.value.hresult == E_UNEXPECTED


def test_a_detached_object_can_attach_again(owner: SCardManage) -> None:
    card = SCardManage(owner.library)
    for _ in range(3):
        card.attach_by_handle(owner)
        assert card.transmit(READ_4) == ANSWER_4
        card.detach()


def test_detach_of_a_borrowed_handle_takes_no_disposition(owner: SCardManage) -> None:
    with SCardManage(owner.library).attach_by_handle(owner) as card:
        with pytest.raises(InvalidArgumentError, match=r"disposition: .* borrowed"):
            card.detach(Disposition.LEAVE)
        assert card.transmit(READ_4) == ANSWER_4


def test_detach_disconnects_an_owned_handle(place: Place) -> None:
    code, context = place.library.SCardEstablishContext(2)
    assert code == 0
    code, handle, _ = place.library.SCardConnect(context, place.reader, 2, 3)
    assert code == 0
    SCardManage(place.library).attach_by_handle(handle, owned=True).detach(Disposition.LEAVE)
    assert place.library.SCardDisconnect(handle, 0) == NO_SUCH_HANDLE
    place.library.SCardReleaseContext(context)


def test_detach_ends_a_transaction_on_a_borrowed_handle(owner: SCardManage, place: Place) -> None:
    card = SCardManage(place.library).attach_by_handle(owner)
    card.lock()
    card.lock()
    card.detach()
    with SCardManage(place.library).attach_by_ifd(place.reader) as other:
        other.lock(timeout=1)
        other.unlock()


def test_attach_returns_at_once_while_another_handle_holds_a_transaction(place: Place, owner: SCardManage) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as holder, holder.transaction():
        card = SCardManage(place.library)
        attaching = threading.Thread(target=card.attach_by_handle, args=(owner.handle,))
        attaching.start()
        attaching.join(5)
        assert not attaching.is_alive()
        with pytest.raises(SharingViolationError):
            card.get_attribute(0x7FFF0003)
    assert card.transmit(READ_4) == ANSWER_4
    card.detach()


def test_attaching_after_a_reset_by_another_succeeds_and_the_first_use_raises_the_reset(
    place: Place, owner: SCardManage
) -> None:
    SCardManage(place.library).attach_by_ifd(place.reader).detach(Disposition.RESET)
    card = SCardManage(place.library).attach_by_handle(owner, share_mode=ShareMode.SHARED)
    with pytest.raises(ResetCardError):
        card.transmit(READ_4)
    card.reconnect()
    assert card.transmit(READ_4) == ANSWER_4
    card.detach()


def test_attaching_to_a_handle_of_a_removed_card_raises_removed_card(removal_daemon: PrivatePcscd) -> None:
    reader = removal_daemon.ifd_reader(2)
    with SCardManage().attach_by_ifd(reader) as owner:
        removal_daemon.remove_card(2)
        try:
            removal_daemon.wait_for_card(reader, present=False)
            card = SCardManage()
            with pytest.raises(RemovedCardError) as failure:
                card.attach_by_handle(owner)
            assert failure.value.hresult == failure.value.code == ReturnCode.SCARD_W_REMOVED_CARD
            assert not card.is_attached
        finally:
            removal_daemon.insert_card(2)
            removal_daemon.wait_for_card(reader)


def test_reconnect_of_a_borrowed_handle_requires_the_share_mode(owner: SCardManage) -> None:
    with SCardManage(owner.library).attach_by_handle(owner) as card:
        with pytest.raises(InvalidArgumentError, match="share_mode is required"):
            card.reconnect()
        card.reconnect(ShareMode.SHARED)
        card.reconnect()
        assert card.transmit(READ_4) == ANSWER_4


def test_two_objects_on_one_handle_have_the_same_protocol(place: Place, owner: SCardManage) -> None:
    with SCardManage(place.library).attach_by_handle(owner) as card:
        first = owner.protocol
        owner.reconnect(ShareMode.SHARED, 3 ^ first, Disposition.RESET)
        assert card.transmit(READ_4) == ANSWER_4
        owner.reconnect(ShareMode.SHARED, first, Disposition.RESET)
        assert card.transmit(READ_4) == ANSWER_4


def test_attaching_again_reads_the_protocol_of_the_owners_reconnect(place: Place) -> None:
    code, context = place.library.SCardEstablishContext(2)
    code, handle, protocol = place.library.SCardConnect(context, place.reader, 2, 3)
    assert code == 0
    with SCardManage(place.library).attach_by_handle(handle) as first:
        assert first.transmit(READ_4) == ANSWER_4
        assert place.library.SCardReconnect(handle, 2, 3 ^ protocol, 1) == (0, 3 ^ protocol)
        with SCardManage(place.library).attach_by_handle(handle) as second:
            assert second.transmit(READ_4) == ANSWER_4
        assert place.library.SCardReconnect(handle, 2, protocol, 1)[0] == 0
    place.library.SCardReleaseContext(context)


def test_a_collected_object_warns_and_ends_the_transaction_on_a_borrowed_handle(
    place: Place, owner: SCardManage
) -> None:
    card = SCardManage(place.library).attach_by_handle(owner)
    card.lock()
    with pytest.warns(ResourceWarning, match="was collected while attached"):
        del card
    with SCardManage(place.library).attach_by_ifd(place.reader) as other:
        other.lock(timeout=5)
        other.unlock()
    assert owner.transmit(READ_4) == ANSWER_4


def test_owned_must_be_a_bool(owner: SCardManage) -> None:
    with pytest.raises(TypeError, match="owned: expected a bool, got 'no'"):
        SCardManage(owner.library).attach_by_handle(owner, owned="no")  # type: ignore[arg-type]  # the test passes a wrong type
    with pytest.raises(InvalidArgumentError, match="an object that is attached"):
        SCardManage(owner.library).attach_by_handle(SCardManage(owner.library))


def test_a_pointer_of_ctypes_is_read_and_may_not_be_null(owner: SCardManage) -> None:
    number = ctypes.c_int32 if ffi.sizeof("SCARDHANDLE") == 4 else ctypes.c_uint64
    for pointer in (ctypes.pointer, ctypes.byref):
        with SCardManage(owner.library).attach_by_handle(pointer(number(owner.handle))) as card:
            assert card.handle == owner.handle
    with pytest.raises(InvalidArgumentError, match="a pointer that is not NULL"):
        SCardManage(owner.library).attach_by_handle(ctypes.POINTER(number)())


def test_the_error_for_an_invalid_handle_names_the_handle_and_the_library(owner: SCardManage) -> None:
    with pytest.raises(InvalidHandleError) as caught:
        SCardManage(owner.library).attach_by_handle(12345)
    assert "handle: 12345 is not a valid card handle of " + owner.library.info().path in str(caught.value)


# A handle that somebody else closed


CHALLENGE_8 = bytes.fromhex("0084000008")
BORROWERS_USES: dict[str, Callable[[SCardManage], object]] = {
    "transmit": lambda card: card.transmit(CHALLENGE_8),
    "transmit of a bytearray": lambda card: card.transmit(bytearray(CHALLENGE_8)),
    "transmit with a flow": lambda card: card.transmit(CHALLENGE_8, flow=Flow.GET_RESPONSE),
    "transmit_into": lambda card: card.transmit_into(CHALLENGE_8, bytearray(20)),
    "script": lambda card: Script([CHALLENGE_8]).run(card),
    "read_binary_into": lambda card: card.read_binary_into(bytearray(4)),
    "update_binary_from": lambda card: card.update_binary_from(bytes(4)),
    "lock": lambda card: card.lock(),
    "lock with a timeout": lambda card: card.lock(1),
    "transaction": lambda card: card.transaction().__enter__(),
    "unlock": lambda card: card.unlock(),
    "status": lambda card: card.status(),
    "reconnect": lambda card: card.reconnect(ShareMode.SHARED),
    "control": lambda card: card.control(control_code(2000), b"1"),
    "get_attribute": lambda card: card.get_attribute(Attribute.VENDOR_NAME),
    "set_attribute": lambda card: card.set_attribute(Attribute.VENDOR_NAME, b"1"),
    "handle": lambda card: card.handle,
    "create_file_access": lambda card: card.create_file_access(),
}


def closed_by_detach(owner: SCardManage) -> None:
    owner.detach()


def closed_by_the_raw_function(owner: SCardManage) -> None:
    assert owner.library.SCardDisconnect(owner.handle, Disposition.LEAVE) == 0


def number_used_again(owner: SCardManage) -> None:
    """As if the owner had closed the handle elsewhere, and SCardConnect had returned the same number."""
    lib.card_handle_connected(owner.library.native, owner.handle)


ENDS = {"detach": closed_by_detach, "SCardDisconnect": closed_by_the_raw_function, "same number": number_used_again}


@pytest.mark.parametrize("use", BORROWERS_USES)
@pytest.mark.parametrize("end", ENDS)
def test_a_borrower_of_a_handle_that_was_closed_is_refused(end: str, use: str, virtual_place: Place) -> None:
    library, reader = virtual_place
    owner = SCardManage(library).attach_by_ifd(reader)
    borrower = SCardManage(library).attach_by_handle(owner)
    prepared = borrower.exchange(CHALLENGE_8, bytearray(20))
    ENDS[end](owner)
    with pytest.raises(UnexpectedStateError, match="closed by another object, or its number belongs to another"):
        BORROWERS_USES[use](borrower)
    with pytest.raises(UnexpectedStateError):
        prepared()
    assert not borrower.is_attached
    borrower.detach()  # letting go of what is gone is no error
    with pytest.raises(UnexpectedStateError, match="is not attached"):
        borrower.detach()
    with owner if owner.is_attached else SCardManage(library).attach_by_ifd(reader) as other:
        assert borrower.attach_by_handle(other).transmit(CHALLENGE_8)[-2:] == b"\x90\x00"
        borrower.detach()
    with suppress(UnexpectedStateError):
        owner.detach()


def test_an_object_whose_handle_was_closed_can_attach_at_once(virtual_place: Place) -> None:
    library, reader = virtual_place
    with SCardManage(library).attach_by_ifd(reader) as owner:
        borrower = SCardManage(library).attach_by_handle(owner)
    with borrower.attach_by_ifd(reader):
        assert borrower.transmit(CHALLENGE_8)[-2:] == b"\x90\x00"


def test_two_borrowers_of_an_open_handle_do_not_disturb_each_other(virtual_place: Place) -> None:
    library, reader = virtual_place
    with SCardManage(library).attach_by_ifd(reader) as owner:
        first, second = (SCardManage(library).attach_by_handle(owner) for _ in range(2))
        first.detach()
        assert second.transmit(CHALLENGE_8) != b""
        assert owner.transmit(CHALLENGE_8) != b""
        second.detach()
