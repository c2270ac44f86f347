"""Uses a card in a process of multiprocessing, while its parent uses the card too; prints what both have got.

Arguments: start method, PC/SC library, reader.
"""

import json
import multiprocessing
import sys
from multiprocessing.connection import Connection
from typing import Any

from support.commands import READ_4

from scardffi import Context, ForkedProcessError, Library, SCardManage

inherited: list[Context | SCardManage] = []


def use_the_card(path: str, reader: str, answers: Connection) -> None:
    """Use an object of the parent, if there is one, and then a new context and a new card."""
    refusals = []
    for one in inherited:
        try:
            one.handle  # noqa: B018  a property that raises
        except ForkedProcessError as error:
            refusals.append(str(error))
    with Context(library=Library(path)) as context, context.attach(reader) as card:
        answers.send((refusals, card.transmit(READ_4).hex()))


def refusal(process: Any) -> str:
    """Start a process with an object that cannot be pickled, and return the text of the error."""
    try:
        process.start()
    except TypeError as error:
        return str(error)
    process.join()
    return ""


def main() -> None:
    method, path, reader = sys.argv[1:]
    multiprocessing.set_start_method(method)
    here, there = multiprocessing.Pipe()
    with Context(library=Library(path)) as context, context.attach(reader) as card:
        inherited[:] = context, card
        process = multiprocessing.Process(target=use_the_card, args=(path, reader, there))
        process.start()
        refusals, answer = here.recv()
        process.join()
        own = card.transmit(READ_4).hex()
        given = "" if method == "fork" else refusal(multiprocessing.Process(target=print, args=(card,)))
    report = {"refusals": refusals, "child": answer, "parent": own, "given": given, "exit": process.exitcode}
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
