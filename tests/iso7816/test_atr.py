"""Answers to reset: every byte of the standard, malformed ATRs, storage cards, and a public list of real ATRs."""

import re
from collections import Counter
from functools import reduce
from operator import xor
from pathlib import Path

import pytest
from support.reports import report
from support.requirements import need, need_module

from scardffi.iso7816.atr import Atr, MalformedAtrError, StorageCard
from scardffi.iso7816.tlv import TLV

PUBLIC_LIST = Path("/usr/share/pcsc/smartcard_list.txt")  # Debian: pcsc-tools


def with_tck(text: str) -> bytes:
    raw = bytes.fromhex(text)
    return raw + bytes([reduce(xor, raw[1:])])


JCOP = bytes.fromhex("3BE90000 8131FE45 4A434F503431563232 A7")
USIM = bytes.fromhex("3B9F96801FC7 8031E073FE211B6340419183079000 50")
# Every interface byte with a meaning: TA1 to TD1, TA2 and TD2 for T=1, TA3 to TD3 for T=1, TA4 and TB4 for T=15
FULL = with_tck("3FF4 96 25 05 91  91 F1  FE 45 01 3F  83 8C  DEADBEEF")
MIFARE_1K = bytes.fromhex("3B8F8001 804F0C A000000306 03 0001 00000000 6A")


def test_the_shortest_atr_offers_t_0_with_the_standard_s_defaults() -> None:
    atr = Atr(bytes.fromhex("3B00"))
    assert (atr.convention, atr.protocols, atr.interface) == ("direct", (0,), {})
    assert (atr.fi, atr.di, atr.f_max) == (372, 1, 5.0)
    assert (atr.extra_guard_time, atr.guard_time(0), atr.waiting_integer) == (0, 12, 10)
    assert (atr.ifsc, atr.bwi, atr.cwi, atr.error_detection) == (32, 4, 13, "LRC")
    assert (atr.clock_stop, atr.classes, atr.spu) == ("not supported", "A", 0)
    assert (atr.specific_mode, atr.historical_bytes, atr.historical(), atr.tck) == (None, b"", None, None)
    assert atr.storage_card is None
    assert atr.problems == []


def test_every_interface_byte_is_read_under_its_name() -> None:
    atr = Atr(FULL)
    assert " ".join(atr.interface) == "TA1 TB1 TC1 TD1 TA2 TD2 TA3 TB3 TC3 TD3 TA4 TB4"
    assert bytes(atr.interface.values()).hex() == "9625059191f1fe45013f838c"
    assert (atr.convention, atr.protocols) == ("inverse", (1,))
    assert (atr.fi, atr.di, atr.f_max) == (512, 32, 5.0)
    assert (atr.extra_guard_time, atr.guard_time(1)) == (5, 17)
    assert atr.specific_mode == (1, False, True)
    assert (atr.ifsc, atr.bwi, atr.cwi, atr.error_detection) == (254, 4, 5, "CRC")
    assert (atr.clock_stop, atr.classes, atr.spu) == ("state H", "AB", 0x8C)
    assert (atr.historical_bytes.hex(), atr.tck) == ("deadbeef", FULL[-1])
    assert bytes(atr) == FULL


def test_the_atr_of_a_real_card_for_t_1_is_read() -> None:
    atr = Atr(JCOP)
    assert (atr.protocols, atr.fi, atr.di, atr.ifsc, atr.bwi, atr.cwi) == ((1,), 372, 1, 254, 4, 5)
    assert atr.historical_bytes == b"JCOP41V22"
    assert atr.tck == 0xA7


def test_the_atr_of_a_real_usim_is_read() -> None:
    atr = Atr(USIM)
    assert (atr.protocols, atr.fi, atr.di) == ((0,), 512, 32)
    assert (atr.clock_stop, atr.classes) == ("no preference", "ABC")
    historical = atr.historical()
    assert historical is not None
    assert (historical.category, historical.life_cycle, historical.sw) == (0x80, 0x07, 0x9000)
    assert [(one.tag, one.value.hex()) for one in historical.objects] == [
        (0x43, "e0"), (0x47, "fe211b"), (0x46, "404191"), (0x48, "079000"),
    ]  # fmt: skip
    assert [USIM[one.offset : one.offset + len(one.value)] for one in historical.objects] == [
        one.value for one in historical.objects
    ]
    assert (historical.supports_chaining, historical.supports_extended_length) == (False, False)


