"""Imports of smartcard after compat.install(), ``python -m scardffi.compat`` and the folder for PYTHONPATH."""

import json
import pickle
import sys
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.modes import program_named, run_in_mode, run_python
from support.requirements import need_module

import scardffi
from scardffi import compat, virtual

OURS = Path(scardffi.__file__).parent / "compat"
PROGRAM = program_named("which_smartcard.py")
SCARD = "scardffi.compat.scard"


def imported() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "smartcard"}


@pytest.fixture
def fresh() -> Iterator[None]:
    """No smartcard is imported, and afterwards what was imported before is imported again."""
    before = imported()
    for name in before:
        del sys.modules[name]
    yield
    compat.uninstall()
    for name in imported():
        del sys.modules[name]
    sys.modules.update(before)


# install and uninstall


@pytest.mark.usefixtures("fresh")
def test_all_layers_come_from_scardffi() -> None:
    compat.install()
    import smartcard.scard

    assert smartcard.__file__ == str(OURS / "smartcard" / "__init__.py")
    assert smartcard.scard is sys.modules[SCARD]


@pytest.mark.usefixtures("fresh")
def test_only_scard_comes_from_scardffi_below_pyscards_layers() -> None:
    need_module("smartcard")
    compat.install("scard")
    import smartcard.scard
    import smartcard.System

    assert not Path(smartcard.__file__).is_relative_to(OURS)
    assert smartcard.scard is sys.modules[SCARD]
    assert smartcard.System.__name__ == "smartcard.System"
    from smartcard import Exceptions

    assert Exceptions.SCardGetErrorMessage is sys.modules[SCARD].SCardGetErrorMessage


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("layers", ["all", "scard"])
def test_pyscards_other_names_of_the_module_are_the_same_module(layers: Any) -> None:
    need_module("smartcard")
    compat.install(layers)
    import smartcard.scard._scard
    import smartcard.scard.scard
    from smartcard import scard
    from smartcard.scard import _scard

    assert scard is _scard is smartcard.scard.scard is sys.modules[SCARD]


@pytest.mark.parametrize("mode", ["all", "scard"])
@pytest.mark.parametrize(
    "statement",
    [
        "from smartcard import scard as module",
        "from smartcard.scard import scard as module",
        "from smartcard.scard import _scard as module",
        "import smartcard.scard._scard as module",
        "from smartcard.scard.scard import SCardTransmit; import smartcard.scard as module",
    ],
)
def test_every_import_statement_may_be_the_first_one(statement: str, mode: str, tmp_path: Path) -> None:
    need_module("smartcard")
    program = tmp_path / "program.py"
    program.write_text(f"{statement}\nprint(module.SCardTransmit.__module__)\n")
    done = run_in_mode(mode, str(program))
    assert (done.stdout, done.stderr) == (f"{SCARD}\n", "")


@pytest.mark.usefixtures("fresh")
def test_a_module_keeps_its_own_name_and_spec() -> None:
    from scardffi.compat import scard

    before = scard.__spec__, scard.__name__, scard.__package__
    compat.install()
    import smartcard.scard

    assert (smartcard.scard.__spec__, smartcard.scard.__name__, smartcard.scard.__package__) == before
    assert smartcard.scard.error is scard.error


@pytest.mark.usefixtures("fresh")
def test_objects_that_were_pickled_with_the_finder_are_read_without_it() -> None:
    compat.install()
    from smartcard.scard import SCardTransmit, error

    pickled = pickle.dumps([error("text"), SCardTransmit])
    compat.uninstall()
    from scardffi.compat import scard

    read, function = pickle.loads(pickled)  # noqa: S301  pickled above
    assert type(read) is scard.error
    assert function is scard.SCardTransmit


@pytest.mark.usefixtures("fresh")
def test_a_module_that_pyscard_has_and_scardffi_lacks_is_not_found() -> None:
    compat.install()
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'smartcard\.wx'$"):
        __import__("smartcard.wx")


@pytest.mark.usefixtures("fresh")
def test_install_may_be_called_twice_with_the_same_layers_only() -> None:
    finders = len(sys.meta_path)
    compat.install("all")
    compat.install("all")
    assert len(sys.meta_path) == finders + 1
    with pytest.raises(RuntimeError, match=r"is installed with layers='all'; call uninstall\(\) before$"):
        compat.install("scard")


@pytest.mark.usefixtures("fresh")
def test_install_after_an_import_of_pyscard_is_refused() -> None:
    need_module("smartcard")
    import smartcard.scard

    with pytest.raises(
        RuntimeError, match=r"^smartcard was imported from .*__init__\.py; install scardffi\.compat before"
    ):
        compat.install()
    assert smartcard.scard.SCardTransmit.__module__ == "smartcard.scard.scard"


@pytest.mark.usefixtures("fresh")
def test_after_uninstall_pyscard_is_imported_and_imported_functions_still_work() -> None:
    need_module("smartcard")
    compat.install()
    from smartcard.scard import SCARD_E_NO_SMARTCARD, SCardGetErrorMessage

    compat.uninstall()
    compat.uninstall()
    import smartcard.scard

    assert smartcard.scard.SCardGetErrorMessage.__module__ == "smartcard.scard.scard"
    assert SCardGetErrorMessage.__module__ == SCARD
    assert SCardGetErrorMessage(SCARD_E_NO_SMARTCARD)


