"""Data object lists: tags and lengths, without values (EMV 4.3 Book 3, clause 5.4; header list in ISO/IEC 7816-4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from .._bytes_like import copied
from .._field_docs import field_docs
from .._half_made import repr_if_half_made
from .malformed import MalformedError
from .tlv import TLV, read_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from typing_extensions import Buffer

_NUMERIC: Final = frozenset({
    0x5F24, 0x5F25, 0x5F26, 0x5F28, 0x5F2A, 0x5F30, 0x5F34, 0x5F36, 0x5F57, 0x9A, 0x9C, 0x9F01, 0x9F02, 0x9F03,
    0x9F11, 0x9F15, 0x9F19, 0x9F1A, 0x9F21, 0x9F25, 0x9F35, 0x9F39, 0x9F3B, 0x9F3C, 0x9F3D, 0x9F41, 0x9F42, 0x9F43,
    0x9F44,
})  # fmt: skip
"""The tags whose values have the format n (EMV 4.3 Book 3, annex A1)."""
_COMPRESSED: Final = frozenset({0x5A, 0x9F20, 0x9F62})
"""The tags whose values have the format cn."""
_LONGEST: Final = 0xFF


class MalformedDOLError(MalformedError):
    """Raised if bytes are not a data object list."""


@field_docs(
    tag="The 1 to 3 bytes of the tag as one number.",
    length="The number of bytes that the value has in the filled list, 0 to 255.",
)
class DOLEntry(NamedTuple):
    """An entry of a data object list."""

    tag: int
    length: int


@repr_if_half_made
@dataclass(frozen=True, repr=False)
class DOL:
    """A data object list, such as a PDOL or CDOL: what the card wants, in this order, as one block without tags.

    Args:
        entries: the entries.

    Raises:
        ValueError: a tag or a length is not allowed.
    """

    entries: tuple[DOLEntry, ...] = ()

    def __init__(self, entries: Iterable[tuple[int, int]] = ()) -> None:
        found = tuple(DOLEntry(*one) for one in entries)
        for one in found:
            TLV(one.tag)  # it refuses a wrong tag
            if not 0 <= one.length <= _LONGEST:
                raise ValueError(f"length: {one.length} of tag {one.tag:02X} is not allowed; give 0 to {_LONGEST}")
        object.__setattr__(self, "entries", found)

    @classmethod
    def decode(cls, raw: Buffer) -> Self:
        """Return the list in these bytes, the value of 9F38 or 8C for example. ``bytes(dol)`` returns them again.

        Raises:
            MalformedDOLError: the bytes are not tags of 1 to 3 bytes with a length of one byte each.
        """
        whole = copied("raw", raw)
        entries: list[DOLEntry] = []
        position = 0
        while position < len(whole):
            try:
                tag, end = read_tag(whole, position)
                entries.append(DOLEntry(tag, whole[end]))
            except IndexError:
                message = f"the bytes end in the entry at byte {position}"
                raise MalformedDOLError(message, len(whole)) from None
            except MalformedError as error:
                raise MalformedDOLError(error.args[0], error.offset) from None
            position = end + 1
        return cls(entries)

    @property
    def length(self) -> int:
        """The number of bytes of the filled list."""
        return sum(one.length for one in self.entries)

    def fill(
        self, values: Mapping[int, Buffer], *, numeric: Iterable[int] = (), compressed: Iterable[int] = ()
    ) -> bytes:
        """Return the values in the order of the list, each with the length that the list states.

        A value that is too long or too short is treated as EMV 4.3 Book 3, clause 5.4 says: numbers (format n) lose
        or get bytes at their left, the new ones 00; other values lose or get bytes at their right, the new ones FF for
        compressed numbers (format cn) and 00 for all others. A value that you do not give, and that of a constructed
        tag, is zeros.

        Args:
            values: the values by tag. Tags that are not in the list are ignored.
            numeric: more tags of the format n, for tags that EMV does not define.
            compressed: more tags of the format cn.
        """
        left, filled_up = _NUMERIC.union(numeric), _COMPRESSED.union(compressed)
        block = bytearray()
        for tag, length in self.entries:
            given = b"" if TLV(tag).constructed else copied("values", values.get(tag, b""))
            if tag in left:
                block += given[max(0, len(given) - length) :].rjust(length, b"\x00")
            else:
                block += given[:length].ljust(length, b"\xff" if given and tag in filled_up else b"\x00")
        return bytes(block)

    def __bytes__(self) -> bytes:
        return b"".join(bytes(TLV(tag))[:-1] + bytes((length,)) for tag, length in self.entries)

    def __iter__(self) -> Iterator[DOLEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        return f"<DOL {', '.join(f'{tag:02X}: {length}' for tag, length in self.entries) or 'empty'}>"
