"""An HTML page in headless Chromium: its errors, requests, width and text, in light and in dark mode."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .requirements import need_module, need_program

if TYPE_CHECKING:
    from playwright.sync_api import Page

NARROW = 360
LEAST_CONTRAST = 4.5
"""The least contrast of text that the Web Content Accessibility Guidelines allow."""
LOW_CONTRAST = """
() => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const paint = (color) => { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); };
    const luminance = () => [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
        .map((value) => value / 255)
        .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
    const probe = document.body.appendChild(document.createElement("div"));
    probe.style.backgroundColor = "Canvas"; // what a page without a background has in the present mode
    const canvasColor = getComputedStyle(probe).backgroundColor;
    probe.remove();
    const behind = (element) => {
        paint(canvasColor);
        const parents = [];
        for (let one = element; one; one = one.parentElement) parents.unshift(one);
        parents.forEach((one) => paint(getComputedStyle(one).backgroundColor));
    };
    const low = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
        const style = getComputedStyle(element);
        behind(element);
        const background = luminance();
        paint(element instanceof SVGElement ? style.fill : style.color);
        const [dark, light] = [background, luminance()].sort((one, other) => one - other);
        const contrast = (light + 0.05) / (dark + 0.05);
        if (contrast < LEAST) low.push(`${contrast.toFixed(2)}: ${texts.currentNode.data.trim().slice(0, 40)}`);
    }
    return low;
}
""".replace("LEAST", str(LEAST_CONTRAST))


@contextlib.contextmanager
def opened(file: Path, *, within: Path | None = None, dark: bool = False, width: int = NARROW) -> Iterator["Page"]:
    """Open a local page, and yield it as playwright's Page. At the end, check its errors and requests.

    Raises AssertionError if the page logged an error or requested anything but itself, or files of the folder `within`.
    """
    need_program("chromium")
    need_module("playwright")
    from playwright.sync_api import sync_playwright

    errors: list[str] = []
    requests: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport={"width": width, "height": 640}, color_scheme="dark" if dark else "light")
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        try:
            page.goto(file.as_uri())
            yield page
        finally:
            browser.close()
    assert errors == []
    own = file.as_uri() if within is None else f"{within.as_uri()}/"
    assert [
        url
        for url in requests
        if url.partition("#")[0] != own and not (within and url.startswith(own)) and not url.startswith("data:")
    ] == []


def check_page(file: Path, screenshots: Path) -> str:
    """Check that a local page can be read on a narrow screen, in light and in dark mode; return its text.

    The page must log no error, request nothing, need no horizontal scrolling, follow the mode that the user prefers,
    and have enough contrast. The screenshots are light.png and dark.png in the folder.
    """
    for mode in ("light", "dark"):
        with opened(file, dark=mode == "dark") as page:
            page.screenshot(path=screenshots / f"{mode}.png")
            assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
            assert page.evaluate(LOW_CONTRAST) == [], f"text that is hard to read in {mode} mode"
            text: str = page.inner_text("body")
    assert (screenshots / "light.png").read_bytes() != (screenshots / "dark.png").read_bytes()
    return text
