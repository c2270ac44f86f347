"""Reaching the resource manager: what an error says if the cause is not a stopped service."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import Place

from scardffi import Context, NoServiceError, ReturnCode, SCardManage, virtual

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these are causes on systems with pcsc-lite")

NOBODY = 65534
PROGRAM = f"""
import os, sys
from scardffi import Context, Library, NoServiceError
library = Library("libpcsclite.so.1")
if "nobody" in sys.argv and os.geteuid() == 0:
    os.setgroups([])
    os.setresgid({NOBODY}, {NOBODY}, {NOBODY})
    os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
try:
    Context(library=library)
except NoServiceError as error:
    print(error)
"""


def said(path: Path, *arguments: str) -> str:
    """Return the error's text in a process that looks for the socket at this path; with "nobody", not as root."""
    environment = {**os.environ, "PCSCLITE_CSOCK_NAME": str(path)}
    command = [sys.executable, "-I", "-c", PROGRAM, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.usefixtures("daemon")
def test_without_a_socket_the_error_says_what_to_do_in_a_container(tmp_path: Path) -> None:
    text = said(tmp_path / "nothing")
    assert "the resource manager does not run" in text
    assert "In a container, mount the host's /run/pcscd" in text


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("forbidden", ["socket", "folder"])
def test_a_socket_that_the_user_may_not_open_is_not_a_stopped_service(forbidden: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name), Path(name, "pcscd.comm")
        path.touch()
        path.chmod(0)
        folder.chmod(0o755 if forbidden == "socket" else 0)
        text = said(path, "nobody")
        folder.chmod(0o700)
    assert f"this user may not open the socket of the resource manager, {path}" in text
    assert "Start it" not in text


@pytest.mark.parametrize("times", [1, 2])
def test_a_refusal_is_asked_for_twice(virtual_place: Place, times: int) -> None:
    refusal = virtual.fault("SCardEstablishContext", code="SCARD_W_SECURITY_VIOLATION", times=times)
    with refusal:
        if times == 1:  # pcsc-lite's code of a daemon that ended during the call
            Context(library=virtual_place.library).release()
        else:
            with pytest.raises(NoServiceError, match="refuses this program") as caught:
                Context(library=virtual_place.library)
            assert caught.value.code == ReturnCode.SCARD_W_SECURITY_VIOLATION
            assert "polkit" in str(caught.value)
        assert refusal.hits == times


def test_an_attach_says_if_its_context_was_refused(virtual_place: Place) -> None:
    with (
        virtual.fault("SCardEstablishContext", code="SCARD_W_SECURITY_VIOLATION", times=2),
        pytest.raises(NoServiceError, match="SCardEstablishContext: the resource manager refuses this program"),
    ):
        SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader)
