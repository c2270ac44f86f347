"""The operations that faults hit: how each is prepared and called, and what its right result is."""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Final, NamedTuple

from conformance.codes import FEATURES
from conformance.places import Place
from support.commands import ANSWER_4, OK, READ_4, SLEEP_5_MS

from scardffi import (
    Attribute,
    Context,
    Event,
    EventKind,
    Flow,
    Monitor,
    SCardError,
    SCardManage,
    SCardTimeoutError,
    Script,
    ScriptError,
    ShareMode,
    constants,
)

VENDOR_NAME: Final = 0x00010100
SCRIPT: Final = Script([READ_4, SLEEP_5_MS, READ_4, SLEEP_5_MS])
FILE: Final = bytes((i ^ i >> 8) & 0xFF for i in range(2000))
CHUNK: Final = 100
SECONDS: Final = 10.0


class Scene:
    """The place of a row, what the row has opened, and the number of answers that its calls returned."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.opened = ExitStack()
        self.answers = 0

    @property
    def reader(self) -> str:
        """The reader that the faults hit."""
        return self.place.reader(0)

    def card(self) -> SCardManage:
        """Attach to the card in the reader, until the end of the row."""
        return self.opened.enter_context(SCardManage(self.place.library).attach_by_ifd(self.reader))

    def context(self) -> Context:
        """Open a context until the end of the row."""
        return self.opened.enter_context(Context(library=self.place.library))


class Operation(NamedTuple):
    """An operation. `make` prepares it and returns the call, which may be made again and again."""

    name: str
    kind: str
    """What it is to the resource manager: card, question, opening, waiting or closing, which never fails. Operations of
    the kinds recovery, bounded, sharing and answer have rows of their own."""
    make: Callable[[Scene], Callable[[], object]]
    blocks: bool = False
    """True if the call waits until something happens; such an operation is only hit while it waits."""


def on_a_card(work: Callable[[SCardManage, Scene], object]) -> Callable[[Scene], Callable[[], object]]:
    """Return a `make` for a call on a card."""

    def make(scene: Scene) -> Callable[[], object]:
        card = scene.card()
        return lambda: work(card, scene)

    return make


def check(right: bool, what: str) -> None:
    """Raise an AssertionError with this text if a result is wrong."""
    if not right:
        raise AssertionError(f"wrong result of {what}")


def transmit(card: SCardManage, scene: Scene) -> None:
    check(card.transmit(SLEEP_5_MS) == OK, "transmit")
    scene.answers += 1


def transmit_into(card: SCardManage, scene: Scene) -> None:
    response = bytearray(6)
    check(card.transmit_into(SLEEP_5_MS, response) == 2, "transmit_into")
    scene.answers += 1
    check(card.transmit_into(READ_4, response) == 6 and response == ANSWER_4, "transmit_into")
    scene.answers += 1


def send(card: SCardManage, scene: Scene) -> None:
    check(card.send(SLEEP_5_MS).ok, "send")
    scene.answers += 1


def exchange(scene: Scene) -> Callable[[], object]:
    response = bytearray(6)
    one = scene.opened.enter_context(scene.card().exchange(SLEEP_5_MS, response))

    def call() -> None:
        check(one() == 2 and response[:2] == OK, "exchange")
        scene.answers += 1

    return call


def script(card: SCardManage, scene: Scene) -> None:
    """Count the replies of a script that ended early too."""
    try:
        replies = SCRIPT.run(card)
    except ScriptError as error:
        scene.answers += len(error.replies)
        check(error.index == len(error.replies), "the index of a script")
        raise
    check([bytes(reply) for reply in replies] == [ANSWER_4, OK] * 2, "script")
    scene.answers += len(replies)


def read_file(card: SCardManage, scene: Scene) -> None:
    memory = bytearray(len(FILE))
    try:
        check(card.read_binary_into(memory, chunk=CHUNK) == len(FILE), "read_binary_into")
    except SCardError as error:
        scene.answers += error.arrived // CHUNK
        check(memory[: error.arrived] == FILE[: error.arrived], "the bytes that arrived")
        raise
    check(memory == FILE, "read_binary_into")
    scene.answers += len(FILE) // CHUNK


def update_file(card: SCardManage, scene: Scene) -> None:
    try:
        check(card.update_binary_from(FILE, chunk=CHUNK) == len(FILE), "update_binary_from")
    except SCardError as error:
        scene.answers += error.arrived // CHUNK
        raise
    scene.answers += len(FILE) // CHUNK


def transmit_with_a_flow(card: SCardManage, scene: Scene) -> None:
    check(card.transmit(SLEEP_5_MS, flow=Flow.GET_RESPONSE | Flow.CORRECT_LE) == OK, "transmit with a flow")
    scene.answers += 1


def lock(card: SCardManage, _scene: Scene) -> None:
    card.lock(SECONDS)
    card.unlock()


def lock_behind_another(scene: Scene) -> Callable[[], object]:
    """Wait for the end of another handle's transaction."""
    card, other = scene.card(), scene.card()
    other.lock()
    return card.lock


