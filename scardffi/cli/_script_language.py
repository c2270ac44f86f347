"""The language of script files and of the shell: it is read, checked, and turned into commands one after the other.

It is the format of scriptor with expected status words, variables and loops; the help of `scardffi script` lists its
lines. Nothing here knows a card or a terminal: :meth:`Script.steps` yields what is to be sent, and gets the responses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from ..iso7816._command_text import text_without_secrets
from ..iso7816._secrets import Secrets
from ..iso7816.command import Command, MalformedCommandError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

KEYWORDS: Final = ("ask", "break", "end", "exit", "expect", "for", "repeat", "reset", "set")
"""The words that a line may begin with, instead of a command."""
FROM_CARD: Final = ("DATA", "SW1", "SW2")
"""The variables that each response sets."""

_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_PART: Final = re.compile(r"([0-9A-Fa-f]{2})|\$\{(#?)(\w+)\}|\$([A-Za-z_]\w*)", re.ASCII)
_STATUS: Final = re.compile(r"[0-9A-FXa-fx]{4}")
_RANGE: Final = re.compile(r"([0-9A-Fa-f]{2})\.\.([0-9A-Fa-f]{2})")
_HEXADECIMAL_ALLOWED: Final = "give two hexadecimal digits for each byte, or a variable such as $NAME"
_STATUS_ALLOWED: Final = "give four hexadecimal digits, or x for any digit, such as 9000 or 61xx"
_ARROW: Final = "->"
_MOST_ROUNDS: Final = 1_000_000
_COUNT_ALLOWED: Final = f"a number from 1 to {_MOST_ROUNDS}"


class Place(NamedTuple):
    """Where something stands in a file; both numbers count from 1."""

    line: int
    column: int


class Problem(NamedTuple):
    """A mistake at a place."""

    place: Place
    message: str


class ScriptError(Exception):
    """A script is wrong.

    Attributes:
        problems: what is wrong, in the order of the lines.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"line {one.place.line}, {one.message}" for one in problems))
        self.problems = sorted(problems)

    def lines(self, name: str) -> list[str]:
        """Return a line of text for each problem, which begins with the file's name, the line and the column."""
        return [f"{name}:{place.line}:{place.column}: {message}" for place, message in self.problems]


class Expected:
    """The status words that a line allows, such as 9000 and 61xx."""

    def __init__(self, words: Iterable[str]) -> None:
        self.text = " ".join(words)
        self._pattern = re.compile(self.text.upper().replace(" ", "|").replace("X", "[0-9A-F]"))

    def fits(self, sw: int | None) -> bool:
        """Return True if the status word is one of them; None is a response without a status word."""
        return sw is not None and self._pattern.fullmatch(f"{sw:04X}") is not None


_ANY_SUCCESS: Final = Expected(["9000", "61xx"])


@dataclass(frozen=True, slots=True)
class Send:
    """A command for the card.

    Attributes:
        command: its bytes, which are wiped after the step.
        hidden: the bytes that come from a code that was asked for, as (start, length).
        expected: the status words that the script allows; None if it does not say.
        place: the line of the script.
    """

    command: bytearray
    hidden: tuple[tuple[int, int], ...]
    expected: Expected | None
    place: Place

    def is_missed(self, sw: int | None) -> bool:
        """Return True if the script says which status words it expects, and this is none of them."""
        return self.expected is not None and not self.expected.fits(sw)

    def has_failed(self, sw: int | None) -> bool:
        """Return True if it is none of the expected status words, or of 9000 and 61xx if the script does not say."""
        return not (self.expected or _ANY_SUCCESS).fits(sw)


@dataclass(frozen=True, slots=True)
class Reset:
    """A reset of the card; a cold one turns its power off and on."""

    cold: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Ask:
    """A code that the user types.

    Attributes:
        name: the variable.
        padding: the length that the code is filled up to, and the byte that fills it.
        place: the line of the script.
    """

    name: str
    padding: tuple[int, int] | None
    place: Place


Step: TypeAlias = "Send | Reset"
"""The next exchange of a script."""


class _Word(NamedTuple):
    text: str
    place: Place


class _Reference(NamedTuple):
    name: str
    is_length: bool
    place: Place


_Bytes: TypeAlias = "tuple[bytes | _Reference, ...]"


@dataclass(frozen=True, slots=True)
class _Command:
    parts: _Bytes
    expected: Expected | None
    place: Place


@dataclass(frozen=True, slots=True)
class _Set:
    name: str
    parts: _Bytes
    place: Place


