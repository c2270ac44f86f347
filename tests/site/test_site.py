"""The built site: links and anchors lead somewhere, the search finds pages, and a browser of any width shows them."""

import os
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

import pytest
from support.browser import LOW_CONTRAST, NARROW, opened
from support.reports import report

BUILT = os.environ.get("SCARDFFI_SITE")
pytestmark = pytest.mark.skipif(BUILT is None, reason="it needs the built site; `bash .ci/run site` runs it")
SITE = Path(BUILT or "no such folder").absolute()
LOADED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("object", "data")}
MADE_BY_SPHINX = {"genindex.html", "search.html", "py-modindex.html", "index.html"}
MAIN_PAGES = ["index", "tutorial", "virtual", "architecture", "benchmarks", "reference/connections", "search"]
WIDE = 1280
SEARCHED = {
    "attach_by_handle": "attach-by-handle",
    "SCardTransmit": "reference/raw",
    "wait_for_card": "reference/connections",
    "waiting": "events",
    "pyscard": "from-pyscard",
    "Wireshark": "trace",
    "numba": "embedding",
    "asyncio": "asyncio",
    "ISCardManage": "iscardmanage",
    "PIN pad": "services",
    "polkit": "doctor",
    "LD_LIBRARY_PATH": "virtual",
    "ResetCardError": "errors",
    "Docker": "containers",
    "Java": "testing-in-ci",
    "virtual_reader": "testing",
    "certificate": "piv",
    "ICCID": "sim",
    "PDOL": "emv",
    "wiped": "security",
    "macOS": "macos",
}
"""Terms that a reader may look for, and a page that must be among the first results."""
FIRST = 10


class Link(NamedTuple):
    """A link to another file of the site, or to an anchor."""

    target: str
    is_in_text: bool
    """False for the links of the navigation, which every page has."""


class Page(HTMLParser):
    """The links, anchors and loaded files of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[Link] = []
        self.anchors: set[str] = set()
        self.loaded: list[str] = []
        self._in_text = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the links, the anchors and what is loaded."""
        attributes = {name: value or "" for name, value in attrs}
        self._in_text = self._in_text or tag == "article"
        self.anchors |= {attributes[name] for name in ("id", "name") if name in attributes}
        if tag == "a" and "href" in attributes:
            self.links.append(Link(attributes["href"], self._in_text))
        if tag == "link":
            self.loaded.append(attributes["href"])
        self.loaded += [attributes[name] for kind, name in LOADED if kind == tag and name in attributes]

    def handle_endtag(self, tag: str) -> None:
        """Note the end of the text."""
        self._in_text = self._in_text and tag != "article"


@pytest.fixture(scope="module")
def pages() -> dict[Path, Page]:
    found = {path: Page(path) for path in sorted(SITE.rglob("*.html"))}
    assert SITE / "index.html" in found
    return found


def internal(pages: dict[Path, Page]) -> Iterator[tuple[Path, Link, Path, str]]:
    """Yield each internal link: its page, the link, the file that it leads to, and the anchor."""
    for path, page in pages.items():
        for link in page.links:
            name, _, anchor = link.target.partition("#")
            if "://" not in name and not name.startswith("mailto:"):
                yield path, link, (path.parent / unquote(name)).resolve() if name else path, unquote(anchor)


def test_every_internal_link_leads_to_a_file_and_an_anchor(pages: dict[Path, Page]) -> None:
    count, wrong = 0, []
    for path, link, file, anchor in internal(pages):
        count += 1
        has_anchor = not anchor or file not in pages or anchor in pages[file].anchors
        if not file.is_file() or not has_anchor:
            wrong.append(f"{path.relative_to(SITE)}: {link.target}")
    assert wrong == []
    report(f"{len(pages)} pages, {count} internal links")


def test_the_text_of_another_page_links_to_every_page(pages: dict[Path, Page]) -> None:
    linked = {file for path, link, file, _ in internal(pages) if link.is_in_text and file != path}
    assert {path.relative_to(SITE).as_posix() for path in set(pages) - linked} <= MADE_BY_SPHINX


