"""The docstrings of public names give the arguments, the errors, and the units of numbers."""

import inspect
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from support.public_names import public_names
from support.raised_errors import OURS, Call, Raised, call_of, raised
from support.reports import report
from support.requirements import need_module

from scardffi.errors import InvalidArgumentError
from scardffi.iso7816 import MalformedCommandError

STOPS = (NotImplementedError, AssertionError)
"""Errors of the programmer: a method that a subclass must override, a case that cannot occur."""
OF_ARGUMENTS = {TypeError, ValueError, InvalidArgumentError, MalformedCommandError}
"""The errors of checks that other modules make; the first page of the reference says it for all functions."""
CANNOT_OCCUR = {"scardffi.compat.smartcard.ATR.ATR": {"MalformedAtrError"}}
"""Errors that the source seems to raise. ATR counts the bytes before it parses them leniently."""
A_NUMBER = re.compile(r"\b(int|float|SupportsIndex)\b")
A_QUANTITY = re.compile(
    r"(?i)timeout|seconds|interval|delay|duration|latency|elapsed|\btime(?!s)|size|length|offset|(?<!dis)position|^le$"
)
A_UNIT = re.compile(
    r"\b((milli|nano)?seconds?|etu|bytes?|bits?|digits?|characters?|blocks?|records?|lines?|data units?)\b"
)
A_LINK = re.compile(r"(?i)\b(?:arguments|errors)\b[^.;]*?:\w+:`[~.]*([\w.]+)`")
"""A docstring may say that its arguments and errors are those of another function."""
MADE_ELSEWHERE = re.compile(r"(opened|made|returned) by :\w+:`|which :\w+:`[^`]*` (returns|makes)")
"""The docstring of a class whose objects programs do not make says who makes them."""
SAME_AS_IN_THE_CORE = "same arguments, results and errors"
CORE = ("scardffi.Context.", "scardffi.SCardManage.", "scardffi.Monitor.", "scardffi.Script.")
"""The classes whose methods those of scardffi.aio repeat; its docstring says so."""


class Documented(NamedTuple):
    """A public function, method, property or class that runs code of scardffi."""

    name: str
    call: Call
    own: str
    """Its docstring, or that of the method that it overrides."""
    others: str
    """The docstrings of its class and its module, which say what holds for all their functions."""


def documented() -> Iterator[Documented]:
    """Yield each one once, even if several modules have it."""
    seen = set()
    for one in public_names():
        call = call_of(one.value, one.owner)
        if call is None or call in seen:
            continue
        seen.add(call)
        own = inspect.getdoc(one.value if one.owner is None else getattr(one.owner, one.name.rpartition(".")[2]))
        module = call.function.__module__
        others: list[object] = [sys.modules[name] for name in {module, module.rpartition(".")[0]} if name]
        others += [kind for kind in getattr(call.owner, "__mro__", ()) if kind.__module__.startswith(OURS)]
        yield Documented(one.name, call, own or "", "\n\n".join(filter(None, (other.__doc__ for other in others))))


@pytest.fixture(scope="module")
def all_documented() -> list[Documented]:
    need_module("anyio", "cryptography")  # of scardffi.aio and services.aes
    return list(documented())


def errors_in(docstring: str) -> set[str]:
    """Return the names in the section "Raises", and in sentences that say that something raises."""
    text, _, section = docstring.partition("Raises:")
    sentences = [sentence for sentence in re.split(r"(?<=[.;:])\s", text) if re.search(r"\braises?\b", sentence)]
    return set(re.findall(r"\b\w+\b", " ".join([section, *sentences])))


def is_named(error: Raised, names: set[str]) -> bool:
    """Return whether names have an error, or one that includes it; of a made error also one of its kinds."""
    kinds = [kind for kind in error.kind.__mro__ if kind not in {Exception, BaseException, object}]
    allowed = {kind.__name__ for kind in kinds} | (set() if error.is_exact else subclasses(error.kind))
    return not names.isdisjoint(allowed)


def subclasses(kind: type) -> set[str]:
    direct: list[type] = kind.__subclasses__()
    return {one.__name__ for one in direct}.union(*map(subclasses, direct))


def linked(one: Documented, everything: list[Documented]) -> Iterator[Documented]:
    """Yield what a docstring links to: the method of the same class, or else what has this name."""
    for name in A_LINK.findall(one.own):
        found = [other for other in everything if f".{other.name}".endswith(f".{name}")]
        yield from [other for other in found if other.call.owner is one.call.owner] or found
    if SAME_AS_IN_THE_CORE in one.others:
        method = f".{one.name.rpartition('.')[2]}"
        yield from (other for other in everything if other.name.endswith(method) and other.name.startswith(CORE))


def unnamed(one: Documented, everything: list[Documented]) -> list[str]:
    """Return the names of the errors that something may raise and its docstrings do not name."""
    names = set().union(*(errors_in(other.own) | errors_in(other.others) for other in (one, *linked(one, everything))))
    missing = [
        error.kind.__name__
        for error in raised(one.call)
        if not issubclass(error.kind, STOPS)
        and not (error.kind in OF_ARGUMENTS and error.module != one.call.function.__module__)
        and not is_named(error, names)
    ]
    return sorted(set(missing) - CANNOT_OCCUR.get(one.name, set()))