def test_each_offered_protocol_is_listed_once_and_in_order() -> None:
    assert Atr(with_tck("3B80 80 81 71 FE 45 00")).protocols == (0, 1)
    assert Atr(with_tck("3B80 81 91 FE 1F 07")).protocols == (1,)


@pytest.mark.parametrize(
    ("ta1", "fi", "f_max", "di"),
    [
        (0x01, 372, 4, 1), (0x11, 372, 5, 1), (0x22, 558, 6, 2), (0x33, 744, 8, 4), (0x44, 1116, 12, 8),
        (0x55, 1488, 16, 16), (0x66, 1860, 20, 32), (0x97, 512, 5, 64), (0xA8, 768, 7.5, 12), (0xB9, 1024, 10, 20),
        (0xC1, 1536, 15, 1), (0xD1, 2048, 20, 1),
    ],
)  # fmt: skip
def test_ta1_gives_fi_di_and_the_highest_frequency(ta1: int, fi: int, f_max: float, di: int) -> None:
    atr = Atr(bytes([0x3B, 0x10, ta1]))
    assert (atr.fi, atr.f_max, atr.di) == (fi, f_max, di)


@pytest.mark.parametrize(("tc1", "of_t_0", "of_t_1"), [(0, 12, 12), (2, 14, 14), (254, 266, 266), (255, 12, 11)])
def test_tc1_gives_the_guard_time(tc1: int, of_t_0: int, of_t_1: int) -> None:
    atr = Atr(bytes([0x3B, 0x40, tc1]))
    assert (atr.guard_time(0), atr.guard_time(1)) == (of_t_0, of_t_1)


@pytest.mark.parametrize(
    ("ta2", "mode"), [(0x00, (0, True, False)), (0x81, (1, False, False)), (0x11, (1, True, True))]
)
def test_ta2_gives_the_specific_mode(ta2: int, mode: tuple[int, bool, bool]) -> None:
    assert Atr(bytes([0x3B, 0x80, 0x10, ta2])).specific_mode == mode


def test_tc2_gives_the_waiting_time_of_t_0() -> None:
    assert Atr(bytes.fromhex("3B80 40 FF")).waiting_integer == 255


@pytest.mark.parametrize(
    ("byte", "clock_stop", "classes"),
    [(0x01, "not supported", "A"), (0x42, "state L", "B"), (0x84, "state H", "C"), (0xC6, "no preference", "BC")],
)
def test_the_first_ta_for_t_15_gives_clock_stop_and_classes(byte: int, clock_stop: str, classes: str) -> None:
    atr = Atr(with_tck(f"3B80 80 1F {byte:02X}"))
    assert (atr.clock_stop, atr.classes) == (clock_stop, classes)


def test_bytes_for_t_1_are_not_read_from_level_2_or_another_protocol() -> None:
    atr = Atr(with_tck("3B80 B1 10 77 B1 FD 66 1F 03"))  # TA2 TB2, then TA3 TB3 for T=1, then TA4 for T=15
    assert (atr.ifsc, atr.bwi, atr.cwi, atr.classes) == (253, 6, 6, "AB")


# Historical bytes


def historical(text: str) -> bytes:
    raw = bytes.fromhex(text)
    return bytes([0x3B, len(raw)]) + raw


@pytest.mark.parametrize(
    ("text", "objects", "life_cycle", "sw"),
    [
        ("00 31C0 07 9000", [(0x43, "c0")], 0x07, 0x9000),
        ("00 05 6985", [], 0x05, 0x6985),
        ("80 8107", [(0x48, "07")], 0x07, None),
        ("80 826283", [(0x48, "6283")], None, 0x6283),
        ("80 31C0 83079000", [(0x43, "c0"), (0x48, "079000")], 0x07, 0x9000),
        ("80 F3A00000 60", [(0x4F, "a00000"), (0x46, "")], None, None),
        ("80", [], None, None),
        ("10 42", [], None, None),
        ("4A 31C0", [], None, None),
    ],
)
def test_historical_bytes_are_read_by_their_category(
    text: str, objects: list[tuple[int, str]], life_cycle: int | None, sw: int | None
) -> None:
    read = Atr(historical(text)).historical()
    assert read is not None
    assert read.category == int(text[:2], 16)
    assert [(one.tag, one.value.hex()) for one in read.objects] == objects
    assert (read.life_cycle, read.sw) == (life_cycle, sw)


