"""The check of HTML pages notices what makes a page bad."""

from pathlib import Path

import pytest
from support.browser import check_page, opened

GOOD = '<!doctype html><meta name="color-scheme" content="light dark"><title>A</title><p>Words</p>'


def page(folder: Path, text: str) -> Path:
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_good_page_passes_and_its_text_is_returned(tmp_path: Path) -> None:
    assert check_page(page(tmp_path, GOOD), tmp_path) == "Words"
    assert (tmp_path / "dark.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "addition",
    [
        "<script>console.error('a')</script>",
        "<script>no_such_function()</script>",
        "<script src='other.js'></script>",
        "<img src='http://localhost/a.png'>",
    ],
)
def test_errors_and_requests_of_a_page_are_noticed(addition: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError), opened(page(tmp_path, GOOD + addition)):
        pass


@pytest.mark.parametrize(
    "addition",
    [
        "<div style='width: 400px'>wide</div>",
        "<p style='color: #777; background: #888'>faint</p>",
        "<style>:root { color-scheme: light }</style>",
    ],
)
def test_a_page_that_is_hard_to_read_is_noticed(addition: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_page(page(tmp_path, GOOD + addition), tmp_path)
