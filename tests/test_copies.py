"""Copies, pickles and reprs of every public class: values and errors travel, objects that own something refuse."""

import copy
import enum
import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.cards import ScriptedCard
from support.reports import report

import scardffi
from scardffi import (
    CardPresence,
    CardState,
    Context,
    Event,
    EventKind,
    EventsLostError,
    Library,
    Monitor,
    Protocol,
    ReaderState,
    ReaderStateFlag,
    Replies,
    Reply,
    SCardError,
    SCardManage,
    Script,
    ScriptError,
    Status,
    aio,
    errors,
    virtual,
)
from scardffi.exchange import Exchange, ExchangeFailure, ExchangeMethods
from scardffi.iso7816.atr import Atr, HistoricalBytes, SpecificMode, StorageCard
from scardffi.iso7816.class_bytes import ClassByte, SecureMessaging
from scardffi.iso7816.command import Command
from scardffi.iso7816.dol import DOL, DOLEntry
from scardffi.iso7816.malformed import DictWithProblems, ListWithProblems, MalformedError
from scardffi.iso7816.response import MalformedResponseError, Response
from scardffi.iso7816.status_word import StatusError, StatusInfo
from scardffi.iso7816.tlv import TLV, SimpleTLV, TLVList
from scardffi.services.aes import AesCmac
from scardffi.services.card_auth import CardAuth
from scardffi.services.card_capabilities import CardCapabilities
from scardffi.services.card_file import CardFile
from scardffi.services.card_records import Records
from scardffi.services.ch_verification import CHVerification
from scardffi.services.file_access import FileAccess
from scardffi.services.file_directory import DirectoryEntry
from scardffi.services.file_properties import FileKind, FileProperties, WrongKindError
from scardffi.services.file_reference import FileRef, Location
from scardffi.services.pin_pad import PinPad
from scardffi.services.pin_structures import PinModify, PinProperties, PinVerify
from scardffi.services.transmitter import Sender, Turns
from scardffi.virtual import AnsweringCard, ContactlessStorageCard, PIVCard, VirtualReader, emv_card, piv_card
from scardffi.virtual.emv import EMVCard
from scardffi.virtual.faults import Fault
from scardffi.virtual.file_system import FileSystemCard
from scardffi.virtual.file_system.codes_and_keys import Code, Key
from scardffi.virtual.file_system.tree import DF, RecordEF, TransparentEF
from scardffi.virtual.vpcd import VpcdCard

