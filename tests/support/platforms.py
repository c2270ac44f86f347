"""A mark for tests of some platforms, and modules of the package as they are on another platform."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest

import scardffi

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no forks")


def evaluated_on(platform: str, name: str) -> ModuleType:
    """Return a new copy of the module `scardffi.<name>`, made with this `sys.platform`; it may import the constants."""
    constants = {} if name == "constants" else {"scardffi.constants": evaluated_on(platform, "constants")}
    source = Path(scardffi.__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"scardffi.{name}_on_{platform}", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with mock.patch.object(sys, "platform", platform), mock.patch.dict(sys.modules, constants):
        spec.loader.exec_module(module)
    return module
