"""The command ``scardffi doctor``: each fault is made, and the doctor names it."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.container import in_root
from support.pcscd import PrivatePcscd, has_polkit
from support.pcscd_of_another_version import PcscdOfAnotherVersion

from scardffi import virtual
from scardffi._doctor import KINDS

PAGE = Path(__file__).parent.parent / "docs" / "doctor.md"
NOBODY = 65534
LIBRARIES = [str(path)[1:] for path in Path("/usr/lib").glob("*/libpcsclite*")]
DAEMON = ["usr/sbin/pcscd"]
DRIVERS = ["usr/lib/pcsc/drivers/ifd-ccid.bundle"]

PROGRAM = f"""
import json, os, sys
from scardffi import Library
from scardffi.cli.main import main, parser
if os.environ.pop("AS_NOBODY", ""):
    parser(loaded=True)
    Library("libpcsclite.so.1").info()  # what it imports may be in a folder that is closed to others
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid({NOBODY}, {NOBODY}, {NOBODY})
        os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
sys.exit(main(["doctor", *sys.argv[1:]]))
"""
DOCTOR = [sys.executable, "-I", "-c", PROGRAM, "--json"]


def examined(command: Sequence[str] = DOCTOR, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run the doctor and return its report; the exit status must be the report's."""
    variables = {name: value for name, value in os.environ.items() if name != "SCARDFFI_LIBRARY"}
    done = subprocess.run(
        [*command, *arguments], env={**variables, **environment}, cwd="/", capture_output=True, text=True, check=False
    )
    assert not done.stderr or "scardffi virtual library: " in done.stderr  # which says what it refuses
    report: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == report["exit_code"]
    return report


def the_finding(report: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the report's only finding, which must have this id."""
    assert [finding["id"] for finding in report["findings"]] == [name]
    finding: dict[str, Any] = report["findings"][0]
    assert finding["command"]
    assert finding["exit_code"] == report["exit_code"] != 0
    return finding


@pytest.fixture(scope="module", autouse=True)
def _needs_pcscd(daemon: PrivatePcscd) -> None:
    """Skip these tests where a private pcscd cannot run."""


@pytest.fixture(scope="module")
def doctors_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePcscd]:
    """A pcscd with two readers of the tests' handler, whose cards tests change."""
    with PrivatePcscd(tmp_path_factory.mktemp("doctor"), 2) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def empty_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePcscd]:
    """A pcscd without readers."""
    with PrivatePcscd(tmp_path_factory.mktemp("empty")) as daemon:
        yield daemon


# All is well


def test_nothing_is_found_when_all_is_well(doctors_daemon: PrivatePcscd) -> None:
    report = examined(**doctors_daemon.environment)
    assert report["findings"] == []
    assert report["exit_code"] == 0
    assert [reader["name"] for reader in report["readers"]] == [doctors_daemon.ifd_reader(number) for number in (0, 1)]
    assert "libpcsclite" in report["library"]