def unlock(scene: Scene) -> Callable[[], object]:
    card = scene.card()
    card.lock()

    def call() -> None:
        card.unlock()
        with suppress(SCardError):
            card.lock()

    return call


def transaction(card: SCardManage, scene: Scene) -> None:
    with card.transaction():
        check(card.transmit(READ_4) == ANSWER_4, "transaction")
        scene.answers += 1


def status(card: SCardManage, scene: Scene) -> None:
    check(card.status().reader == scene.reader, "status")


def control(card: SCardManage, _scene: Scene) -> None:
    check(card.control(FEATURES) != b"", "control")


def get_attribute(card: SCardManage, _scene: Scene) -> None:
    check(card.get_attribute(VENDOR_NAME) != b"", "get_attribute")


def set_attribute(card: SCardManage, _scene: Scene) -> None:
    card.set_attribute(Attribute.SUPRESS_T1_IFS_REQUEST, bytes(4))


def reconnect(card: SCardManage, _scene: Scene) -> None:
    card.reconnect()


def establish(scene: Scene) -> Callable[[], object]:
    def call() -> None:
        with Context(library=scene.place.library) as context:
            check(context.handle != 0, "Context")

    return call


def attach(scene: Scene) -> Callable[[], object]:
    context = scene.context()

    def call() -> None:
        with context.attach(scene.reader) as card:
            check(card.is_attached, "attach")

    return call


def attach_by_handle(scene: Scene) -> Callable[[], object]:
    owner = scene.card()

    def call() -> None:
        with SCardManage(scene.place.library).attach_by_handle(owner) as card:
            check(card.handle == owner.handle, "attach_by_handle")

    return call


def list_readers(scene: Scene) -> Callable[[], object]:
    context = scene.context()
    return lambda: check(scene.reader in context.list_readers(), "list_readers")


def list_groups(scene: Scene) -> Callable[[], object]:
    context = scene.context()
    return lambda: check(context.list_reader_groups() != [], "list_reader_groups")


def is_valid(scene: Scene) -> Callable[[], object]:
    return scene.context().is_valid


def get_status_change(scene: Scene) -> Callable[[], object]:
    context = scene.context()

    def call() -> None:
        (state,) = context.get_status_change([scene.reader], 0)
        check(state.atr != b"", "get_status_change")

    return call


def wait_for_a_change(scene: Scene) -> Callable[[], object]:
    context = scene.context()
    states = context.get_status_change([scene.reader])
    with suppress(SCardTimeoutError):  # the end of the previous row may still change the state
        while True:
            states = context.get_status_change(states, 0.1)
    return lambda: context.get_status_change(states)


def wait_for_a_reader(scene: Scene) -> Callable[[], object]:
    context = scene.context()
    return lambda: context.get_status_change([constants.PNP_NOTIFICATION], SECONDS)


def wait_for_card(scene: Scene) -> Callable[[], object]:
    context = scene.context()
    return lambda: check(context.wait_for_card(SECONDS, reader=scene.reader).atr != b"", "wait_for_card")