@dataclass(frozen=True, slots=True)
class _Loop:
    name: str | None
    values: tuple[_Bytes, ...] | range
    body: list[_Statement]
    place: Place


@dataclass(frozen=True, slots=True)
class _Break:
    expected: Expected
    place: Place


@dataclass(frozen=True, slots=True)
class _Exit:
    place: Place


_Statement: TypeAlias = "_Command | _Set | _Loop | _Break | _Exit | Reset | Ask"


class _WrongError(Exception):
    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(place, message)


class _Left(Exception):  # noqa: N818  it is no error: a loop or the script ends
    def __init__(self, *, script: bool) -> None:
        super().__init__()
        self.script = script


@dataclass(slots=True)
class Variables:
    """The values of a script's variables. Codes that were asked for are overwritten by :meth:`wipe`."""

    values: dict[str, bytes | bytearray] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)
    sw: int | None = None
    secrets: Secrets = field(default_factory=Secrets)

    def answer(self, response: bytes) -> None:
        """Take the variables that a response sets."""
        self.sw = int.from_bytes(response[-2:], "big") if len(response) >= 2 else None
        self.values |= {"DATA": response[:-2], "SW1": response[-2:-1], "SW2": response[-1:]}

    def put_code(self, ask: Ask, code: bytearray) -> None:
        """Take a code that was asked for, and pad it. The memory of the code is the caller's.

        Raises:
            ScriptError: the code is longer than it may be.
        """
        size, byte = ask.padding or (len(code), 0)
        if len(code) > size:
            message = f"{ask.name}: a code of {len(code)} bytes is not allowed; give 1 to {size}"
            raise ScriptError([Problem(ask.place, message)])
        value = self.secrets.new(size)
        value[:] = bytes([byte]) * size
        memoryview(value)[: len(code)] = code
        self.values[ask.name] = value
        self.codes.add(ask.name)

    def wipe(self) -> None:
        """Overwrite the codes, and forget all variables."""
        _ = [*self.secrets.wiping]
        self.secrets = Secrets()
        self.values.clear()
        self.codes.clear()


class Script:
    """A script that has been read and checked.

    Args:
        text: the script.
        raw: True to allow commands that are not command APDUs.
        known: the variables that have a value already, as in a shell.

    Attributes:
        asks: the codes that the script asks for.
        exchanges: how many commands and resets it has, with those of each round of its loops.

    Raises:
        ScriptError: the script is wrong. It lists all problems.
    """

    def __init__(self, text: str, *, raw: bool = False, known: Variables | None = None) -> None:
        reader = _Reader()
        for words in _logical_lines(text):
            reader.read(words)
        self._body = reader.finish()
        self._raw = raw
        self.asks = [statement for statement in self._body if isinstance(statement, Ask)]
        self.exchanges = _exchanges(self._body)
        names = *FROM_CARD, *(known.values if known else ()), *reader.names_of_wrong_lines
        _check(self._body, dict.fromkeys(names), reader.problems, raw=raw)
        if reader.problems:
            raise ScriptError(reader.problems)

    def steps(self, variables: Variables) -> Generator[Step, bytes, None]:
        """Yield what is to be done, in order; send the response to a command back into the generator.

        The variables must have the codes that the script asks for.

        Raises:
            ScriptError: a command that is made of a response or of a code is not a command APDU. It was not sent.
        """
        try:
            yield from self._run(self._body, variables)
        except _Left:
            return

    def has_secrets(self) -> bool:
        """Return True if the text may show a PIN or key: in the data of a command, or in a variable that it sets."""
        return any(_may_show_secret(statement) for statement in self._body)

    def _run(self, body: list[_Statement], variables: Variables) -> Generator[Step, bytes, None]:
        for statement in body:
            match statement:
                case _Command(parts, expected, place):
                    yield from self._send(parts, expected, place, variables)
                case _Set(name, parts):
                    _set(variables, name, parts)
                case _Loop():
                    yield from self._loop(statement, variables)
                case _Break(expected):
                    if expected.fits(variables.sw):
                        raise _Left(script=False)
                case _Exit():
                    raise _Left(script=True)
                case Reset():
                    yield statement
                case Ask():
                    pass  # its code was read before

    def _loop(self, loop: _Loop, variables: Variables) -> Generator[Step, bytes, None]:
        for value in loop.values:
            if loop.name is not None and not isinstance(value, int):
                _set(variables, loop.name, value)
            try:
                yield from self._run(loop.body, variables)
            except _Left as left:
                if left.script:
                    raise
                return

    def _send(
        self, parts: _Bytes, expected: Expected | None, place: Place, variables: Variables
    ) -> Generator[Step, bytes, None]:
        secrets = Secrets()
        try:
            command, hidden = _joined(parts, variables, secrets)
            if not self._raw and (problem := _not_an_apdu(command)):
                raise ScriptError([Problem(place, problem)])
            response = yield Send(command, hidden, expected, place)
            variables.answer(response)
        finally:
            _ = [*secrets.wiping]


