"""The reference of the built site has an entry for every public name."""

import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.public_names import PublicName, module_names, public_names
from support.reports import report

from scardffi import ReturnCode

BUILT = os.environ.get("SCARDFFI_SITE")
pytestmark = pytest.mark.skipif(BUILT is None, reason="it needs the built site; `bash .ci/run site` runs it")
MODULES = module_names()


def entries() -> set[str]:
    """Return the names of Python objects in the inventory that Sphinx writes for other sites."""
    from sphinx.util.inventory import InventoryFile

    inventory = InventoryFile.loads((Path(BUILT or "") / "objects.inv").read_bytes(), uri="").data
    return {name for kind, objects in inventory.items() if kind.startswith("py:") for name in objects}


def object_of(name: str) -> object:
    """Return what has a dotted name: a module, a name in it, or a member of a class."""
    module = max((one for one in MODULES if f"{name}.".startswith(f"{one}.")), key=len, default="")
    value: object = importlib.import_module(module) if module else None
    for part in name.removeprefix(module).split(".")[1:]:
        value = getattr(value, part, None)
    return value


def lacking(names: list[PublicName], found: set[str]) -> Iterator[str]:
    """Yield the public names without an entry; an entry of the same object in another module counts."""
    by_last_part: dict[str, list[str]] = {}
    for entry in found:
        by_last_part.setdefault(entry.rpartition(".")[2], []).append(entry)
    for one in names:
        above, _, last = one.name.rpartition(".")
        if one.owner is None:
            same = (entry for entry in by_last_part.get(last, ()) if object_of(entry) is one.value)
        else:
            classes = by_last_part.get(above.rpartition(".")[2], ())
            same = (kind for kind in classes if f"{kind}.{last}" in found and object_of(kind) is one.owner)
        if next(same, None) is None:
            yield one.name


def test_every_public_name_has_an_entry_in_the_reference() -> None:
    found, names = entries(), list(public_names())
    assert list(lacking(names, found)) == []
    members = sum(one.owner is not None for one in names)
    report(f"{len(names)} public names, {members} of them members of classes; {len(found)} entries in the reference")


def test_no_entry_shows_the_docstring_of_a_class_of_python_or_a_sentence_as_a_type() -> None:
    for page in (Path(BUILT or "") / "reference").glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert ">Type<" not in text, page.name
        assert "int([x])" not in text, page.name
        assert "generic container" not in text, page.name


def test_every_return_code_is_found_by_its_number_in_hexadecimal() -> None:
    for page in ("constants", "scard"):
        text = (Path(BUILT or "") / "reference" / f"{page}.html").read_text(encoding="utf-8")
        assert [
            name for name, code in ReturnCode.__members__.items() if name in text and f"0x{code:08X}:" not in text
        ] == []
        assert "0x8010001D:" in text


def test_a_name_without_an_entry_is_noticed() -> None:
    found = {entry for entry in entries() if entry.rpartition(".")[2] not in {"E_FAIL", "lock"}}
    assert {"scardffi.errors.E_FAIL", "scardffi.SCardManage.lock"} <= set(lacking(list(public_names()), found))
