"""Card capabilities in historical bytes and EF.ATR/INFO (ISO/IEC 7816-4, clauses 8.1.1 and 8.2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from ..iso7816.atr import Atr, MalformedAtrError
from ..iso7816.command import EXTENDED_DATA, EXTENDED_LE, SHORT_DATA, SHORT_LE
from ..iso7816.malformed import MalformedError
from ..iso7816.tlv import TLV, MalformedTLVError, decode

if TYPE_CHECKING:
    from typing_extensions import Buffer

_SERVICE_DATA, _CAPABILITIES, _EXTENDED_LENGTH, _INTEGER = 0x43, 0x47, 0x7F66, 0x02
_COMMAND_FRAME: Final = 9
"""The length of the header, Lc and Le of an extended command."""
_STATUS_WORD: Final = 2
_MOST_CHANNELS: Final = 8


class WriteBehaviour(Enum):
    """The effect of WRITE BINARY and WRITE RECORD, as bits 7 and 6 of the data coding byte."""

    ONE_TIME = 0
    """Each byte can be written only once."""
    PROPRIETARY = 1
    OR = 2
    """The commands set bits."""
    AND = 3
    """The commands clear bits."""


@dataclass(frozen=True, kw_only=True)
class CardCapabilities:
    """The capabilities that a card states. An attribute is None if the card does not state it.

    Attributes:
        select_by_name: SELECT takes a whole DF name.
        select_by_partial_name: SELECT takes the beginning of a DF name.
        select_by_path: SELECT takes a path.
        select_by_id: SELECT takes a file identifier.
        select_implicitly: an application is selected after a reset.
        short_ids: commands take short EF identifiers.
        record_numbers: commands take record numbers.
        record_ids: commands take record identifiers.
        data_objects_in_dir: EF.DIR has data objects.
        data_objects_in_atr: EF.ATR/INFO has data objects.
        has_mf: the card has an MF.
        tlv_files: the card has EFs of data objects.
        write_behaviour: the effect of WRITE commands.
        data_unit: the unit of offsets in bytes; 0.5 if they count half bytes.
        chaining: commands may be chained.
        extended_length: commands may be extended.
        channels: the number of logical channels, the basic one included; 8 means 8 or more.
        channel_by_card: the card chooses the number of a channel.
        channel_by_program: the program chooses the number of a channel.
        command_limit: the maximum length of a command in bytes.
        response_limit: the maximum length of a response in bytes.
    """

    select_by_name: bool | None = None
    select_by_partial_name: bool | None = None
    select_by_path: bool | None = None
    select_by_id: bool | None = None
    select_implicitly: bool | None = None
    short_ids: bool | None = None
    record_numbers: bool | None = None
    record_ids: bool | None = None
    data_objects_in_dir: bool | None = None
    data_objects_in_atr: bool | None = None
    has_mf: bool | None = None
    tlv_files: bool | None = None
    write_behaviour: WriteBehaviour | None = None
    data_unit: float | None = None
    chaining: bool | None = None
    extended_length: bool | None = None
    channels: int | None = None
    channel_by_card: bool | None = None
    channel_by_program: bool | None = None
    command_limit: int | None = None
    response_limit: int | None = None

    @classmethod
    def of(cls, atr: Buffer, ef_atr: Buffer = b"", information: tuple[TLV, ...] = ()) -> CardCapabilities:
        """Return the capabilities in these bytes. Malformed parts are ignored.

        Args:
            atr: the ATR; empty if there is none.
            ef_atr: the content of EF.ATR/INFO, data objects in BER-TLV; it takes precedence over the historical bytes.
            information: other data objects, such as a file's control information; they take precedence over both.
        """
        values: dict[int, bytes] = {}
        for one in (*_historical(atr), *_content(ef_atr), *information):
            values[one.tag] = one.value
        services, tables = values.get(_SERVICE_DATA, b""), values.get(_CAPABILITIES, b"")
        found: dict[str, object] = {}
        for names, byte in ((_SERVICES, services[:1]), (_SELECTION, tables[:1]), (_LENGTHS, tables[2:3])):
            if byte:
                found.update({name: bool(byte[0] & bit) != inverted for name, bit, inverted in names})
        if len(tables) > 1:
            coding = tables[1]
            found["tlv_files"] = bool(coding & 0x80)
            found["write_behaviour"] = WriteBehaviour(coding >> 5 & 3)
            found["data_unit"] = 2 ** (coding & 0x0F) / 2
        if len(tables) > 2:
            found["channels"] = (tables[2] & 7) + 1
        limits = _limits(values.get(_EXTENDED_LENGTH, b""))
        if len(limits) == 2:
            found["command_limit"], found["response_limit"] = limits
        return cls(**found)  # type: ignore[arg-type]  # the tables give each field its own type

    @property
    def read_chunk(self) -> int:
        """The maximum number of bytes to request in one command: 256 if the card states no limit.

        It is more than 256 only if the card accepts extended commands too.
        """
        if self.response_limit is None:
            return SHORT_LE
        most = EXTENDED_LE if self.extended_length else SHORT_LE
        return max(1, min(self.response_limit - _STATUS_WORD, most))

    @property
    def write_chunk(self) -> int:
        """The maximum number of data bytes to send in one command: 255 if the card states no limit."""
        if self.command_limit is None:
            return SHORT_DATA
        most = EXTENDED_DATA if self.extended_length else SHORT_DATA
        return max(1, min(self.command_limit - _COMMAND_FRAME, most))


_SERVICES: Final = (
    ("select_by_name", 0x80, False),
    ("select_by_partial_name", 0x40, False),
    ("data_objects_in_dir", 0x20, False),
    ("data_objects_in_atr", 0x10, False),
    ("has_mf", 0x01, True),
)
"""The bits of the card service data: attribute, bit, and True if the bit means that the attribute is False."""
_SELECTION: Final = (
    ("select_by_name", 0x80, False),
    ("select_by_partial_name", 0x40, False),
    ("select_by_path", 0x20, False),
    ("select_by_id", 0x10, False),
    ("select_implicitly", 0x08, False),
    ("short_ids", 0x04, False),
    ("record_numbers", 0x02, False),
    ("record_ids", 0x01, False),
)
"""The bits of the first byte of the card capabilities, in the same form."""
_LENGTHS: Final = (
    ("chaining", 0x80, False),
    ("extended_length", 0x40, False),
    ("channel_by_card", 0x10, False),
    ("channel_by_program", 0x08, False),
)
"""The bits of the third byte of the card capabilities, in the same form."""


def _historical(atr: Buffer) -> tuple[TLV, ...]:
    try:
        historical = Atr(atr, lenient=True).historical()
    except MalformedAtrError:
        return ()
    return historical.objects if historical else ()


def _content(ef_atr: Buffer) -> list[TLV]:
    """Return the data objects of EF.ATR/INFO; none if they are malformed."""
    try:
        return decode(ef_atr, padding=True)
    except MalformedTLVError:
        return []


def _limits(value: bytes) -> list[int]:
    """Return the integers in the extended length information: the limits of commands and of responses."""
    try:
        return [int.from_bytes(one.value, "big") for one in decode(value) if one.tag == _INTEGER and one.value]
    except MalformedError:
        return []
