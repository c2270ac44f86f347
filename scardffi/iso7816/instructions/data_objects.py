"""The commands on data objects, such as GET DATA (ISO/IEC 7816-4, clause 11.4).

With an even instruction byte, P1-P2 are the tag, which has 1 or 2 bytes. With the odd one, P1-P2 are a file, and the
data are data objects, so that tags have up to 3 bytes and a command can name several. The functions choose the odd one
if the even one is not possible, or if ``file_id`` is given.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, cast

from ..._bytes_like import is_buffer
from ..command import SHORT_LE, Command, checked
from ..tlv import TLV, shortest_bytes
from ._arguments import encoded

if TYPE_CHECKING:
    from ..tlv import Objects

CURRENT_DF: Final = 0x3FFF
"""The file identifier that stands for the current DF."""
CURRENT_EF: Final = 0x0000
"""The file identifier that stands for the current EF."""

_LONGEST_TAG_IN_P1_P2: Final = 0xFFFF
_LONGEST_TAG: Final = 0xFFFFFF
_TAG_LIST: Final = 0x5C
_GENERAL_REFERENCE: Final = 0x60
_BY_GENERAL_REFERENCE: Final = 0x04


def select_data(tag: int, index: int = 0, *, cla: int = 0) -> Command:
    """Build SELECT DATA, which makes one of several data objects with the same tag the current one (clause 11.4.2).

    Args:
        tag: the tag, 1 to 3 bytes.
        index: the number of the object, 0 to 255; 0 for the first.
        cla: the class byte.
    """
    reference = TLV(_GENERAL_REFERENCE, bytes(_tag_list([tag])))
    return Command(cla, 0xA5, checked("index", index, 0, 0xFF), _BY_GENERAL_REFERENCE, bytes(reference))


def get_data(
    tag: int | Iterable[int] | Objects, le: int = SHORT_LE, *, file_id: int | None = None, cla: int = 0
) -> Command:
    """Build GET DATA, which reads data objects (clauses 11.4.3 and 11.4.4).

    ``get_data(0x5F20)`` is ``00 CA 5F 20 00``, and ``get_data(0x5FC102)`` is ``00 CB 3F FF 05 5C 03 5F C1 02 00``.

    Args:
        tag: the tag of 1 to 3 bytes; several tags; or the data objects to send as the command's data, such as a header
            list with tag 4D, or their bytes. No tags, ``[]``, stand for all objects of the file.
        le: the maximum number of data bytes in the response.
        file_id: the file identifier, 0 to 0xFFFF, of the EF or DF that contains the objects. None for the current DF.
        cla: the class byte.

    Raises:
        ValueError: a number does not fit its field.
        TypeError: ``tag`` is none of these.
    """
    return _get(0xCA, tag, le, file_id, cla)


def get_next_data(
    tag: int | Iterable[int] | Objects, le: int = SHORT_LE, *, file_id: int | None = None, cla: int = 0
) -> Command:
    """Build GET NEXT DATA, which reads the next data object with the same tag (clauses 11.4.3 and 11.4.4).

    Arguments and errors are those of :func:`get_data`.
    """
    return _get(0xCC, tag, le, file_id, cla)


def put_data(tag: int | Objects, data: Objects = b"", *, file_id: int | None = None, cla: int = 0) -> Command:
    """Build PUT DATA, which writes data objects (clause 11.4.6).

    A PIV card takes ``put_data([TLV(0x5C, bytes.fromhex("5FC102")), TLV(0x53, data)])``, in which ``data`` is bytes.

    Args:
        tag: the tag of 1 to 3 bytes, or the data objects to send as the command's data, or their bytes.
        data: the value, or the data objects in it, if ``tag`` is a tag.
        file_id: the file identifier, 0 to 0xFFFF, of the EF or DF for the objects. None for the current DF.
        cla: the class byte.

    Raises:
        ValueError: a number does not fit its field, or there is data besides data objects.
        TypeError: ``tag`` is none of these.
    """
    return _put(0xDA, tag, data, file_id, cla)


def put_next_data(tag: int | Objects, data: Objects = b"", *, file_id: int | None = None, cla: int = 0) -> Command:
    """Build PUT NEXT DATA, which adds data objects after the current one (clause 11.4.7).

    Arguments and errors are those of :func:`put_data`.
    """
    return _put(0xD8, tag, data, file_id, cla)


def update_data(tag: int | Objects, data: Objects = b"", *, file_id: int | None = None, cla: int = 0) -> Command:
    """Build UPDATE DATA, which replaces data objects that exist (clause 11.4.8).

    Arguments and errors are those of :func:`put_data`.
    """
    return _put(0xDE, tag, data, file_id, cla)


def _get(ins: int, tag: int | Iterable[int] | Objects, le: int, file_id: int | None, cla: int) -> Command:
    if isinstance(tag, int):
        if file_id is None and 0 <= tag <= _LONGEST_TAG_IN_P1_P2:
            return Command(cla, ins, tag >> 8, tag & 0xFF, le=le)
        return _of_file(ins, file_id, _tag_list([tag]), le, cla)
    _check_objects(tag)
    if isinstance(tag, TLV) or is_buffer(tag):
        return _of_file(ins, file_id, tag, le, cla)
    given = list(cast("Iterable[Any]", tag))
    objects = given if any(isinstance(one, TLV) for one in given) else _tag_list(given)
    return _of_file(ins, file_id, objects, le, cla)


def _put(ins: int, tag: int | Objects, data: Objects, file_id: int | None, cla: int) -> Command:
    value = encoded("data", data)
    if not isinstance(tag, int):
        _check_objects(tag)
        if value:
            raise ValueError(f"data: {len(value)} bytes are not allowed if tag is data objects; give 0")
        return _of_file(ins, file_id, tag, None, cla)
    if file_id is None and 0 <= tag <= _LONGEST_TAG_IN_P1_P2:
        return Command(cla, ins, tag >> 8, tag & 0xFF, value)
    return _of_file(ins, file_id, TLV(tag, value), None, cla)


def _check_objects(tag: object) -> None:
    """Refuse text, and other values that cannot be tags or data objects."""
    if isinstance(tag, str) or not (isinstance(tag, (TLV, Iterable)) or is_buffer(tag)):
        raise TypeError(f"tag: expected an int, or TLV objects or their bytes, got {type(tag).__name__}")


def _of_file(ins: int, file_id: int | None, objects: Objects, le: int | None, cla: int) -> Command:
    """Build a command with the odd instruction byte."""
    p1, p2 = checked("file_id", CURRENT_DF if file_id is None else file_id, 0, 0xFFFF).to_bytes(2, "big")
    return Command(cla, ins | 1, p1, p2, encoded("tag", objects), le)


def _tag_list(tags: Iterable[int]) -> TLV:
    """Return a list of tags as a data object; a number that is not a tag raises a ValueError."""
    return TLV(_TAG_LIST, b"".join(shortest_bytes(TLV(checked("tag", tag, 0, _LONGEST_TAG)).tag) for tag in tags))
