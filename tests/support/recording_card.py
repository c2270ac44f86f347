"""A card whose answers a test chooses, and which remembers what it saw."""

from collections.abc import Callable


class RecordingCard:
    """`answer` answers each command; `log` holds the commands, and "reset" for each reset and power-up."""

    atr = bytes.fromhex("3b80800101")

    def __init__(self, answer: Callable[[bytes], bytes] = lambda _: b"\x90\x00") -> None:
        self.answer = answer
        self.log: list[bytes | str] = []

    @property
    def commands(self) -> list[bytes]:
        """The commands alone."""
        return [entry for entry in self.log if isinstance(entry, bytes)]

    def transmit(self, command: bytes) -> bytes:
        """Answer as the test wants it."""
        self.log.append(command)
        return self.answer(command)

    def reset(self) -> None:
        """Remember it."""
        self.log.append("reset")
