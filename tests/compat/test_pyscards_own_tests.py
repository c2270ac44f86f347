"""pyscard's own tests under pyscard and scardffi.compat. They come with pyscard's sdist, of which nothing is kept.

The short form runs its folder ``test`` on the virtual library. With SCARDFFI_TEST_PYSCARD=long they all run, in three
modes, on the virtual library and on a private pcscd.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest
from support.modes import MODES, library_environment, program_named
from support.pcscd import PrivatePcscd, unavailable_reason
from support.reports import report
from support.requirements import need_module

IS_LONG = os.environ.get("SCARDFFI_TEST_PYSCARD") == "long"
LIBRARIES = ("virtual", "pcscd") if IS_LONG else ("virtual",)
T0_ATRS = (bytes.fromhex("3B021450"), bytes.fromhex("3B036F6E65"))

SUITES = {
    "test": ("test",),
    "framework": ("src/smartcard/test/framework", "testsuite_framework"),
    "scard": ("src/smartcard/test/scard", "testsuite_scard"),
}
"""The folder in the sdist, and the module of the unittest suite."""

FEWEST_ON_PCSCD = {"test": 98, "framework": 73, "scard": 16}
"""The numbers of tests that pyscard 2.3.1 passes on pcscd."""

ASSERTS_A_FAULT = {
    "test_readergroups.py::test_demonstrate_adding_is_impossible": "adding a group ends in a RecursionError",
    "test_readergroups.py::test_demonstrate_removing_is_impossible": "removing a group ends in a ValueError",
    "test_ulist.py::test_demonstrate_ulist_cannot_be_instantiated": "ulist() raises TypeError",
}
"""The tests that fail here because they assert a fault of pyscard's, and the fault."""


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of pyscard's unpacked sdist."""
    need_module("smartcard")
    folder = tmp_path_factory.mktemp("sdist")
    wanted = f"pyscard=={version('pyscard')}"
    options = ["--quiet", "--no-deps", "--no-binary=pyscard", "--dest", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, wanted], capture_output=True, text=True, check=False
    )
    archives = list(folder.glob("pyscard-*.tar.gz"))
    if not archives:
        if os.environ.get("CI"):
            pytest.fail(f"under CI the sdist of {wanted} must be there: {done.stderr}")
        pytest.skip(f"no sdist of {wanted}: {done.stderr.strip().splitlines()[-1:]}")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def t0_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePcscd]:
    """A pcscd with two readers and cards with T=0, which pyscard's tests need."""
    reason = unavailable_reason()
    if reason is not None:
        pytest.skip(f"no private pcscd here: {reason}")
    daemon = PrivatePcscd(tmp_path_factory.mktemp("pcscd"), len(T0_ATRS))
    daemon.ifd_folder.mkdir(parents=True)
    for number, atr in enumerate(T0_ATRS):
        daemon.set_atr(number, atr)
    with daemon:
        yield daemon


def outcomes(sdist: Path, mode: str, suite: str, environment: dict[str, str], place: Path) -> dict[str, str]:
    """Run a suite in a mode, in a copy of its folder, and return the outcome of each test by its name."""
    folder, *module = SUITES[suite]
    copy = place / mode / folder
    shutil.copytree(sdist / folder, copy)
    if module:
        shutil.copy(sdist / folder / ".." / "configcheck.py", copy.parent)
    library = "pcscd" if "PCSCLITE_CSOCK_NAME" in environment else "virtual"
    command = [sys.executable, program_named("pyscards_tests.py"), mode, library, str(copy), *module]
    done = subprocess.run(
        command, cwd="/", env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    assert found, done.stderr
    return found


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("suite", SUITES if IS_LONG else ["test"])
def test_no_test_of_pyscards_fails_here_that_passes_under_pyscard(
    suite: str, library: str, sdist: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if library == "pcscd":
        daemon: PrivatePcscd = request.getfixturevalue("t0_daemon")
        environment = {**daemon.environment, "SCARDFFI_LIBRARY": "libpcsclite.so.1"}
    else:
        environment = library_environment()
    modes = MODES if IS_LONG else ("pyscard", "all")
    with ThreadPoolExecutor(len(modes) if library == "virtual" else 1) as pool:
        runs = pool.map(lambda mode: outcomes(sdist, mode, suite, environment, tmp_path), modes)
        pyscard, *ours = runs
    passed = {name for name, outcome in pyscard.items() if outcome == "passed"}
    if library == "pcscd":
        assert len(passed) >= FEWEST_ON_PCSCD[suite]
    for mode, found in zip(modes[1:], ours, strict=True):
        assert found.keys() == pyscard.keys()
        worse = {name for name, outcome in found.items() if outcome != pyscard[name] and outcome != "passed"}
        allowed = ASSERTS_A_FAULT if mode == "all" and suite == "test" else {}
        assert worse == set(allowed)
        good = sum(outcome == "passed" for outcome in found.values())
        report(
            f"pyscard's own tests, {suite} on {library}: {len(passed)} of {len(pyscard)} pass under pyscard, "
            f"{good} with layers={mode!r}, and {len(worse)} fail that assert a fault of pyscard's"
        )
