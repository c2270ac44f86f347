"""Makes every call in every state of a reader, its card and the resource manager, and prints the errors as JSON.

Arguments: the place, a folder for files. The result has, for each state and each call, the class of the error ("ok" if
there was none), what its message says to do, and the code.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from conformance.codes import FEATURES
from conformance.places import Place
from conformance.services import SERVICES, Service
from support.commands import READ_4

from scardffi import Context, Disposition, Protocol, SCardError, SCardManage, Script, ShareMode, constants, virtual

VENDOR_NAME = 0x00010100
SETTABLE = 0x7FFF0007


class Kit(NamedTuple):
    """What a call works on; everything was made before the state began."""

    place: Place
    context: Context
    card: SCardManage
    other: SCardManage
    """Another connection to the same card."""
    number: int
    """The number of the reader."""

    @property
    def reader(self) -> str:
        """The name of the reader."""
        return self.place.reader(self.number)


Call = Callable[[Kit], object]


def attach(kit: Kit, share: ShareMode = ShareMode.SHARED) -> None:
    protocols = Protocol.UNDEFINED if share == ShareMode.DIRECT else Protocol.ANY
    SCardManage(kit.place.library).attach_by_ifd(kit.reader, share, protocols).detach()


def establish(kit: Kit) -> None:
    Context(library=kit.place.library).release()


def lock(kit: Kit, timeout: float | None = 0.01) -> None:
    kit.card.lock(timeout)
    kit.card.unlock()


def attach_by_handle(kit: Kit) -> None:
    SCardManage(kit.place.library).attach_by_handle(kit.other.handle).detach()


ON_A_CARD: dict[str, Call] = {
    "transmit": lambda kit: kit.card.transmit(READ_4),
    "transmit_into": lambda kit: kit.card.transmit_into(READ_4, bytearray(300)),
    "exchange": lambda kit: kit.card.exchange(READ_4, bytearray(300))(),
    "script": lambda kit: Script([READ_4]).run(kit.card),
    "read_binary_into": lambda kit: kit.card.read_binary_into(bytearray(4)),
    "status": lambda kit: kit.card.status(),
    "lock": lock,
    "lock without a limit": lambda kit: lock(kit, None),
    "reconnect": lambda kit: kit.card.reconnect(ShareMode.SHARED),
    "reconnect with a reset": lambda kit: kit.card.reconnect(ShareMode.SHARED, initialization=Disposition.RESET),
    "control": lambda kit: kit.card.control(FEATURES),
    "get_attribute": lambda kit: kit.card.get_attribute(VENDOR_NAME),
    "set_attribute": lambda kit: kit.card.set_attribute(SETTABLE, bytes(4)),
    "detach": lambda kit: kit.card.detach(),
    "detach with a reset": lambda kit: kit.card.detach(Disposition.RESET),
    "attach_by_handle": attach_by_handle,
}
IN_A_TRANSACTION: dict[str, Call] = {"unlock": lambda kit: kit.card.unlock()}
ATTACHING: dict[str, Call] = {
    "attach": lambda kit: kit.context.attach(kit.reader).detach(),
    "attach_by_ifd": attach,
    "attach directly": lambda kit: attach(kit, ShareMode.DIRECT),
}
ON_A_CONTEXT: dict[str, Call] = {
    **ATTACHING,
    "Context": establish,
    "list_readers": lambda kit: kit.context.list_readers(),
    "list_reader_groups": lambda kit: kit.context.list_reader_groups(),
    "is_valid": lambda kit: kit.context.is_valid(),
    "get_status_change": lambda kit: kit.context.get_status_change([kit.reader], 0),
    "get_status_change of the list": lambda kit: kit.context.get_status_change([constants.PNP_NOTIFICATION], 0),
    "release": lambda kit: kit.context.release(),
}
# While another connection holds the card, only these calls return at once.
WHILE_HELD = ["control", "get_attribute", "set_attribute", "lock"]


def result(call: Call, kit: Kit) -> list[Any]:
    try:
        value = call(kit)
    except SCardError as error:
        return [type(error).__name__, str(error).rpartition("]. ")[2], error.code]
    return [f"ok {value}" if isinstance(value, bool) else "ok", None, None]


def kit_for(place: Place, number: int, share: ShareMode | None) -> Kit:
    library = place.library
    cards = SCardManage(library), SCardManage(library)
    for card in cards if share is not None else ():
        protocols = Protocol.UNDEFINED if share == ShareMode.DIRECT else Protocol.ANY
        card.attach_by_ifd(place.reader(number), share or ShareMode.SHARED, protocols)
    return Kit(place, Context(library=library), *cards, number)


def close(kit: Kit) -> None:
    for card in (kit.card, kit.other):
        if card.is_attached:
            card.detach()
    kit.context.release()


@contextmanager
def absent(service: Service) -> Iterator[None]:
    service.place.remove(0)
    yield
    service.place.insert(0)


@contextmanager
def mute(service: Service) -> Iterator[None]:
    service.place.remove(0)
    service.place.insert(0, b"")
    yield
    service.place.remove(0)
    service.place.insert(0)


@contextmanager
def reset(service: Service) -> Iterator[None]:
    card = SCardManage(service.place.library).attach_by_ifd(service.place.reader(0))
    card.detach(Disposition.RESET)
    yield


@contextmanager
def unplugged(service: Service) -> Iterator[None]:
    service.place.unplug(0)
    yield
    service.place.plug(0)


@contextmanager
def held(service: Service) -> Iterator[None]:
    with SCardManage(service.place.library).attach_by_ifd(service.place.reader(0)) as card, card.transaction():
        yield


@contextmanager
def exclusive(service: Service) -> Iterator[None]:
    with SCardManage(service.place.library).attach_by_ifd(service.place.reader(0), ShareMode.EXCLUSIVE):
        yield


@contextmanager
def stopped(service: Service) -> Iterator[None]:
    service.stop()
    yield
    service.start()


@contextmanager
def killed(service: Service) -> Iterator[None]:
    service.kill()
    yield
    service.start()


@contextmanager
def restarted(service: Service) -> Iterator[None]:
    service.stop()
    service.start()
    yield


@contextmanager
def other_version(service: Service) -> Iterator[None]:
    with service.of_another_version():
        yield


@contextmanager
def no_descriptors(service: Service) -> Iterator[None]:
    """Use up the descriptors; the virtual library, which needs none, gets a fault with pcsc-lite's code."""
    with ExitStack() as stack:
        if service.place.name == "virtual":
            stack.enter_context(virtual.fault("SCardEstablishContext", code="SCARD_E_NO_SERVICE", times=1000))
        opened: list[int] = []
        with suppress(OSError):
            while True:
                opened.append(os.open(os.devnull, os.O_RDONLY))
        yield
        for descriptor in opened:
            os.close(descriptor)


