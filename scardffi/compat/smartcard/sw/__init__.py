"""Checks of status words."""

from ...._first_use import imported_at_first_use

_MODULES = (
    "ErrorChecker", "ErrorCheckingChain", "ISO7816_4ErrorChecker", "ISO7816_4_SW1ErrorChecker", "ISO7816_8ErrorChecker",
    "ISO7816_9ErrorChecker", "SWExceptions", "op21_ErrorChecker",
)  # fmt: skip

__getattr__ = imported_at_first_use(__name__, {name: f".{name}" for name in _MODULES})