def test_a_page_loads_only_files_of_the_site(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        for target in page.loaded:
            name = unquote(target.partition("?")[0].partition("#")[0])
            assert not name or (path.parent / name).is_file(), f"{path}: {target}"


def test_the_search_finds_each_term_without_a_server() -> None:
    lost = []
    with opened(SITE / "search.html", within=SITE, width=WIDE) as page:
        for term, expected in SEARCHED.items():
            page.goto(f"{(SITE / 'search.html').as_uri()}?q={quote(term)}")
            page.wait_for_selector("#search-results .search-summary:not(:empty)")
            page.wait_for_function("document.querySelector('#search-results h2')?.textContent !== 'Searching'")
            links = page.eval_on_selector_all("#search-results li > a", "found => found.map(one => one.href)")
            names = [link.partition("?")[0].partition("#")[0].removeprefix(f"{SITE.as_uri()}/") for link in links]
            if f"{expected}.html" not in names[:FIRST]:
                lost.append(f"{term}: {names[:FIRST]}")
    assert lost == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_main_page_can_be_read_at_every_width(dark: bool, tmp_path: Path) -> None:
    folder = Path(os.environ.get("SCARDFFI_SITE_PICTURES", tmp_path))
    for width in (NARROW, WIDE):
        with opened(SITE / "index.html", within=SITE, dark=dark, width=width) as page:
            for name in MAIN_PAGES:
                page.goto((SITE / f"{name}.html").as_uri())
                mode = "dark" if dark else "light"
                page.screenshot(path=folder / f"{name.replace('/', '-')}-{width}-{mode}.png")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, name
                assert page.evaluate(LOW_CONTRAST) == [], name


def test_no_page_needs_horizontal_scrolling_on_a_telephone(pages: dict[Path, Page]) -> None:
    wide = []
    with opened(SITE / "index.html", within=SITE) as page:
        for path in pages:
            page.goto(path.as_uri())
            if page.evaluate("document.documentElement.scrollWidth") > NARROW:
                wide.append(path.relative_to(SITE).as_posix())
    assert wide == []


TEXT_OUTSIDE_ITS_BOX = """
() => [...document.querySelectorAll(".box text")].filter((text) => {
    const inner = text.getBoundingClientRect();
    const box = text.parentElement.querySelector("rect").getBoundingClientRect();
    return inner.left < box.left || inner.right > box.right || inner.top < box.top || inner.bottom > box.bottom;
}).map((text) => text.textContent)
"""


def test_the_text_of_the_drawn_house_is_inside_its_boxes() -> None:
    (drawing,) = (SITE / "_images").glob("house*.svg")
    with opened(drawing) as page:
        assert page.evaluate("document.querySelectorAll('.box text').length") > 0
        assert page.evaluate(TEXT_OUTSIDE_ITS_BOX) == []


CHOOSE_MODE = """
async (mode) => {
    document.body.dataset.theme = mode;
    const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
    for (let count = 0; count < 3; count++) await frame(); // the image is drawn after the page
}
"""


@pytest.mark.parametrize("name", ["architecture", "benchmarks"])
def test_a_drawing_follows_the_mode_of_the_system_and_the_one_that_the_reader_chooses(name: str) -> None:
    drawn = {}
    for dark in (False, True):
        with opened(SITE / f"{name}.html", within=SITE, dark=dark, width=WIDE) as page:
            for mode in ("auto", "light", "dark"):
                page.evaluate(CHOOSE_MODE, mode)
                drawn[dark, mode] = page.locator("article img").first.screenshot(animations="disabled")
    assert drawn[False, "auto"] == drawn[False, "light"] == drawn[True, "light"]
    assert drawn[True, "auto"] == drawn[True, "dark"] == drawn[False, "dark"]
    assert drawn[True, "auto"] != drawn[True, "light"]