@pytest.mark.parametrize(
    ("text", "offset", "reason", "read"),
    [
        ("80 4104 53AA", 7, "the historical bytes end after 1 of 3 bytes of the object 5", [0x44]),
        ("00 4204 079000", 5, "the historical bytes end after 1 of 2 bytes of the object 4", []),
        ("00 9000", 5, "before the status indicator of 3 bytes that category 00 requires", []),
    ],
)
def test_wrong_historical_bytes_raise_when_they_are_read(text: str, offset: int, reason: str, read: list[int]) -> None:
    raw = historical(text)
    with pytest.raises(MalformedAtrError, match=reason) as caught:
        Atr(raw).historical()
    assert caught.value.offset == offset
    lenient = Atr(raw, lenient=True).historical()
    assert lenient is not None
    assert [one.tag for one in lenient.objects] == read


@pytest.mark.parametrize(
    ("capabilities", "chaining", "extended"),
    [("73 000080", True, False), ("73 000040", False, True), ("73 0000C0", True, True), ("72 0000", None, None)],
)
def test_card_capabilities_show_chaining_and_extended_lengths(
    capabilities: str, chaining: bool | None, extended: bool | None
) -> None:
    read = Atr(historical(f"80 {capabilities}")).historical()
    assert read is not None
    assert (read.supports_chaining, read.supports_extended_length) == (chaining, extended)


# Contactless storage cards


def test_a_contactless_storage_card_has_its_standard_and_name() -> None:
    atr = Atr(MIFARE_1K)
    card = atr.storage_card
    assert card is not None
    assert (card.ss, card.nn) == (0x03, 0x0001)
    assert (card.standard, card.name) == ("ISO/IEC 14443 A, part 3", "MIFARE Classic 1K")
    read = atr.historical()
    assert read is not None
    assert read.objects == (TLV(0x4F, bytes.fromhex("A000000306030001 00000000")),)
    assert MIFARE_1K[read.objects[0].offset :].startswith(b"\xa0\x00\x00\x03\x06")


def test_an_unknown_storage_card_keeps_its_numbers() -> None:
    card = Atr(with_tck("3B8F8001 804F0C A000000306 F0 FFEE 00000000")).storage_card
    assert card is not None
    assert (card.ss, card.nn, card.standard, card.name) == (0xF0, 0xFFEE, "unknown", "unknown")


def test_every_number_of_pcsc_has_a_name_and_no_other_number_has_one() -> None:
    cards = [StorageCard(number, number) for number in range(0x100)]
    assert [card.ss for card in cards if card.standard != "unknown"] == [0, 1, 2, 3, 5, 6, 7, *range(9, 0x12), 0x40]
    assert [card.nn for card in cards if card.name != "unknown"] == [0, 1, 2, 3, 4, *range(6, 0x3E)]
    assert len({card.name for card in cards}) == 62


def test_an_atr_without_a_card_name_is_no_storage_card() -> None:
    assert Atr(with_tck("3B8B8001 804F0C A000000306 03 0001")).storage_card == (0x03, 0x0001)
    assert Atr(with_tck("3B8A8001 804F0C A000000306 03 00")).storage_card is None


def test_another_application_identifier_is_no_storage_card() -> None:
    assert Atr(with_tck("3B8F8001 804F0C A000000307 03 0001 00000000")).storage_card is None


# Wrong ATRs

