"""A window with Tk that shows the readers and cards while they come and go.

Without hardware: python examples/without_hardware.py window
"""

import queue
import tkinter as tk

from scardffi import Context, EventKind

EVERY_MS = 20
events = queue.SimpleQueue()  # callbacks run on another thread, which must not use Tk
cards = {}
window = tk.Tk()
window.title("Readers and cards")
shown = tk.Listbox(window, width=80)
shown.pack(fill="both", expand=True)


def update():
    while not events.empty():
        event = events.get()
        if event.kind is EventKind.READER_REMOVED:
            del cards[event.reader]
        elif event.reader:
            is_card = event.kind in {EventKind.CARD_INSERTED, EventKind.CARD_CHANGED}
            cards[event.reader] = (event.atr or b"").hex(" ") if is_card else "no card"
        shown.delete(0, "end")
        shown.insert("end", *(f"{reader}: {card}" for reader, card in cards.items()))
    window.after(EVERY_MS, update)


with Context() as context, context.monitor() as monitor:
    monitor.subscribe(events.put)
    update()
    window.mainloop()
