"""The frame of an HTML page that requests nothing from a network, with its style for light and dark mode."""

from __future__ import annotations

import base64
import hashlib
import html
from string import Template
from typing import Final

from ._printable import printable

_FRAME: Final = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src $allowed">
<title>$title</title>
<style>
:root {
    --ink: light-dark(#1a1a1a, #e8e8e8); --faint: light-dark(#5a5a5a, #a8a8a8); --paper: light-dark(#fff, #16181c);
    --line: light-dark(#d8d8d8, #3a3d44); --bar: light-dark(#5f87bb, #6a8dbb);
}
body { margin: 0 auto; padding: 0.8rem; max-width: 90rem; background: var(--paper); color: var(--ink);
    font: 0.95rem/1.45 system-ui, sans-serif; }
h1 { font-size: 1.2rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
th, td { padding: 0.15rem 0.6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
svg { display: block; width: 100%; }
rect { fill: var(--bar); }
.faint { color: var(--faint); }
@media (max-width: 40rem) {
    table { font-size: 0.75rem; }
    th, td { padding: 0.15rem 0.3rem; }
}
$style
</style>
</head>
<body>
<h1>$title</h1>
$body
</body>
</html>
""")


def framed(title: str, body: str, *, style: str, script: str = "") -> str:
    """Return an HTML page, for a file in UTF-8.

    Args:
        title: the title, as text.
        body: the HTML below the title.
        style: the CSS that only this page needs.
        script: the only script that the page runs.
    """
    if script:
        body += f"\n<script>{script}</script>"
        allowed = f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
    else:
        allowed = "'none'"
    return _FRAME.substitute(title=escaped(title), body=body, style=style, allowed=allowed)


def escaped(text: str) -> str:
    """Return text as HTML that shows it, with an escape for each character that cannot be printed."""
    return html.escape(printable(text))
