"""Commands at random never make a virtual card raise: it answers each with a status word."""

import random
from collections.abc import Callable

import pytest

from scardffi.virtual import Card, ContactlessStorageCard, emv_card, piv_card, sim_card

COMMANDS = 5000
INSTRUCTIONS = bytes.fromhex(
    "0E 0F 20 22 24 26 28 2A 2C 82 84 86 87 88 A2 A4 A8 B0 B1 B2 C0 CA CB D6 DA DB DC E0 E2 E4 F2"
)
TAGS = bytes.fromhex("04 30 53 54 5C 5F 62 6F 7C 7E 80 81 82 83 84 85 95")
KNOWN = [b"", bytes.fromhex("A000000308"), b"\x7f\x20", b"\x6f\x07", b"123456\xff\xff", b"1234\xff\xff\xff\xff"]


def objects(random_: random.Random, depth: int = 0) -> bytes:
    """Return a few data objects at random, some of them in others."""
    found = b""
    for _ in range(random_.randrange(3)):
        inside = depth < 2 and random_.random() < 0.5
        value = objects(random_, depth + 1) if inside else random_.randbytes(random_.choice([0, 1, 2, 3, 16, 32]))
        found += bytes((random_.choice(TAGS), len(value) & 0x7F)) + value
    return found


def command(random_: random.Random) -> bytes:
    """Return a command that a card may know."""
    p1 = random_.choice([0, 1, 4, 8, 0x11, 0x3F, 0x41, 0x80, 0x9E, random_.randrange(256)])
    p2 = random_.choice([0, 1, 4, 6, 0x0C, 0x80, 0x9A, 0x9B, 0x9C, 0xA4, 0xB6, 0xFF, random_.randrange(256)])
    header = bytes((random_.choice(b"\x00\x00\x00\x10\x80\xa0\xff"), random_.choice(INSTRUCTIONS), p1, p2))
    data = random_.choice([*KNOWN, objects(random_), objects(random_), random_.randbytes(random_.randrange(20))])[:255]
    body = bytes((len(data),)) + data if data else b""
    return header + body + (b"\0" if random_.random() < 0.6 else b"")


@pytest.mark.parametrize("build", [piv_card, sim_card, emv_card, ContactlessStorageCard], ids=lambda one: one.__name__)
def test_a_card_answers_every_command(build: Callable[[], Card]) -> None:
    random_ = random.Random(12)
    answered = set()
    card = build()
    for number in range(COMMANDS):
        if number % 1000 == 0:
            card = build()
        answer = card.transmit(command(random_))
        assert len(answer) >= 2
        answered.add(answer[-2:])
    assert b"\x90\0" in answered or build is ContactlessStorageCard
    assert len(answered) > 5