@pytest.mark.usefixtures("fresh")
def test_an_unknown_layer_is_refused() -> None:
    wrong: Any = "some"
    with pytest.raises(ValueError, match=r"^layers: 'some' is not allowed; give 'all' or 'scard'$"):
        compat.install(wrong)


def test_scard_without_pyscard_is_an_import_error_that_says_what_to_do() -> None:
    code = (
        "import sys\n"
        "from scardffi import compat\n"
        "sys.path[:] = [entry for entry in sys.path if 'site-packages' not in entry]\n"
        "compat.install('scard')"
    )
    done = run_python("-c", code)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: layers='scard' replaces a part of pyscard, but pyscard is not installed; install it, or use "
        "layers='all'"
    )


# Programs


@pytest.mark.parametrize("mode", ["all", "scard"])
def test_a_program_runs_as_python_would_run_it(mode: str) -> None:
    need_module("smartcard")
    done = run_in_mode(mode, PROGRAM, "--layers", "-m", "x")
    assert done.stderr == ""
    seen = json.loads(done.stdout)
    assert seen["argv"] == [PROGRAM, "--layers", "-m", "x"]
    assert seen["path"] == str(Path(PROGRAM).parent)
    assert (seen["main"], seen["name"]) == (PROGRAM, "__main__")
    assert seen["scard"] == SCARD
    assert seen["readers"] == [virtual.DEFAULT_READER]
    assert Path(seen["smartcard"]).is_relative_to(OURS) == (mode == "all")
    assert not Path(seen["child"]).is_relative_to(OURS)  # child processes do not inherit it


def test_a_program_that_is_named_by_a_relative_path_has_its_full_path() -> None:
    seen = json.loads(run_in_mode("all", PROGRAM.removeprefix("/")).stdout)  # the present folder is /
    assert (seen["main"], seen["argv"], seen["path"]) == (PROGRAM, [PROGRAM], str(Path(PROGRAM).parent))


def test_a_module_runs_as_python_would_run_it() -> None:
    done = run_in_mode("all", "-m", "which_smartcard", "argument", PYTHONPATH=str(Path(PROGRAM).parent))
    assert done.stderr == ""
    seen = json.loads(done.stdout)
    assert seen["argv"] == [PROGRAM, "argument"]
    assert (seen["main"], seen["name"], seen["scard"]) == (PROGRAM, "__main__", SCARD)


def test_a_program_is_found_in_path(tmp_path: Path) -> None:
    program = tmp_path / "tool"
    program.write_text(
        "#!/usr/bin/env python\nimport smartcard.scard, sys\nprint(smartcard.scard.__name__, sys.argv)\n"
    )
    program.chmod(0o755)
    done = run_in_mode("all", "tool", "one", PATH=str(tmp_path))
    assert done.stdout == f"{SCARD} {[str(program), 'one']}\n"


def test_the_exit_code_of_the_program_is_that_of_the_command(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import sys; sys.exit(7)")
    assert run_in_mode("all", str(program)).returncode == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give a PROGRAM or -m MODULE"),
        (["/nowhere/program.py"], "there is no file /nowhere/program.py, and no such program in PATH"),
        (["--path", "x"], "--path stands by itself"),
        (["--layers", "some", "x"], "invalid choice: 'some'"),
    ],
)
def test_a_wrong_command_line_is_refused_in_words(arguments: list[str], said: str) -> None:
    done = run_python("-m", "scardffi.compat", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


# Child processes


def test_with_the_printed_folder_in_pythonpath_a_program_and_its_child_use_scardffi() -> None:
    folder = run_python("-m", "scardffi.compat", "--path").stdout.strip()
    assert Path(folder) == compat.on_path()
    done = run_python(PROGRAM, PYTHONPATH=folder)
    assert done.stderr == ""
    seen = json.loads(done.stdout)
    assert seen["scard"] == SCARD
    assert seen["smartcard"] == seen["child"] == str(OURS / "smartcard" / "__init__.py")


def test_the_first_import_may_be_of_any_module_and_from_any_thread() -> None:
    code = (
        "import threading, sys\n"
        "def run(): import smartcard.scard\n"
        "threads = [threading.Thread(target=run) for _ in range(8)]\n"
        "[thread.start() for thread in threads], [thread.join() for thread in threads]\n"
        "print(sys.modules['smartcard.scard'].__name__, sys.modules['smartcard'].__name__)"
    )
    done = run_python("-c", code, PYTHONPATH=str(compat.on_path()))
    assert (done.stdout, done.stderr) == (f"{SCARD} scardffi.compat.smartcard\n", "")


def test_with_the_folder_in_pythonpath_layers_scard_still_finds_pyscard() -> None:
    need_module("smartcard")
    done = run_in_mode("scard", PROGRAM, PYTHONPATH=str(compat.on_path()))
    assert done.stderr == ""
    seen = json.loads(done.stdout)
    assert seen["scard"] == SCARD
    assert not Path(seen["smartcard"]).is_relative_to(OURS)


def test_the_package_has_no_module_smartcard_at_the_top() -> None:
    names = {Path(str(file)).parts[0] for file in files("scardffi") or []}
    assert "smartcard" not in names
