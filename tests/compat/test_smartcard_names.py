"""The names of scardffi.compat.smartcard are those of pyscard's Python layers."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from support.requirements import need_module

LACKING = {
    "smartcard.CardMonitoring.CardMonitoringThread": "the thread of a monitor is started by its source of news",
    "smartcard.ReaderMonitoring.ReaderMonitoringThread": "the same",
    "smartcard.CardMonitoring.CardMonitor.lock": "the lock of a singleton",
}
"""The names that are not there, and why."""


def theirs() -> list[ModuleType]:
    """Return pyscard's modules, without those for wxPython and smartcard.scard."""
    need_module("smartcard")
    package = importlib.import_module("smartcard")
    if not hasattr(package, "__path__") or package.__name__ != "smartcard":
        pytest.skip("this run has scardffi in place of pyscard")
    names = [module.name for module in pkgutil.walk_packages(package.__path__, "smartcard.")]
    chosen = [name for name in names if not name.startswith(("smartcard.wx", "smartcard.scard"))]
    return [package, *map(importlib.import_module, chosen)]


def own_names(thing: Any, module: str) -> Iterator[tuple[str, Any]]:
    """Yield the public functions and classes of a module, or the public attributes of a class."""
    for name, value in inspect.getmembers(thing):
        if name.startswith("_"):
            continue
        if inspect.isclass(thing) or (callable(value) and getattr(value, "__module__", None) == module):
            yield name, value


def arguments(function: Any) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def test_every_class_function_and_argument_of_pyscard_is_there() -> None:
    lacking: set[str] = set()
    others: list[str] = []
    compared = 0
    for module in theirs():
        ours = importlib.import_module(f"scardffi.compat.{module.__name__}")
        for name, value in own_names(module, module.__name__):
            place = f"{module.__name__}.{name}"
            if not hasattr(ours, name):
                lacking.add(place)
                continue
            own = getattr(ours, name)
            for attribute, member in [("", value), *own_names(value, "")] if inspect.isclass(value) else [("", value)]:
                full = f"{place}.{attribute}" if attribute else place
                if attribute and not hasattr(own, attribute):
                    lacking.add(full)
                elif inspect.isfunction(member):
                    found = arguments(getattr(own, attribute) if attribute else own)
                    compared += 1
                    if found != arguments(member):
                        others.append(f"{full}: {arguments(member)} and {found}")
    assert lacking == set(LACKING)
    assert others == []
    assert compared > 150
