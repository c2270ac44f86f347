"""The two places again, with resource managers that can be stopped, killed and started.

pcsc-lite reads the path of its daemon's socket once in a process: here the path is a link, so that the library finds
the next daemon too.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from support.pcscd import PrivatePcscd
from support.pcscd_of_another_version import PcscdOfAnotherVersion

from scardffi import virtual

from .codes import SERVICE_STOPPED
from .places import READERS, PcscdPlace, Place, VirtualPlace


class Service(Protocol):
    """A place whose resource manager can be stopped and started."""

    place: Place

    def start(self) -> None:
        """Start the resource manager, for the first time or again."""

    def stop(self) -> None:
        """Stop the resource manager."""

    def kill(self) -> None:
        """Stop it so that it cannot tell its clients, if that is possible."""

    def frozen(self) -> AbstractContextManager[None]:
        """Let it not answer during the `with` statement."""

    def of_another_version(self) -> AbstractContextManager[object]:
        """Let the next client speak another version of the protocol during the `with` statement."""


class VirtualService:
    """The resource manager of the virtual library."""

    def __init__(self, _folder: Path, card: virtual.Card | None = None) -> None:
        self.place: Place = VirtualPlace(card)
        self._stopped = ExitStack()
        virtual.VirtualReader().unplug()  # the default reader

    def start(self) -> None:
        """Start the resource manager again."""
        self._stopped.close()

    def stop(self) -> None:
        """Stop the resource manager while clients are connected."""
        self.start()
        self._stopped.enter_context(virtual.service_stopped())

    kill = stop

    def frozen(self) -> AbstractContextManager[None]:
        """Freeze the resource manager."""
        return virtual.service_frozen()

    def of_another_version(self) -> AbstractContextManager[object]:
        """Return the code by a fault, because there is no protocol."""
        return virtual.fault("SCardEstablishContext", code=SERVICE_STOPPED, times=1000)


class PcscdService:
    """A private pcscd."""

    def __init__(self, folder: Path, *, debug: bool = True) -> None:
        self._link = folder / "socket"
        os.environ["PCSCLITE_CSOCK_NAME"] = str(self._link)
        self.daemon = PrivatePcscd(folder, len(READERS), debug=debug)
        self.start()
        self.place: Place = PcscdPlace(self.daemon)

    def start(self) -> None:
        """Start a new daemon with the same readers."""
        self.daemon.start()
        self._lead_to(self.daemon.socket)

    def stop(self) -> None:
        """End the daemon while clients are connected."""
        self.daemon.stop()

    def kill(self) -> None:
        """Kill the daemon while clients are connected."""
        self.daemon.kill()

    def frozen(self) -> AbstractContextManager[None]:
        """Freeze the daemon."""
        return self.daemon.frozen()

    @contextmanager
    def of_another_version(self) -> Iterator[None]:
        """Let the daemon refuse a client that seems to speak another version."""
        path = self._link.with_name("another")
        path.unlink(missing_ok=True)
        with PcscdOfAnotherVersion(path, self.daemon.socket):
            self._lead_to(path)
            yield
        self._lead_to(self.daemon.socket)

    def _lead_to(self, socket: Path) -> None:
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(socket)


SERVICES: dict[str, Callable[[Path], Service]] = {"virtual": VirtualService, "pcscd": PcscdService}
