"""The place and the clients that every case gets: first on the virtual library, then on a real pcscd."""

from collections.abc import Iterator

import pytest
from support.pcscd import PrivatePcscd

from .clients import Clients
from .places import PcscdPlace, Place


@pytest.fixture(scope="session")
def pcscd_place(_private_daemon: PrivatePcscd | None) -> PcscdPlace | None:
    return PcscdPlace(_private_daemon) if _private_daemon else None


@pytest.fixture(params=["pcscd"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """One of the two, with its readers as `Place.restore` leaves them."""
    request.getfixturevalue("daemon")  # skips where there is none, and fails under CI
    place: Place = request.getfixturevalue(f"{request.param}_place")
    place.restore()
    yield place
    place.restore()


@pytest.fixture
def clients(place: Place) -> Iterator[Clients]:
    opened = Clients(place)
    yield opened
    opened.release()
