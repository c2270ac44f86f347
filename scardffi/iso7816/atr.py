"""The answer to reset (ISO/IEC 7816-3, clause 8) and its historical bytes (7816-4, clause 12.1; PC/SC part 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from operator import xor
from typing import TYPE_CHECKING, Final, NamedTuple

from .._bytes_like import copied
from .._field_docs import field_docs
from .._half_made import repr_if_half_made
from ._atr_text import lines
from ._object_reader import PADDING, Header, ObjectReader
from .malformed import MalformedError
from .tlv import TLV

if TYPE_CHECKING:
    from typing_extensions import Buffer

_MAX_SIZE: Final = 33
_CONVENTIONS: Final = {0x3B: "direct", 0x3F: "inverse"}
_FI: Final = {
    0: (372, 4.0), 1: (372, 5.0), 2: (558, 6.0), 3: (744, 8.0), 4: (1116, 12.0), 5: (1488, 16.0), 6: (1860, 20.0),
    9: (512, 5.0), 10: (768, 7.5), 11: (1024, 10.0), 12: (1536, 15.0), 13: (2048, 20.0),
}  # fmt: skip
"""The upper half of TA1: Fi, and the highest frequency in MHz (table 7)."""
_DI: Final = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 6: 32, 7: 64, 8: 12, 9: 20}
"""The lower half of TA1: Di (table 8)."""
_CLOCK_STOP: Final = ("not supported", "state L", "state H", "no preference")
_CLASSES: Final = {0b000001: "A", 0b000010: "B", 0b000100: "C", 0b000011: "AB", 0b000110: "BC", 0b000111: "ABC"}
_DEFAULT_TA1: Final = 0x11
_NO_EXTRA_GUARD_TIME: Final = 255
_GLOBAL: Final = 15
"""T=15 marks interface bytes that concern the whole card and not a protocol."""

_RID_OF_PCSC: Final = bytes.fromhex("A000000306")
_STANDARDS: Final = {
    0x00: "no information",
    0x01: "ISO/IEC 14443 A, part 1", 0x02: "ISO/IEC 14443 A, part 2", 0x03: "ISO/IEC 14443 A, part 3",
    0x05: "ISO/IEC 14443 B, part 1", 0x06: "ISO/IEC 14443 B, part 2", 0x07: "ISO/IEC 14443 B, part 3",
    0x09: "ISO/IEC 15693, part 1", 0x0A: "ISO/IEC 15693, part 2", 0x0B: "ISO/IEC 15693, part 3",
    0x0C: "ISO/IEC 15693, part 4",
    0x0D: "ISO/IEC 7816-10, I2C", 0x0E: "ISO/IEC 7816-10, extended I2C", 0x0F: "ISO/IEC 7816-10, 2WBP",
    0x10: "ISO/IEC 7816-10, 3WBP", 0x11: "FeliCa", 0x40: "low frequency contactless",
}  # fmt: skip
_CARD_NAMES: Final = {
    0x00: "no name given", 0x01: "MIFARE Classic 1K", 0x02: "MIFARE Classic 4K", 0x03: "MIFARE Ultralight",
    0x04: "SLE55R_XXXX", 0x06: "SR176", 0x07: "SRI X4K", 0x08: "AT88RF020", 0x09: "AT88SC0204CRF",
    0x0A: "AT88SC0808CRF", 0x0B: "AT88SC1616CRF", 0x0C: "AT88SC3216CRF", 0x0D: "AT88SC6416CRF", 0x0E: "SRF55V10P",
    0x0F: "SRF55V02P", 0x10: "SRF55V10S", 0x11: "SRF55V02S", 0x12: "TAG_IT", 0x13: "LRI512", 0x14: "ICODESLI",
    0x15: "TEMPSENS", 0x16: "I.CODE1", 0x17: "PicoPass 2K", 0x18: "PicoPass 2KS", 0x19: "PicoPass 16K",
    0x1A: "PicoPass 16KS", 0x1B: "PicoPass 16K(8x2)", 0x1C: "PicoPass 16KS(8x2)", 0x1D: "PicoPass 32KS(16+16)",
    0x1E: "PicoPass 32KS(16+8x2)", 0x1F: "PicoPass 32KS(8x2+16)", 0x20: "PicoPass 32KS(8x2+8x2)", 0x21: "LRI64",
    0x22: "I.CODE UID", 0x23: "I.CODE EPC", 0x24: "LRI12", 0x25: "LRI128", 0x26: "MIFARE Mini",
    0x27: "my-d move (SLE 66R01P)", 0x28: "my-d NFC (SLE 66RxxP)", 0x29: "my-d proximity 2 (SLE 66RxxS)",
    0x2A: "my-d proximity enhanced (SLE 55RxxE)", 0x2B: "my-d light (SRF 55V01P)", 0x2C: "PJM Stack Tag (SRF 66V10ST)",
    0x2D: "PJM Item Tag (SRF 66V10IT)", 0x2E: "PJM Light (SRF 66V01ST)", 0x2F: "Jewel Tag", 0x30: "Topaz NFC Tag",
    0x31: "AT88SC0104CRF", 0x32: "AT88SC0404CRF", 0x33: "AT88RF01C", 0x34: "AT88RF04C", 0x35: "i-Code SL2",
    0x36: "MIFARE Plus SL1 2K", 0x37: "MIFARE Plus SL1 4K", 0x38: "MIFARE Plus SL2 2K", 0x39: "MIFARE Plus SL2 4K",
    0x3A: "MIFARE Ultralight C", 0x3B: "FeliCa", 0x3C: "Melexis Sensor Tag (MLX90129)", 0x3D: "MIFARE Ultralight EV1",
}  # fmt: skip


class MalformedAtrError(MalformedError):
    """Raised if an answer to reset does not conform to the standard."""


@field_docs(
    protocol="The T of the protocol.",
    changeable="True if the card can change to negotiable mode.",
    implicit="True if Fi and Di are known by other means and not from TA1.",
)
class SpecificMode(NamedTuple):
    """The contents of TA2: the card starts with a protocol of its choice, without negotiation."""

    protocol: int
    changeable: bool
    implicit: bool


@field_docs(
    ss="The byte SS, the number of the card's standard.",
    nn="The bytes NN, the number of the card's name, 0 to 0xFFFF.",
)
class StorageCard(NamedTuple):
    """A contactless storage card, as its reader describes it (PC/SC part 3, 3.1.3.2.3). It has no ATR of its own."""

    ss: int
    nn: int

    @property
    def standard(self) -> str:
        """The name of the standard; "unknown" if PC/SC does not list the number."""
        return _STANDARDS.get(self.ss, "unknown")

    @property
    def name(self) -> str:
        """The name of the card; "unknown" if PC/SC does not list the number."""
        return _CARD_NAMES.get(self.nn, "unknown")


@repr_if_half_made
@dataclass(frozen=True)
class HistoricalBytes:
    """The decoded historical bytes (ISO/IEC 7816-4, clause 12.1.1).

    Attributes:
        category: the category indicator, which is the first byte: 0x00 or 0x80 for COMPACT-TLV, 0x10 for a reference to
            DIR data; other values are proprietary.
        objects: the COMPACT-TLV objects. Their tags have two digits: 0x41 country, 0x42 issuer, 0x43 card service
            data, 0x47 card capabilities, 0x48 status indicator, 0x4F application identifier.
        life_cycle: the life cycle status byte; None if it is absent.
        sw: the status word; None if it is absent.
        problems: the errors that were found; empty unless the ATR was read leniently.
    """

    category: int
    objects: tuple[TLV, ...]
    life_cycle: int | None
    sw: int | None
    problems: list[MalformedError] = field(default_factory=list, compare=False)

    @property
    def supports_chaining(self) -> bool | None:
        """True if the card supports command chaining; None if the historical bytes do not state it."""
        return self._capability(0x80)

    @property
    def supports_extended_length(self) -> bool | None:
        """True if the card supports extended lengths; None if the historical bytes do not state it."""
        return self._capability(0x40)

    def _capability(self, bit: int) -> bool | None:
        """Return a bit of the third byte of the card capabilities; None if the byte is absent."""
        capabilities = next((one.value for one in self.objects if one.tag == 0x47), b"")
        return bool(capabilities[2] & bit) if len(capabilities) > 2 else None


@repr_if_half_made
@dataclass(init=False, repr=False, eq=False)
class Atr:
    """An answer to reset. Two of them are equal if their bytes are.

    Values that the standard reserves are errors, like values that it forbids. If ``lenient`` is true, errors are added
    to ``problems`` instead, and the rest of the ATR is decoded as far as possible.

    Args:
        raw: the whole ATR, including TS.
        lenient: True to raise only if TS or T0 is missing.

    Attributes:
        raw: the bytes.
        interface: the interface bytes by name ("TA1", "TD1", ...), in the order of the ATR.
        historical_bytes: 0 to 15 bytes; :meth:`historical` decodes them.
        tck: the check byte; None if it is absent.
        problems: the errors that were found; empty unless ``lenient`` is true.

    Raises:
        MalformedAtrError: the ATR does not conform to the standard.
    """

    raw: bytes
    interface: dict[str, int]
    historical_bytes: bytes
    tck: int | None
    problems: list[MalformedAtrError]

    def __init__(self, raw: Buffer, *, lenient: bool = False) -> None:
        self.raw = copied("raw", raw)
        self.problems = []
        self._lenient = lenient
        if len(self.raw) < 2:
            raise MalformedAtrError(f"the ATR ends before {'T0' if self.raw else 'TS'}", len(self.raw))
        if self.raw[0] not in _CONVENTIONS:
            self._problem(f"TS is {self.raw[0]:02X}; allowed are 3B and 3F", 0)
        if len(self.raw) > _MAX_SIZE:
            self._problem(f"the ATR has {len(self.raw)} bytes; at most {_MAX_SIZE} are allowed", _MAX_SIZE)
        start = self._read_interface()
        expected = self.raw[1] & 0xF
        self.historical_bytes = self.raw[start : start + expected]
        if len(self.historical_bytes) < expected:
            message = f"the ATR ends after {len(self.historical_bytes)} of {expected} historical bytes"
            self._problem(message, len(self.raw))
        self._read_tck(start + expected)
        self._check_protocols()
        self._check_reserved()

    def _problem(self, message: str, offset: int) -> None:
        """Raise the error, or add it to ``problems`` if the ATR is read leniently."""
        error = MalformedAtrError(message, offset)
        if not self._lenient:
            raise error
        self.problems.append(error)

    def _read_interface(self) -> int:
        """Read TA1, TB1 and so on, as T0 and each TD announce them. Return the position after them."""
        self.interface = {}
        announced, by, level, position = self.raw[1] >> 4, "T0", 1, 2
        while announced:
            for bit, letter in enumerate("ABCD"):
                if not announced >> bit & 1:
                    continue
                name = f"T{letter}{level}"
                if position >= min(len(self.raw), _MAX_SIZE):
                    self._problem(f"the ATR ends before {name}, which {by} announces", position)
                    return position
                self.interface[name] = self.raw[position]
                position += 1
            by = f"TD{level}"
            announced = self.interface.get(by, 0) >> 4
            level += 1
        return position

    def _read_tck(self, position: int) -> None:
        """Read and check the check byte, and check that no byte follows."""
        expected = set(self._values_of_t()) != {0}
        self.tck = self.raw[position] if expected and position < len(self.raw) else None
        if expected and self.tck is None:
            message = "TCK is missing; an ATR that indicates another protocol than T=0 ends with it"
            self._problem(message, len(self.raw))
        end = position + expected
        if len(self.raw) > end:
            last = "TCK" if expected else "the historical bytes, because an ATR that indicates only T=0 has no TCK"
            self._problem(f"{len(self.raw) - end} bytes follow; the ATR ends after {last}", end)
        if self.tck is None:
            return
        correct = reduce(xor, self.raw[1:position])
        if self.tck != correct:
            self._problem(f"TCK is {self.tck:02X}; the bytes before it require {correct:02X}", position)

    def _values_of_t(self) -> list[int]:
        """Return the T of each TD in the order of the ATR; only 0 if the ATR has no TD."""
        return [value & 0xF for name, value in self.interface.items() if name.startswith("TD")] or [0]

    def _check_protocols(self) -> None:
        """Check that the first T is not 15 and that the values of T ascend (ISO/IEC 7816-3, clause 8.2.3)."""
        values = self._values_of_t()
        if values[0] == _GLOBAL:
            self._wrong_value("TD1", "T=15; allowed are 0 to 14")
        for level, (before, after) in enumerate(pairwise(values), start=2):
            if after < before:
                self._wrong_value(f"TD{level}", f"T={after} after T={before}; the values of T must ascend")

    def _check_reserved(self) -> None:
        """Check for values that the standard reserves."""
        if self.fi is None:
            self._wrong_value("TA1", f"FI {self._ta1 >> 4}; allowed are 0 to 6 and 9 to 13")
        if self.di is None:
            self._wrong_value("TA1", f"DI {self._ta1 & 0xF}; allowed are 1 to 9")
        if self.waiting_integer == 0:
            self._wrong_value("TC2", "WI 0; allowed are 1 to 255")
        if self.ifsc in {0, 0xFF}:
            self._wrong_value(self._first("A", 1), f"IFSC {self.ifsc}; allowed are 1 to 254")
        if self.bwi > 9:
            self._wrong_value(self._first("B", 1), f"BWI {self.bwi}; allowed are 0 to 9")
        if self.classes is None:
            allowed = ", ".join(_CLASSES.values())
            self._wrong_value(self._first("A", _GLOBAL), f"a reserved class indicator; allowed are {allowed}")

    def _wrong_value(self, name: str, message: str) -> None:
        """Report a problem with the value of an interface byte."""
        self._problem(f"{name} contains {message}", 2 + list(self.interface).index(name))

    def _first(self, letter: str, protocol: int) -> str:
        """Return the name of the first TA, TB or TC for this T, from TA3, TB3 or TC3 on; '' if it is absent."""
        return next(
            (
                name
                for name in self.interface
                if name[1] == letter
                and int(name[2:]) > 2
                and self.interface[f"TD{int(name[2:]) - 1}"] & 0xF == protocol
            ),
            "",
        )

    def _first_value(self, letter: str, protocol: int, default: int) -> int:
        """Return the value of the first TA, TB or TC for this T."""
        return self.interface.get(self._first(letter, protocol), default)

    @property
    def convention(self) -> str | None:
        """The coding of bytes on the wire (TS): "direct" or "inverse"; None if TS is neither."""
        return _CONVENTIONS.get(self.raw[0])

    @property
    def protocols(self) -> tuple[int, ...]:
        """The values of T that the card offers, without 15. The first one is used if none is negotiated."""
        return tuple(dict.fromkeys(value for value in self._values_of_t() if value != _GLOBAL))

    @property
    def _ta1(self) -> int:
        return self.interface.get("TA1", _DEFAULT_TA1)

    @property
    def fi(self) -> int | None:
        """Fi, the clock rate conversion integer (TA1, default 372); None if the value is reserved."""
        return _FI.get(self._ta1 >> 4, (None,))[0]

    @property
    def f_max(self) -> float | None:
        """The maximum clock frequency in MHz (TA1, default 5.0); None if the value is reserved."""
        return _FI.get(self._ta1 >> 4, (None, None))[1]

    @property
    def di(self) -> int | None:
        """Di, the baud rate adjustment integer (TA1, default 1); None if the value is reserved."""
        return _DI.get(self._ta1 & 0xF)

    @property
    def extra_guard_time(self) -> int:
        """N, the extra guard time in etu (TC1, default 0); 255 stands for the minimum guard time."""
        return self.interface.get("TC1", 0)

    def guard_time(self, protocol: int) -> int:
        """Return the minimum time between the starts of two characters to the card, in etu (clause 8.3).

        If the ATR indicates T=15, the part above 12 is in etu that result from the ATR's Fi and Di, even if the card
        uses other values.
        """
        if self.extra_guard_time == _NO_EXTRA_GUARD_TIME:
            return 11 if protocol == 1 else 12
        return 12 + self.extra_guard_time

    @property
    def specific_mode(self) -> SpecificMode | None:
        """The decoded TA2; None if the card is in negotiable mode."""
        ta2 = self.interface.get("TA2")
        return None if ta2 is None else SpecificMode(ta2 & 0xF, not ta2 & 0x80, bool(ta2 & 0x10))

    @property
    def waiting_integer(self) -> int:
        """WI, the waiting time integer of T=0 (TC2, default 10): the waiting time is WI times 960 D etu."""
        return self.interface.get("TC2", 10)

    @property
    def ifsc(self) -> int:
        """The maximum size of the information field in T=1 blocks to the card, in bytes.

        It comes from the first TA for T=1; the default is 32.
        """
        return self._first_value("A", 1, 32)

    @property
    def bwi(self) -> int:
        """BWI, the block waiting time integer of T=1 (first TB for T=1, default 4)."""
        return self._first_value("B", 1, 0x4D) >> 4

    @property
    def cwi(self) -> int:
        """CWI, the character waiting time integer of T=1 (first TB for T=1, default 13)."""
        return self._first_value("B", 1, 0x4D) & 0xF

    @property
    def error_detection(self) -> str:
        """The error detection code of T=1: "LRC" or "CRC" (first TC for T=1, default "LRC")."""
        return "CRC" if self._first_value("C", 1, 0) & 1 else "LRC"

    @property
    def clock_stop(self) -> str:
        """The state in which the clock may stop (first TA for T=15, default "not supported")."""
        return _CLOCK_STOP[self._first_value("A", _GLOBAL, 1) >> 6]

    @property
    def classes(self) -> str | None:
        """The classes of operating conditions (first TA for T=15, default "A"): A 5 V, B 3 V, C 1.8 V.

        None if the value is reserved.
        """
        return _CLASSES.get(self._first_value("A", _GLOBAL, 1) & 0x3F)

    @property
    def spu(self) -> int:
        """The use of contact C6 (first TB for T=15, default 0: not used); bit 8 is set if the use is proprietary."""
        return self._first_value("B", _GLOBAL, 0)

    @property
    def storage_card(self) -> StorageCard | None:
        """The contactless storage card that the reader describes; None if the ATR comes from the card."""
        historical = self.historical_bytes
        if len(historical) < 11 or historical[:8] != b"\x80\x4f\x0c" + _RID_OF_PCSC:
            return None
        return StorageCard(historical[8], int.from_bytes(historical[9:11], "big"))

    def historical(self) -> HistoricalBytes | None:
        """Return the decoded historical bytes; None if the ATR has none.

        If the ATR was read leniently, the result has the objects before the first malformed one and lists the errors in
        ``problems``, and bytes 00 and FF between objects are ignored.

        Raises:
            MalformedAtrError: the category indicates COMPACT-TLV, but the bytes are not COMPACT-TLV objects.
        """
        if not self.historical_bytes:
            return None
        category, rest = self.historical_bytes[0], self.historical_bytes[1:]
        objects: tuple[TLV, ...] = ()
        status = b""
        problems: list[MalformedError] = []
        if category == 0x00:
            if len(rest) < 3:
                message = "the historical bytes end before the status indicator of 3 bytes that category 00 requires"
                problems.append(MalformedAtrError(message, 3 + len(self.interface) + len(rest)))
            objects, status = self._compact(rest[:-3], problems), rest[-3:]
        elif category == 0x80:
            objects = self._compact(rest, problems)
            status = next((one.value for one in objects if one.tag == 0x48), b"")
        if problems and not self._lenient:
            raise problems[0]
        life_cycle = status[0] if len(status) in {1, 3} else None
        sw = int.from_bytes(status[-2:], "big") if len(status) in {2, 3} else None
        return HistoricalBytes(category, objects, life_cycle, sw, problems)

    def _compact(self, raw: bytes, problems: list[MalformedError]) -> tuple[TLV, ...]:
        """Decode the COMPACT-TLV objects after the category indicator. Add errors to ``problems``."""
        base = 3 + len(self.interface)
        if self.storage_card is not None:  # it has only one object, which PC/SC encodes as BER-TLV
            return (TLV(0x4F, raw[2:], offset=base + 2),)
        found, errors = _CompactReader(raw, base, padding=PADDING if self._lenient else b"").read_leniently()
        problems += errors
        return tuple(TLV(one.header.tag, raw[one.header.end : one.end], offset=base + one.header.end) for one in found)

    def describe(self) -> str:
        """Return the meaning of the ATR in words: lines of text, one for each subject.

        They are for people to read; programs use the attributes. The lines may change from one version to the next.
        """
        return "\n".join(lines(self))

    def __bytes__(self) -> bytes:
        return self.raw

    def __eq__(self, other: object) -> bool:
        return self.raw == other.raw if isinstance(other, Atr) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        protocols = "".join(f", T={one}" for one in self.protocols)
        return f"<Atr {self.raw.hex(' ').upper()}{protocols}>"


class _CompactReader(ObjectReader):
    """Reads COMPACT-TLV objects: the upper half of a byte is the tag, the lower half the length."""

    error = MalformedAtrError

    def header(self, start: int) -> Header:
        return Header(0x40 | self.raw[start] >> 4, self.raw[start] & 0xF, 0, start + 1)

    def cut_off(self, start: int, header: Header | None) -> MalformedError:
        del header  # the first byte of the object is the whole header
        length = self.raw[start] & 0xF
        available = len(self.raw) - start - 1
        message = f"the historical bytes end after {available} of {length} bytes of the object {self.raw[start] >> 4:X}"
        return MalformedAtrError(message, len(self.raw))