def is_unfinished(text: str) -> bool:
    r"""Return True if a script goes on in the next line: it ends with \ or in a loop."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    if lines and lines[-1].rstrip().endswith("\\"):
        return True
    first = [words[0].text.lower() for words in _logical_lines(text)]
    return sum(word in {"repeat", "for"} for word in first) > first.count("end")


def _set(variables: Variables, name: str, parts: _Bytes) -> None:
    value, hidden = _joined(parts, variables, variables.secrets)
    variables.values[name] = value
    (variables.codes.add if hidden else variables.codes.discard)(name)


def _joined(parts: _Bytes, variables: Variables, secrets: Secrets) -> tuple[bytearray, tuple[tuple[int, int], ...]]:
    """Return the bytes of parts in memory that is wiped with the secrets, and where those of codes are."""
    values: list[bytes | bytearray] = []
    hidden, size = [], 0
    for part in parts:
        value = part if isinstance(part, bytes) else _value(part, variables.values)
        if isinstance(part, _Reference) and part.name in variables.codes and not part.is_length:
            hidden.append((size, len(value)))
        values.append(value)
        size += len(value)
    whole = secrets.new(size)
    target, start = memoryview(whole), 0
    for value in values:
        target[start : start + len(value)] = value
        start += len(value)
    return whole, tuple(hidden)


def _value(reference: _Reference, values: Mapping[str, bytes | bytearray]) -> bytes | bytearray:
    value = values.get(reference.name, b"")
    if not reference.is_length:
        return value
    if len(value) > 255:
        raise ScriptError([Problem(reference.place, f"{reference.name} has {len(value)} bytes; 0 to 255 fit a byte")])
    return bytes([len(value)])


def _not_an_apdu(command: bytes | bytearray) -> str:
    """Return what is wrong with a command, without its bytes; "" if it is right."""
    try:
        Command.decode(command)
    except MalformedCommandError as error:
        return f"not a command APDU: {error}; --raw sends it all the same"
    return ""


def _may_show_secret(statement: _Statement) -> bool:
    match statement:
        case _Set():
            return True
        case _Loop(_, _, body):
            return any(map(_may_show_secret, body))
        case _Command(parts):
            written = b"".join(part for part in parts if isinstance(part, bytes))
            return parts[1:2] != (written[1:2],) or "*" in text_without_secrets(written)
        case _:
            return False


def _exchanges(body: list[_Statement]) -> int:
    return sum(
        len(statement.values) * _exchanges(statement.body)
        if isinstance(statement, _Loop)
        else isinstance(statement, _Command | Reset)
        for statement in body
    )


# Checks before anything is sent


def _check(body: list[_Statement], values: dict[str, bytes | None], problems: list[Problem], *, raw: bool) -> None:
    """Check what is known without a card. A value that depends on one, or on the user, is None."""
    for statement in body:
        match statement:
            case _Command(parts, _, place):
                command = _known(parts, values, problems)
                if command is not None and not raw and (problem := _not_an_apdu(command)):
                    _add(problems, Problem(place, problem))
            case _Set(name, parts):
                values[name] = _known(parts, values, problems)
            case Ask(name):
                values[name] = None
            case _Loop(name, rounds, inner):
                for value in [0] if isinstance(rounds, range) else rounds:
                    if name is not None and not isinstance(value, int):
                        values[name] = _known(value, values, problems)
                    _check(inner, values, problems, raw=raw)
            case _:
                pass


def _add(problems: list[Problem], problem: Problem) -> None:
    if problem not in problems:  # another round of a loop may have found it
        problems.append(problem)


def _known(parts: _Bytes, values: Mapping[str, bytes | None], problems: list[Problem]) -> bytes | None:
    whole: list[bytes | None] = []
    for part in parts:
        if isinstance(part, bytes):
            whole.append(part)
        elif part.name not in values:
            names = ", ".join(sorted(values))
            _add(problems, Problem(part.place, f"{part.name} has no value; variables with a value are: {names}"))
            whole.append(None)
        else:
            value = values[part.name]
            whole.append(bytes([min(len(value), 255)]) if part.is_length and value is not None else value)
    return None if None in whole else b"".join(one for one in whole if one is not None)


# Reading


def _logical_lines(text: str) -> Iterator[list[_Word]]:
    r"""Yield the words of each line; a line that ends with \ goes on in the next one that is not a comment."""
    words: list[_Word] = []
    for number, line in enumerate(text.splitlines(), 1):
        code = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].rstrip()
        goes_on = code.endswith("\\")
        code = code.removesuffix("\\")
        words += [_Word(match[0], Place(number, match.start() + 1)) for match in re.finditer(r"->|(?:(?!->)\S)+", code)]
        if words and code.strip() and not goes_on:  # an empty line or a comment does not end a line that goes on
            yield words
            words = []
    if words:
        yield words


class _Reader:
    """Turns lines into statements.

    Attributes:
        problems: what is wrong.
        names_of_wrong_lines: the variables that wrong lines would set, so that their use is not wrong too.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.names_of_wrong_lines: set[str] = set()
        self._expected: Expected | None = None
        self._bodies: list[list[_Statement]] = [[]]
        self._loops: list[_Loop] = []

    def read(self, words: list[_Word]) -> None:
        """Read a line, and note what is wrong with it."""
        keyword = words[0].text.lower()
        read = getattr(self, f"_read_{keyword}") if keyword in KEYWORDS else self._read_command
        try:
            statement = read(words)
        except _WrongError as wrong:
            self.problems.append(wrong.problem)
            if keyword in {"ask", "for", "set"}:
                self.names_of_wrong_lines.update(word.text for word in words[1:2])
            return
        if statement is not None:
            self._bodies[-1].append(statement)

    def finish(self) -> list[_Statement]:
        """Return the statements of the script."""
        message = "this loop has no end; write end after its last line"
        self.problems += [Problem(loop.place, message) for loop in self._loops]
        return self._bodies[0]

    def _read_command(self, words: list[_Word]) -> _Command:
        texts = [word.text for word in words]
        place = words[0].place
        expected = self._expected
        if _ARROW in texts:
            arrow = texts.index(_ARROW)
            try:
                expected = _expected(words[arrow + 1 :], words[arrow].place)
            except _WrongError as wrong:  # the bytes before it may be wrong too
                self.problems.append(wrong.problem)
            words = words[:arrow]
        if words and not _PART.match(words[0].text):
            allowed = f"give a command in hexadecimal digits, or one of {', '.join(KEYWORDS)}"
            raise _WrongError(place, f"{words[0].text} is not allowed here; {allowed}")
        return _Command(_bytes(words, place), expected, place)

    def _read_expect(self, words: list[_Word]) -> None:
        if [word.text.lower() for word in words[1:]] == ["any"]:
            self._expected = None
        else:
            self._expected = _expected(words[1:], words[0].place)

    def _read_reset(self, words: list[_Word]) -> Reset:
        kind = _argument(words, "cold, warm or nothing")
        if kind is not None and kind.text.lower() not in {"cold", "warm"}:
            raise _WrongError(kind.place, f"{kind.text} is not allowed after reset; give cold, warm or nothing")
        return Reset(kind is not None and kind.text.lower() == "cold", words[0].place)

    def _read_exit(self, words: list[_Word]) -> _Exit:
        _nothing_after(words)
        return _Exit(words[0].place)

    def _read_set(self, words: list[_Word]) -> _Set:
        if len(words) < 4 or words[2].text != "=":
            raise _WrongError(words[0].place, "this line sets no variable; give set NAME = BYTES")
        return _Set(_name(words[1]), _bytes(words[3:], words[2].place), words[0].place)

    def _read_ask(self, words: list[_Word]) -> Ask:
        if self._loops:
            raise _WrongError(words[0].place, "ask is not allowed in a loop; write it before the loop")
        if len(words) == 2:
            return Ask(_name(words[1]), None, words[0].place)
        if len(words) != 5 or words[2].text.lower() != "pad":
            raise _WrongError(words[0].place, "this line asks for no code; give ask NAME, or ask NAME pad LENGTH BYTE")
        size, byte = words[3:]
        if not re.fullmatch("[0-9A-Fa-f]{2}", byte.text):
            raise _WrongError(byte.place, f"{byte.text} is not allowed; give two hexadecimal digits")
        return Ask(_name(words[1]), (_number(size, 255), int(byte.text, 16)), words[0].place)

    def _read_repeat(self, words: list[_Word]) -> None:
        loop = _Loop(None, range(0), [], words[0].place)
        try:
            count = _argument(words, _COUNT_ALLOWED)
            if count is None:
                raise _WrongError(words[0].place, f"repeat needs a number; give {_COUNT_ALLOWED}")
            loop = _Loop(None, range(_number(count, _MOST_ROUNDS)), loop.body, loop.place)
        finally:  # the lines up to its end belong to it, also if it is wrong
            self._begin(loop)

    def _read_for(self, words: list[_Word]) -> None:
        loop = _Loop(None, range(0), [], words[0].place)
        try:
            if len(words) < 4 or words[2].text.lower() != "in":
                message = "this line begins no loop; give for NAME in BYTES, such as for N in 01 02 or for N in 01..0A"
                raise _WrongError(words[0].place, message)
            loop = _Loop(_name(words[1]), tuple(_values(words[3:])), loop.body, loop.place)
        finally:
            self._begin(loop)

    def _begin(self, loop: _Loop) -> None:
        self._bodies[-1].append(loop)
        self._bodies.append(loop.body)
        self._loops.append(loop)

    def _read_end(self, words: list[_Word]) -> None:
        if not self._loops:
            raise _WrongError(words[0].place, "end without a loop; write repeat or for before it")
        self._loops.pop()
        self._bodies.pop()
        _nothing_after(words)

    def _read_break(self, words: list[_Word]) -> _Break:
        if not self._loops:
            raise _WrongError(words[0].place, "break is allowed only in a loop")
        return _Break(_expected(words[1:], words[0].place), words[0].place)


