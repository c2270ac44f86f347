"""Stops and restarts the resource manager, and prints the results of each function as one JSON object.

Arguments: the place, a folder for files.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.clients import LONG_WAIT, Call, Card, Clients, unless_late
from conformance.codes import (
    ANY,
    COMM_ERROR,
    DIRECT,
    FEATURES,
    INFINITE,
    NO_SERVICE,
    PNP,
    RESET,
    SHARED,
    SYSTEM,
    TIMEOUT,
)
from conformance.places import READERS, Place
from conformance.services import SERVICES, Service
from support.commands import READ_4
from support.shape import MACOS

SECONDS = 10


def without_readers(place: Place, clients: Clients) -> Mapping[str, Any]:
    library, context = place.library, clients.context()
    for number in READERS:
        place.unplug(number)
    answers: dict[str, Any] = {
        "no_readers.list": library.SCardListReaders(context)[0],
        "no_readers.groups": library.SCardListReaderGroups(context)[0],
        "no_readers.connect": library.SCardConnect(context, place.reader(0), SHARED, ANY)[0],
        "no_readers.change": library.SCardGetStatusChange(context, 0, [(place.reader(0), 0)])[0],
        "no_readers.notification": library.SCardGetStatusChange(context, 0, [(PNP, 0)])[0],
        "no_readers.the_first_comes": None if MACOS else the_first_comes(place, context),
    }
    place.restore()
    return answers


def the_first_comes(place: Place, context: int) -> list[int]:
    """Return the results for the list of readers when the first one is plugged in."""

    def plug() -> Any:
        call = Call(place.library.SCardGetStatusChange, context, LONG_WAIT, [(PNP, 0)])
        assert call.waits()
        place.plug(0)
        return call.answer()

    code, [(event, _)] = unless_late(plug, TIMEOUT, lambda: place.unplug(0))
    return [code, event & 0xFFFF]


def of_a_card(card: Card) -> Mapping[str, Any]:
    """Return the results of each function on a handle; the last one closes it."""
    return {
        "status": card.code(),
        "transmit": card.transmit(READ_4)[0],
        "begin": card.begin(),
        "end": card.end(),
        "control": card.control(FEATURES)[0],
        "get_attribute": card.attribute(0x00010100)[0],
        "set_attribute": card.set_attribute(0x7FFF0007, bytes(4)),
        "reconnect": card.reconnect()[0],
        "reconnect_with_a_reset": card.reconnect(initialization=RESET)[0],
        "disconnect": card.disconnect(),
    }


def of_a_context(place: Place, context: int) -> Mapping[str, Any]:
    """Return the results of each function on a context; the last one releases it."""
    library = place.library
    return {
        "is_valid": library.SCardIsValidContext(context),
        "list": library.SCardListReaders(context)[0],
        "groups": library.SCardListReaderGroups(context)[0],
        "connect": library.SCardConnect(context, place.reader(0), SHARED, ANY)[0],
        "connect_direct": library.SCardConnect(context, place.reader(0), DIRECT, 0)[0],
        "change": library.SCardGetStatusChange(context, 0, [(place.reader(0), 0)])[0],
        "no_change": library.SCardGetStatusChange(context, INFINITE, [])[0],
        "cancel": library.SCardCancel(context),
        "free": None if MACOS else library.SCardFreeMemory(context, 0),
        "release": library.SCardReleaseContext(context),
        "is_valid_then": library.SCardIsValidContext(context),
    }


def under(when: str, answers: Mapping[str, Any]) -> Mapping[str, Any]:
    return {f"{when}.{name}": answer for name, answer in answers.items()}


def interrupted(service: Service, clients: Clients) -> Mapping[str, Any]:
    """Return the results of calls that run when the service stops."""
    library, place = service.place.library, service.place
    known = clients.event(0)
    slow, holder, waiter = clients.card(1), clients.card(2), clients.card(2)
    assert holder.begin() == 0
    calls = {
        "change": Call(library.SCardGetStatusChange, clients.context(), INFINITE, [(place.reader(0), known & ~2)]),
        "transmit": Call(slow.transmit, "80104E20"),
        "begin": Call(waiter.begin),
        "connect": Call(library.SCardConnect, clients.context(), place.reader(2), SHARED, ANY),
    }
    if not MACOS:
        calls["notification"] = Call(library.SCardGetStatusChange, clients.context(), INFINITE, [(PNP, 0)])
    assert all(call.waits() for call in calls.values())
    service.stop()
    found = {"notification": None} | {name: call.answer() for name, call in calls.items()}
    # The client of pcscd requests a transaction repeatedly, and may be between two requests.
    fails = found.pop("begin") in {COMM_ERROR, NO_SERVICE}
    return {"begin_fails": fails, **{name: first(answer) for name, answer in found.items()}}


def first(answer: Any) -> Any:
    return answer[0] if isinstance(answer, tuple) else answer


def run(service: Service) -> dict[str, Any]:
    place = service.place
    clients, answers = Clients(place), dict[str, Any]()
    answers |= without_readers(place, clients)
    with service.of_another_version():
        answers["another_version.establish"] = place.library.SCardEstablishContext(SYSTEM)[0]
    deadline = time.monotonic() + SECONDS
    while True:
        cards = [clients.card(3) for _ in range(2)]
        contexts = [clients.context() for _ in range(2)]
        found = interrupted(service, clients)
        if NO_SERVICE not in found.values() or time.monotonic() > deadline:
            break
        service.start()  # a call began after the stop: interrupt them again
    answers |= under("interrupted", found)
    answers["stopped.establish"] = place.library.SCardEstablishContext(SYSTEM)[0]
    answers |= under("stopped", of_a_card(cards[0]))
    answers |= under("stopped", of_a_context(place, contexts[0]))
    service.start()
    answers |= under("restarted", of_a_card(cards[1]))
    answers |= under("restarted", of_a_context(place, contexts[1]))
    code, context = place.library.SCardEstablishContext(SYSTEM)
    answers["restarted.establish"] = code
    answers |= under("anew", of_a_card(clients.card(3)))
    answers |= under("anew", of_a_context(place, context))
    clients.release()
    service.stop()
    return answers


def main() -> None:
    service = SERVICES[sys.argv[1]](Path(sys.argv[2]))
    try:
        answers = run(service)
    finally:
        service.stop()
    sys.stdout.write(json.dumps(answers) + "\n")


main()