ATR = bytes.fromhex("3B951381018073FF01000B")
REFUSES: set[Any] = {
    AesCmac, CardAuth, CardFile, CHVerification, Context, Exchange, ExchangeMethods, Fault, FileAccess, Library,
    Monitor, PinPad, Records, SCardManage, Script, Sender, Turns, VirtualReader, VpcdCard, aio.Card,
    aio.Context, aio.Monitor,
}  # fmt: skip
VALUES: dict[type, Callable[[], object]] = {
    AnsweringCard: lambda: AnsweringCard(ATR),
    Atr: lambda: Atr(ATR),
    CardCapabilities: lambda: CardCapabilities.of(ATR),
    Code: lambda: Code(1, b"1234"),
    EMVCard: emv_card,
    errors.CodeInfo: lambda: errors.lookup(0x80100002),
    ClassByte: lambda: ClassByte(5, SecureMessaging.STANDARD, True),
    Command: lambda: Command(0, 0xA4, 4, 0, bytearray(b"\x3f\x00"), 256),
    ContactlessStorageCard: ContactlessStorageCard,
    DF: lambda: DF(0x3F00, [TransparentEF(0x0101, b"data")]),
    DictWithProblems: lambda: DictWithProblems({1: 2}, [MalformedError("message", 3)]),
    CardPresence: lambda: CardPresence("reader", ATR),
    DOL: lambda: DOL([(0x9F02, 6)]),
    DOLEntry: lambda: DOLEntry(0x9F02, 6),
    DirectoryEntry: lambda: DirectoryEntry(FileRef.by_id(0x0101)),
    Event: lambda: Event(EventKind.CARD_INSERTED, "reader", ATR, ReaderStateFlag.PRESENT, 1.5),
    ExchangeFailure: lambda: ExchangeFailure(0x80100003, 4, 2),
    FileProperties: lambda: FileProperties(file_id=0x0101),
    FileRef: lambda: FileRef.by_path("/0101"),
    FileSystemCard: lambda: FileSystemCard(DF(0x3F00, [TransparentEF(0x0101, b"data")])),
    HistoricalBytes: lambda: Atr(ATR).historical(),
    PIVCard: lambda: piv_card({}),
    Key: lambda: Key(1, bytes(16), "aes"),
    scardffi.LibraryInfo: lambda: scardffi.LibraryInfo("path", None, frozenset({"a"}), frozenset()),
    ListWithProblems: lambda: ListWithProblems([1, 2], [MalformedError("message", 3)]),
    Location: lambda: Location(b"", (0x0101,)),
    PinModify: PinModify,
    PinProperties: PinProperties,
    PinVerify: PinVerify,
    ReaderState: lambda: ReaderState("reader", ReaderStateFlag.PRESENT, 3, ATR),
    RecordEF: lambda: RecordEF(0x0102, [b"1", b"2"]),
    Reply: lambda: replies()[1],
    Replies: lambda: replies(),  # noqa: PLW0108  the function is defined below
    Response: lambda: Response(b"\x01\x90\x00"),
    SimpleTLV: lambda: SimpleTLV(1, b"2"),
    SpecificMode: lambda: SpecificMode._make([1] * len(SpecificMode._fields)),
    Status: lambda: Status("reader", CardState.PRESENT, Protocol.T1, ATR),
    StatusInfo: lambda: StatusInfo("meaning", StatusError),
    StorageCard: lambda: StorageCard._make([1] * len(StorageCard._fields)),
    TLV: lambda: TLV(0x5A, b"1234"),
    TLVList: lambda: TLVList([TLV(0x5A, b"1234")], [MalformedError("message", 3)]),
    TransparentEF: lambda: TransparentEF(0x0101, b"data"),
}


def through_pickle(protocol: int) -> Callable[[Any], Any]:
    """Return a function that pickles a value and loads it again."""
    return lambda value: pickle.loads(pickle.dumps(value, protocol))  # noqa: S301  our own data


COPIES: dict[str, Callable[[Any], Any]] = {"copy": copy.copy, "deepcopy": copy.deepcopy}
COPIES.update({f"pickle {number}": through_pickle(number) for number in range(2, pickle.HIGHEST_PROTOCOL + 1)})


def replies() -> Replies:
    """Return the replies of a script with times."""
    with SCardManage(Library(virtual.library_path())).attach_by_ifd("scardffi Virtual Reader 0") as card:
        return Script([bytes.fromhex("0084000008"), bytes.fromhex("00B0000004")]).run(card, timed=True)


def public_classes() -> Iterator[type]:
    """Yield each public class of the public modules, except enumerations and protocols."""
    for module in pkgutil.walk_packages(scardffi.__path__, "scardffi."):
        names = module.name.split(".")
        if any(name.startswith("_") for name in names) or names[-1] in {"libscardvirtual", "libscardtrace"}:
            continue
        if names[1:2] == ["cli"]:  # the command line, which nobody imports
            continue
        if names[1:3] == ["compat", "smartcard"]:  # pyscard's classes: tests/compat/test_smartcard.py
            continue
        for name, kind in vars(importlib.import_module(module.name)).items():
            is_defined_here = inspect.isclass(kind) and kind.__module__ == module.name and not name.startswith("_")
            if is_defined_here and not issubclass(kind, enum.Enum) and not getattr(kind, "_is_protocol", False):
                yield kind
    yield from (scardffi.LibraryInfo, scardffi.Event)


