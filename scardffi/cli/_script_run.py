"""A script on a card: each step is shown and done, for script files and the shell."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from ..constants import Disposition
from ..iso7816.status_word import meaning
from ._codes import read_code
from ._exchanges import status_word, transmit
from ._output import warn
from ._script_language import Reset

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..manage import SCardManage
    from ._output import Output
    from ._script_language import Script, Send, Variables


def read_codes(script: Script, variables: Variables) -> None:
    """Read the codes that a script asks for, from the user or from standard input.

    Raises:
        ScriptError: a code is longer than the script allows.
    """
    for ask in script.asks:
        variables.put_code(ask, read_code(ask.name, variables.secrets))


class ScriptRun:
    """Runs scripts on a card.

    Args:
        output: where the exchanges are shown.
        name: the name of the file, for messages.
        show_secrets: True to show PINs and keys in commands.
        keep_going: True to go on after a status word that was not expected.
        done: it is called after each exchange.

    Attributes:
        failed: True after a status word that is not expected, or neither 9000 nor 61xx if the script does not say.
        last: the response to the last command.
    """

    def __init__(
        self,
        output: Output,
        name: str = "",
        *,
        show_secrets: bool = False,
        keep_going: bool = False,
        done: Callable[[], object] = lambda: None,
    ) -> None:
        self._output = output
        self._name = name
        self._show_secrets = show_secrets
        self._keep_going = keep_going
        self._done = done
        self.failed = False
        self.last = b""

    def run(self, script: Script, card: SCardManage | None, variables: Variables) -> None:
        """Do the steps of a script, up to a status word that is not expected. Read its codes before.

        The card may be None if the script has neither commands nor resets.

        Raises:
            ScriptError: a command that is made of a response or of a code is not a command APDU. It was not sent.
        """
        with closing(script.steps(variables)) as steps:
            step = next(steps, None)
            while step is not None:
                response = b""
                if card is None:
                    raise ValueError("card: a script with commands needs a card, not None")
                if isinstance(step, Reset):
                    self._reset(step, card)
                else:
                    response = self._send(step, card)
                    if step.is_missed(status_word(response)) and not self._keep_going:
                        return
                try:
                    step = steps.send(response)
                except StopIteration:
                    step = None

    def _send(self, step: Send, card: SCardManage) -> bytes:
        response = transmit(
            card, step.command, self._output, hidden=step.hidden, show_secrets=self._show_secrets, line=step.place.line
        )
        self._done()
        self.last = response
        sw = status_word(response)
        self.failed |= step.has_failed(sw)
        if step.expected is not None and step.is_missed(sw):
            got = "no status word" if sw is None else f"{sw:04X} ({meaning(sw)})"
            where = f"{self._name}:{step.place.line}: " if self._name else ""
            warn(f"{where}expected {step.expected.text}, but got {got}")
        return response

    def _reset(self, step: Reset, card: SCardManage) -> None:
        kind = "cold" if step.cold else "warm"
        self._output.line("> COLD RESET" if step.cold else "> RESET")
        card.reconnect(protocols=card.protocol, initialization=Disposition.UNPOWER if step.cold else Disposition.RESET)
        self._done()
        atr = bytes(card.atr)
        self._output.line(f"< OK: {atr.hex(' ').upper()}")
        self._output.value({"reset": kind, "atr": atr.hex().upper(), "line": step.place.line})
