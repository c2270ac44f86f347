"""The picture of the house, docs/house.svg: its boxes are the package's parts, its arrows what they import."""

import re
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest
from support.imports import COMPILED, PACKAGE, SOURCES, imported_by, inner, inner_imports, unit_of

import pytest_scardffi

DOCS = Path(__file__).parent.parent / "docs"
PICTURE = ET.parse(DOCS / "house.svg").getroot()  # noqa: S314 - a file of ours
SVG = "{http://www.w3.org/2000/svg}"
PLUGIN = "pytest_scardffi"
NOT_DRAWN = {
    "scardffi",  # the collected names of the parts
    "_pyinstaller",  # files for PyInstaller, which nothing imports
}


class Box(NamedTuple):
    """A box of the picture, and the file or folder that it stands for, empty if it is not part of scardffi."""

    name: str
    left: int
    top: int
    right: int
    bottom: int
    file: str


class Arrow(NamedTuple):
    """An arrow of the picture and the corners of its line."""

    kind: str
    source: str
    target: str
    corners: list[tuple[int, int]]


def boxes() -> dict[str, Box]:
    found = {}
    for element in PICTURE.iter(f"{SVG}svg"):
        if element is not PICTURE:
            x, y, width, height = (int(element.attrib[name]) for name in ("x", "y", "width", "height"))
            name = element.find(f"{SVG}text[@class='name']")
            assert name is not None
            file = element.get("data-file", "")
            found[element.attrib["id"]] = Box(name.text or "", x, y, x + width, y + height, file)
    return found


def corners(line: str) -> list[tuple[int, int]]:
    """Return the corners of a path of absolute steps, each to the side or up and down."""
    assert re.fullmatch(r"M\d+ \d+([HV]\d+)+", line), line
    found: list[tuple[int, int]] = []
    for step, first, second in re.findall(r"([MHV])(\d+)(?: (\d+))?", line):
        x, y = found[-1] if found else (0, 0)
        found.append({"M": (int(first), int(second or 0)), "H": (int(first), y), "V": (x, int(first))}[step])
    return found


BOXES = boxes()
ARROWS = [
    Arrow(path.attrib["class"], path.attrib["data-from"], path.attrib["data-to"], corners(path.attrib["d"]))
    for path in PICTURE.iter(f"{SVG}path")
    if "data-from" in path.attrib
]


def is_drawn(unit: str) -> bool:
    """Return whether a unit is a public module, a package, or the module that loads the compiled ones."""
    is_public_or_package = not unit.startswith("_") or (PACKAGE / unit).is_dir()
    return (is_public_or_package or unit in {"_loader", *COMPILED}) and unit not in NOT_DRAWN


def drawn_imports() -> dict[str, set[str]]:
    """Return what each drawn unit imports, itself or through units that are not drawn."""
    of_plugin = inner(imported_by(Path(pytest_scardffi.__file__), []))
    direct: dict[str, set[str]] = {
        PLUGIN: {unit_of(module) for module in of_plugin},
        **{one: set() for one in COMPILED},
    }
    for module in SOURCES:
        direct.setdefault(unit_of(module), set()).update(unit_of(other) for other in inner_imports(module))

    def seen_from(unit: str) -> set[str]:
        found: set[str] = set()
        for other in direct[unit] - {unit, "scardffi"}:
            found |= {other} if is_drawn(other) else seen_from(other)
        return found - {unit}

    return {unit: seen_from(unit) for unit in direct if is_drawn(unit)}


def without_detours(imports: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Return the imports that do not follow from others: none that a chain of other imports leads to."""

    def reached(unit: str) -> set[str]:
        return imports[unit].union(*(reached(other) for other in imports[unit]))

    return {
        (unit, other)
        for unit, others in imports.items()
        for other in others
        if not any(other in reached(between) for between in others)
    }


def test_each_box_of_scardffi_stands_for_a_file_or_folder() -> None:
    for box in filter(lambda box: box.file, BOXES.values()):
        assert (PACKAGE.parent / box.file).exists(), box
        assert box.file.endswith("/") == (PACKAGE.parent / box.file).is_dir(), box


def test_every_public_module_and_every_package_has_a_box_with_its_name() -> None:
    of_python = {key for key, box in BOXES.items() if re.fullmatch(r"(scardffi/)?\w+(/|\.pyi?)", box.file)} - {"core"}
    assert of_python == {*filter(is_drawn, map(unit_of, SOURCES)), *COMPILED, PLUGIN}
    for unit in of_python:
        assert BOXES[unit].name == unit
        assert Path(BOXES[unit].file).stem == unit


def test_the_arrows_of_imports_are_those_that_do_not_follow_from_others() -> None:
    arrows = [(arrow.source, arrow.target) for arrow in ARROWS if arrow.kind == "imports"]
    assert len(set(arrows)) == len(arrows)
    assert set(arrows) == without_detours(drawn_imports())


@pytest.mark.parametrize("arrow", ARROWS, ids=lambda arrow: f"{arrow.kind}-{arrow.source}-{arrow.target}")
def test_an_arrow_leads_from_the_edge_of_its_box_to_the_edge_of_the_other(arrow: Arrow) -> None:
    for (x, y), key in ((arrow.corners[0], arrow.source), (arrow.corners[-1], arrow.target)):
        box = BOXES[key]
        at_a_side = x in {box.left, box.right} and box.top <= y <= box.bottom
        at_top_or_bottom = y in {box.top, box.bottom} and box.left <= x <= box.right
        assert at_a_side or at_top_or_bottom, f"{x}, {y} is not on the edge of {key}"
    for (x, y), (to_x, to_y) in pairwise(arrow.corners):
        for key, box in BOXES.items():
            is_beside = max(x, to_x) <= box.left or min(x, to_x) >= box.right
            is_above_or_below = max(y, to_y) <= box.top or min(y, to_y) >= box.bottom
            assert is_beside or is_above_or_below, f"the arrow crosses {key}"


def test_no_arrow_leads_upwards() -> None:
    for arrow in ARROWS:
        assert BOXES[arrow.source].top <= BOXES[arrow.target].top, arrow


def test_no_box_covers_another() -> None:
    for one, other in combinations(BOXES.values(), 2):
        is_beside = one.right < other.left or other.right < one.left
        assert is_beside or one.bottom < other.top or other.bottom < one.top, f"{one.name}, {other.name}"


def test_the_page_says_in_words_what_the_picture_shows() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    assert re.search(r"!\[[^]]{40,}\]\(house\.svg\)", " ".join(text.split()))
    steps = [element.text for element in PICTURE.iter(f"{SVG}text") if element.get("class") == "step"]
    in_words = text.partition("### The way of a command")[2].partition("\n#")[0]
    assert re.findall(r"^(\d)\. ", in_words, re.MULTILINE) == steps