def test_it_connects_to_no_card_and_opens_one_context(doctors_daemon: PrivatePcscd) -> None:
    done = subprocess.run(
        [*DOCTOR[:-1]], env={**os.environ, **doctors_daemon.environment, "SCARDFFI_TRACE": "-"}, cwd="/",
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    calls = set(re.findall(r"\b(SCard\w+)", done.stderr))
    assert calls == {"SCardEstablishContext", "SCardListReaders", "SCardGetStatusChange", "SCardReleaseContext"}
    assert "nothing wrong was found" in done.stdout


@pytest.mark.parametrize("place", ["virtual", "pcscd"])
def test_in_a_terminal_it_prints_the_readers_and_the_findings(place: str, doctors_daemon: PrivatePcscd) -> None:
    pexpect = pytest.importorskip("pexpect", reason="terminals are tested on Linux, with pexpect")
    library = ["--virtual"] if place == "virtual" else []
    environment = {**os.environ, **doctors_daemon.environment, "TERM": "xterm", "NO_COLOR": "1"}
    for options, last in (([], "nothing wrong was found"), (["--reader", "none"], "next     scardffi readers")):
        arguments = [*DOCTOR[1:-1], *library, *options]
        terminal = pexpect.spawn(sys.executable, arguments, cwd="/", env=environment, encoding="utf-8", timeout=20)
        terminal.expect(pexpect.EOF)
        terminal.close()
        lines = (terminal.before or "").splitlines()
        assert lines[0].startswith("library  /")
        assert lines[1].startswith("reader   scardffi ")
        assert lines[-1].strip() == last
        assert terminal.exitstatus == (34 if options else 0)


# The library


def test_a_missing_library_is_found(tmp_path: Path) -> None:
    finding = the_finding(examined(in_root(tmp_path, {}, LIBRARIES, DOCTOR)), "no-library")
    assert finding["command"].endswith("apt-get install libpcsclite1")
    assert "libpcsclite.so.1" in finding["seen"][0]


def test_a_wrong_name_of_the_library_is_found() -> None:
    finding = the_finding(examined(SCARDFFI_LIBRARY="/nonexistent/lib.so"), "no-library")
    assert "/nonexistent/lib.so" in finding["seen"][0]
    assert finding["command"] == "unset SCARDFFI_LIBRARY"


def test_a_file_that_is_no_library_is_found(tmp_path: Path) -> None:
    (tmp_path / "libpcsclite.so.1").write_text("no library")
    finding = the_finding(examined(DOCTOR, "--library", str(tmp_path / "libpcsclite.so.1")), "unusable-library")
    assert str(tmp_path) in finding["seen"][0]


# The service


def test_a_stopped_daemon_is_found(tmp_path: Path) -> None:
    with PrivatePcscd(tmp_path / "pcscd") as daemon:
        environment = daemon.environment
    finding = the_finding(examined(**environment), "daemon-not-running")
    assert f"pcscd's socket {environment['PCSCLITE_CSOCK_NAME']} does not exist" in finding["seen"]
    assert finding["command"] == "unset PCSCLITE_CSOCK_NAME"


def without_socket_variable() -> list[str]:
    return ["env", "--unset=PCSCLITE_CSOCK_NAME", *DOCTOR]


def test_the_command_starts_the_daemon_that_does_not_run(tmp_path: Path) -> None:
    report = examined(in_root(tmp_path, {}, [], without_socket_variable()))
    finding = the_finding(report, "daemon-not-running")
    assert finding["seen"] == ["pcscd's socket /run/pcscd/pcscd.comm does not exist"]
    assert finding["command"] == "pcscd"


def test_with_systemd_the_command_starts_its_socket(tmp_path: Path) -> None:
    report = examined(in_root(tmp_path, {"run/systemd/system/none": ""}, [], without_socket_variable()))
    assert the_finding(report, "daemon-not-running")["command"] == "systemctl enable --now pcscd.socket"


def test_a_daemon_that_is_not_installed_is_installed_first(tmp_path: Path) -> None:
    report = examined(in_root(tmp_path, {}, DAEMON, without_socket_variable()))
    finding = the_finding(report, "daemon-not-running")
    assert finding["command"] == "apt-get install pcscd"
    assert "pcscd is not installed, or in none of the usual folders" in finding["seen"]


@pytest.mark.parametrize(
    ("marker", "command"),
    [
        ("run/.containerenv", "podman run --volume /run/pcscd:/run/pcscd ..."),
        (".dockerenv", "docker run --volume /run/pcscd:/run/pcscd ..."),
    ],
)
def test_a_container_without_the_socket_is_found(marker: str, command: str, tmp_path: Path) -> None:
    report = examined(in_root(tmp_path, {marker: ""}, DAEMON, without_socket_variable()))
    finding = the_finding(report, "container-without-socket")
    assert finding["command"] == command
    assert f"the file /{marker}: this is a container" in finding["seen"]
    assert "Whether pcscd runs on the host" in finding["unknown"][0]


def test_in_a_container_with_a_daemon_that_does_not_run_both_ways_are_named(tmp_path: Path) -> None:
    report = examined(in_root(tmp_path, {".dockerenv": ""}, [], without_socket_variable()))
    finding = the_finding(report, "daemon-not-running")
    assert finding["seen"][-1].endswith("the host's pcscd: docker run --volume /run/pcscd:/run/pcscd ...")
    assert finding["unknown"] == ["Whether pcscd runs on the host."]


def test_a_flatpak_without_the_socket_is_found(tmp_path: Path) -> None:
    info = "[Application]\nname=org.example.Door\n\n[Context]\nsockets=x11;wayland;\n"
    report = examined(in_root(tmp_path, {".flatpak-info": info}, [], without_socket_variable()))
    finding = the_finding(report, "flatpak-confinement")
    assert finding["command"] == "flatpak override --user --socket=pcsc org.example.Door"


def test_a_flatpak_with_the_socket_is_not_the_cause(tmp_path: Path) -> None:
    info = "[Application]\nname=org.example.Door\n\n[Context]\nsockets=x11;pcsc;\n"
    report = examined(in_root(tmp_path, {".flatpak-info": info}, [], without_socket_variable()))
    the_finding(report, "daemon-not-running")


@pytest.fixture
def closed_socket() -> Iterator[Path]:
    """A socket in a folder that others may enter, as pytest's folders are not; nobody may open it."""
    with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_UNIX) as listener:
        Path(name).chmod(0o755)
        path = Path(name, "pcscd.comm")
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o600)
        yield path
        Path(name).chmod(0o700)