WRONG: list[tuple[str, int, str]] = [
    ("", 0, "the ATR ends before TS"),
    ("3B", 1, "the ATR ends before T0"),
    ("3C00", 0, "TS is 3C; allowed are 3B and 3F"),
    ("3B10", 2, "the ATR ends before TA1, which T0 announces"),
    ("3BF0 11 00 00", 5, "the ATR ends before TD1, which T0 announces"),
    ("3B80 80", 3, "the ATR ends before TD2, which TD1 announces"),
    ("3B80" + "80" * 31, 33, "the ATR ends before TD32, which TD31 announces"),
    ("3B04 6089", 4, "the ATR ends after 2 of 4 historical bytes"),
    ("3B02 1450 11", 4, "1 bytes follow; the ATR ends after the historical bytes, because an ATR"),
    ("3B80 01", 3, "TCK is missing"),
    ("3B80 01 80", 3, "TCK is 80; the bytes before it require 81"),
    ("3B80 01 81 00", 4, "1 bytes follow; the ATR ends after TCK"),
    ("3B00" + "00" * 32, 33, "the ATR has 34 bytes; at most 33 are allowed"),
    ("3B80 0F 8F", 2, "TD1 contains T=15; allowed are 0 to 14"),
    ("3B80 81 00 01", 3, "TD2 contains T=0 after T=1; the values of T must ascend"),
    ("3B10 71", 2, "TA1 contains FI 7; allowed are 0 to 6 and 9 to 13"),
    ("3B10 F1", 2, "TA1 contains FI 15; allowed are 0 to 6 and 9 to 13"),
    ("3B10 81", 2, "TA1 contains FI 8; allowed are 0 to 6 and 9 to 13"),
    ("3B10 E1", 2, "TA1 contains FI 14; allowed are 0 to 6 and 9 to 13"),
    ("3B10 10", 2, "TA1 contains DI 0; allowed are 1 to 9"),
    ("3B10 1A", 2, "TA1 contains DI 10; allowed are 1 to 9"),
    ("3B80 40 00", 3, "TC2 contains WI 0; allowed are 1 to 255"),
    ("3B80 81 11 00 10", 4, "TA3 contains IFSC 0; allowed are 1 to 254"),
    ("3B80 81 11 FF EF", 4, "TA3 contains IFSC 255; allowed are 1 to 254"),
    ("3B80 81 21 A5 85", 4, "TB3 contains BWI 10; allowed are 0 to 9"),
    ("3B80 80 1F 05 1A", 4, "TA3 contains a reserved class indicator; allowed are A, B, C, AB, BC, ABC"),
]


@pytest.mark.parametrize(("text", "offset", "reason"), WRONG, ids=[text[:16] for text, _, _ in WRONG])
def test_the_error_for_a_wrong_atr_says_where_and_what_is_wrong(text: str, offset: int, reason: str) -> None:
    raw = bytes.fromhex(text)
    with pytest.raises(MalformedAtrError) as caught:
        Atr(raw)
    assert str(caught.value).startswith(f"byte {offset}: {reason}")
    assert caught.value.offset == offset
    assert isinstance(caught.value, ValueError)
    if len(raw) >= 2:
        assert str(Atr(raw, lenient=True).problems[0]) == str(caught.value)


def test_lenient_reading_lists_every_error_and_reads_the_rest() -> None:
    atr = Atr(bytes.fromhex("3C92 7A 0F 1450 00 FF"), lenient=True)
    assert [error.offset for error in atr.problems] == [0, 7, 6, 3, 2, 2]
    assert (atr.convention, atr.fi, atr.di, atr.f_max, atr.protocols) == (None, None, None, None, ())
    assert (atr.historical_bytes.hex(), atr.tck) == ("1450", 0x00)


def test_lenient_reading_refuses_bytes_without_t0() -> None:
    with pytest.raises(MalformedAtrError, match="before T0"):
        Atr(b"\x3b", lenient=True)


def test_atrs_with_equal_bytes_are_equal_and_their_repr_shows_the_bytes() -> None:
    assert Atr(MIFARE_1K) == Atr(bytearray(MIFARE_1K))
    assert Atr(MIFARE_1K) != Atr(JCOP)
    assert Atr(b"\x3b\x02\x00", lenient=True) == Atr(b"\x3b\x02\x00", lenient=True)
    assert Atr(MIFARE_1K) != MIFARE_1K
    assert repr(Atr(b"\x3b\x00")) == "<Atr 3B 00, T=0>"
    assert repr(Atr(MIFARE_1K)).endswith(" 6A, T=0, T=1>")


def test_atrs_are_keys_of_dicts() -> None:
    names = {Atr(MIFARE_1K): "MIFARE", Atr(JCOP): "JCOP"}
    assert names[Atr(bytearray(JCOP), lenient=True)] == "JCOP"
    assert len({Atr(JCOP), Atr(JCOP), Atr(USIM)}) == 2


