"""Check a card's file against its JSON Schema; an error names the place, the value and what is allowed.

The schema uses only the keywords that are read here, so this module needs no package.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

SCHEMA_PATH: Final = Path(__file__).absolute().with_name("card.schema.json")
_LONGEST_SHOWN: Final = 40
_TYPES: Final[dict[str, tuple[type, str]]] = {
    "object": (dict, "an object"),
    "array": (list, "a list"),
    "string": (str, "a text"),
    "integer": (int, "an integer"),
    "boolean": (bool, "true or false"),
    "null": (type(None), "null"),
}


class WrongFileError(Exception):
    """The file is not that of a card. The message says which part is wrong, and contains no codes and keys."""


@cache
def schema() -> dict[str, Any]:
    """Return the schema."""
    read: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="ascii"))
    return read


def check(card: Any) -> None:
    """Check the whole file.

    Raises:
        WrongFileError: the schema does not allow it.
    """
    _check(card, schema(), "", secret=False)


def _check(value: Any, rules: dict[str, Any], place: str, *, secret: bool) -> None:
    rules = _resolved(rules)
    secret = secret or rules.get("writeOnly", False)
    if "oneOf" in rules:
        rules = _alternative(value, rules["oneOf"], place)
    if not _is_allowed(value, rules):
        raise WrongFileError(f"{place or 'the file'}: {_shown(value, secret=secret)} is not allowed; {_allowed(rules)}")
    if isinstance(value, list):
        for number, one in enumerate(value):
            _check(one, rules["items"], f"{place}[{number}]", secret=secret)
    if isinstance(value, dict):
        _check_members(value, rules, place, secret=secret)


def _check_members(value: dict[str, Any], rules: dict[str, Any], place: str, *, secret: bool) -> None:
    known, others = rules.get("properties", {}), rules["additionalProperties"]
    for name in rules.get("required", ()):
        if name not in value:
            raise WrongFileError(f"{_member(place, name)}: it is missing; {_allowed(known[name])}")
    for name, one in value.items():
        if name not in known and (not others or not _is_allowed(name, rules.get("propertyNames", {}))):
            where = place if secret else _member(place, name)
            names = f"give {', '.join(known)}" if known else _allowed(rules["propertyNames"])
            raise WrongFileError(f"{where}: this name is not allowed; {names}")
        _check(one, known.get(name, others), _member(place, name), secret=secret)


def _resolved(rules: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in rules:
        return rules
    found: dict[str, Any] = schema()["$defs"][rules["$ref"].removeprefix("#/$defs/")]
    return found


def _alternative(value: Any, references: list[dict[str, Any]], place: str) -> dict[str, Any]:
    """Return the rules for the type that an object names."""
    kinds = {one["properties"]["type"]["const"]: one for one in map(_resolved, references)}
    if not isinstance(value, dict):
        raise WrongFileError(f"{place}: {_shown(value)} is not allowed; give an object with a type")
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in kinds:
        problem = f"{_shown(kind)} is not allowed" if "type" in value else "it is missing"
        raise WrongFileError(f"{place}.type: {problem}; give {_listed(list(kinds))}")
    return kinds[kind]


def _is_allowed(value: Any, rules: dict[str, Any]) -> bool:
    """Return whether the rules allow a value; the rules for what is in it do not matter."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return (
        ("type" not in rules or any(_is_of_type(value, one) for one in _types(rules)))
        and ("const" not in rules or value == rules["const"])
        and ("enum" not in rules or value in rules["enum"])
        and (not is_number or rules.get("minimum", value) <= value <= rules.get("maximum", value))
        and ("not" not in rules or not _is_allowed(value, rules["not"]))
        and (not isinstance(value, str) or re.search(rules.get("pattern", ""), value) is not None)
        and (not isinstance(value, list) or len(value) <= rules.get("maxItems", len(value)))
    )


def _is_of_type(value: Any, name: str) -> bool:
    return isinstance(value, _TYPES[name][0]) and (name != "integer" or not isinstance(value, bool))


def _types(rules: dict[str, Any]) -> list[str]:
    return rules["type"] if isinstance(rules["type"], list) else [rules["type"]]


def _allowed(rules: dict[str, Any]) -> str:
    """Say what the rules allow."""
    rules = _resolved(rules)
    if "const" in rules or "enum" in rules:
        return f"give {_listed(rules.get('enum', [rules.get('const')]))}"
    if "pattern" in rules:
        return f"give {rules['description']}"
    if "hex" in rules.get("properties", {}):
        return f'give an object such as {{"hex": "3B00"}}: {rules["properties"]["hex"]["description"]}'
    words = [_TYPES[name][1] for name in _types(rules)]
    if "minimum" in rules:
        words[0] = f"{rules['minimum']} to {rules['maximum']}"
    if "not" in rules:
        words[0] = rules["not"]["description"]
    if "maxItems" in rules:
        words[0] += f" of at most {rules['maxItems']}"
    return f"give {_listed(words)}"


def _listed(values: list[Any]) -> str:
    *first, last = map(str, values)
    return f"{', '.join(first)} or {last}" if first else last


def _shown(value: Any, *, secret: bool = False) -> str:
    """Return a value for a message; of a secret one, of objects and of lists only what it is."""
    if secret or isinstance(value, (dict, list)):
        return next((words for kind, words in _TYPES.values() if isinstance(value, kind)), "a number")
    text = repr(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _member(place: str, name: str) -> str:
    text = name if name.replace("$", "").isidentifier() or name.isdecimal() else repr(name)
    text = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
    return f"{place}.{text}" if place else text
