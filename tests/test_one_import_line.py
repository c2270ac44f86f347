"""One import line each for card data, services and virtual cards: they have the names of their modules."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest
from support.public_names import names_of
from support.requirements import need_module

import scardffi.iso7816
import scardffi.services
import scardffi.virtual

PACKAGES = [scardffi.iso7816, scardffi.services, scardffi.virtual]

each = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)


def public_classes(package: ModuleType) -> set[str]:
    """Return the names of the public classes in the public modules of a package."""
    found = set()
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if module.name.rpartition(".")[2].startswith("_") or "scardvirtual" in module.name:
            continue
        loaded = importlib.import_module(module.name)
        found |= {name for name in names_of(loaded) if inspect.isclass(getattr(loaded, name))}
    return found


@each
def test_a_package_has_the_public_classes_of_its_modules(package: ModuleType) -> None:
    need_module("cryptography")
    of_functions = {*scardffi.iso7816.instructions.__all__, "KeyType"}  # a program names the module with the functions
    missing = public_classes(package) - set(package.__all__) - of_functions
    assert missing == set()


@each
def test_every_name_of_the_list_exists(package: ModuleType) -> None:
    need_module("cryptography")
    for name in package.__all__:
        assert hasattr(package, name)
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = package.Nothing


def test_importing_scardffi_loads_neither_card_data_nor_services() -> None:
    program = "import sys, scardffi; print([one for one in sys.modules if 'iso7816' in one or 'services' in one])"
    shown = subprocess.run([sys.executable, "-c", program], cwd="/", capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


def test_importing_the_services_does_not_need_cryptography() -> None:
    program = "import sys, scardffi.services; print('cryptography' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], cwd="/", capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"
