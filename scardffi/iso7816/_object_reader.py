"""Reads sequences of data objects strictly or leniently, for all formats of data objects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from .malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

PADDING: Final = b"\x00\xff"
"""The bytes that may stand between data objects."""
CATEGORIES: Final = b"\x10\x80"
"""Category indicators of historical bytes, which some cards write before other data objects too (00 is padding)."""


class Header(NamedTuple):
    """The fields of an object before its value."""

    tag: int
    length: int
    length_size: int
    """The size of the length field; 0 if it is as short as possible."""
    end: int
    """The position after the header, at which the value begins."""


class Found(NamedTuple):
    """An object and its positions in the bytes."""

    header: Header
    start: int
    value_end: int
    end: int
    """The position after the object; it is after ``value_end`` if bytes mark the end of the value."""


class ObjectReader(ABC):
    """Reads the data objects in some bytes, one level deep. Each format is a subclass.

    Args:
        raw: the bytes.
        base: the number that is added to positions in errors.
        padding: the bytes that are ignored before, between and after objects.
        expected: for :meth:`read_leniently`: tags that identify objects after one whose end is unknown.
    """

    error: ClassVar[type[MalformedError]] = MalformedError

    def __init__(self, raw: bytes, base: int = 0, *, padding: bytes = b"", expected: Collection[int] = ()) -> None:
        self.raw = raw
        self.base = base
        self._padding = padding
        self._expected = expected
        self._found: list[Found] = []
        self._problems: list[MalformedError] = []

    @abstractmethod
    def header(self, start: int) -> Header:
        """Read the header of the object at this position.

        Raises:
            IndexError: the bytes end in the header.
            MalformedError: the header is wrong; the offset counts from the start of ``raw``.
        """

    @abstractmethod
    def cut_off(self, start: int, header: Header | None) -> MalformedError:
        """Return the error for an object that continues after the bytes; the header is None if they end in it."""

    def repaired(self, start: int) -> tuple[Found | None, int] | None:
        """Read an object whose header is wrong, if its end can be determined.

        Returns:
            The object, or None if it has no allowed tag; and the position after it. None if the end is unknown.
        """
        del start
        return None

    def after_header(self, start: int) -> int:
        """Return the position after a header with a wrong length field; the start if the tag is wrong too."""
        return start

    def is_template(self, tag: int) -> bool:
        """Return True if the value of an object with this tag consists of objects."""
        del tag
        return False

    def read_strictly(self) -> Iterator[Found]:
        """Yield the objects.

        Raises:
            MalformedError: an object is malformed; the class is ``error``.
        """
        start = self._skip_padding(0)
        while start < len(self.raw):
            try:
                found = self._object(start)
            except MalformedError as error:
                raise self._based(error) from None
            yield found
            start = self._skip_padding(found.end)

    def read_leniently(self) -> tuple[list[Found], list[MalformedError]]:
        """Return the objects that can be read, and the errors.

        If the end of a malformed object is known, reading continues after it. Otherwise these are tried in this order:

        - The last template before it has a wrong length: its last object goes beyond its end, and with a corrected
          length all the bytes are whole objects.
        - If it is a template, its value is the rest of the bytes.
        - From another position on all the bytes are whole objects with expected tags.
        - After its header, or after a category indicator at the start, all the bytes are whole objects.

        If none is possible, the rest is not read.
        """
        start = self._skip_padding(0)
        while start < len(self.raw):
            try:
                found = self._object(start)
            except MalformedError as error:
                self._problems.append(self._based(error))
                end = self._recover(start)
            else:
                self._found.append(found)
                end = found.end
            start = self._skip_padding(end)
        return self._found, self._problems

    def _based(self, error: MalformedError) -> MalformedError:
        return self.error(error.args[0], self.base + error.offset)

    def _skip_padding(self, start: int) -> int:
        while start < len(self.raw) and self.raw[start] in self._padding:
            start += 1
        return start

    def _object(self, start: int) -> Found:
        """Return the object at this position; raise a MalformedError, with an offset from the start of ``raw``."""
        try:
            header = self.header(start)
        except IndexError:
            raise self.cut_off(start, None) from None
        end = header.end + header.length
        if end > len(self.raw):
            raise self.cut_off(start, header)
        return Found(header, start, end, end)

    def _recover(self, start: int) -> int:
        """Deal with a malformed object; return the position from which to read on."""
        repaired = self.repaired(start)
        if repaired is not None:
            if repaired[0] is not None:
                self._found.append(repaired[0])
            return repaired[1]
        for attempt in (self._correct_template, self._cut_template, self._find_expected, self._skip_header):
            end = attempt(start)
            if end is not None:
                return end
        return len(self.raw)

    def _correct_template(self, _start: int) -> int | None:
        """Correct the length of the template before a malformed object, if this makes all the bytes whole objects."""
        for number in range(len(self._found) - 1, -1, -1):
            template = self._found[number]
            if self.is_template(template.header.tag):
                break
        else:
            return None
        for child in self._children(template):
            if child.end <= template.value_end:
                continue
            if not self._is_whole(child.end):
                break
            end = child.start if self._is_next(child, template) else child.end
            self._found[number:] = [template._replace(value_end=end, end=end)]
            tag, length, correct = template.header.tag, template.header.length, end - template.header.end
            message = f"the length of tag {tag:02X} is {length}, but its objects have {correct} bytes"
            self._problems[-1] = self.error(message, self.base + template.start)
            return end
        return None

    def _cut_template(self, start: int) -> int | None:
        """Use the rest of the bytes as the value of a template, up to the next template with the same tag."""
        try:
            header = self.header(start)
        except (IndexError, MalformedError):
            return None
        if not self.is_template(header.tag):
            return None
        template = Found(header, start, len(self.raw), len(self.raw))
        next_one = next((child for child in self._children(template) if self._is_next(child, template)), None)
        end = len(self.raw)
        if next_one is not None and self._is_whole(next_one.start):
            end = next_one.start
        self._found.append(template._replace(value_end=end, end=end))
        return end

    def _find_expected(self, start: int) -> int | None:
        """Find the first position from which all the bytes are objects with expected tags.

        If it is in an object before the malformed one, the length of that object is wrong, and it is removed. A
        template ends at that position instead.
        """
        resume = self._expected_from() if self._expected else None
        if resume is None:
            return None
        message = f"no object can be read here; reading continues at byte {self.base + resume}"
        wrong = next((one for one in self._found if one.end > resume), None)
        if wrong is not None:
            del self._found[self._found.index(wrong) :]
            start = wrong.start
            message = f"the length of tag {wrong.header.tag:02X} is wrong; another object begins in its value"
            if self.is_template(wrong.header.tag) and wrong.header.end <= resume:
                self._found.append(wrong._replace(value_end=resume, end=resume))
        self._problems[-1] = self.error(message, self.base + start)
        return resume

    def _expected_from(self) -> int | None:
        """Return the first position from which only expected objects follow; an empty object does not count as one."""
        size = len(self.raw)
        is_clean = bytearray(size) + b"\x01"
        resume = None
        for start in range(size - 1, -1, -1):
            if self.raw[start] in self._padding:
                is_clean[start] = is_clean[start + 1]
                continue
            try:
                header = self.header(start)
            except (IndexError, MalformedError):
                continue
            end = header.end + header.length
            if header.length and header.tag in self._expected and end <= size and is_clean[end]:
                is_clean[start] = 1
                resume = start
        return resume

    def _skip_header(self, start: int) -> int | None:
        """Continue after a header whose length cannot be read, or after a category indicator at the start."""
        for end in (self.after_header(start), start + 1):
            is_category = not self._found and end == start + 1 and self.raw[start] in CATEGORIES
            if (end > start + 1 or is_category) and end < len(self.raw) and self._is_whole(end):
                return end
        return None

    def _is_next(self, child: Found, template: Found) -> bool:
        """Return True if an object in a template is the next template, because both have the same expected tag."""
        return child.header.tag == template.header.tag and child.header.tag in self._expected

    def _children(self, template: Found) -> Iterator[Found]:
        """Yield the objects in a template, and the first that goes beyond its end, up to the first malformed one."""
        start = self._skip_padding(template.header.end)
        while start < template.value_end:
            try:
                child = self._object(start)
            except MalformedError:
                return
            yield child
            start = self._skip_padding(child.end)

    def _is_whole(self, start: int) -> bool:
        """Return True if all bytes from this position on are whole objects."""
        start = self._skip_padding(start)
        while start < len(self.raw):
            try:
                start = self._skip_padding(self._object(start).end)
            except MalformedError:
                return False
        return True
