"""If a package of an extra is not installed, the error names the extra."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scardffi._extras import extra

USES = {
    "from scardffi import aio": ("anyio", "aio"),
    "import scardffi.aio": ("anyio", "aio"),
    "from scardffi.services import AesCmac": ("cryptography", "crypto"),
    "from scardffi import virtual; virtual.piv_card()": ("cryptography", "crypto"),
}


@pytest.mark.parametrize("use", USES)
def test_a_use_without_the_package_names_the_extra(use: str) -> None:
    package, name = USES[use]
    code = f"""
import sys
class Missing:
    @staticmethod
    def find_spec(name, *_):
        if name == {package!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Missing)
try:
    {use}
except ImportError as error:
    print(type(error).__name__, error.name, error)
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    message = f'the package {package} is not installed; install it with: pip install "scardffi[{name}]"'
    assert (done.stdout, done.stderr) == (f"ModuleNotFoundError {package} {message}\n", "")


@pytest.mark.parametrize("name", sorted({name for _, name in USES.values()}))
def test_the_extra_exists(name: str) -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert name in project["optional-dependencies"]


def test_another_error_of_an_import_is_not_changed() -> None:
    with pytest.raises(ZeroDivisionError), extra("aio"):
        raise ZeroDivisionError
    with pytest.raises(ImportError, match=r"^cannot import name 'nothing' from 'sys'"), extra("aio"):
        from sys import nothing  # type: ignore[attr-defined]  # noqa: F401  the test imports what does not exist
