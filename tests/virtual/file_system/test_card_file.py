"""A card's file: its JSON Schema, the class that it names, and what the loader and the schema refuse."""

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.cards import card_with_files, proof, send
from support.requirements import need_module

from scardffi import virtual
from scardffi.iso7816 import instructions as iso
from scardffi.virtual.file_system import DF, Code, FileSystemCard, Key, RecordEF, TransparentEF

SCHEMA = json.loads(Path(virtual.card_schema_path()).read_text(encoding="ascii"))


def schema_allows(card: Any) -> bool:
    """Return whether the package jsonschema finds the file valid."""
    need_module("jsonschema")
    from jsonschema import Draft202012Validator

    return bool(Draft202012Validator(SCHEMA).is_valid(card))


def emv_card() -> FileSystemCard:
    return virtual.emv_card()


def piv_card() -> FileSystemCard:
    need_module("cryptography")
    return virtual.piv_card()


def sim_card() -> FileSystemCard:
    return virtual.sim_card()


# Saved cards


@pytest.mark.parametrize("make", [card_with_files, piv_card, sim_card, emv_card])
def test_a_saved_card_is_valid_and_is_loaded_with_its_class(make: Any, tmp_path: Path) -> None:
    card = make()
    card.save(tmp_path / "card.json")
    assert schema_allows(json.loads((tmp_path / "card.json").read_text()))
    loaded = virtual.load_card(tmp_path / "card.json", algorithms={"hmac": proof} if make is card_with_files else None)
    assert type(loaded) is type(card)
    assert loaded == card


def test_a_card_of_a_file_has_the_commands_of_its_class(tmp_path: Path) -> None:
    virtual.sim_card().save(tmp_path / "card.json")
    card = virtual.load_card(tmp_path / "card.json")
    assert card.transmit(bytes.fromhex("A0A40000022FE2")).hex().startswith("9f")


def test_another_class_does_not_load_the_file(tmp_path: Path) -> None:
    virtual.sim_card().save(tmp_path / "card.json")
    for one in (FileSystemCard, virtual.EMVCard):
        with pytest.raises(ValueError, match=r"is the file of a SIMCard; load it with virtual\.load_card\(\)"):
            one.load(tmp_path / "card.json")


def test_a_file_that_names_no_class_is_loaded_by_each_class(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps(VALID))
    assert type(virtual.load_card(path)) is FileSystemCard
    assert type(virtual.PIVCard.load(path)) is virtual.PIVCard


def test_a_subclass_is_saved_as_the_class_that_it_is_made_of(tmp_path: Path) -> None:
    class Own(virtual.SIMCard):
        pass

    Own(DF()).save(tmp_path / "card.json")
    assert type(Own.load(tmp_path / "card.json")) is Own
    assert type(virtual.load_card(tmp_path / "card.json")) is virtual.SIMCard


def test_a_card_assumes_what_its_class_does_if_the_file_does_not_say_it(tmp_path: Path) -> None:
    for name, assumed in (("FileSystemCard", False), ("PIVCard", True)):
        (tmp_path / "card.json").write_text(json.dumps({**VALID, "card": name}))
        assert virtual.load_card(tmp_path / "card.json").assumes_le is assumed


