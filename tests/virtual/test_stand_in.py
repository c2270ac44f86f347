"""The stand-in for libpcsclite.so.1: programs that load that name get the virtual library, and no others do.

It is loaded in separate processes, because in this process later loads of libpcsclite.so.1 would return it.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.alone import run_alone
from support.compile import pcsc_include_flags, program
from support.interpreter import run_python
from support.pcscd import PrivatePcscd

from scardffi import virtual

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the stand-in has the name of Linux's library")

DEFAULT_READER = "scardffi Virtual Reader 0"
PYSCARD = """
from smartcard.System import readers
print(*readers(), sep="\\n")
"""


def test_the_folder_has_a_file_with_the_name_that_programs_load() -> None:
    folder = Path(virtual.library_folder())
    assert [file.name for file in folder.iterdir() if ".so" in file.name] == ["libpcsclite.so.1"]


@pytest.mark.parametrize("order", ["library_path", "stand_in"])
def test_both_files_share_their_readers_whichever_is_loaded_first(order: str) -> None:
    code = """
        import sys
        from scardffi import Library, Scope, virtual
        files = [virtual.library_path(), virtual.library_folder() + "/libpcsclite.so.1"]
        first, second = map(Library, files if sys.argv[1] == "library_path" else reversed(files))
        context = first.SCardEstablishContext(Scope.SYSTEM)[1]
        print(*second.SCardListReaders(context))
        print(second.SCardReleaseContext(context), first.SCardIsValidContext(context) != 0)
        """
    assert run_python(code, order) == [f"0 ['{DEFAULT_READER}']", "0 True"]


# By LD_LIBRARY_PATH


def test_a_program_linked_to_pcsclite_uses_the_virtual_library(tmp_path: Path) -> None:
    source = Path(__file__).parent.parent / "csrc" / "list_readers.c"
    file = program(source, tmp_path, *pcsc_include_flags(), "-l:libpcsclite.so.1")
    environment = {**os.environ, "LD_LIBRARY_PATH": virtual.library_folder()}
    done = subprocess.run([file], env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split(DEFAULT_READER) == ["", " 2 Success\n"]


def test_scardffi_and_pyscard_use_the_virtual_library() -> None:
    code = """
        from scardffi import Context, virtual
        from smartcard.System import readers
        with Context() as context, virtual.installed(), Context() as installed:
            assert context.list_readers() == installed.list_readers() == [str(reader) for reader in readers()]
            assert installed.library.SCardListReaders(context.handle)[0] == 0
            print(*readers(), sep="\\n")
        """
    assert run_python(code, environment={"LD_LIBRARY_PATH": virtual.library_folder()}) == [DEFAULT_READER]


# In a running process


@pytest.mark.parametrize("times", [1, 2])
def test_code_that_loads_pcsclite_later_gets_the_virtual_library(times: int) -> None:
    code = "from scardffi import virtual\n" + "virtual.stand_in()\n" * times
    assert run_python(code + PYSCARD) == [DEFAULT_READER]


def test_pyscard_then_sees_the_same_readers_as_scardffi() -> None:
    code = """
        from scardffi import Library, Scope, virtual
        virtual.stand_in()
        from smartcard import scard
        context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)[1]
        assert Library.default() != Library(virtual.library_path())
        for library in (Library.default(), Library(virtual.library_path())):
            print(*library.SCardListReaders(context))
        """
    assert run_python(code) == [f"0 ['{DEFAULT_READER}']"] * 2


def test_if_the_systems_library_is_already_loaded_the_error_says_what_to_do(daemon: PrivatePcscd) -> None:
    code = """
        import smartcard.scard
        from scardffi import virtual
        from smartcard.System import readers
        before = readers()
        try:
            virtual.stand_in()
        except RuntimeError as error:
            print(error)
        assert readers() == before
        print(*before, sep="\\n")
        """
    message, *names = run_python(code, environment=daemon.environment)
    assert "another libpcsclite.so.1 is loaded in this process already" in message
    assert f"LD_LIBRARY_PATH={virtual.library_folder()}" in message
    assert daemon.ifd_reader(0) in names


def test_loading_the_virtual_library_through_scardffi_does_not_replace_pcsclite() -> None:
    code = """
        import scardffi
        from scardffi import virtual
        with virtual.installed():
            pass
        virtual.stand_in()
        """
    assert run_python(textwrap.dedent(code) + PYSCARD) == [DEFAULT_READER]


@pytest.mark.parametrize("first", ["pyscard", "scardffi"])
def test_pyscard_on_the_systems_library_and_scardffi_on_the_virtual_one_work_side_by_side(
    first: str, daemon: PrivatePcscd
) -> None:
    saw, _ = run_alone("beside_pyscard", daemon.ifd_reader(1), first)
    assert saw["scardffi"] == [DEFAULT_READER]
    assert daemon.ifd_reader(1) in saw["pyscard"]
    assert DEFAULT_READER not in saw["pyscard"]


def test_on_other_platforms_there_is_no_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(NotImplementedError, match="only on Linux"):
        virtual.library_folder()
    with pytest.raises(NotImplementedError, match="only on Linux"):
        virtual.stand_in()
