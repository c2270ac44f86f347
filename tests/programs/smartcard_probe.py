"""Calls of smartcard's Python layers, most of which fail: their outcomes, and what the observers of connections get.

The program runs under pyscard or under scardffi.compat, on the virtual library, and prints JSON: a dict with the
outcome and the events of each call.
"""

import gc
import io
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout
from typing import Any

import smartcard.scard
from smartcard.CardConnection import CardConnection
from smartcard.CardConnectionObserver import CardConnectionObserver, ConsoleCardConnectionObserver
from smartcard.CardRequest import CardRequest
from smartcard.CardType import ATRCardType
from smartcard.ExclusiveConnectCardConnection import ExclusiveConnectCardConnection
from smartcard.ExclusiveTransmitCardConnection import ExclusiveTransmitCardConnection
from smartcard.pcsc import PCSCReader
from smartcard.Session import Session
from smartcard.sw.ErrorCheckingChain import ErrorCheckingChain
from smartcard.sw.ISO7816_4ErrorChecker import ISO7816_4ErrorChecker
from smartcard.System import readers

from scardffi import virtual
from scardffi.virtual import AnsweringCard

CODES = (
    "SCARD_E_INVALID_HANDLE", "SCARD_E_INVALID_PARAMETER", "SCARD_E_NO_MEMORY", "SCARD_E_UNKNOWN_READER",
    "SCARD_E_TIMEOUT", "SCARD_E_SHARING_VIOLATION", "SCARD_E_NO_SMARTCARD", "SCARD_E_PROTO_MISMATCH",
    "SCARD_E_NOT_TRANSACTED", "SCARD_E_READER_UNAVAILABLE", "SCARD_E_NO_SERVICE", "SCARD_E_SERVICE_STOPPED",
    "SCARD_E_UNSUPPORTED_FEATURE", "SCARD_F_INTERNAL_ERROR", "SCARD_F_COMM_ERROR", "SCARD_W_UNRESPONSIVE_CARD",
    "SCARD_W_UNPOWERED_CARD", "SCARD_W_RESET_CARD", "SCARD_W_REMOVED_CARD",
)  # fmt: skip
"""Codes that a function of PC/SC returns instead of doing anything."""
CONNECTED = ["c.connect()"]
FAILING = {
    "SCardConnect": ([], "c.connect()"),
    "SCardReconnect": (CONNECTED, "c.reconnect()"),
    "SCardStatus": (CONNECTED, "c.getATR()"),
    "SCardTransmit": (CONNECTED, "c.transmit(READ)"),
    "SCardControl": (CONNECTED, "c.control(1, [1])"),
    "SCardGetAttrib": (CONNECTED, "c.getAttrib(ATTRIBUTE)"),
    "SCardDisconnect": (CONNECTED, "c.disconnect()"),
    "SCardBeginTransaction": (CONNECTED, "exclusive.lock()"),
    "SCardEndTransaction": ([*CONNECTED, "exclusive.lock()"], "exclusive.unlock()"),
    "SCardListReaders": ([], "readers()"),
}
"""For each function of PC/SC: the calls before it, and the call that uses it."""
OTHERS = {
    "all goes well": [
        "c.connect()", "c.getATR()", "c.transmit(READ)", "c.getProtocol()", "c.reconnect()", "c.transmit(READ)",
        "c.getAttrib(ATTRIBUTE)", "c.disconnect()", "c.release()",
    ],
    "connect with another protocol": ["c.connect(T15)"],
    "connect with T0": ["c.connect(T0)", "c.getProtocol()", "c.transmit(READ)"],
    "connect to no protocol of the card": ["swap(of_atr('3B80800101'))", "c.connect(T0)"],
    "reconnect to no protocol of the card": ["swap(of_atr('3B80800101'))", "c.connect()", "c.reconnect(T0)"],
    "connect directly": ["c.connect(mode=scard.SCARD_SHARE_DIRECT)", "c.getProtocol()"],
    "connect without a card": ["remove()", "c.connect()"],
    "connect to a mute card": ["swap(of_atr(''))", "c.connect()"],
    "connect to a reader that is gone": ["unplug()", "c.connect()"],
    "connect to a card that another connection excludes": ["other.connect()", "c.connect()"],
    "connect to exclude others, which are there": ["c.connect()", "other.connect()"],
    "transmit after a removal": ["c.connect()", "remove()", "c.transmit(READ)", "c.getATR()", "c.disconnect()"],
    "reconnect after a removal": ["c.connect()", "remove()", "c.reconnect()", "c.transmit(READ)"],
    "attribute and control after a removal": [
        "c.connect()", "remove()", "c.getAttrib(ATTRIBUTE)", "c.control(1, [])", "exclusive.lock()",
    ],
    "transmit after a reset": [
        "c.connect()", "reset()", "c.transmit(READ)", "c.getATR()", "c.reconnect()", "c.transmit(READ)",
    ],
    "transmit after the reader is gone": [
        "c.connect()", "unplug()", "c.transmit(READ)", "c.getATR()", "c.disconnect()",
    ],
    "transmit with another protocol": [
        "c.connect()", "c.transmit(READ, T0)", "c.transmit(READ, 3)", "c.transmit(READ, RAW)",
    ],
    "transmit an empty command": ["c.connect()", "c.transmit([])"],
    "a response of no bytes": ["c.connect()", "c.transmit([0x80, 0x16, 0, 0])"],
    "a response without a status word": ["swap(Short())", "c.connect()", "c.transmit(READ)", "c.transmit(READ, RAW)"],
    "control and attribute that the driver does not know": [
        "c.connect()", "c.control(1, [1, 2])", "c.control(FEATURES)", "c.getAttrib(12345)",
    ],
    "calls before connect": [
        "c.getATR()", "c.transmit(READ)", "c.control(1)", "c.getAttrib(1)", "c.reconnect()", "c.disconnect()",
        "exclusive.lock()", "exclusive.unlock()", "c.getProtocol()",
    ],
    "calls after disconnect": ["c.connect()", "c.disconnect()", "c.getATR()", "c.transmit(READ)", "c.disconnect()"],
    "calls after release": ["c.connect()", "c.release()", "c.getATR()", "c.release()", "c.disconnect()", "c.connect()"],
    "release without connect": ["c.release()", "c.release()"],
    "unlock without lock": ["c.connect()", "exclusive.unlock()"],
    "with": ["in_block()"],
    "printed": [
        "c.addObserver(Printing())", "c.connect()", "c.transmit(READ)", "c.transmit([0, 0xEE, 0, 0])",
        "c.getAttrib(ATTRIBUTE)", "c.control(1, [1, 2])", "c.reconnect()", "c.disconnect()", "c.release()",
    ],
    "an answer of control printed": ["c.addObserver(Printing())", "c.connect()", "c.control(FEATURES)"],
    "a connection that is collected": ["c.connect()", "drop()"],
    "a connection that is collected after disconnect": ["c.connect()", "c.disconnect()", "drop()"],
    "a connection that is collected after release": ["c.connect()", "c.disconnect()", "c.release()", "drop()"],
    "a connection that is collected before connect": ["drop()"],
    "a service that is stopped": [
        "c.connect()", "stop()", "c.transmit(READ)", "c.getATR()", "readers()", "c.connect()", "CardRequest(timeout=0)",
        "create()",
    ],
    "status words": [
        "c.connect()", "c.setErrorCheckingChain(CHAIN)", "c.transmit([0, 0xEE, 0, 0])", "c.transmit(READ)",
    ],
    "requests": [
        "CardRequest(timeout=0, newcardonly=True).waitforcard()",
        "CardRequest(timeout=0, cardType=ATRCardType([0x3B])).waitforcard()",
    ],
    "sessions": ["Session('x')", "remove()", "Session(NAME)"],
    "ATR masks": ["ATRCardType([0x3B], [0xFF, 0xFF])"],
}  # fmt: skip
"""Calls in a row, on an observed connection that is not connected."""


