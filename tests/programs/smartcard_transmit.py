"""Prints the microseconds of connection.transmit, the minimum of several rounds, by the length of the response."""

import json
import sys
import time

from smartcard.System import readers

ROUNDS = 25
CALLS = 1000
COMMANDS = {"2": [0x00, 0xA4, 0x00, 0x00], "16": [0x00, 0xB0, 0x00, 0x00, 14], "255": [0x00, 0xB0, 0x00, 0x00, 253]}


def main() -> None:
    connection = readers()[0].createConnection()
    connection.connect()
    transmit = connection.transmit
    found: dict[str, float] = {}
    for length, command in COMMANDS.items():
        data, _, _ = transmit(command)
        assert len(data) + 2 == int(length)
        for _ in range(ROUNDS):
            start = time.perf_counter()
            for _ in range(CALLS):
                transmit(command)
            took = (time.perf_counter() - start) / CALLS * 1e6
            found[length] = min(took, found.get(length, took))
    connection.disconnect()
    sys.stdout.write(json.dumps(found))


main()