@pytest.mark.parametrize("closed", ["socket", "folder"])
def test_a_socket_that_another_user_may_not_open_is_found(closed: str, closed_socket: Path) -> None:
    if closed == "folder":
        closed_socket.chmod(0o666)
        closed_socket.parent.chmod(0o700)
    report = examined(PCSCLITE_CSOCK_NAME=str(closed_socket), AS_NOBODY="1")
    finding = the_finding(report, "socket-forbidden")
    place = closed_socket if closed == "socket" else closed_socket.parent
    assert any(line.startswith(f"{place}: ") for line in finding["seen"])
    assert finding["command"] == f"sudo chmod {'a+rw' if closed == 'socket' else 'a+x'} {place}"


def test_a_snap_that_may_not_open_the_socket_is_found(closed_socket: Path) -> None:
    snap = {"SNAP": "/snap/door/1", "SNAP_NAME": "door"}
    finding = the_finding(
        examined(DOCTOR, **snap, PCSCLITE_CSOCK_NAME=str(closed_socket), AS_NOBODY="1"), "snap-confinement"
    )
    assert finding["command"] == "sudo snap connect door:pcscd"
    assert finding["unknown"] == []


KILLED = """
mkdir -p /run/pcscd
pcscd --foreground >/run/log 2>&1 &
while [ ! -S /run/pcscd/pcscd.comm ]; do sleep 0.01; done
kill -KILL $!
wait $! 2>/run/log || exec "$@"
"""


def test_the_socket_of_a_killed_daemon_is_found(tmp_path: Path) -> None:
    command = ["sh", "-c", KILLED, "sh", *without_socket_variable()]
    finding = the_finding(examined(in_root(tmp_path, {}, [], command)), "socket-refused")
    assert finding["seen"] == ["pcscd's socket /run/pcscd/pcscd.comm exists, but no process listens on it"]
    assert finding["command"] == "pcscd"


def test_a_frozen_daemon_is_found_in_time(empty_daemon: PrivatePcscd) -> None:
    start = time.perf_counter()
    with empty_daemon.frozen():
        report = examined(**empty_daemon.environment)
    assert time.perf_counter() - start < 5
    finding = the_finding(report, "daemon-frozen")
    assert finding["command"] == f"kill -CONT {empty_daemon.process_id}"
    assert "is stopped by a signal" in finding["seen"][1]


