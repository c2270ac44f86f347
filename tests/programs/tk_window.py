"""Runs a program with a Tk list, inserts and removes a card, and prints what the list showed.

Argument: the program. It prints the last line of the list in each step, as one JSON list.
"""

import json
import runpy
import sys
import time
import tkinter as tk
from collections.abc import Callable

from scardffi import virtual
from scardffi.virtual import AnsweringCard, VirtualReader

SECONDS = 20
LOOK_MS = 5


def watch(steps: list[tuple[str, Callable[[], object]]], shown: list[str]) -> Callable[[tk.Misc], None]:
    """Return a mainloop that makes each step when the list shows the line before it, and then closes the window."""
    mainloop = tk.Misc.mainloop
    deadline = time.monotonic() + SECONDS

    def watched(window: tk.Misc) -> None:
        (listed,) = window.winfo_children()
        assert isinstance(listed, tk.Listbox)

        def look() -> None:
            lines = [line for line in listed.get(0, "end") if "Desk" in line]
            last = lines[-1] if lines else ""
            expected, step = steps[0]
            if last.startswith(expected) and (last == "") == (expected == ""):
                shown.append(last)
                steps.pop(0)
                step()
            if steps and time.monotonic() < deadline:
                window.after(LOOK_MS, look)
            else:
                window.destroy()

        look()
        mainloop(window)

    return watched


def main() -> None:
    shown: list[str] = []
    with virtual.installed():
        desk = VirtualReader("Desk")
        desk.plug()
        steps: list[tuple[str, Callable[[], object]]] = [
            ("Desk: no card", lambda: desk.insert(AnsweringCard())),
            ("Desk: 3b", desk.remove),
            ("Desk: no card", desk.unplug),
            ("", lambda: None),
        ]
        tk.Misc.mainloop = watch(steps, shown)  # type: ignore[method-assign,assignment]  # it replaces the loop of the program
        runpy.run_path(sys.argv[1])
    sys.stdout.write(json.dumps(shown) + "\n")


main()