USIM_IN_WORDS = """\
convention: direct
protocols: T=0
speed: Fi 512, Di 32: 16 clock cycles a bit (etu), 312500 bit/s at the highest clock, 5 MHz
mode: negotiable; the card begins with Fi 372 and Di 1
guard time: 12 etu for T=0
clock stop: no preference
voltage: 5 V, 3 V, 1.8 V
T=0: waiting time integer 10, 983 ms at 5 MHz
historical bytes: 80 31 E0 73 FE 21 1B 63 40 41 91 83 07 90 00
  category 80: data objects
  card service data: E0
    select by name: yes
    select by partial name: yes
    data objects in dir: yes
    data objects in atr: no
    has mf: yes
  card capabilities: FE 21 1B
    select by name: yes
    select by partial name: yes
    select by path: yes
    select by id: yes
    select implicitly: yes
    short ids: yes
    record numbers: yes
    record ids: no
    chaining: no
    extended length: no
    channel by card: yes
    channel by program: yes
    data unit: 1 byte
    logical channels: 4
  pre-issuing data: 40 41 91
  status indicator: 07 90 00
  life cycle: activated (07)
  status word: 9000
check byte: 50"""


def test_an_atr_is_described_in_words() -> None:
    assert Atr(USIM).describe() == USIM_IN_WORDS


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        (b"\x3b\x00", ["protocols: T=0", "guard time: 12 etu for T=0", "historical bytes: none", "check byte: none"]),
        (JCOP, [("T=1: up to 254 bytes to the card in a block, block waiting time integer 4, "
                 "character waiting time integer 5, LRC"),
                'historical bytes: 4A 43 4F 50 34 31 56 32 32 "JCOP41V22"', "  category 4A: proprietary"]),
        (MIFARE_1K, ["protocols: T=0, T=1", "  storage card: MIFARE Classic 1K, ISO/IEC 14443 A, part 3"]),
        (FULL, ["convention: inverse", ("mode: specific, T=1, Fi and Di known by other means; "
                "the card cannot change to negotiable mode"), "clock stop: state H", "voltage: 5 V, 3 V",
                "contact C6: proprietary use, 0C"]),
    ],
    ids=["shortest", "JCOP", "storage card", "every interface byte"],
)  # fmt: skip
def test_a_description_says_what_the_bytes_mean(raw: bytes, lines: list[str]) -> None:
    assert set(lines) <= set(Atr(raw).describe().split("\n"))


def test_a_description_of_a_malformed_atr_has_its_problems() -> None:
    text = Atr(bytes.fromhex("3B 97 7F 80"), lenient=True).describe()
    assert "speed: reserved value, Fi unknown, Di unknown" in text
    assert f"problem: {Atr(bytes.fromhex('3B 97 7F 80'), lenient=True).problems[-1]}" in text


# The public list of real cards


def listed() -> list[bytes]:
    """Return the ATRs of the list of pcsc-tools that have no placeholders."""
    need([] if PUBLIC_LIST.exists() else [f"{PUBLIC_LIST} of pcsc-tools is not there"])
    lines = PUBLIC_LIST.read_text(encoding="utf-8").splitlines()
    return [bytes.fromhex(line) for line in lines if re.fullmatch(r"[0-9A-Fa-f]{2}( [0-9A-Fa-f]{2})+ ?", line)]


def refusal(raw: bytes) -> MalformedAtrError | None:
    try:
        Atr(raw)
    except MalformedAtrError as error:
        return error
    return None


def shape(raw: bytes) -> tuple[list[tuple[str, int]], int, bool]:
    """Return the interface bytes, the offset of the first historical byte, and True if there is a TCK, without Atr."""
    found: list[tuple[str, int]] = []
    values = set()
    todo = [(1, raw[1])]
    place = 2
    while todo:
        level, announcing = todo.pop()
        for letter, bit in (("A", 0x10), ("B", 0x20), ("C", 0x40), ("D", 0x80)):
            if announcing & bit:
                found.append((f"T{letter}{level}", raw[place]))
                place += 1
        if announcing & 0x80:
            values.add(raw[place - 1] & 0x0F)
            todo.append((level + 1, raw[place - 1]))
    return found, place, bool(values - {0})


