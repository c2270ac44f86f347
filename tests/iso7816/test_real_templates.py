"""Real templates and responses of public kinds of cards, read in every field and printed as trees.

``real_templates.txt`` has them in blocks: the kind, the table of names and the source of the bytes; the bytes after
"="; the tree.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from support.reports import report

from scardffi.iso7816 import DOL, TLV, TagNames, decode, encode, tag_names
from scardffi.services import FileKind, FileProperties, LifeCycle


class Real(NamedTuple):
    """A template of a real card or of a standard's example."""

    kind: str
    names: TagNames
    source: str
    raw: bytes
    tree: str


def read(block: str) -> Real:
    head, raw, tree = block.strip("\n").split("\n", 2)
    title, source = head.split(": ", 1)
    kind, names = title.split(", ")
    return Real(kind, getattr(tag_names, names), source, bytes.fromhex(raw.removeprefix("= ")), tree)


TEMPLATES = [
    read(block) for block in Path(__file__).with_suffix("").with_name("real_templates.txt").read_text().split("\n\n")
]
each = pytest.mark.parametrize("real", TEMPLATES, ids=lambda real: f"{real.kind}: {real.source.rpartition(': ')[2]}")


def bytes_of(lines: list[str]) -> bytes:
    """Return the bytes that the lines of a tree show."""
    made = b""
    while lines:
        head, end = lines[0], 1
        while end < len(lines) and lines[end].startswith("  "):
            end += 1
        inner, lines = [line[2:] for line in lines[1:end]], lines[end:]
        value = bytes_of(inner)
        if not inner:
            shown = head.rpartition(": ")[2].partition(' "')[0]
            value = b"" if shown == "empty" else bytes.fromhex(shown)
        size = len(value)
        length = bytes([size]) if size < 0x80 else bytes([0x81, size]) if size < 0x100 else b"\x82" + size.to_bytes(2)
        made += bytes.fromhex(head.split(" ")[0].removesuffix(":")) + length + value
    return made


@each
def test_a_real_template_is_printed_as_a_tree_with_every_field(real: Real) -> None:
    objects = decode(real.raw)
    assert objects.tree(names=real.names, most=None) == real.tree
    assert encode(objects) == real.raw


@each
def test_the_lines_of_the_tree_have_all_bytes_of_the_template(real: Real) -> None:
    assert bytes_of(real.tree.split("\n")) == real.raw


@each
def test_every_object_of_the_tree_is_found_at_its_path(real: Real) -> None:
    objects = decode(real.raw)
    path: list[str] = []
    found: set[str] = set()
    for line in real.tree.split("\n"):
        depth = (len(line) - len(line.lstrip(" "))) // 2
        path[depth:] = [line.split()[0].removesuffix(":")]
        above = objects.find(path[0])
        is_in_primitive = above is not None and not above.constructed
        if "/".join(path) in found or is_in_primitive:
            continue
        found.add("/".join(path))
        one = objects.find("/".join(path))
        assert one is not None
        assert one.path == tuple(int(tag, 16) for tag in path)


def test_there_are_templates_of_every_kind() -> None:
    kinds = Counter(real.kind for real in TEMPLATES)
    assert set(kinds) >= {"USIM", "PKCS#15", "PIV", "OpenPGP", "EMV", "GlobalPlatform", "eMRTD"}
    assert len(TEMPLATES) >= 20
    fields = sum(len(real.tree.split("\n")) for real in TEMPLATES)
    each_kind = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    report(f"real templates: {len(TEMPLATES)} read in all {fields} fields and printed as trees ({each_kind})")


def template(end_of_source: str) -> TLV:
    (found,) = [decode(real.raw)[0] for real in TEMPLATES if real.source.endswith(end_of_source)]
    return found


def test_the_control_parameters_of_a_real_usim_are_read_by_name() -> None:
    usim = FileProperties.decode(bytes(template("ADF.USIM")))
    assert (usim.kind, usim.file_id, usim.life_cycle, usim.shareable) == (
        FileKind.DF,
        0x7FD0,
        LifeCycle.ACTIVATED,
        True,
    )
    assert usim.name == bytes.fromhex("A0000000871002FF49FF0589")
    assert [bytes(one).hex() for one in usim.security] == ["8b032f0601"]
    numbers = FileProperties.decode(bytes(template("EF.ECC")))
    assert (numbers.kind, numbers.record_size, numbers.record_count) == (FileKind.LINEAR_FIXED, 14, 2)
    assert (numbers.size, numbers.short_id) == (28, 1)


def test_the_data_object_list_of_a_real_payment_card_is_read() -> None:
    found = template("SELECT A0000000031010").find("6F/A5/9F38")
    assert found is not None
    wanted = DOL.decode(found.value)
    assert [f"{tag:02X} {length}" for tag, length in wanted] == [
        "9F66 4", "9F02 6", "9F03 6", "9F1A 2", "95 5", "5F2A 2", "9A 3", "9C 1", "9F37 4",
    ]  # fmt: skip
    assert wanted.length == 33