def consumed(monitor: Monitor) -> Monitor:
    """Take the events of what is there: each reader of a place has a card."""
    for _ in range(4):
        monitor.wait(lambda event: event.kind is EventKind.CARD_INSERTED, SECONDS)
    return monitor


def new_monitor(scene: Scene) -> Callable[[], object]:
    context = scene.context()

    def call() -> None:
        with context.monitor() as monitor:
            monitor.wait(lambda event: event.kind is EventKind.CARD_INSERTED, SECONDS)

    return call


def monitor(scene: Scene) -> Callable[[], object]:
    """Wait for a card that was inserted, or for the return of the service with the cards that are there then."""
    one = consumed(scene.opened.enter_context(scene.context().monitor()))

    def is_it(event: Event) -> bool:
        return event.kind is EventKind.CARD_INSERTED and event.reader == scene.reader

    return lambda: one.wait(is_it, SECONDS)


def attach_exclusively(scene: Scene) -> Callable[[], object]:
    context = scene.context()

    def call() -> None:
        context.attach(scene.reader, ShareMode.EXCLUSIVE).detach()

    return call


LIMIT: Final = 0.2
"""The timeout of the calls that take one, in seconds."""


def in_time(call: Callable[[], object], name: str) -> Callable[[], object]:
    """Return a call that must end in time, with its result or an error; the machine may be busy."""

    def timed() -> None:
        start = time.monotonic()
        try:
            call()
        finally:
            took = time.monotonic() - start
            check(took < LIMIT + 1, f"{name}: it took {took} s")

    return timed


def attach_in_time(scene: Scene) -> Callable[[], object]:
    context = scene.context()
    return in_time(lambda: context.attach(scene.reader, timeout=LIMIT).detach(), "attach(timeout=0.2)")


def reconnect_in_time(scene: Scene) -> Callable[[], object]:
    card = scene.card()
    return in_time(lambda: card.reconnect(timeout=LIMIT), "reconnect(timeout=0.2)")


def lock_in_time(scene: Scene) -> Callable[[], object]:
    card = scene.card()

    def call() -> None:
        card.lock(LIMIT)
        card.unlock()

    return in_time(call, "lock(timeout=0.2)")


def change_in_time(scene: Scene) -> Callable[[], object]:
    context = scene.context()
    return in_time(lambda: context.get_status_change([scene.reader], LIMIT), "get_status_change(timeout=0.2)")


def wait_in_time(scene: Scene) -> Callable[[], object]:
    context = scene.context()
    return in_time(lambda: context.wait_for_card(LIMIT, reader=scene.reader), "wait_for_card(0.2)")


def monitor_in_time(scene: Scene) -> Callable[[], object]:
    one = consumed(scene.opened.enter_context(scene.context().monitor()))
    return in_time(lambda: one.wait(lambda _: False, LIMIT), "Monitor.wait(timeout=0.2)")


def recover(card: SCardManage, scene: Scene) -> None:
    card.recover()
    check(card.transmit(READ_4) == ANSWER_4, "transmit after recover")
    scene.answers += 1


def answers(work: Callable[[SCardManage], object]) -> Callable[[Scene], Callable[[], object]]:
    """Return a `make` for a call on a card whose answers may be anything."""
    return on_a_card(lambda card, _: work(card))


def expecting_success(card: SCardManage) -> None:
    Script([READ_4] * 3, expect=[0x9000] * 3).run(card)


def read_by_a_service(card: SCardManage) -> None:
    card.create_file_access().open(0x2F00).read()


ODD_ANSWERS: Final = {
    operation.name: operation
    for operation in (
        Operation("transmit of any answer", "answer", answers(lambda card: card.transmit(READ_4))),
        Operation(
            "transmit_into of any answer", "answer", answers(lambda card: card.transmit_into(READ_4, bytearray(400)))
        ),
        Operation("exchange of any answer", "answer", answers(lambda card: card.exchange(READ_4, bytearray(400))())),
        Operation("script of any answer", "answer", answers(lambda card: Script([READ_4] * 3).run(card))),
        Operation("script that expects 9000", "answer", answers(expecting_success)),
        Operation("transmit of any answer with a flow", "answer", answers(lambda card: card.transmit(READ_4, flow=3))),
        Operation("send of any answer", "answer", answers(lambda card: card.send(READ_4))),
        Operation(
            "read_binary_into of any answer", "answer", answers(lambda card: card.read_binary_into(bytearray(1000)))
        ),
        Operation("FileAccess.open", "answer", answers(read_by_a_service)),
    )
}
"""Calls that take whatever the card answers, if it can be an answer."""