def test_without_the_extra_packages_a_file_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(json.dumps({**VALID, "card": "PIVCard"}))
    code = (
        "import sys; sys.modules['jsonschema'] = sys.modules['cryptography'] = None\n"
        f"from scardffi import virtual; print(type(virtual.load_card({str(tmp_path / 'card.json')!r})).__name__)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "PIVCard\n"


# The schema


def test_the_schema_is_one_of_its_draft() -> None:
    need_module("jsonschema")
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(SCHEMA)


def subschemas(rules: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield rules
    for name in ("properties", "$defs"):
        for one in rules.get(name, {}).values():
            yield from subschemas(one)
    for name in ("items", "propertyNames", "additionalProperties", "not"):
        if isinstance(rules.get(name), dict):
            yield from subschemas(rules[name])


def test_the_schema_has_only_keywords_that_the_loader_reads_and_those_that_describe() -> None:
    read = {"$ref", "oneOf", "type", "const", "enum", "minimum", "maximum", "not", "pattern", "maxItems", "required"}
    read |= {"properties", "additionalProperties", "propertyNames", "items", "writeOnly", "$defs"}
    describing = {"$schema", "title", "description", "default", "examples"}
    assert {name for one in subschemas(SCHEMA) for name in one} <= read | describing


def test_everything_in_the_schema_is_described_and_examples_and_defaults_are_valid() -> None:
    need_module("jsonschema")
    from jsonschema import Draft202012Validator

    found = list(subschemas(SCHEMA))
    for one in found:
        for name, rules in one.get("properties", {}).items():
            assert rules.keys() & {"description", "$ref"} or name == "type", name
        for value in [*one.get("examples", []), *([one["default"]] if "default" in one else [])]:
            assert Draft202012Validator({**one, "$defs": SCHEMA["$defs"]}).is_valid(value), one


@pytest.mark.parametrize("kind", [DF, TransparentEF, RecordEF, Code, Key])
def test_the_schema_has_the_arguments_of_each_class(kind: type) -> None:
    parameters = inspect.signature(kind).parameters
    rules = SCHEMA["$defs"][kind.__name__]
    assert set(rules["properties"]) == {"type", *parameters}
    needed = {name for name, one in parameters.items() if one.default is one.empty}
    assert set(rules["required"]) - {"file_id"} == {"type", *needed} - {"file_id"}  # an MF has 3F00 without saying it
    for name, one in rules["properties"].items():
        if "default" in one and one["default"] is not None:
            assert parameters[name].default == one["default"]


# What both refuse

ATR = {"hex": "3b00"}
MF = {"type": "DF", "file_id": 0x3F00}
VALID = {"atr": ATR, "mf": MF}
CODE = {"type": "Code", "number": 1, "value": {"hex": "31323334"}}
KEY = {**CODE, "type": "Key", "algorithm": "hmac"}
EF = {"type": "TransparentEF", "file_id": 1}
RECORDS = {"type": "RecordEF", "file_id": 1, "records": [{"hex": "00"}]}


def with_file(**changes: Any) -> dict[str, Any]:
    return {**VALID, "mf": {**MF, "files": [{**EF, **changes}]}}


def with_records(**changes: Any) -> dict[str, Any]:
    return {**VALID, "mf": {**MF, "files": [{**RECORDS, **changes}]}}


def with_folder(**changes: Any) -> dict[str, Any]:
    return {**VALID, "mf": {**MF, "files": [{"type": "DF", "file_id": 2, **changes}]}}


def with_code(**changes: Any) -> dict[str, Any]:
    return {**VALID, "mf": {**MF, "references": [{**CODE, **changes}]}}


def with_key(**changes: Any) -> dict[str, Any]:
    return {**VALID, "mf": {**MF, "references": [{**KEY, **changes}]}}


def with_mf(**changes: Any) -> dict[str, Any]:
    return {**VALID, "mf": {**MF, **changes}}


def load(card: Any, path: Path) -> FileSystemCard:
    path.write_text(card if isinstance(card, str) else json.dumps(card))
    return virtual.load_card(path, algorithms={"hmac": proof})


@pytest.mark.parametrize(
    "card",
    [
        VALID,
        {**VALID, "$schema": "card.schema.json", "card": "EMVCard", "assumes_le": True},
        {**VALID, "atr": {"hex": ""}},
        {**VALID, "atr": {"hex": " 3B 00\n"}},
        {**VALID, "mf": {"type": "DF"}},
        with_file(file_id=0xFFFE, short_id=30, active=False, access={"read": [1, 0x9F], "update": None}),
        with_file(file_id=1.0),
        with_file(content={"hex": "41 64\t61"}, short_id=None, access=None),
        with_records(structure=6, record_size=None, capacity=254),
        with_folder(name={"hex": "00" * 16}, data={"64": {"hex": "00"}, "65535": {"hex": ""}}, data_wrapper=0x53),
        with_folder(data={"6275330": {"hex": "3019"}}, data_wrapper=None, fci={"hex": "6F00"}),
        with_code(tries=15, tries_left=0, resetting_code=0x81, enabled=False, access={"reset": [2]}),
        with_code(number=0x80, tries_left=None, resetting_code=None, min_length=1, max_length=0xFFFF),
        with_key(algorithm_reference=255, each_use=True, access={"internal": None}, tries_left=15),
        with_key(value={"hex": ""}),
    ],
)
def test_the_loader_and_the_schema_accept_the_same_file(card: Any, tmp_path: Path) -> None:
    assert load(card, tmp_path / "card.json")
    assert schema_allows(card)


HEX = 'give an object such as {"hex": "3B00"}: pairs of hexadecimal digits'


@pytest.mark.parametrize(
    ("card", "problem"),
    [
        ([], "the file: a list is not allowed; give an object"),
        ({}, 'atr: it is missing; give an object such as {"hex": "3B00"}: 0 to 33 pairs of hexadecimal digits'),
        ({"atr": ATR}, "mf: it is missing; give an object"),
        ({**VALID, "colour": 1}, "colour: this name is not allowed; give $schema, card, atr, assumes_le, mf"),
        ({**VALID, "$schema": 1}, "$schema: 1 is not allowed; give a text"),
        ({**VALID, "card": "Card"}, "card: 'Card' is not allowed; give FileSystemCard, PIVCard, SIMCard or EMVCard"),
        ({**VALID, "card": None}, "card: null is not allowed; give FileSystemCard, "),
        ({**VALID, "assumes_le": 1}, "assumes_le: 1 is not allowed; give true or false"),
        ({**VALID, "atr": 10**12}, "atr: 1000000000000 is not allowed; give an object such as "),
        ({**VALID, "atr": {"hex": "3b0"}}, "atr.hex: '3b0' is not allowed; give 0 to 33 pairs of hexadecimal digits"),
        ({**VALID, "atr": {"hex": "00" * 34}}, f"atr.hex: '{'00' * 19}0... is not allowed; give 0 to 33 pairs "),
        ({**VALID, "atr": {"hex": "3b00", "text": 1}}, "atr.text: this name is not allowed; give hex"),
        ({**VALID, "atr": {}}, "atr.hex: it is missing; give 0 to 33 pairs"),
        ({**VALID, "mf": ATR}, "mf.type: it is missing; give DF"),
        ({**VALID, "mf": {"type": "dict"}}, "mf.type: 'dict' is not allowed; give DF"),
        ({**VALID, "mf": {"type": []}}, "mf.type: a list is not allowed; give DF"),
        (with_mf(file_id=1), "mf.file_id: 1 is not allowed; give 16128"),
        (with_mf(files=1), "mf.files: 1 is not allowed; give a list"),
        (with_mf(files={}), "mf.files: an object is not allowed; give a list"),
        (with_mf(files=[1]), "mf.files[0]: 1 is not allowed; give an object with a type"),
        (with_mf(files=[EF, {**EF, "type": []}]), "mf.files[1].type: a list is not allowed; give TransparentEF, "),
        (with_mf(files=[{}]), "mf.files[0].type: it is missing; give TransparentEF, RecordEF or DF"),
        (with_mf(files=[CODE]), "mf.files[0].type: 'Code' is not allowed; give TransparentEF, RecordEF or DF"),
        (with_mf(references=[EF]), "mf.references[0].type: 'TransparentEF' is not allowed; give Code or Key"),
        (with_mf(files=[{"type": "RecordEF"}]), "mf.files[0].file_id: it is missing; give 1 to 65534, but not 16128"),
        (with_mf(files=[EF, EF, {**EF, "file_id": 0}]), "mf.files[2].file_id: 0 is not allowed; give 1 to 65534, but "),
        (with_file(file_id=0xFFFF), "mf.files[0].file_id: 65535 is not allowed; "),
        (with_file(file_id=0x3F00), "mf.files[0].file_id: 16128 is not allowed; "),
        (with_folder(file_id=0x3FFF), "mf.files[0].file_id: 16383 is not allowed; "),
        (with_file(file_id=1.5), "mf.files[0].file_id: 1.5 is not allowed; "),
        (with_file(file_id=True), "mf.files[0].file_id: true is not allowed; "),
        (with_file(file_id="5001"), "mf.files[0].file_id: '5001' is not allowed; "),
        (with_file(file_id=None), "mf.files[0].file_id: null is not allowed; "),
        (with_file(short_id=31), "mf.files[0].short_id: 31 is not allowed; give 1 to 30 or null"),
        (with_file(colour=1), "mf.files[0].colour: this name is not allowed; give type, file_id, content, "),
        (with_file(**{"a b": 1}), "mf.files[0].'a b': this name is not allowed; give type, "),
        (with_file(active="yes"), "mf.files[0].active: 'yes' is not allowed; give true or false"),
        (with_file(access={"read": "1"}), "mf.files[0].access.read: '1' is not allowed; give a list or null"),
        (with_file(access={"read": [32]}), "mf.files[0].access.read[0]: 32 is not allowed; give 1 to 31 or 128 to 159"),
        (with_file(access={"fly": []}), "mf.files[0].access.fly: this name is not allowed; give read, update, "),
        (with_file(access=[]), "mf.files[0].access: a list is not allowed; give an object or null"),
        (with_file(content={"hex": "x"}), "mf.files[0].content.hex: 'x' is not allowed; give 0 to 65535 pairs "),
        (with_file(content={"hex": "4 1"}), "mf.files[0].content.hex: '4 1' is not allowed; "),
        (with_file(content={"hex": "é1"}), "mf.files[0].content.hex: 'é1' is not allowed; "),
        (with_file(content={"hex": 41}), "mf.files[0].content.hex: 41 is not allowed; "),
        (with_file(content={"hex": "00" * 65536}), "mf.files[0].content.hex: "),
        (with_file(content=[0]), "mf.files[0].content: a list is not allowed; "),
        (with_file(proprietary="85"), f"mf.files[0].proprietary: '85' is not allowed; {HEX}"),
        (
            with_records(records={"hex": ""}),
            "mf.files[0].records: an object is not allowed; give a list of at most 254",
        ),
        (with_records(records=[{"hex": ""}]), "mf.files[0].records[0].hex: '' is not allowed; give 1 to 65535 pairs "),
        (with_records(records=[{"hex": "00"}] * 255), "mf.files[0].records: a list is not allowed; give a list of at "),
        (with_records(structure=3), "mf.files[0].structure: 3 is not allowed; give 2, 4 or 6"),
        (with_records(record_size=0), "mf.files[0].record_size: 0 is not allowed; give 1 to 65535 or null"),
        (with_records(capacity=255), "mf.files[0].capacity: 255 is not allowed; give 1 to 254 or null"),
        (with_records(access={"erase": []}), "mf.files[0].access.erase: this name is not allowed; give read, "),
        (with_folder(name={"hex": "00" * 17}), "mf.files[0].name.hex: "),
        (with_folder(data={"x": {"hex": ""}}), "mf.files[0].data.x: this name is not allowed; give a tag from 64 to "),
        (with_folder(data={"63": {"hex": ""}}), "mf.files[0].data.63: this name is not allowed; "),
        (with_folder(data={"16777216": {"hex": ""}}), "mf.files[0].data.16777216: this name is not allowed; "),
        (with_folder(data={"64": "00"}), f"mf.files[0].data.64: '00' is not allowed; {HEX}"),
        (with_folder(data_wrapper=0), "mf.files[0].data_wrapper: 0 is not allowed; give 1 to 16777215 or null"),
        (with_folder(access={"read": []}), "mf.files[0].access.read: this name is not allowed; give create, "),
        (with_code(number=0), "mf.references[0].number: 0 is not allowed; give 1 to 31 or 128 to 159"),
        (with_code(number=160), "mf.references[0].number: 160 is not allowed; "),
        (with_code(tries=16), "mf.references[0].tries: 16 is not allowed; give 1 to 15"),
        (with_code(tries_left=-1), "mf.references[0].tries_left: -1 is not allowed; give 0 to 15 or null"),
        (with_code(resetting_code=99), "mf.references[0].resetting_code: 99 is not allowed; give 1 to 31 or 128 to "),
        (with_code(min_length=0), "mf.references[0].min_length: 0 is not allowed; give 1 to 65535"),
        (with_code(enabled=None), "mf.references[0].enabled: null is not allowed; give true or false"),
        (with_code(access={"read": []}), "mf.references[0].access.read: this name is not allowed; give change, "),
        (with_code(value={"hex": ""}), "mf.references[0].value.hex: a text is not allowed; give 1 to 65535 pairs "),
        (with_code(value="31323334"), "mf.references[0].value: a text is not allowed; give an object such as "),
        (with_code(value=31323334), "mf.references[0].value: an integer is not allowed; give an object such as "),
        (with_code(value={"hex": "313233345"}), "mf.references[0].value.hex: a text is not allowed; "),
        (with_code(value={"hex": "", "31323334": 1}), "mf.references[0].value"),
        (with_key(algorithm=[]), "mf.references[0].algorithm: a list is not allowed; give a text"),
        (with_key(algorithm_reference=256), "mf.references[0].algorithm_reference: 256 is not allowed; give 0 to 255"),
        (with_key(each_use=0), "mf.references[0].each_use: 0 is not allowed; give true or false"),
        (with_key(enabled=True), "mf.references[0].enabled: this name is not allowed; give type, number, value, "),
        (with_mf(references=[{"type": "Key", "number": 1}]), "mf.references[0].value: it is missing; "),
    ],
)
def test_the_loader_and_the_schema_refuse_the_same_file(card: Any, problem: str, tmp_path: Path) -> None:
    check_refused(card, problem, tmp_path / "card.json")
    assert not schema_allows(card)


@pytest.mark.parametrize(
    ("card", "problem"),
    [
        ("no JSON: 31323334", "line 1, column 1: Expecting value"),
        ('{"atr": {"hex": "3b00"},\n "mf": [}', "line 2, column 9: Expecting value"),
        ("[" * 100_000, "it is nested too deeply"),
        ("1" * 5000, "a number has too many digits"),
        (with_mf(files=[EF, EF]), "mf.files: file_id 0x1 is not allowed twice"),
        (with_mf(references=[CODE, {**CODE, "number": 2, "tries_left": 4}]), "mf.references[1].tries_left: 4 is not "),
        (with_mf(references=[CODE, CODE]), "mf.references: number 0x1 is not allowed twice"),
        (with_folder(references=[CODE]), "mf.files[0].references: the numbers 1 to 31 are allowed only in the MF"),
        (with_records(records=[{"hex": "00"}, {"hex": "0000"}]), "mf.files[0]: length of a record: 1 is not allowed; "),
        (with_code(max_length=3), "mf.references[0]: min_length: 4 is not allowed; give 1 to 3"),
        (with_code(min_length=1, max_length=3), "mf.references[0]: length of value: 4 is not allowed; give 1 to 3"),
        (with_mf(proprietary={"hex": "800100"}), "mf.proprietary: tags other than "),
    ],
)
def test_the_loader_refuses_what_no_schema_can_say(card: Any, problem: str, tmp_path: Path) -> None:
    check_refused(card, problem, tmp_path / "card.json")


def check_refused(card: Any, problem: str, path: Path) -> None:
    with pytest.raises(ValueError, match="is not a card's file") as refused:
        load(card, path)
    assert f"is not a card's file: {problem}" in str(refused.value)
    assert "31323334" not in str(refused.value)
    assert refused.value.__context__ is None
    assert refused.value.__cause__ is None


# The card of the documentation

PAGE = Path(__file__).parents[3] / "docs" / "virtual.md"


def test_the_file_of_the_documentation_is_valid_and_a_program_uses_its_card(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    text = page.partition("```json\n")[2].partition("```")[0]
    (tmp_path / "card.json").write_text(text)
    assert schema_allows(json.loads(text))
    card = load(text, tmp_path / "card.json")
    assert send(card, iso.verify(b"1234", 1)) == "9000"
    scardffi = [sys.executable, "-m", "scardffi"]
    command = [*scardffi, "virtual", "--card", str(tmp_path / "card.json"), "--reader", "Desk", "--", *scardffi]
    done = subprocess.run([*command, "cat", "--quiet", "5001"], cwd="/", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Ada Lovelace")