class Observing(CardConnectionObserver):  # type: ignore[misc]  # pyscard ships no types
    """An observer that keeps the events."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def update(self, _observable: Any, handlers: Any) -> None:
        """Keep an event."""
        self.events.append(f"{handlers.type} {handlers.args}")


class Short:
    """A card whose responses have one byte."""

    atr = bytes.fromhex("3B80800101")

    def transmit(self, _command: bytes) -> bytes:
        """Return a byte."""
        return b"\x90"


def names_for_calls(resources: ExitStack, observer: CardConnectionObserver) -> dict[str, Any]:
    """Return the names that the calls use: an observed connection, and what changes its card."""
    reader = resources.enter_context(virtual.VirtualReader("probed", AnsweringCard()))

    def create() -> Any:
        return PCSCReader.PCSCReader(reader.name).createConnection()

    def in_block() -> None:
        with names["c"] as connection:
            connection.connect()

    def drop() -> None:
        del names["c"], names["exclusive"]
        gc.collect()

    connection = create()
    connection.addObserver(observer)
    names: dict[str, Any] = {
        "Session": Session,
        "CardRequest": CardRequest,
        "ATRCardType": ATRCardType,
        "Printing": ConsoleCardConnectionObserver,
        "Short": Short,
        "of_atr": lambda atr: AnsweringCard(bytes.fromhex(atr)),
        **{tool.__name__: tool for tool in (create, in_block, drop, reader.swap, reader.remove, reader.unplug)},
        "c": connection,
        "exclusive": ExclusiveTransmitCardConnection(connection),
        "other": ExclusiveConnectCardConnection(create()),
        "reset": reader.reset,
        "stop": lambda: resources.enter_context(virtual.service_stopped()),
        "readers": lambda: [str(one) for one in readers()],
        "scard": smartcard.scard,
        "NAME": reader.name,
        "READ": [0x00, 0xB0, 0x00, 0x00, 0x04],
        "T0": CardConnection.T0_protocol,
        "T15": CardConnection.T15_protocol,
        "RAW": CardConnection.RAW_protocol,
        "ATTRIBUTE": smartcard.scard.SCARD_ATTR_ATR_STRING,
        "FEATURES": smartcard.scard.SCARD_CTL_CODE(3400),
        "CHAIN": [ErrorCheckingChain([], ISO7816_4ErrorChecker())],
    }
    return names


def outcome(call: Callable[[], object]) -> str:
    """Return what a call returns, or its exception."""
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            value = call()
    except Exception as error:  # noqa: BLE001  the program prints it
        return f"{type(error).__name__}: {error} {getattr(error, 'hresult', '')}".rstrip()
    if printed.getvalue():
        return f"{value} {printed.getvalue()!r}"
    return repr(value) if value is None or isinstance(value, (int, list, tuple)) else type(value).__name__


def outcomes(label: str, calls: list[str], fault: tuple[str, str] | None = None) -> dict[str, tuple[str, list[str]]]:
    """Return the outcome of each call and the events of the observer; the last call meets the fault."""
    with ExitStack() as resources:
        observer = Observing()
        names = names_for_calls(resources, observer)
        found = {}
        for number, call in enumerate(calls, 1):
            if fault is not None and number == len(calls):
                resources.enter_context(virtual.fault(fault[0], code=fault[1]))
            result = outcome(lambda call=call: eval(call, names))  # type: ignore[misc]  # noqa: S307  calls of this file
            found[f"{label}, {number}: {call}"] = result, list(observer.events)
            observer.events.clear()
        return found


def main() -> None:
    found: dict[str, tuple[str, list[str]]] = {}
    for label, calls in OTHERS.items():
        found |= outcomes(label, calls)
    for function, (before, call) in FAILING.items():
        for code in CODES:
            found |= outcomes(f"{function} {code}", [*before, call], (function, code))
    sys.stdout.write(json.dumps(found) + "\n")


main()