def cancel(scene: Scene) -> Callable[[], object]:
    return scene.context().cancel


def detach(scene: Scene) -> Callable[[], object]:
    library = scene.place.library
    cards = [SCardManage(library).attach_by_ifd(scene.reader)]

    def detach_the_last() -> None:
        if cards[0].is_attached:
            cards[0].detach()

    scene.opened.callback(detach_the_last)

    def call() -> None:
        if cards[0].is_attached:
            cards[0].detach()
        with suppress(SCardError):
            cards[0].attach_by_ifd(scene.reader)

    return call


def release(scene: Scene) -> Callable[[], object]:
    library = scene.place.library
    contexts = [Context(library=library)]

    def release_the_last() -> None:
        for context in contexts:
            context.release()

    scene.opened.callback(release_the_last)

    def call() -> None:
        for context in contexts:
            context.release()
        contexts.clear()
        with suppress(SCardError):
            contexts.append(Context(library=library))

    return call


OPERATIONS: Final = {
    operation.name: operation
    for operation in (
        Operation("transmit", "card", on_a_card(transmit)),
        Operation("transmit_into", "card", on_a_card(transmit_into)),
        Operation("exchange", "card", exchange),
        Operation("transmit with a flow", "card", on_a_card(transmit_with_a_flow)),
        Operation("send", "card", on_a_card(send)),
        Operation("script", "card", on_a_card(script)),
        Operation("read_binary_into", "card", on_a_card(read_file)),
        Operation("update_binary_from", "card", on_a_card(update_file)),
        Operation("lock", "card", on_a_card(lock)),
        Operation("lock behind another", "card", lock_behind_another, blocks=True),
        Operation("transaction", "card", on_a_card(transaction)),
        Operation("reconnect", "card", on_a_card(reconnect)),
        Operation("status", "card", on_a_card(status)),
        Operation("control", "card", on_a_card(control)),
        Operation("get_attribute", "card", on_a_card(get_attribute)),
        Operation("set_attribute", "card", on_a_card(set_attribute)),
        Operation("Context", "opening", establish),
        Operation("attach", "opening", attach),
        Operation("attach_by_handle", "opening", attach_by_handle),
        Operation("list_readers", "question", list_readers),
        Operation("get_status_change", "question", get_status_change),
        Operation("get_status_change, waiting", "question", wait_for_a_change, blocks=True),
        Operation("wait_for_card", "waiting", wait_for_card),
        Operation("a new monitor", "waiting", new_monitor),
        Operation("monitor", "waiting", monitor, blocks=True),
        Operation("attach exclusively", "sharing", attach_exclusively),
        Operation("recover", "recovery", on_a_card(recover)),
        Operation("attach(timeout=0.2)", "bounded", attach_in_time),
        Operation("reconnect(timeout=0.2)", "bounded", reconnect_in_time),
        Operation("lock(timeout=0.2)", "bounded", lock_in_time),
        Operation("get_status_change(timeout=0.2)", "bounded", change_in_time),
        Operation("wait_for_card(0.2)", "bounded", wait_in_time),
        Operation("Monitor.wait(timeout=0.2)", "bounded", monitor_in_time),
        *ODD_ANSWERS.values(),
        Operation("list_reader_groups", "closing", list_groups),  # pcsc-lite does not ask the daemon
        Operation("is_valid", "closing", is_valid),
        Operation("cancel", "closing", cancel),
        Operation("unlock", "closing", unlock),
        Operation("detach", "closing", detach),
        Operation("release", "closing", release),
    )
}