@pytest.mark.parametrize("limit", [200, 120])
def test_leaked_contexts_are_found_with_the_process_that_has_them(limit: int, empty_daemon: PrivatePcscd) -> None:
    program = f"""
import sys
from scardffi import Library
library = Library("libpcsclite.so.1")
count = 0
while count < {limit} and library.SCardEstablishContext(2)[0] == 0:
    count += 1
print(count, flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-I", "-c", program], env={**os.environ, **empty_daemon.environment}, cwd="/",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as leaking:  # fmt: skip
        assert leaking.stdout is not None
        count = int(leaking.stdout.readline())
        assert count >= min(limit, 199)
        report = examined(**empty_daemon.environment)
    finding = report["findings"][0]
    assert finding["id"] == "too-many-contexts"
    assert report["exit_code"] == finding["exit_code"]
    assert finding["command"] == f"kill {leaking.pid}"
    assert any(f"(process {leaking.pid}) has {count} of them" in line for line in finding["seen"])


REFUSERS = ["the virtual library", *(["polkit", "no polkit"] if has_polkit() else [])]
"""Debian 12's pcscd does not ask polkit."""
ASKING = """
mkdir -p /run/pcscd /run/dbus
started=""
if [ "$1" = polkit ]; then
    dbus-daemon --system --nofork >/run/dbus.log 2>&1 &
    started=$!
    for try in $(seq 500); do [ -S /run/dbus/system_bus_socket ] && break; sleep 0.01; done
    /usr/lib/polkit-1/polkitd --no-debug >/run/polkitd.log 2>&1 &
    started="$started $!"
    for try in $(seq 50); do
        dbus-send --system --print-reply --dest=org.freedesktop.PolicyKit1 / org.freedesktop.DBus.Peer.Ping && break
        sleep 0.1
    done >/run/ping.log 2>&1
fi
pcscd --foreground >/run/log 2>&1 &
started="$started $!"
for try in $(seq 500); do [ -S /run/pcscd/pcscd.comm ] && break; sleep 0.01; done
shift
"$@" && code=0 || code=$?
kill $started 2>/dev/null # one may have ended by itself
exit "$code"
"""


def asking(polkit: str, folder: Path, user: str = "") -> dict[str, Any]:
    """Run the doctor beside a pcscd that asks polkit."""
    command = ["sh", "-c", ASKING, "sh", polkit, *without_socket_variable()]
    return examined(in_root(folder, {}, [], command), AS_NOBODY=user)


@pytest.mark.parametrize("by", REFUSERS)
def test_a_refusal_is_found(by: str, tmp_path: Path) -> None:
    if by == "the virtual library":
        refusal = "reader;fault,function=SCardEstablishContext,times=2,code=SCARD_W_SECURITY_VIOLATION"
        finding = the_finding(examined(DOCTOR, "--virtual", SCARDFFI_VIRTUAL=refusal), "polkit-refusal")
    else:
        finding = the_finding(asking(by, tmp_path / "nobody", "nobody"), "polkit-refusal")
        assert "this process runs as user nobody" in finding["seen"]
        # pcscd may close the connection before the client has read the refusal
        assert finding["unknown"] == [] or finding["unknown"][0].startswith("Whether polkit refuses")
    if by == "no polkit":
        assert re.fullmatch(r"sudo kill \d+; sudo pcscd --disable-polkit", finding["command"])
    else:
        assert "org.debian.pcsc-lite." in finding["command"]
        assert finding["command"].endswith("tee /etc/polkit-1/rules.d/50-pcscd.rules")
    if by == "polkit":  # which allows root
        assert [now["id"] for now in asking(by, tmp_path / "root")["findings"]] == ["no-card"]


def test_a_daemon_of_another_protocol_version_is_found(empty_daemon: PrivatePcscd, tmp_path: Path) -> None:
    path = tmp_path / "pcscd.comm"
    with PcscdOfAnotherVersion(path, empty_daemon.socket):
        finding = the_finding(examined(PCSCLITE_CSOCK_NAME=str(path)), "protocol-mismatch")
    assert finding["seen"][0] == "pcscd speaks version 4.2 of its protocol, and refuses the client's"
    assert re.search(r"libpcsclite.* speaks version 4\.\d+$", finding["seen"][1])


def test_another_failure_is_reported_as_one_that_it_does_not_know() -> None:
    fault = "reader;fault,function=SCardListReaders,code=SCARD_F_INTERNAL_ERROR"
    finding = the_finding(examined(DOCTOR, "--virtual", SCARDFFI_VIRTUAL=fault), "service-failed")
    assert "SCardListReaders returned SCARD_F_INTERNAL_ERROR" in finding["seen"][0]
    assert finding["unknown"] == ["Why it fails."]


def test_a_configuration_that_the_virtual_library_refuses_is_found() -> None:
    report = examined(DOCTOR, "--virtual", SCARDFFI_VIRTUAL="nonsense")
    finding = the_finding(report, "bad-virtual-configuration")
    assert finding["command"] == "unset SCARDFFI_VIRTUAL"


# Readers: no real one can be had here, so /sys is a folder of files like those that Linux makes


