"""The layers on PC/SC: connections, readers, requests for cards."""

from ...._first_use import imported_at_first_use

_MODULES = (
    "PCSCCardConnection", "PCSCCardRequest", "PCSCContext", "PCSCExceptions", "PCSCPart10", "PCSCReader",
    "PCSCReaderGroups",
)  # fmt: skip

__getattr__ = imported_at_first_use(__name__, {name: f".{name}" for name in _MODULES})
