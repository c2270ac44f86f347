"""Calls of every function of smartcard.scard, and what each returned. Arguments: the module, the first call's number.

For each call the program prints two lines of JSON, before it and after it: its number, its label and, after it, its
outcome. If a call ends the process, the test starts the program again with the next one. The PC/SC library is the one
that the environment chooses.
"""

import json
import sys
from importlib import import_module
from typing import Any

NUMBERS = {
    "None": "None",
    "text": "'x'",
    "bytes": "b'x'",
    "float": "1.5",
    "list": "[1]",
    "bool": "True",
    "zero": "0",
    "minus one": "-1",
    "33 bits": "2**32 + 1",
    "65 bits": "2**64",
}
"""Values that are given as numbers, and as text."""
OF_NUMBERS = {
    "SCardEstablishContext scope": "established({})",
    "SCardReleaseContext context": "scard.SCardReleaseContext({})",
    "SCardIsValidContext context": "scard.SCardIsValidContext({})",
    "SCardCancel context": "scard.SCardCancel({})",
    "SCardListReaderGroups context": "scard.SCardListReaderGroups({})",
    "SCardListReaders context": "scard.SCardListReaders({}, [])",
    "SCardListReaders group": "scard.SCardListReaders(context, [{}])",
    "SCardConnect reader": "connected({}, 2, 3)",
    "SCardConnect share": "connected(reader, {}, 3)",
    "SCardBeginTransaction card": "scard.SCardBeginTransaction({})",
    "SCardEndTransaction card": "scard.SCardEndTransaction({}, 0)",
    "SCardDisconnect card": "scard.SCardDisconnect({}, 0)",
    "SCardStatus card": "scard.SCardStatus({})",
    "SCardTransmit card": "scard.SCardTransmit({}, protocol, READ)",
    "SCardTransmit protocol": "scard.SCardTransmit(card, {}, READ)",
    "SCardTransmit command": "scard.SCardTransmit(card, protocol, {})",
    "SCardTransmit byte": "scard.SCardTransmit(card, protocol, [0, {}])",
    "SCardControl byte": "scard.SCardControl(card, 1, [{}])",
    "SCardGetAttrib attribute": "scard.SCardGetAttrib(card, {})",
    "SCardSetAttrib byte": "scard.SCardSetAttrib(card, 1, [{}])",
    "SCardGetErrorMessage code": "scard.SCardGetErrorMessage({})",
    "SCARD_CTL_CODE code": "scard.SCARD_CTL_CODE({})",
    "SCardGetStatusChange state": "scard.SCardGetStatusChange(context, 0, [(reader, {})])",
    "SCardGetStatusChange timeout": "scard.SCardGetStatusChange(context, {}, [(reader, 0)])",
}
"""A call for each of these values."""
OF_SEQUENCES = {
    "SCardTransmit": "scard.SCardTransmit(card, protocol, {}(bytes(READ)))",
    "SCardControl": "scard.SCardControl(card, 1, {}(bytes(READ)))",
    "SCardSetAttrib": "scard.SCardSetAttrib(card, 1, {}(bytes(READ)))",
}
"""A call for each type of sequence."""
OTHERS = {
    "SCardListReaders": "scard.SCardListReaders(hcontext=context, readergroups=[])",
    "SCardListReaders tuple": "scard.SCardListReaders(context, ())",
    "SCardListReaders None": "scard.SCardListReaders(context, None)",
    "SCardListReaders one group": "scard.SCardListReaders(context, ['SCard$AllReaders'])",
    "SCardListReaders two groups": "scard.SCardListReaders(context, ['SCard$AllReaders', 'x'])",
    "SCardListReaderGroups": "scard.SCardListReaderGroups(hcontext=context)",
    "SCardStatus": "scard.SCardStatus(hcard=card)",
    "SCardConnect": "connected(reader, 2, 3)",
    "SCardConnect keywords": (
        "scard.SCardConnect(hcontext=context, readername='none', dwShareMode=2, dwPreferredProtocols=3)"
    ),
    "SCardConnect name with NUL": "connected(reader + chr(0) + 'x', 2, 3)",
    "SCardConnect empty name": "connected('', 2, 3)",
    "SCardConnect name outside ASCII": "connected('Lesergerät 読取機', 2, 3)",
    "SCardConnect name with a surrogate": "connected('\\udce9', 2, 3)",
    "SCardConnect protocol 0": "connected(reader, 2, 0)",
    "SCardConnect direct": "connected(reader, 3, 0)",
    "SCardConnect wrong context": "scard.SCardConnect(12345, reader, 2, 3)",
    "SCardReconnect": "scard.SCardReconnect(card, 2, 3, 0)",
    "SCardReconnect keywords": (
        "scard.SCardReconnect(hcard=card, dwShareMode=2, dwPreferredProtocols=3, dwInitialization=1)"
    ),
    "SCardReconnect other protocol": "scard.SCardReconnect(card, 2, 8, 0)",
    "SCardReconnect wrong handle": "scard.SCardReconnect(12345, 2, 3, 0)",
    "SCardBeginTransaction": "scard.SCardBeginTransaction(hcard=card)",
    "SCardEndTransaction": "scard.SCardEndTransaction(hcard=card, dwDisposition=0)",
    "SCardEndTransaction again": "scard.SCardEndTransaction(card, 0)",
    **{
        f"SCardTransmit protocol number {number}": f"scard.SCardTransmit(card, {number}, READ)"
        for number in (0, 1, 2, 3, 4, 5, 8, 0x10000)
    },
    "SCardTransmit keywords": "scard.SCardTransmit(hcard=card, pioSendPci=protocol, apducommand=READ)",
    "SCardTransmit another keyword": "scard.SCardTransmit(card, protocol, command=READ)",
    "SCardTransmit no arguments": "scard.SCardTransmit()",
    "SCardTransmit empty": "scard.SCardTransmit(card, protocol, [])",
    "SCardTransmit byte 256": "scard.SCardTransmit(card, protocol, [*READ, 256])",
    "SCardTransmit byte -124": "scard.SCardTransmit(card, protocol, [*READ, -124])",
    "SCardTransmit byte of 70 bits": "scard.SCardTransmit(card, protocol, [*READ, 2**70])",
    "SCardTransmit 255 bytes": "scard.SCardTransmit(card, protocol, [0, 0xB0, 0, 0, 255])",
    "SCardTransmit 65538 bytes": "scard.SCardTransmit(card, protocol, [0x80, 0x12, 0, 0, 0, 0, 0])",
    "SCardTransmit no answer": "scard.SCardTransmit(card, protocol, [0x80, 0x16, 0, 0])",
    "SCardTransmit wrong handle": "scard.SCardTransmit(12345, protocol, READ)",
    "SCardControl features": "scard.SCardControl(card, scard.SCARD_CTL_CODE(3400), [])",
    "SCardControl keywords": "scard.SCardControl(hcard=card, dwControlCode=1, inbuffer=[1])",
    "SCardControl wrong handle": "scard.SCardControl(12345, 1, [1])",
    "SCardGetAttrib ATR": "scard.SCardGetAttrib(card, scard.SCARD_ATTR_ATR_STRING)",
    "SCardGetAttrib keywords": "scard.SCardGetAttrib(hcard=card, dwAttrId=scard.SCARD_ATTR_VENDOR_NAME)",
    "SCardGetAttrib wrong handle": "scard.SCardGetAttrib(12345, 1)",
    "SCardSetAttrib keywords": "scard.SCardSetAttrib(hcard=card, dwAttrId=1, ATTRIBUTESIN=[1])",
    "SCardGetStatusChange": "scard.SCardGetStatusChange(context, 0, [(reader, 0)])",
    "SCardGetStatusChange keywords": (
        "scard.SCardGetStatusChange(hcontext=context, dwTimeout=0, readerstatelist=[(reader, 0)])"
    ),
    "SCardGetStatusChange same": "scard.SCardGetStatusChange(context, 0, [(reader, state())])",
    "SCardGetStatusChange changed": "scard.SCardGetStatusChange(context, 0, [(reader, 2)])",
    "SCardGetStatusChange ATR": "scard.SCardGetStatusChange(context, 0, [(reader, 0, [0x3B, 0])])",
    "SCardGetStatusChange wrong ATR": "scard.SCardGetStatusChange(context, 0, [(reader, 0, 'x')])",
    "SCardGetStatusChange long ATR": "scard.SCardGetStatusChange(context, 0, [(reader, 0, [0] * 100)])",
    "SCardGetStatusChange none": "scard.SCardGetStatusChange(context, 0, [])",
    "SCardGetStatusChange tuple": "scard.SCardGetStatusChange(context, 0, ((reader, 0),))",
    "SCardGetStatusChange lists": "scard.SCardGetStatusChange(context, 0, [[reader, 0]])",
    "SCardGetStatusChange one item": "scard.SCardGetStatusChange(context, 0, [(reader,)])",
    "SCardGetStatusChange name outside ASCII": "scard.SCardGetStatusChange(context, 0, [('読取機', 0)])",
    "SCardGetStatusChange unknown name": "scard.SCardGetStatusChange(context, 0, [('none', 0)])",
    "SCardGetStatusChange plug and play": r"scard.SCardGetStatusChange(context, 0, [(r'\\?PnP?\Notification', 0)])",
    "SCardGetStatusChange wrong context": "scard.SCardGetStatusChange(12345, 0, [(reader, 0)])",
    **{
        f"SCardGetErrorMessage {code:#x}": f"scard.SCardGetErrorMessage({code})"
        for code in (0, 0x80100001, 0x8010002E, 0x80100069, 5, -2146435071)
    },
    "SCARD_CTL_CODE 3400": "scard.SCARD_CTL_CODE(code=3400)",
    "SCardIntroduceReader": "scard.SCardIntroduceReader(hcontext=context, readername='a', devicename='b')",
    "SCardForgetReader": "scard.SCardForgetReader(hcontext=context, readername='a')",
    "SCardIntroduceReaderGroup": "scard.SCardIntroduceReaderGroup(hcontext=context, groupname='a')",
    "SCardForgetReaderGroup": "scard.SCardForgetReaderGroup(hcontext=context, groupname='a')",
    "SCardAddReaderToGroup": "scard.SCardAddReaderToGroup(hcontext=context, readername='a', groupname='b')",
    "SCardRemoveReaderFromGroup": "scard.SCardRemoveReaderFromGroup(hcontext=context, readername='a', groupname='b')",
    "SCardCancel": "scard.SCardCancel(hcontext=context)",
    "SCardIsValidContext": "scard.SCardIsValidContext(hcontext=context)",
    "SCardDisconnect": "scard.SCardDisconnect(hcard=card, dwDisposition=0)",
    "SCardDisconnect again": "scard.SCardDisconnect(card, 0)",
    "SCardReleaseContext": "scard.SCardReleaseContext(hcontext=context)",
    "SCardReleaseContext again": "scard.SCardReleaseContext(context)",
    "SCardIsValidContext released": "scard.SCardIsValidContext(context)",
}
CALLS = {
    **{f"{name} {kind}": call.format(value) for kind, value in NUMBERS.items() for name, call in OF_NUMBERS.items()},
    **{
        f"{name} {kind}": call.format(kind)
        for kind in ("list", "tuple", "bytes", "bytearray", "memoryview")
        for name, call in OF_SEQUENCES.items()
    },
    **OTHERS,
}
"""All calls by their labels; the last ones close the handle and the context."""