def _argument(words: list[_Word], allowed: str) -> _Word | None:
    """Return the word after a keyword, if there is one."""
    if len(words) > 2:
        raise _WrongError(words[2].place, f"{words[2].text} is not allowed after {words[1].text}; give {allowed}")
    return words[1] if len(words) == 2 else None


def _nothing_after(words: list[_Word]) -> None:
    if len(words) > 1:
        raise _WrongError(words[1].place, f"{words[1].text} is not allowed after {words[0].text}; give nothing")


def _number(word: _Word, most: int) -> int:
    if not word.text.isdecimal() or not 1 <= int(word.text) <= most:
        raise _WrongError(word.place, f"{word.text} is not allowed; give a number from 1 to {most}")
    return int(word.text)


def _name(word: _Word) -> str:
    if not _NAME.fullmatch(word.text):
        raise _WrongError(word.place, f"{word.text} is not allowed as a name; give letters, digits and _")
    if word.text in FROM_CARD:
        raise _WrongError(word.place, f"{word.text} is set by each response; give another name")
    return word.text


def _expected(words: list[_Word], place: Place) -> Expected:
    found: list[str] = []
    for word in words:
        for text in filter(None, word.text.split(",")):
            if not _STATUS.fullmatch(text):
                raise _WrongError(word.place, f"{text} is not a status word; {_STATUS_ALLOWED}")
            found.append(text)
    if not found:
        raise _WrongError(place, f"a status word is missing; {_STATUS_ALLOWED}")
    return Expected(found)