def usb(vendor: str, product: str, interface_class: str, driver: str = "") -> dict[str, str]:
    """Return the files of a USB device with one interface."""
    device = "sys/bus/usb/devices/1-2"
    files = {
        f"{device}/idVendor": vendor, f"{device}/idProduct": product, f"{device}/manufacturer": "ACME",
        f"{device}/product": "Reader", f"{device}:1.0/bInterfaceClass": interface_class,
    }  # fmt: skip
    if driver:
        files[f"{device}:1.0/{driver}"] = ""
    return files


def with_usb(
    daemon: PrivatePcscd, folder: Path, files: dict[str, str], hidden: Sequence[str] = (), driver: str = ""
) -> dict[str, Any]:
    command = DOCTOR
    if driver:
        link = f"ln -s /sys/bus/usb/drivers/{driver} /sys/bus/usb/devices/1-2:1.0/driver"
        command = ["sh", "-c", f'mkdir -p /sys/bus/usb/drivers/{driver} && {link} && exec "$@"', "sh", *DOCTOR]
    return examined(in_root(folder, files, hidden, command), **daemon.environment)


@pytest.mark.parametrize(
    ("ids", "interface_class", "package"),
    [
        (("08e6", "3437"), "0b", "libccid"),
        (("072f", "9000"), "00", "libacsccid1"),
        (("0c4b", "0300"), "ff", "libifd-cyberjack6"),
    ],
)
def test_a_reader_without_a_driver_is_found(
    ids: tuple[str, str], interface_class: str, package: str, empty_daemon: PrivatePcscd, tmp_path: Path
) -> None:
    report = with_usb(empty_daemon, tmp_path, usb(*ids, interface_class), DRIVERS)
    finding = the_finding(report, "driver-missing")
    assert finding["command"] == f"apt-get install {package}"
    assert f"USB sees ACME Reader (USB {ids[0]}:{ids[1]}, /sys/bus/usb/devices/1-2)" in finding["seen"]


DRIVER = "usr/lib/pcsc/drivers/test.bundle/Contents/Info.plist"
PLIST = "<plist><dict><key>CFBundleName</key><string>CCIDCLASSDRIVER</string></dict></plist>"


@pytest.mark.parametrize(
    ("driver", "command"), [("pn533_usb", "modprobe --remove pn533_usb"), ("usbfs", "gpgconf --kill scdaemon")]
)
def test_a_reader_that_another_driver_has_claimed_is_found(
    driver: str, command: str, empty_daemon: PrivatePcscd, tmp_path: Path
) -> None:
    files = {**usb("08e6", "3437", "0b"), DRIVER: PLIST}
    report = with_usb(empty_daemon, tmp_path, files, DRIVERS, driver)
    assert the_finding(report, "reader-claimed")["command"] == command


def test_a_reader_with_a_driver_that_pcscd_does_not_use_is_found(empty_daemon: PrivatePcscd, tmp_path: Path) -> None:
    files = {**usb("08e6", "3437", "0b"), DRIVER: PLIST}
    finding = the_finding(with_usb(empty_daemon, tmp_path, files, DRIVERS), "reader-not-used")
    assert finding["command"] == f"kill -KILL {empty_daemon.process_id}; pcscd"
    assert finding["unknown"] == ["Why pcscd does not use it: pcscd's log tells."]


def test_no_reader_is_found_and_what_usb_sees(empty_daemon: PrivatePcscd, tmp_path: Path) -> None:
    report = with_usb(empty_daemon, tmp_path, {"sys/bus/usb/devices/usb1/idVendor": "1d6b"})
    assert "USB sees no reader" in the_finding(report, "no-reader")["seen"]


def test_without_usb_it_says_that_it_does_not_know_what_usb_sees(empty_daemon: PrivatePcscd, tmp_path: Path) -> None:
    finding = the_finding(with_usb(empty_daemon, tmp_path, {}), "no-reader")
    assert "Whether USB sees a reader: this system does not tell." in finding["unknown"]


def test_a_reader_of_another_name_is_found(doctors_daemon: PrivatePcscd) -> None:
    report = examined(DOCTOR, "--reader", "no such reader", **doctors_daemon.environment)
    assert f"there is {doctors_daemon.ifd_reader(1)}" in the_finding(report, "unknown-reader")["seen"]


# Cards