def names_for_calls(module: str) -> dict[str, Any]:
    """Return the names that the calls use: the module, an open context and card handle, and functions."""
    scard = import_module(module)
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    _, (reader,) = scard.SCardListReaders(context, [])
    _, card, protocol = scard.SCardConnect(context, reader, 2, 3)

    def connected(*arguments: Any) -> list[Any]:
        """Connect and disconnect; return True in place of the handle."""
        code, opened, active = scard.SCardConnect(context, *arguments)
        return [code, opened and scard.SCardDisconnect(opened, 0) == 0, active]

    def established(scope: Any) -> list[Any]:
        """Establish a context and release it; return True in its place, and None if there is no context."""
        code, opened = scard.SCardEstablishContext(scope)
        return [code, scard.SCardReleaseContext(opened) == 0 if code == 0 else None]

    def state() -> int:
        return int(scard.SCardGetStatusChange(context, 0, [(reader, 0)])[1][0][1])

    return {**locals(), "READ": [0x00, 0xB0, 0x00, 0x00, 0x04]}


def outcome(call: str, names: dict[str, Any]) -> str:
    """Return what a call returned as text, or the name of the class of its exception."""
    try:
        answer = eval(call, names)  # noqa: S307  a call of this file
    except Exception as error:  # noqa: BLE001  whatever it is, it is the outcome
        return type(error).__name__
    if isinstance(answer, list) and isinstance(answer[-1], list) and len(answer[-1]) > 300:
        return f"{answer[:-1]} and a list of {len(answer[-1])}"
    return repr(answer)


def say(*values: Any) -> None:
    """Write a line of JSON."""
    sys.stdout.write(f"{json.dumps(values)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    first = int(sys.argv[2])
    names = names_for_calls(sys.argv[1])
    for number, (label, call) in enumerate(CALLS.items()):
        if number >= first:
            say(number, label, None)
            say(number, label, outcome(call, names))
