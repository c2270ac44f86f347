"""Reads sequences of data objects strictly or leniently, for all formats of data objects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from .malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
        expected: for :meth:`read_leniently`: the tags that identify objects after one whose end is unknown, with the
            lengths that their values may have.
        is_cut_off: for :meth:`read_leniently`: True if it is known that bytes are missing at the end.
    """

    error: ClassVar[type[MalformedError]] = MalformedError

    def __init__(
        self,
        raw: bytes,
        base: int = 0,
        *,
        padding: bytes = b"",
        expected: Mapping[int, range] | None = None,
        is_cut_off: bool = False,
    ) -> None:
        self.raw = raw
        self.base = base
        self._padding = padding
        self._expected = expected or {}
        self._is_cut_off = is_cut_off
        self._found: list[Found] = []
        self._problems: list[MalformedError] = []
        self._starts: list[int] | None = None

    @abstractmethod
    def header(self, start: int) -> Header:
        """Read the header of the object at this position.

        Raises:
            IndexError: the bytes end in the header.
            MalformedError: the header is wrong; the offset counts from the start of ``raw``.
        """

    def tag(self, start: int) -> int:
        """Read only the tag of the object at this position; errors as for :meth:`header`."""
        return self.raw[start]

    @abstractmethod
    def cut_off(self, start: int, header: Header | None) -> MalformedError:
        """Return the error for an object that is cut off; the header is None if it is cut off too."""

    def repaired(self, start: int) -> tuple[Found | None, int] | None:
        """Read an object whose header is wrong, if its end can be determined.

        Returns:
            A pair: the object, or None if its tag is not allowed; and the position after the object. None instead of
            the pair if the end is unknown.
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

    def is_foreign(self, tag: int) -> bool:
        """Return True if an object with this tag never occurs together with the expected objects."""
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

        If the end of a malformed object is known, reading continues after it. Otherwise this uses the first of these
        assumptions that the bytes allow:

        - A template before the malformed object has a wrong length: the last object in the template goes beyond the
          template's end, and with a corrected length all the bytes are whole objects.
        - The malformed object is a template with an expected tag, and its value is the rest of the bytes.
        - From another position on, all the bytes are expected objects.
        - The malformed object is another template, and its value is the rest of the bytes.
        - After the header of the malformed object, or after a category indicator at the start, all the bytes are whole
          objects.

        If the bytes allow none of them, the rest is not read. If an object is not malformed, but cannot be among the
        expected ones, the object before it may have a wrong length. Then this also searches for the position from which
        all the bytes are expected objects.
        """
        self._read_from(0)
        if self._expected:
            self._replace_misplaced()
        return self._found, self._problems

    def _read_from(self, position: int) -> None:
        start = self._skip_padding(position)
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
        for attempt in (
            self._correct_template,
            self._cut_expected_template,
            self._find_expected,
            self._cut_template,
            self._skip_header,
        ):
            end = attempt(start)
            if end is not None:
                return end
        return len(self.raw)

    def _correct_template(self, _start: int) -> int | None:
        """Correct the length of a template before a malformed object, if this makes all the bytes whole objects."""
        for number in range(len(self._found) - 1, -1, -1):
            template = self._found[number]
            if not self.is_template(template.header.tag):
                continue
            children = list(self._children(template))
            if not children or children[-1].end <= template.value_end:
                continue
            last = children[-1]
            if not self._is_whole(last.end):
                return None
            end = last.start if self._is_after(template, children, len(children) - 1) else last.end
            self._found[number:] = [template._replace(value_end=end, end=end)]
            tag, length, correct = template.header.tag, template.header.length, end - template.header.end
            message = f"the length of tag {tag:02X} is {length}, but its objects have {correct} bytes"
            self._problems[-1] = self.error(message, self.base + template.start)
            return end
        return None

    def _cut_expected_template(self, start: int) -> int | None:
        """Do :meth:`_cut_template` for a template with an expected tag."""
        return self._cut_template(start) if self._is_expected(start) else None

    def _cut_template(self, start: int) -> int | None:
        """Use the rest of the bytes as the value of a template, up to the next template with the same tag."""
        try:
            header = self.header(start)
        except (IndexError, MalformedError):
            return None
        if not self.is_template(header.tag):
            return None
        template = Found(header, start, len(self.raw), len(self.raw))
        children = list(self._children(template))
        end = len(self.raw)
        for number, child in enumerate(children):
            if self._is_after(template, children, number):
                end = child.start if self._is_whole(child.start) else end
                break
        self._found.append(template._replace(value_end=end, end=end))
        return end

    def _find_expected(self, start: int) -> int | None:
        """Find the first position from which all the bytes are expected objects.

        If the malformed object or the one before it is not expected, an object before them may have a wrong length.
        Then this also searches in the objects before.
        """
        if not self._expected:
            return None
        is_misplaced = not all(map(self._is_expected, [start, *(one.start for one in self._found[-1:])]))
        resume = self._expected_from(0 if is_misplaced else max(self.after_header(start), start + 1))
        if resume is None:
            return None
        message = f"no object can be read here; reading continues at byte {self.base + resume}"
        self._problems[-1] = self.error(message, self.base + start)
        wrong = self._remove_from(resume)
        if wrong is not None:
            self._problems[-1] = wrong
        return resume

    def _replace_misplaced(self) -> None:
        """Read some of the bytes again if an object is impossible among the expected ones.

        The new reading begins in or before that object, at the first position from which all the bytes are expected
        objects.
        """
        first = 0
        for one in self._found:
            if not self._is_possible(one.header):
                resume = self._expected_from(first or one.header.end)
                if resume is not None and resume < one.end:
                    wrong = self._remove_from(resume)
                    self._problems += [] if wrong is None else [wrong]
                    self._read_from(resume)
                    return
            if not first or one.header.tag in self._expected:
                first = one.header.end

    def _remove_from(self, position: int) -> MalformedError | None:
        """Remove the objects after a position, and the object that contains the position.

        If that object is a template, it is not removed: it ends at the position. Return the error for this object.
        """
        wrong = next((one for one in self._found if one.end > position), None)
        if wrong is None:
            return None
        del self._found[self._found.index(wrong) :]
        if self.is_template(wrong.header.tag) and wrong.header.end <= position:
            self._found.append(wrong._replace(value_end=position, end=position))
        message = f"the length of tag {wrong.header.tag:02X} is wrong; another object begins in its value"
        return self.error(message, self.base + wrong.start)

    def _expected_from(self, first: int) -> int | None:
        """Return the first position, not before this one, from which only expected objects follow."""
        if self._starts is None:
            self._starts = self._expected_starts()
        number = bisect_left(self._starts, first)
        return self._starts[number] if number < len(self._starts) else None

    def _expected_starts(self) -> list[int]:
        """Return the positions of all objects that are not empty and from which on only expected objects follow."""
        size = len(self.raw)
        is_clean = bytearray(size) + b"\x01"
        starts = []
        for start in range(size - 1, -1, -1):
            if self.raw[start] in self._padding:
                is_clean[start] = is_clean[start + 1]
                continue
            try:
                header = self.header(start)
            except (IndexError, MalformedError):
                continue
            end = header.end + header.length
            if header.length in self._expected.get(header.tag, ()) and end <= size and is_clean[end]:
                is_clean[start] = 1
                if header.length:
                    starts.append(start)
        return starts[::-1]

    def _skip_header(self, start: int) -> int | None:
        """Continue after a header whose length cannot be read, or after a category indicator at the start."""
        for end in (self.after_header(start), start + 1):
            is_category = not self._found and end == start + 1 and self.raw[start] in CATEGORIES
            if (end > start + 1 or is_category) and end < len(self.raw) and self._is_whole(end):
                return end
        return None

    def _is_expected(self, start: int) -> bool:
        """Return True if the object at this position is expected, as far as its header can be read."""
        try:
            header = self.header(start)
        except (IndexError, MalformedError):
            try:
                return self.tag(start) in self._expected
            except IndexError:
                return True
            except MalformedError:
                return False
        return header.length in self._expected.get(header.tag, ())

    def _is_possible(self, header: Header) -> bool:
        """Return False if an object cannot be among the expected ones."""
        if header.tag in self._expected:
            return header.length in self._expected[header.tag]
        return not self.is_foreign(header.tag)

    def _is_after(self, template: Found, children: list[Found], number: int) -> bool:
        """Return True if a template's wrong length includes an object that comes after the template.

        That is so if both have the same expected tag. It is also so if the object is expected and the objects before
        it in the template are not, except if the bytes are known to be cut off: then the template may continue.
        """
        tag = children[number].header.tag
        if tag == template.header.tag:
            return tag in self._expected
        return (
            not self._is_cut_off
            and number > 0
            and self._is_expected(children[number].start)
            and not any(self._is_expected(one.start) for one in children[:number])
        )

    def _children(self, template: Found) -> Iterator[Found]:
        """Yield the objects that begin in a template, up to the first malformed one. The last may go beyond its end."""
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