def test_a_docstring_names_the_errors_that_are_raised(all_documented: list[Documented]) -> None:
    missing = {one.name: names for one in all_documented if (names := unnamed(one, all_documented))}
    assert missing == {}
    raising = sum(bool(raised(one.call)) for one in all_documented)
    report(f"{len(all_documented)} public functions, methods, properties and classes; {raising} of them raise errors")


def described(name: str, docstring: str) -> str:
    """Return the description of an argument in the section "Args", or the sentence that names it."""
    entry = re.search(rf"^( +){name}\b[^:\n]*:(.*(?:\n\1 +.*)*)", docstring, re.MULTILINE)
    if entry is not None:
        return entry[2]
    return " ".join(one for one in re.split(r"(?<=[.;])\s", docstring) if f"``{name}``" in one)


def overridden(one: Documented, everything: list[Documented]) -> Iterator[Documented]:
    """Yield the methods of the base classes that a method overrides."""
    name = one.name.rpartition(".")[2]
    classes = getattr(one.call.owner, "__mro__", ())
    for other in everything:
        if other.call.owner in classes and other.name.endswith(f".{name}"):
            yield other


def undescribed(one: Documented, everything: list[Documented]) -> Iterator[str]:
    """Yield the arguments that no docstring describes. The summary describes a sole argument, and those it names."""
    names = [name for name in inspect.signature(one.call.function).parameters if not name.startswith("_")]
    names = [name for name in names if name not in {"self", "cls"}]
    summary, sources = one.own.partition("\n\n")[0], [one, *linked(one, everything), *overridden(one, everything)]
    for name in names if len(names) > 1 and not MADE_ELSEWHERE.search(one.own) else ():
        is_described = any(described(name, text) for other in sources for text in (other.own, other.others))
        if not is_described and not re.search(rf"(?i)\b{name.replace('_', ' ')}s?\b", summary):
            yield f"{one.name}({name})"


def test_each_argument_is_described(all_documented: list[Documented]) -> None:
    assert [text for one in all_documented for text in undescribed(one, all_documented)] == []


def without_unit(one: Documented, everything: list[Documented]) -> Iterator[str]:
    """Yield the arguments and results that are quantities, and whose descriptions have no unit."""
    sources = [one, *linked(one, everything)]
    for argument in inspect.signature(one.call.function).parameters.values():
        if A_NUMBER.search(str(argument.annotation)) and A_QUANTITY.search(argument.name):
            texts = [described(argument.name, text) for other in sources for text in (other.own, other.others)]
            if not A_UNIT.search(" ".join(texts)):
                yield f"{one.name}({argument.name}): {' '.join(texts).strip()}"
    result = str(one.call.function.__annotations__.get("return")).removesuffix(" | None")
    said = f"{one.name.rpartition('.')[2]}: {one.own.partition('Args:')[0]}"
    units = any(A_UNIT.search(other.own) for other in sources)
    if A_NUMBER.fullmatch(result) and A_QUANTITY.search(said) and not units:
        yield f"{said} -> {result}"


def fields() -> Iterator[tuple[str, str, str]]:
    """Yield the name, the annotation and the description of each annotated attribute of a class."""
    for one in public_names():
        name = one.name.rpartition(".")[2]
        if one.owner is not None and call_of(one.value) is None:
            for kind in one.owner.__mro__:
                annotation = inspect.get_annotations(kind).get(name)
                if annotation is not None:
                    text = described(name, kind.__doc__ or "") or getattr(one.value, "__doc__", None) or ""
                    yield one.name, str(annotation), text
                    break


def test_the_unit_of_each_quantity_is_given(all_documented: list[Documented]) -> None:
    assert [text for one in all_documented for text in without_unit(one, all_documented)] == []
    assert [
        name
        for name, annotation, text in fields()
        if A_NUMBER.search(annotation) and A_QUANTITY.search(name.rpartition(".")[2]) and not A_UNIT.search(text)
    ] == []


def test_missing_errors_units_and_arguments_are_noticed(all_documented: list[Documented]) -> None:
    (lock,) = [one for one in all_documented if one.name == "scardffi.SCardManage.lock"]
    silent = lock._replace(own="Begin a transaction.", others="")
    assert "SCardError" in unnamed(silent, all_documented)
    assert list(undescribed(silent, all_documented)) == []  # it has one argument
    assert list(without_unit(silent, all_documented)) == ["scardffi.SCardManage.lock(timeout): "]
    (reconnect,) = [one for one in all_documented if one.name == "scardffi.SCardManage.reconnect"]
    silent = reconnect._replace(name="scardffi.SCardManage.silent", own="Reconnect.", others="")
    assert "scardffi.SCardManage.silent(timeout)" in list(undescribed(silent, all_documented))