def is_true(reason: str, raw: bytes) -> bool:
    """Return True if the ATR is malformed for this reason."""
    try:
        found, start, has_tck = shape(raw)
    except IndexError:
        return "the ATR ends before T" in reason
    interface = dict(found)
    end = start + (raw[1] & 0xF)
    truths = {
        "TS is": raw[0] not in {0x3B, 0x3F},
        "at most 33": len(raw) > 33,
        "historical bytes$": len(raw) < end,
        "TCK is missing": has_tck and len(raw) == end,
        "TCK is [0-9A-F]": has_tck and len(raw) > end and reduce(xor, raw[1 : end + 1]) != 0,
        "bytes follow": len(raw) > end + has_tck,
        "FI": interface.get("TA1", 0x11) >> 4 in {7, 8, 14, 15},
        "DI": interface.get("TA1", 0x11) & 0xF in {0, 10, 11, 12, 13, 14, 15},
        "TD1 contains T=15": interface.get("TD1", 0) & 0xF == 15,
        "IFSC": any(interface.get(f"TA{level}") in {0, 255} for level in range(3, 9)),
        "BWI": any(interface.get(f"TB{level}", 0) >= 0xA0 for level in range(3, 9)),
        "WI 0": interface.get("TC2") == 0,
    }
    return any(truth and re.search(pattern, reason) for pattern, truth in truths.items())


def test_every_atr_of_the_public_list_is_read_or_refused_for_a_true_reason() -> None:
    atrs = listed()
    reasons: Counter[str] = Counter()
    described = 0
    for raw in atrs:
        lenient = Atr(raw, lenient=True)
        assert hash(lenient) == hash(Atr(bytearray(raw), lenient=True))
        assert repr(lenient).startswith(f"<Atr {raw.hex(' ').upper()}")
        lines = lenient.describe().split("\n")
        assert lines[0].startswith("convention: ")
        assert [line for line in lines if line.startswith("problem: ")] == [
            f"problem: {one}" for one in lenient.problems
        ]
        described += len(lines)
        error = refusal(raw)
        if error is not None:
            assert is_true(error.args[0], raw), f"{raw.hex(' ')}: {error}"
            assert str(lenient.problems[0]) == str(error)
            reasons[re.sub(r"(?<!=)\b(\d+|[0-9A-F]{2})\b", "n", error.args[0]).partition(";")[0]] += 1
            continue
        interface, start, has_tck = shape(raw)
        assert list(lenient.interface.items()) == interface
        assert lenient.historical_bytes == raw[start : start + (raw[1] & 0xF)]
        assert len(raw) == start + len(lenient.historical_bytes) + has_tck
        assert (lenient.tck is not None) == has_tck
        assert lenient.problems == []
    refused = sum(reasons.values())
    report(f"ATRs of the public list: {len(atrs)} in full, {len(atrs) - refused} read, {refused} refused:")
    for reason, count in reasons.most_common():
        report(f"  {count} {reason}")
    different = len({Atr(raw, lenient=True) for raw in atrs})
    report(f"ATRs of the public list: {different} different ones, all described, in {described} lines")
    assert len(atrs) > 3000
    assert refused < len(atrs) * 0.05


def test_pyscard_reads_the_atrs_of_the_public_list_in_the_same_way() -> None:
    need_module("smartcard")
    from smartcard.ATR import ATR

    compared = 0
    for raw in listed():
        ours = Atr(raw, lenient=True)
        if ours.problems:
            continue
        theirs = ATR(list(raw))
        for letter in "ABCD":
            values = [ours.interface.get(f"T{letter}{level + 1}") for level in range(len(theirs.TA))]
            assert getattr(theirs, f"T{letter}") == values, raw.hex(" ")
        assert bytes(theirs.historicalBytes) == ours.historical_bytes
        assert (theirs.TCK, theirs.checksumOK) == (ours.tck, True if ours.tck is not None else None)
        compared += 1
    assert compared > 3000


def test_the_public_list_has_the_same_names_for_storage_cards() -> None:
    listed()
    text = PUBLIC_LIST.read_text(encoding="utf-8")
    pattern = (
        r"^3B 8F 80 01 80 4F 0C A0 00 00 03 06 \.\. (..) (..) 00 00 00 00 \.\.\n\t([^\n]+?) \(as per PCSC std part3\)"
    )
    names = {int(high + low, 16): name for high, low, name in re.findall(pattern, text, re.MULTILINE)}
    assert len(names) > 50
    other = []
    for number, name in names.items():
        card = Atr(with_tck(f"3B8F8001 804F0C A000000306 03 {number:04X} 00000000")).storage_card
        if card is not None and card.name.casefold() != name.casefold():
            other.append((number, card.name, name))
    assert len(other) <= 3, other