CLASSES = sorted(set(public_classes()), key=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
EXCEPTIONS = [kind for kind in CLASSES if issubclass(kind, BaseException)]
every_copy = pytest.mark.parametrize("how", COPIES)


def name_of(kind: type) -> str:
    return kind.__qualname__


def an_error(kind: type[BaseException]) -> BaseException:
    """Return an error of this class with values in its attributes."""
    if issubclass(kind, ScriptError):
        error: Any = kind("message", code=0x80100003, function="Script.run")
        error.replies, error.index, error.sw = replies(), 1, 0x9000
    elif issubclass(kind, EventsLostError):
        error = kind(3)
    elif issubclass(kind, SCardError):
        error = kind("message", code=0x80100003, hresult=0x80100003, function="SCardTransmit")
        error.arrived, error.partial = 2, b"12"
    elif issubclass(kind, StatusError):
        error = kind(0x6A82, "meaning")
    elif issubclass(kind, MalformedError):
        error = kind("message", 3)
        if issubclass(kind, MalformedResponseError):
            error.raw = b"1"
    elif issubclass(kind, WrongKindError):
        error = kind("message", FileKind.DF)
    else:
        error = kind("message")
    return error  # type: ignore[no-any-return]  # it is one of the classes above


def content(value: object) -> object:
    """Return what must be the same in a copy."""
    if isinstance(value, Replies):
        return [content(one) for one in value]
    if isinstance(value, Reply):
        return bytes(value), bytes(value.data), value.sw, value.elapsed_ns
    if isinstance(value, (DictWithProblems, ListWithProblems)):
        return repr(value), [content(one) for one in value.problems]
    if isinstance(value, BaseException):
        return type(value), str(value), value.args, {name: content(one) for name, one in vars(value).items()}
    if type(value).__eq__ is object.__eq__ and hasattr(value, "__dict__"):
        return type(value), vars(value)
    return value


def test_every_public_class_is_in_one_of_the_lists() -> None:
    assert set(CLASSES) - set(EXCEPTIONS) == REFUSES | set(VALUES)
    assert not REFUSES & set(VALUES)
    report(
        f"copies: {len(REFUSES)} classes refuse, {len(VALUES)} values and {len(EXCEPTIONS)} errors travel, "
        f"in {len(COPIES)} ways"
    )


@every_copy
@pytest.mark.parametrize("kind", VALUES, ids=name_of)
def test_a_value_travels(kind: type, how: str) -> None:
    value = VALUES[kind]()
    again = COPIES[how](value)
    assert type(value) is type(again) is kind
    assert content(again) == content(value)


@every_copy
@pytest.mark.parametrize("kind", EXCEPTIONS, ids=name_of)
def test_an_error_travels(kind: type[BaseException], how: str) -> None:
    error = an_error(kind)
    assert content(COPIES[how](error)) == content(error)


@every_copy
@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind in REFUSES], ids=name_of)
def test_an_object_that_owns_something_refuses(kind: Any, how: str) -> None:
    with pytest.raises(TypeError, match=f"^{kind.__name__}: this object cannot be copied or pickled; create another"):
        COPIES[how](kind.__new__(kind))


@every_copy
def test_an_attached_card_and_its_context_refuse_and_go_on(how: str) -> None:
    library = Library(virtual.library_path())
    with Context(library=library) as context, context.attach("scardffi Virtual Reader 0") as card:
        for one in (context, card, card.exchange(b"\0\x84\0\0\x08", bytearray(10)), library, card.create_file_access()):
            with pytest.raises(TypeError, match="cannot be copied or pickled"):
                COPIES[how](one)
        assert card.transmit(b"\0\x84\0\0\x08")[-2:] == b"\x90\x00"


@every_copy
def test_replies_in_an_exception_of_another_class_travel(how: str) -> None:
    interrupt = KeyboardInterrupt()
    vars(interrupt)["replies"] = replies()
    assert content(COPIES[how](interrupt)) == content(interrupt)


@pytest.mark.parametrize("kind", CLASSES, ids=name_of)
def test_the_repr_of_a_half_made_object_works(kind: Any) -> None:
    if issubclass(kind, (tuple, MemoryError)):
        return  # it is made in one step
    shown = repr(kind.__new__(kind))
    assert kind.__name__ in shown or shown in {"[]", "{}"}


def test_the_sender_of_a_service_refuses() -> None:
    with pytest.raises(TypeError, match="Sender: this object"):
        copy.copy(Sender(ScriptedCard()))
