"""The environment of Python programs whose time to start is measured: their modules are compiled once."""

import os
from pathlib import Path


def compiled_once(cache: Path) -> dict[str, str]:
    """Return this environment, but Python keeps compiled modules in the folder; the first program compiles them."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return environment | {"PYTHONPYCACHEPREFIX": str(cache)}