def _bytes(words: list[_Word], place: Place) -> _Bytes:
    parts: list[bytes | _Reference] = []
    for word in words:
        start = 0
        while start < len(word.text):
            match = _PART.match(word.text, start)
            here = Place(word.place.line, word.place.column + start)
            if match is None:
                rest = word.text[start:]
                raise _WrongError(here, f"{rest} is not allowed; {_HEXADECIMAL_ALLOWED}")
            digits, length, braced, plain = match.groups()
            if digits:
                parts.append(bytes.fromhex(digits))
            else:
                parts.append(_Reference(braced or plain, length == "#", here))
            start = match.end()
    if not parts:
        raise _WrongError(place, f"there are no bytes; {_HEXADECIMAL_ALLOWED}")
    return tuple(parts)


def _values(words: list[_Word]) -> Iterator[_Bytes]:
    """Yield the values of a loop: each word is one, or a range of bytes."""
    for word in words:
        limits = _RANGE.fullmatch(word.text)
        if limits is None:
            yield _bytes([word], word.place)
            continue
        first, last = int(limits[1], 16), int(limits[2], 16)
        if last < first:
            raise _WrongError(word.place, f"{word.text} is not allowed; give the smaller byte first")
        yield from ((bytes([value]),) for value in range(first, last + 1))
