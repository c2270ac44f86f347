"""The place and the clients of every case: first the virtual library, then a real pcscd."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pcscd import PrivatePcscd
from support.shape import PLACES

from .clients import Clients
from .lacks import is_lacking
from .places import HoldingCard, PcscdPlace, Place, VirtualPlace

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the cases that this platform lacks."""
    left_out = [item for item in items if item.path.parent == FOLDER and is_lacking(item.name)]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="module", params=PLACES)
def place_name(request: pytest.FixtureRequest) -> str:
    """Run every case once in each place."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def virtual_place() -> Iterator[Place]:
    place = VirtualPlace()
    yield place
    place.close()


@pytest.fixture(scope="module")
def pcscd_place(_private_daemon: PrivatePcscd | None) -> Place | None:
    return PcscdPlace(_private_daemon) if _private_daemon else None


@pytest.fixture
def place(request: pytest.FixtureRequest, place_name: str) -> Iterator[Place]:
    """One of the two places, with its readers as `Place.restore` leaves them."""
    if place_name == "pcscd":
        request.getfixturevalue("daemon")  # without one this skips the test, or fails under CI
    place: Place = request.getfixturevalue(f"{place_name}_place")
    place.restore()
    yield place
    place.restore()


@pytest.fixture
def holding(place: Place) -> Iterator[HoldingCard]:
    """A card in the first reader that holds commands; at the end it responds."""
    card = place.holding_card(0)
    yield card
    card.respond()


@pytest.fixture
def clients(place: Place) -> Iterator[Clients]:
    opened = Clients(place)
    yield opened
    opened.release()
