"""Card capabilities in historical bytes and EF.ATR/INFO (ISO/IEC 7816-4, clauses 12.1.1 and 12.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from .._bytes_like import copied
from .._half_made import repr_if_half_made
from ..iso7816._capability_bits import capability_bits, channel_count, data_unit, service_data_bits
from ..iso7816._object_reader import PADDING
from ..iso7816.atr import Atr, MalformedAtrError
from ..iso7816.command import EXTENDED_DATA, EXTENDED_LE, SHORT_DATA, SHORT_LE
from ..iso7816.malformed import MalformedError, add_problems
from ..iso7816.tlv import ANY_LENGTH, TLV, MalformedTLVError, decode, first_values, without_category

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from typing_extensions import Buffer

_SERVICE_DATA, _CAPABILITIES, _EXTENDED_LENGTH, _INTEGER = 0x43, 0x47, 0x7F66, 0x02
_USED: Final = frozenset({_SERVICE_DATA, _CAPABILITIES, _EXTENDED_LENGTH})
_IN_EF_ATR: Final = dict.fromkeys(
    (0x41, 0x42, 0x44, 0x45, 0x46, 0x48, 0x49, 0x4F, 0x5F2C, 0x5F52, 0x61, 0x66, 0x78, 0x7F62, _EXTENDED_LENGTH),
    ANY_LENGTH,
) | {_SERVICE_DATA: range(1, 2), _CAPABILITIES: range(1, 4)}
"""The objects of EF.ATR/INFO. Reading goes on at one of these after an object whose end is unknown."""
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


@repr_if_half_made
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
        problems: the errors in what the card states. The messages begin with the source.
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
    problems: list[MalformedError] = field(default_factory=list, compare=False)

    @classmethod
    def of(
        cls,
        atr: Buffer,
        ef_atr: Buffer | Sequence[bytes] = b"",
        information: tuple[TLV, ...] = (),
        *,
        lenient: bool = True,
    ) -> CardCapabilities:
        """Return the capabilities in these bytes.

        Args:
            atr: the ATR; empty if there is none.
            ef_atr: the content of EF.ATR/INFO, data objects in BER-TLV, in one piece or as a list of records; it takes
                precedence over the historical bytes.
            information: other data objects, such as a file's control information; they take precedence over both.
            lenient: False to raise an error if the historical bytes or a data object are malformed. Otherwise
                ``problems`` lists the errors.

        Raises:
            MalformedError: bytes are malformed, and ``lenient`` is False.
        """
        problems: list[MalformedError] = []
        values: dict[int, TLV] = {}
        values.update(_first_values(_historical(atr, problems), "historical bytes", problems))
        records = ef_atr if isinstance(ef_atr, (list, tuple)) else [copied("ef_atr", ef_atr)]  # type: ignore[arg-type]  # it is a buffer if it is no list or tuple
        objects = [one for record in records for one in _content(record, problems)]
        values.update(_first_values(objects, "EF.ATR/INFO", problems))
        values.update(_first_values(information, "file control information", problems))
        found = _decoded(values, problems)
        if problems and not lenient:
            raise problems[0]
        return cls(**found, problems=problems)  # type: ignore[arg-type]  # the tables give each field its own type

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


def _historical(atr: Buffer, problems: list[MalformedError]) -> tuple[TLV, ...]:
    try:
        historical = Atr(atr, lenient=True).historical()
    except MalformedAtrError as error:
        if memoryview(atr):
            problems += _with_source("ATR", [error])
        return ()
    if historical is None:
        return ()
    problems += _with_source("historical bytes", historical.problems)
    return historical.objects


def _content(ef_atr: bytes, problems: list[MalformedError]) -> list[TLV]:
    """Return the data objects in EF.ATR/INFO or in a record of it."""
    content, indicators = without_category(ef_atr)
    objects = decode(content, lenient=True, expected=_IN_EF_ATR)
    problems += _with_source("EF.ATR/INFO", [*indicators, *objects.problems])
    return objects


def _first_values(objects: Iterable[TLV], source: str, problems: list[MalformedError]) -> dict[int, TLV]:
    repeated: list[MalformedError] = []
    found = first_values((one for one in objects if one.tag in _USED), repeated)
    problems += _with_source(source, repeated)
    return found


def _with_source(source: str, problems: Iterable[MalformedError]) -> list[MalformedError]:
    return [type(one)(f"{source}: {one.args[0]}", one.offset) for one in problems]


def _decoded(values: dict[int, TLV], problems: list[MalformedError]) -> dict[str, object]:
    """Return the attributes by name. Add errors to ``problems``."""
    services, tables = _value(values, _SERVICE_DATA, 1, problems), _value(values, _CAPABILITIES, 3, problems)
    found: dict[str, object] = {**service_data_bits(services), **capability_bits(tables)}
    if len(tables) > 1:
        coding = tables[1]
        found["tlv_files"] = bool(coding & 0x80)
        found["write_behaviour"] = WriteBehaviour(coding >> 5 & 3)
        found["data_unit"] = data_unit(coding)
    found["channels"] = channel_count(tables)
    if _EXTENDED_LENGTH in values:
        found.update(_limits(values[_EXTENDED_LENGTH], problems))
    return found


def _value(values: dict[int, TLV], tag: int, most: int, problems: list[MalformedError]) -> bytes:
    """Return the value of an object; empty if it is absent."""
    one = values.get(tag)
    if one is None:
        return b""
    if not 1 <= len(one.value) <= most:
        message = f"the object of tag {tag:02X} has {len(one.value)} bytes; 1 to {most} are allowed"
        problems.append(MalformedTLVError(message, one.offset))
    return one.value


def _limits(information: TLV, problems: list[MalformedError]) -> dict[str, object]:
    """Return the limits of commands and of responses in the extended length information."""
    objects = information.children(lenient=True, expected={_INTEGER})
    add_problems(problems, objects.problems)
    limits = [one for one in objects if one.tag == _INTEGER]
    if len(limits) != 2 and not objects.problems:
        message = f"the extended length information has {len(limits)} numbers; 2 are expected"
        problems.append(MalformedTLVError(message, information.offset))
    is_first = limits and information.value.lstrip(PADDING).startswith(bytes(limits[0]))
    names = ("command_limit", "response_limit") if is_first and len(limits) <= 2 else ()
    return {
        name: int.from_bytes(one.value, "big")
        for name, one in zip(names, limits, strict=False)  # the second one may be missing
        if one.value
    }
