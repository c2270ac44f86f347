"""Services by name or UUID: those of this package, and those that other packages register as entry points.

The name of an entry point in the group ``scardffi.interfaces`` is the name of a service or a UUID. The object that the
entry point names is called with a transmitter and the caller's data, and returns the service::

    [project.entry-points."scardffi.interfaces"]
    CryptoProvider = "their_package:CryptoProvider"
    "8e9b0f5e-6b0c-4c6e-9a39-6d2f6f0d1c11" = "their_package:CryptoProvider"
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from importlib.metadata import EntryPoint

    from .transmitter import Transmitter

__all__ = ["CARD_AUTH", "CH_VERIFICATION", "FILE_ACCESS", "PIN_PAD", "UnknownInterfaceError"]

GROUP: Final = "scardffi.interfaces"

CARD_AUTH: Final = UUID("b89ca925-210a-461f-85b7-453afa9b08b2")
"""The UUID of :class:`scardffi.services.CardAuth`."""
CH_VERIFICATION: Final = UUID("113165c9-302f-4685-a462-2f8ae0ea6633")
"""The UUID of :class:`scardffi.services.CHVerification`."""
FILE_ACCESS: Final = UUID("fc366fd5-d957-474e-856f-c67a7b0c2bfd")
"""The UUID of :class:`scardffi.services.FileAccess`."""
PIN_PAD: Final = UUID("55999f77-26be-495b-a2b1-c1073d28a673")
"""The UUID of :class:`scardffi.services.PinPad`."""

_OURS: Final = {
    "CardAuth": (CARD_AUTH, ".card_auth"),
    "CHVerification": (CH_VERIFICATION, ".ch_verification"),
    "FileAccess": (FILE_ACCESS, ".file_access"),
    "PinPad": (PIN_PAD, ".pin_pad"),
}
"""The services of this package: the UUID and the module of each class."""


class UnknownInterfaceError(LookupError):
    """There is no service with this name or UUID."""


def create(id_or_name: UUID | str, transmitter: Transmitter, data: Any = None) -> Any:
    """Create a service. Follows ISCardManage::CreateInterface.

    Args:
        id_or_name: the UUID of the service, also as text, or its name. Names are case-sensitive.
        transmitter: sends the service's commands; see :class:`.transmitter.Transmitter`.
        data: passed to the service. The services of this package take None or a dict of keyword arguments.

    Raises:
        UnknownInterfaceError: there is no such service; the message lists those that exist.
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
    for point in _entry_points():
        if wanted == (_uuid(point.name) or point.name):
            make: Callable[[Transmitter, Any], Any] = point.load()
            return make(transmitter, data)
    raise UnknownInterfaceError(f"id_or_name: {str(id_or_name)!r} is not allowed; give one of {', '.join(names())}")


def names() -> list[str]:
    """Return the names of all services, and UUIDs that other packages have registered."""
    return [*_OURS, *sorted({point.name for point in _entry_points()} - set(_OURS))]


def _entry_points() -> Iterable[EntryPoint]:
    """Return the entry points of other packages."""
    from importlib.metadata import entry_points  # importing it takes longer than to create a service of this package

    return entry_points(group=GROUP)


def _uuid(text: UUID | str) -> UUID | None:
    """Return a UUID for a UUID or its text; None if the text is a name."""
    try:
        return UUID(str(text))
    except ValueError:
        return None
