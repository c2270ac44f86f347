"""Which services there are, by name and by UUID: those here, and those that other packages bring by entry points.

An entry point of the group ``scardffi.interfaces`` names a service, or is a UUID, and points at what is called with a
transmitter and the caller's data, and returns the service::

    [project.entry-points."scardffi.interfaces"]
    CryptoProvider = "their_package:CryptoProvider"
    "8e9b0f5e-6b0c-4c6e-9a39-6d2f6f0d1c11" = "their_package:CryptoProvider"
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

    from .transmitter import Transmitter

GROUP: Final = "scardffi.interfaces"

CARD_AUTH: Final = UUID("b89ca925-210a-461f-85b7-453afa9b08b2")
CH_VERIFICATION: Final = UUID("113165c9-302f-4685-a462-2f8ae0ea6633")
FILE_ACCESS: Final = UUID("fc366fd5-d957-474e-856f-c67a7b0c2bfd")
PIN_PAD: Final = UUID("55999f77-26be-495b-a2b1-c1073d28a673")

_OURS: Final = {
    "CardAuth": (CARD_AUTH, ".card_auth"),
    "CHVerification": (CH_VERIFICATION, ".ch_verification"),
    "FileAccess": (FILE_ACCESS, ".file_access"),
    "PinPad": (PIN_PAD, ".pin_pad"),
}
"""Each class by its name: its UUID, and the module that it stands in."""


class UnknownInterfaceError(LookupError):
    """There is no service of that name or UUID."""


def create(id_or_name: UUID | str, transmitter: Transmitter, data: Any = None) -> Any:
    """A new service. Follows ISCardManage::CreateInterface.

    Args:
        id_or_name: its UUID, also as text, or its name. Names are told apart by case.
        transmitter: what it is to talk through; see :class:`.transmitter.Transmitter`.
        data: for the service, which says what it may be; for those here None, or a dict of keyword arguments.

    Raises:
        UnknownInterfaceError: there is none; the message lists those that there are.
        TypeError: ``id_or_name`` is neither a UUID nor text, or ``data`` is of another type.
    """
    if not isinstance(id_or_name, (str, UUID)):
        raise TypeError(f"id_or_name: expected a UUID or a name, got {type(id_or_name).__name__}")
    wanted = _uuid(id_or_name) or id_or_name
    for name, (uuid, module) in _OURS.items():
        if wanted in {name, uuid}:
            if data is not None and not isinstance(data, Mapping):
                raise TypeError(f"data: expected a dict of keyword arguments or None, got {type(data).__name__}")
            return getattr(import_module(module, __package__), name)(transmitter, **(data or {}))
    for point in entry_points(group=GROUP):
        if wanted == (_uuid(point.name) or point.name):
            made: Callable[[Transmitter, Any], Any] = point.load()
            return made(transmitter, data)
    raise UnknownInterfaceError(f"id_or_name: {str(id_or_name)!r} is not there; there are {', '.join(names())}")


def names() -> list[str]:
    """The names of all services, and the UUIDs of those of other packages."""
    return [*_OURS, *sorted({point.name for point in entry_points(group=GROUP)} - set(_OURS))]


def _uuid(text: UUID | str) -> UUID | None:
    """The UUID that this is, None for another name."""
    try:
        return UUID(str(text))
    except ValueError:
        return None
