"""Fuzz a card application with sessions of random commands on all cores, and save the shortest failing one as a test.

The card is a class in Python with an ATR and `transmit`. A fault is an exception in it, or an answer of fewer than 2
bytes. The same seed gives the same sessions and so the same fault, on any number of cores.

    python examples/fuzz_card.py --seed 1 --save test_found.py [FILE.py:CLASS]

It needs no hardware. Without FILE.py:CLASS it fuzzes `Purse` below, which has a planted fault.
"""

import argparse
import random
import runpy
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from scardffi import Context, SCardError, virtual

COMMANDS = 16  # in a session
SESSIONS = 50  # in a piece of work for one core
EDGES = [0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF]
INSTRUCTIONS = [0x20, 0x24, 0x2C, 0x82, 0x84, 0x88, 0xA4, 0xB0, 0xB2, 0xC0, 0xCA, 0xD0, 0xD2, 0xD6, 0xDA, 0xDC, 0xE0]
TEST = '''"""A session that makes the card fail: {fault}."""

import runpy

from scardffi import Context, virtual

COMMANDS = {commands!r}


def test_the_card_answers_every_command():
    card = runpy.run_path({file!r})[{name!r}]()
    with virtual.installed(), virtual.VirtualReader("Fuzzed", card) as reader, Context() as context:
        with context.attach("Fuzzed") as attached:
            for command in COMMANDS:
                assert len(attached.transmit(bytes.fromhex(command))) >= 2
        assert reader.errors == []
'''


class Purse:
    """A card to practise on: after SELECT it writes its memory of 64 bytes, but does not check the end."""

    atr = bytes.fromhex("3B80800101")

    def __init__(self):
        self.memory, self.selected = bytearray(64), False

    def transmit(self, command):
        instruction, offset, data = command[1], command[3], command[5:]
        if instruction == 0xA4:
            self.selected = True
        elif instruction == 0xD6 and self.selected and offset < len(self.memory):
            for place, value in enumerate(data, offset):  # the fault: data may end after the memory
                self.memory[place] = value
        else:
            return b"\x6d\x00" if instruction != 0xD6 else b"\x6a\x86"
        return b"\x90\x00"


def random_commands(chance):
    """Return a session: valid APDUs with edge values more often than others."""

    def number():
        return chance.choice(EDGES) if chance.random() < 0.5 else chance.randrange(256)

    session = []
    for _ in range(COMMANDS):
        data = chance.randbytes(number())
        header = [chance.choice([0, 0x80]), chance.choice(INSTRUCTIONS), number(), number()]
        session.append(bytes([*header, *([len(data)] if data else [])]) + data)
    return session


def fault_of(target, session):
    """Run a session on a new card; return what was wrong, or None."""
    file, name = target
    make = runpy.run_path(file)[name] if file != __file__ else globals()[name]
    with virtual.VirtualReader("Fuzzed", make()) as reader, Context() as context, context.attach("Fuzzed") as card:
        try:
            short = any(len(card.transmit(command)) < 2 for command in session)
        except SCardError as error:
            return repr(reader.errors[0]) if reader.errors else error.name
        return "an answer of fewer than 2 bytes" if short else None


def run_piece(target, seed, piece):
    """Run the sessions of one piece; return the first that fails, and the fault."""
    with virtual.installed():
        for number in range(SESSIONS):
            session = random_commands(random.Random(f"{seed} {piece} {number}"))
            if fault := fault_of(target, session):
                return session, fault
    return None


def minimised(target, session, fault):
    """Return a session with the same class of fault in which no command and no byte of data can be left out."""
    kind = fault.partition("(")[0]

    def fails(tried):
        return (fault_of(target, tried) or "").partition("(")[0] == kind

    place = 0
    while place < len(session):
        command, data = session[place], session[place][5:]
        tries = [[]] + [[command[:4] + (bytes([size]) + data[:size] if size else b"")] for size in range(len(data))]
        for tried in tries:
            if fails(shorter := session[:place] + tried + session[place + 1 :]):
                session = shorter
                place -= not tried
                break
        place += 1
    return session


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "card", nargs="?", default=f"{__file__}:Purse", help="FILE.py:CLASS (default: the card in here)"
    )
    parser.add_argument("--seed", default="1")
    parser.add_argument("--pieces", type=int, default=200, help=f"of {SESSIONS} sessions each (default: %(default)s)")
    parser.add_argument("--cores", type=int, help="default: all")
    parser.add_argument("--save", type=Path, default=Path("test_found.py"), help="the test (default: %(default)s)")
    options = parser.parse_args()
    target = tuple(options.card.rsplit(":", 1))
    # A child of a fork would share the virtual library with this process.
    with ProcessPoolExecutor(options.cores, get_context("spawn")) as pool:
        results = pool.map(partial(run_piece, target, options.seed), range(options.pieces))
        found = next((one for one in results if one is not None), None)  # of the first piece, on any number of cores
        pool.shutdown(cancel_futures=True)
    if found is None:
        print(f"{options.pieces * SESSIONS} sessions: no fault")
        return
    session, fault = found
    with virtual.installed():
        session = minimised(target, session, fault)
        fault = fault_of(target, session)
    commands = [command.hex() for command in session]
    file = str(Path(target[0]).resolve())
    options.save.write_text(TEST.format(fault=fault, commands=commands, file=file, name=target[1]), encoding="utf-8")
    print(f"{fault} after {' '.join(commands)}; saved as {options.save}")


if __name__ == "__main__":
    main()