@pytest.fixture
def second_card_changed(doctors_daemon: PrivatePcscd) -> Iterator[PrivatePcscd]:
    """The daemon; afterwards its second card is the usual one again."""
    yield doctors_daemon
    doctors_daemon.set_atr(1, None)
    doctors_daemon.remove_card(1)
    doctors_daemon.wait_for_card(doctors_daemon.ifd_reader(1), present=False)
    doctors_daemon.insert_card(1)


def test_a_mute_card_is_found(second_card_changed: PrivatePcscd) -> None:
    daemon, reader = second_card_changed, second_card_changed.ifd_reader(1)
    daemon.remove_card(1)
    daemon.wait_for_card(reader, present=False)
    daemon.set_atr(1, b"")
    daemon.insert_card(1)
    assert the_finding(examined(**daemon.environment), "mute-card")["seen"] == [f"{reader}: MUTE"]


def test_an_empty_reader_is_found_if_it_is_the_one_that_matters(second_card_changed: PrivatePcscd) -> None:
    daemon, reader = second_card_changed, second_card_changed.ifd_reader(1)
    daemon.remove_card(1)
    daemon.wait_for_card(reader, present=False)
    assert examined(**daemon.environment)["findings"] == []
    for name in ("test 01", "1"):
        report = examined(DOCTOR, "--reader", name, **daemon.environment)
        assert the_finding(report, "no-card")["seen"] == [f"{reader}: EMPTY"]


HOLD = """
import sys
from scardffi import SCardManage, ShareMode
with SCardManage().attach_by_ifd(sys.argv[1], ShareMode.EXCLUSIVE):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(doctors_daemon: PrivatePcscd) -> Iterator[int]:
    """A process that uses the first card exclusively."""
    with subprocess.Popen(
        [sys.executable, "-I", "-c", HOLD, doctors_daemon.ifd_reader(0)],
        env={**os.environ, **doctors_daemon.environment}, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid


def test_the_process_that_holds_a_card_is_named(holder: int, doctors_daemon: PrivatePcscd) -> None:
    finding = the_finding(examined(**doctors_daemon.environment), "held-exclusively")
    assert f"{doctors_daemon.ifd_reader(0)}: EXCLUSIVE" in finding["seen"]
    assert any(line.endswith(f"(process {holder}) is connected to pcscd") for line in finding["seen"])
    assert finding["command"] == f"kill {holder}"
    assert finding["unknown"] == []


def test_what_another_user_may_not_see_is_said_to_be_unknown(holder: int, doctors_daemon: PrivatePcscd) -> None:
    # Another user cannot go to the daemon's socket through /proc, so the doctor is in the daemon's namespace.
    as_root = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    enter = ["nsenter", f"--target={doctors_daemon.process_id}", "--mount", "--root", *as_root]
    report = examined([*enter, *without_socket_variable()], AS_NOBODY="1")
    finding = the_finding(report, "held-exclusively")
    if not as_root:
        assert finding["command"] == 'sudo env "PATH=$PATH" scardffi doctor'
        assert finding["unknown"] == ["Which program holds it: the system does not tell this user."]
    else:
        assert f"kill {holder}" in finding["command"]


# Beside


def test_pyscard_on_another_library_is_found() -> None:
    report = examined(SCARDFFI_LIBRARY=virtual.library_path())
    finding = the_finding(report, "pyscard-elsewhere")
    assert f"scardffi uses {os.path.realpath(virtual.library_path())}" in finding["seen"]
    assert any(line.startswith("pyscard uses /") and "libpcsclite" in line for line in finding["seen"])
    assert finding["command"] == "unset SCARDFFI_LIBRARY"


# The command and its page


def test_each_finding_has_an_exit_code_of_its_own_that_help_lists(capsys: pytest.CaptureFixture[str]) -> None:
    from scardffi.cli.main import main

    with pytest.raises(SystemExit):
        main(["doctor", "--help"])
    text = capsys.readouterr().out
    assert len({kind.exit_code for kind in KINDS}) == len({kind.id for kind in KINDS}) == len(KINDS)
    assert all(re.search(rf"^ +{kind.exit_code} +{kind.id}$", text, re.MULTILINE) for kind in KINDS)


def test_the_page_lists_each_finding_with_its_exit_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    listed = re.findall(r"^### `([a-z-]+)` \((\d+)\)$", text, re.MULTILINE)
    assert listed == [(kind.id, str(kind.exit_code)) for kind in KINDS]