ALL = {**ON_A_CONTEXT, **ON_A_CARD}
STATES: dict[str, tuple[Callable[[Service], Any], dict[str, Call], ShareMode | None]] = {
    "absent": (absent, ATTACHING, None),
    "mute": (mute, ATTACHING, None),
    "removed": (absent, ALL, ShareMode.SHARED),
    "reset": (reset, ALL, ShareMode.SHARED),
    "unplugged": (unplugged, ALL, ShareMode.SHARED),
    "held": (held, {name: ON_A_CARD[name] for name in WHILE_HELD}, ShareMode.SHARED),
    "exclusive": (exclusive, ON_A_CONTEXT, None),
    "stopped": (stopped, ALL, ShareMode.SHARED),
    "killed": (killed, ALL, ShareMode.SHARED),
    "restarted": (restarted, ALL, ShareMode.SHARED),
    "other version": (other_version, {**ATTACHING, "Context": establish}, None),
    "no descriptors": (no_descriptors, ALL, ShareMode.SHARED),
}
LOCKED_STATES = ["removed", "reset", "unplugged", "stopped", "killed", "restarted"]


def row(service: Service, state: str) -> dict[str, Any]:
    """Return the results of the calls in one state."""
    begin, calls, share = STATES[state]
    kits = {name: kit_for(service.place, 0, share) for name in calls}
    with begin(service):
        found = {name: result(call, kits[name]) for name, call in calls.items()}
    for kit in kits.values():
        close(kit)
    if state in LOCKED_STATES:
        found |= locked_row(service, state)
    return found


def locked_row(service: Service, state: str) -> dict[str, Any]:
    """Return the results of the calls that end a transaction, which began before the state."""
    service.place.restore()
    found = {}
    for name, call in IN_A_TRANSACTION.items():
        kit = kit_for(service.place, 0, ShareMode.SHARED)
        kit.card.lock()
        if state == "reset":
            kit.card.unlock(Disposition.RESET)  # the second unlock is that of the table
        else:
            with STATES[state][0](service):
                found[name] = result(call, kit)
            close(kit)
            continue
        found[name] = result(call, kit)
        close(kit)
    return found


def main() -> None:
    service = SERVICES[sys.argv[1]](Path(sys.argv[2]))
    table = {}
    try:
        for state in STATES:
            service.place.restore()
            table[state] = row(service, state)
    finally:
        service.stop()
    sys.stdout.write(json.dumps(table) + "\n")


main()
