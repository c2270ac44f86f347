"""The report of a run: report.csv, and report.html, which needs no other file."""

import csv
from collections import Counter
from html import escape

from .journal import DONE

FIELDS = "card", "state", "host", "worker", "reader", "seconds", "note"
HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Cards written</title>
<meta name="viewport" content="width=device-width"><style>
:root { color-scheme: light dark } body { font: 16px/1.4 system-ui, sans-serif; margin: 1rem auto; max-width: 70rem }
body { padding: 0 .75rem; background: Canvas; color: CanvasText } .wide { overflow-x: auto }
td, th { text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #8888; white-space: nowrap }
</style><h1>Cards written</h1>
"""


def write(folder, line):
    """Write the report of a line that has finished into a folder."""
    cards = sorted(line.cards.values(), key=lambda card: card.card)
    rows = [[getattr(card, field) for field in FIELDS] for card in cards]
    with (folder / "report.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([FIELDS, *rows])
    parts = [
        _table("Number of cards", ("state", "cards"), sorted(Counter(card.state for card in cards).items())),
        _table("Cards that are not done", FIELDS, [row for row in rows if row[1] != DONE]),
        _table("Readers set aside", ("host", "reader", "why"), [(*key, why) for key, why in list(line.aside.items())]),
        _table("Cards begun on two hosts", ("card",), [[card] for card in line.twice]),
        f"<details><summary>All cards</summary>{_table('All cards', FIELDS, rows)}</details>",
    ]
    (folder / "report.html").write_text(HEAD + "\n".join(parts) + "</html>\n", encoding="utf-8")


def _table(title, names, rows):
    """Return a heading and a table; nothing if it has no rows."""
    texts = [
        [f"{value:.2f}" if isinstance(value, float) else escape(str(value or "")) for value in row] for row in rows
    ]
    body = "\n".join(f"<tr>{''.join(f'<td>{text}</td>' for text in row)}</tr>" for row in texts)
    head = "".join(f"<th>{name}</th>" for name in names)
    return (
        f'<h2>{title}</h2><div class="wide" tabindex="0"><table><tr>{head}</tr>\n{body}</table></div>' if rows else ""
    )
