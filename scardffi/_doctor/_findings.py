"""The findings: one table, and a function for each that says what was seen of it.

A function returns None if nothing of its finding was seen. The rows of a stage are in the order in which they are
tried. In the stages of the library and of the service the first one that was seen explains all that follows.
"""

from __future__ import annotations

import enum
import getpass
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from .._loader import ffi, lib
from .._service import configuration_reason, unreachable_reason
from ..constants import ReaderStateFlag, ReturnCode
from ..errors import LibraryNotFoundError, lookup
from . import _pcscd, _pyscard, _surroundings, _usb
from ._observed import ANSWER_SECONDS
from ._pcscd import SocketState

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._observed import Observed, ReaderNow

_AGAIN: Final = "scardffi doctor"
_AGAIN_AS_ROOT: Final = 'sudo env "PATH=$PATH" scardffi doctor'
_SC_SECONDS: Final = 5.0
_MANY_CONTEXTS: Final = 100
"""More contexts of one program are a leak: half of what pcscd takes."""
_POLKIT_RULE: Final = (
    'polkit.addRule(function(action, subject) { if (action.id.indexOf("org.debian.pcsc-lite.") == 0 '
    '&& subject.user == "USER") return polkit.Result.YES; });'
)
_BUS: Final = Path("/run/dbus/system_bus_socket")
_POLKIT_FILE: Final = "/etc/polkit-1/rules.d/50-pcscd.rules"


class Stage(enum.Enum):
    """The subject of a finding."""

    LIBRARY = "library"
    SERVICE = "service"
    READER = "reader"
    CARD = "card"
    BESIDE = "beside"


class Seen(NamedTuple):
    """The evidence of a finding, and the next command."""

    evidence: list[str]
    command: str
    """The next command."""
    unknown: tuple[str, ...] = ()
    """The questions about it that have no answer here."""


class Kind(NamedTuple):
    """A row of the table."""

    id: str
    exit_code: int
    stage: Stage
    means: str
    look: Callable[[Observed], Seen | None]


# The library


def _no_library(observed: Observed) -> Seen | None:
    if not isinstance(observed.library_error, LibraryNotFoundError):
        return None
    if observed.chosen_library is None and "SCARDFFI_LIBRARY" in os.environ:
        return Seen([str(observed.library_error)], _unset("SCARDFFI_LIBRARY"))
    if observed.chosen_library is not None:
        return Seen([str(observed.library_error)], f"{_AGAIN}  # without --library: the library of the system")
    return Seen([str(observed.library_error)], _surroundings.install("library"))


def _unusable_library(observed: Observed) -> Seen | None:
    if observed.library_error is None:
        return None
    if observed.chosen_library is None and "SCARDFFI_LIBRARY" in os.environ:
        return Seen([str(observed.library_error)], _unset("SCARDFFI_LIBRARY"))
    return Seen([str(observed.library_error)], _surroundings.install("library"))


def _unset(variable: str) -> str:
    return f"set {variable}=" if sys.platform == "win32" else f"unset {variable}"


# The service


def _bad_virtual_configuration(observed: Observed) -> Seen | None:
    if observed.library is None or observed.works:
        return None
    problem = lib.pcsc_configuration_problem(observed.library.native)
    if not problem:
        return None
    text = ffi.string(problem)
    assert isinstance(text, bytes)  # noqa: S101  what cffi returns for a char *
    return Seen([configuration_reason(text)[0]], _unset("SCARDFFI_VIRTUAL"))


def _meets(observed: Observed, *states: SocketState) -> _pcscd.Probe | None:
    """Return what pcscd's socket meets if nothing works and if it is one of these."""
    if observed.works or observed.probe is None or observed.probe.state not in states:
        return None
    return observed.probe


def _snap_confinement(observed: Observed) -> Seen | None:
    name, probe = _surroundings.snap(), _meets(observed, SocketState.FORBIDDEN, SocketState.ABSENT)
    if name is None or probe is None:
        return None
    unknown = "Whether pcscd runs on the host: without its socket the snap cannot see it."
    return Seen(
        [f"SNAP_NAME={name}", _socket_text(probe)],
        _surroundings.as_root(f"snap connect {name}:pcscd"),
        (unknown,) if probe.state is SocketState.ABSENT else (),
    )


def _flatpak_confinement(observed: Observed) -> Seen | None:
    flatpak, probe = _surroundings.flatpak(), _meets(observed, SocketState.FORBIDDEN, SocketState.ABSENT)
    if flatpak is None or flatpak.has_socket or probe is None:
        return None
    return Seen(
        [f"/.flatpak-info: {flatpak.application} has no socket pcsc", _socket_text(probe)],
        f"flatpak override --user --socket=pcsc {flatpak.application}",
        ("Whether pcscd runs on the host: without its socket the flatpak cannot see it.",),
    )


def _container_without_socket(observed: Observed) -> Seen | None:
    container, probe = _surroundings.container(), _meets(observed, SocketState.ABSENT, SocketState.REFUSED)
    if container is None or probe is None or _surroundings.has_daemon():
        return None
    kind, evidence = container
    return Seen(
        [f"{evidence}: this is a container", _socket_text(probe), "pcscd is not installed in the container"],
        _surroundings.mount_in_container(kind),
        ("Whether pcscd runs on the host: without its socket the container cannot see it.",),
    )


def _daemon_not_running(observed: Observed) -> Seen | None:
    probe = _meets(observed, SocketState.ABSENT)
    if probe is None:
        return None
    evidence = [_socket_text(probe)]
    if not _surroundings.has_daemon():
        evidence.append("pcscd is not installed, or in none of the usual folders")
    if "PCSCLITE_CSOCK_NAME" not in os.environ:
        container = _surroundings.container()
        if container is None:
            return Seen(evidence, _surroundings.start_daemon())
        kind, shows = container
        evidence.append(
            f"{shows}: this is a container; the other way is the host's pcscd: {_surroundings.mount_in_container(kind)}"
        )
        return Seen(evidence, _surroundings.start_daemon(), ("Whether pcscd runs on the host.",))
    return Seen([f"PCSCLITE_CSOCK_NAME={probe.path}", *evidence], _unset("PCSCLITE_CSOCK_NAME"))


def _socket_refused(observed: Observed) -> Seen | None:
    probe = _meets(observed, SocketState.REFUSED)
    return None if probe is None else Seen([_socket_text(probe)], _surroundings.restart_daemon(None))


def _socket_forbidden(observed: Observed) -> Seen | None:
    probe = _meets(observed, SocketState.FORBIDDEN)
    if probe is None:
        return None
    path = Path(probe.path)
    closed = next((folder for folder in reversed(path.parents) if not os.access(folder, os.X_OK)), None)
    if closed is not None:
        evidence, command = _mode_text(closed), _surroundings.as_root(f"chmod a+x {closed}")
    elif os.access(path, os.R_OK | os.W_OK):
        return Seen(
            [
                _mode_text(path),
                "these permissions allow it: a security module, such as AppArmor or SELinux, forbids it",
            ],
            _surroundings.as_root("journalctl --grep 'DENIED|denied' --lines 20"),
            ("Which rule of the security module forbids it: only its log tells.",),
        )
    else:
        evidence, command = _mode_text(path), _surroundings.as_root(f"chmod a+rw {path}")
    return Seen([evidence, f"this process runs as user {_user()}"], command)


def _daemon_frozen(observed: Observed) -> Seen | None:
    if observed.library is None or observed.answers is not None:
        return None
    probe = observed.probe
    evidence = f"the resource manager did not answer within {ANSWER_SECONDS:g} seconds"
    if probe is None:
        return Seen([evidence], _AGAIN, ("Why it does not answer.",))
    if probe.process is not None and _pcscd.is_stopped(probe.process):
        stopped = f"process {probe.process}, which listens on {probe.path}, is stopped by a signal or a debugger"
        return Seen([evidence, stopped], _surroundings.as_root(f"kill -CONT {probe.process}"))
    unknown = "What pcscd waits for: often it is a driver or a reader that does not answer."
    return Seen([evidence, _socket_text(probe)], _surroundings.restart_daemon(probe.process), (unknown,))


def _too_many_contexts(observed: Observed) -> Seen | None:
    total = observed.contexts
    if total is None or (observed.works and total <= _MANY_CONTEXTS):
        return None
    most = _pcscd.most_clients(observed.probe.process if observed.probe is not None else None)
    processes, unseen = observed.clients
    has_leak = bool(processes) and processes[0].connections > _MANY_CONTEXTS
    if not has_leak and (observed.works or total < most - 1):
        return None
    evidence = [f"{total} contexts are open; pcscd takes {most}"]
    evidence += [f"{client} has {client.connections} of them" for client in processes[:3]]
    unknown = (f"Which processes have {unseen} of them: this user may not see it.",) if unseen else ()
    return Seen(evidence, f"kill {processes[0].process}" if processes else _AGAIN_AS_ROOT, unknown)


def _refused_by_polkit(observed: Observed) -> Seen | None:
    answers, probe = observed.answers, _meets(observed, SocketState.CLOSED)
    asked = answers is not None and answers.code == ReturnCode.SCARD_W_SECURITY_VIOLATION
    if probe is None and not asked:
        return None
    evidence = ["SCardEstablishContext returned SCARD_W_SECURITY_VIOLATION"] if asked else []
    if probe is not None:
        evidence.append(f"pcscd closes each connection to {probe.path} at once, without an answer")
    user = _user()
    evidence.append(f"this process runs as user {user}")
    command = f"echo '{_POLKIT_RULE.replace('USER', user)}' | {_surroundings.as_root(f'tee {_POLKIT_FILE}')}"
    if probe is not None and _surroundings.has_daemon() and not _BUS.exists():
        evidence.append(f"{_BUS} does not exist, so pcscd cannot ask polkit, and refuses everybody")
        end = f"{_surroundings.as_root(f'kill {probe.process}')}; " if probe.process else ""
        command = end + _surroundings.as_root("pcscd --disable-polkit")
    unknown = [] if asked else ["Whether polkit refuses, or pcscd for another reason: only pcscd's log tells."]
    if observed.contexts is None:
        unknown.append("How many contexts are open: pcscd also refuses those that are too many.")
    return Seen(evidence, command, tuple(unknown))


def _protocol_mismatch(observed: Observed) -> Seen | None:
    probe = _meets(observed, SocketState.ANSWERED)
    if probe is None or probe.agrees or probe.version is None or observed.library is None:
        return None
    evidence = [f"pcscd speaks version {_version_text(probe.version)} of its protocol, and refuses the client's"]
    unknown: tuple[str, ...] = ()
    path = observed.library.info().path
    if observed.client_version is None:
        unknown = (f"Which version {path} speaks: it did not connect to a socket of the doctor's.",)
    else:
        evidence.append(f"{path} speaks version {_version_text(observed.client_version)}")
    if _surroundings.container() is not None and not _surroundings.has_daemon():
        evidence.append("pcscd runs outside this container")
    if "SCARDFFI_LIBRARY" in os.environ and observed.chosen_library is None:
        return Seen(evidence, _unset("SCARDFFI_LIBRARY"), unknown)
    is_older = observed.client_version is None or observed.client_version < probe.version
    return Seen(evidence, _surroundings.install("library" if is_older else "daemon"), unknown)


def _windows_service_stopped(observed: Observed) -> Seen | None:
    answers = observed.answers
    if os.name != "nt" or answers is None:
        return None
    if answers.code not in {ReturnCode.SCARD_E_NO_SERVICE, ReturnCode.SCARD_E_SERVICE_STOPPED}:
        return None
    evidence = [f"{answers.function} returned {lookup(answers.code).name}"]
    state = _windows_service_state()
    unknown = () if state else ("The state of the service SCardSvr: sc.exe does not tell.",)
    return Seen([*evidence, *([state] if state else [])], "sc.exe start SCardSvr", unknown)


def _windows_service_state() -> str:
    """Return the state of the service as sc.exe prints it; the number is the same in all languages."""
    try:
        done = subprocess.run(
            ["sc.exe", "query", "SCardSvr"],  # noqa: S607  a program of Windows
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SC_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return next((f"SCardSvr: {' '.join(line.split())}" for line in done.stdout.splitlines() if "STATE" in line), "")


def _service_failed(observed: Observed) -> Seen | None:
    answers = observed.answers
    if observed.library is None or observed.works or answers is None:
        return None
    info = lookup(answers.code)
    meaning, remedy = unreachable_reason(observed.library, answers.code) or (info.meaning, info.remedy)
    return Seen([f"{answers.function} returned {info.name}: {meaning}", remedy], _AGAIN, ("Why it fails.",))


# Readers


def _has_no_reader(observed: Observed) -> bool:
    return observed.works and not observed.all_readers


def _drivers_unknown(observed: Observed) -> tuple[str, ...]:
    """Return the sentence about pcscd outside of this container."""
    probe = observed.probe
    if probe is None or _surroundings.container() is None or _surroundings.has_daemon():
        return ()
    return ("Which drivers pcscd has: it runs outside this container, so run the command there.",)


def _driver_missing(observed: Observed) -> Seen | None:
    if not _has_no_reader(observed):
        return None
    lacking = [reader for reader in observed.usb_readers if not _usb.has_driver(reader)]
    if not lacking:
        return None
    evidence = [f"USB sees {reader}" for reader in lacking]
    evidence.append(f"no driver in {', '.join(_usb.driver_folders()) or '/usr/lib*/pcsc/drivers'} serves it")
    first = lacking[0]
    unknown = _drivers_unknown(observed)
    if first.is_ccid:
        return Seen(evidence, _surroundings.install("ccid"), unknown)
    if _surroundings.is_debian():
        return Seen(evidence, _surroundings.install(first.package), unknown)
    unknown = (*unknown, f"The package of this system that has the driver; Debian's is {first.package}.")
    return Seen(evidence, _surroundings.install(first.package), unknown)


def _reader_claimed(observed: Observed) -> Seen | None:
    if not _has_no_reader(observed):
        return None
    reader = next((reader for reader in observed.usb_readers if reader.claimed_by and _usb.has_driver(reader)), None)
    if reader is None:
        return None
    if reader.claimed_by == "usbfs":
        return Seen(
            [f"USB sees {reader}", "a program has claimed it without pcscd, as GnuPG's scdaemon does"],
            "gpgconf --kill scdaemon",
            ("Which program has claimed it.",),
        )
    return Seen(
        [f"USB sees {reader}", f"the kernel's driver {reader.claimed_by} has claimed it"],
        _surroundings.as_root(f"modprobe --remove {reader.claimed_by}"),
    )


def _reader_not_used(observed: Observed) -> Seen | None:
    if not _has_no_reader(observed) or not observed.usb_readers:
        return None
    evidence = [f"USB sees {reader}, and pcscd has a driver for it" for reader in observed.usb_readers]
    process = observed.probe.process if observed.probe is not None else None
    unknown = "Why pcscd does not use it: pcscd's log tells."
    return Seen(evidence, _surroundings.restart_daemon(process), (unknown, *_drivers_unknown(observed)))


def _no_reader(observed: Observed) -> Seen | None:
    if not _has_no_reader(observed):
        return None
    evidence = ["the resource manager answers, and has no reader"]
    unknown: tuple[str, ...] = ("Whether a reader at a serial port is there: such readers cannot be seen.",)
    if _usb.can_tell():
        evidence.append("USB sees no reader")
    else:
        unknown = ("Whether USB sees a reader: this system does not tell.", *unknown)
    return Seen(evidence, _AGAIN, (*unknown, *_drivers_unknown(observed)))


def _unknown_reader(observed: Observed) -> Seen | None:
    if not observed.all_readers or observed.readers:
        return None
    names = [f"there is {reader.name}" for reader in observed.all_readers]
    return Seen([f"no reader has {observed.chosen_reader!r} in its name, or this number", *names], "scardffi readers")


# Cards


def _states(observed: Observed, flag: ReaderStateFlag) -> list[ReaderNow]:
    return [reader for reader in observed.readers if reader.state & flag]


def _mute_card(observed: Observed) -> Seen | None:
    mute = _states(observed, ReaderStateFlag.MUTE)
    if not mute:
        return None
    unknown = "Whether the card is broken, upside down, not a smart card, or not made for this reader."
    return Seen([f"{reader.name}: MUTE" for reader in mute], _AGAIN, (unknown,))


def _held_exclusively(observed: Observed) -> Seen | None:
    held = _states(observed, ReaderStateFlag.EXCLUSIVE)
    if not held:
        return None
    evidence = [f"{reader.name}: EXCLUSIVE" for reader in held]
    processes, unseen = observed.clients
    if not processes:
        unknown = "Which program holds it: the system does not tell this user."
        return Seen(evidence, _AGAIN_AS_ROOT, (unknown,))
    evidence += [f"{client} is connected to pcscd" for client in processes]
    unknowns = []
    if len(processes) > 1 or unseen:
        unknowns.append("Which of the connected programs holds it: pcscd does not tell.")
    if unseen:
        unknowns.append(f"Which processes have {unseen} other connections: this user may not see it.")
    names = {client.name for client in processes}
    command = "gpgconf --kill scdaemon" if "scdaemon" in names else f"kill {processes[0].process}"
    return Seen(evidence, command, tuple(unknowns))


def _no_card(observed: Observed) -> Seen | None:
    readers = observed.readers
    if not readers or any(not reader.state & ReaderStateFlag.EMPTY for reader in readers):
        return None
    return Seen([f"{reader.name}: EMPTY" for reader in readers], _AGAIN)


# Beside


def _pyscard_elsewhere(observed: Observed) -> Seen | None:
    if observed.library is None or observed.chosen_library is not None or not _pyscard.is_installed():
        return None
    others, own = _pyscard.libraries(), os.path.realpath(observed.library.info().path)
    if not others or own in others:
        return None
    evidence = [f"scardffi uses {own}", *(f"pyscard uses {other}" for other in sorted(others))]
    if "SCARDFFI_LIBRARY" in os.environ:
        return Seen(evidence, _unset("SCARDFFI_LIBRARY"))
    return Seen(evidence, f"export SCARDFFI_LIBRARY={min(others)}")


def _user() -> str:
    try:
        return getpass.getuser() if not hasattr(os, "geteuid") else _user_of(os.geteuid())
    except (KeyError, OSError):
        return "unknown"


def _user_of(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _mode_text(path: Path) -> str:
    try:
        entry = path.stat()
    except OSError as error:
        return f"{path}: {error.strerror}"
    return f"{path}: {stat.filemode(entry.st_mode)}, owner {_user_of(entry.st_uid)}"


def _version_text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


_SOCKET_TEXTS: Final = {
    SocketState.ABSENT: "pcscd's socket {} does not exist",
    SocketState.FORBIDDEN: "this process may not connect to pcscd's socket {}",
    SocketState.REFUSED: "pcscd's socket {} exists, but no process listens on it",
    SocketState.SILENT: "pcscd's socket {} takes connections, and does not answer",
    SocketState.CLOSED: "pcscd closes each connection to its socket {}",
    SocketState.ANSWERED: "pcscd answers on its socket {}",
}


def _socket_text(probe: _pcscd.Probe) -> str:
    return _SOCKET_TEXTS[probe.state].format(probe.path)


KINDS: Final = (
    Kind(
        "no-library", 10, Stage.LIBRARY,
        "No PC/SC library was found under the names that were tried. Install the client library of pcsc-lite, or "
        "correct the name.",
        _no_library,
    ),
    Kind(
        "unusable-library", 11, Stage.LIBRARY,
        "The file was found, but it cannot be loaded, or it is no PC/SC library. Often it was built for another "
        "processor.",
        _unusable_library,
    ),
    Kind(
        "bad-virtual-configuration", 12, Stage.SERVICE,
        "The virtual library refuses the environment variable SCARDFFI_VIRTUAL. Correct it, or remove it.",
        _bad_virtual_configuration,
    ),
    Kind(
        "snap-confinement", 13, Stage.SERVICE,
        "The program runs in a snap that is not connected to pcscd.",
        _snap_confinement,
    ),
    Kind(
        "flatpak-confinement", 14, Stage.SERVICE,
        "The program runs in a flatpak that was not given the socket of pcscd. Start the application again after the "
        "command.",
        _flatpak_confinement,
    ),
    Kind(
        "container-without-socket", 15, Stage.SERVICE,
        "The program runs in a container without the host's socket of pcscd. Mount the folder /run/pcscd, not only the "
        "socket: pcscd makes another socket when it starts again.",
        _container_without_socket,
    ),
    Kind(
        "daemon-not-running", 16, Stage.SERVICE,
        "The daemon pcscd does not run, or its socket is elsewhere.",
        _daemon_not_running,
    ),
    Kind(
        "socket-refused", 17, Stage.SERVICE,
        "pcscd has ended, and has left its socket behind.",
        _socket_refused,
    ),
    Kind(
        "socket-forbidden", 18, Stage.SERVICE,
        "This user may not open the socket of pcscd. pcscd itself makes a socket that all users may open.",
        _socket_forbidden,
    ),
    Kind(
        "daemon-frozen", 19, Stage.SERVICE,
        "The resource manager does not answer, so each program that uses it waits.",
        _daemon_frozen,
    ),
    Kind(
        "too-many-contexts", 20, Stage.SERVICE,
        "Programs have left so many contexts open that pcscd refuses more of them, or soon will. The command ends the "
        "program that has most.",
        _too_many_contexts,
    ),
    Kind(
        "polkit-refusal", 21, Stage.SERVICE,
        "pcscd refuses this program. polkit decides that: it allows users of a session at this computer, and no "
        "services or users who came by ssh, unless a rule allows it. The command writes such a rule for this user. "
        "pcscd also refuses everybody if polkit does not run.",
        _refused_by_polkit,
    ),
    Kind(
        "protocol-mismatch", 22, Stage.SERVICE,
        "The client library and pcscd are of releases of pcsc-lite that do not understand each other. Upgrade the "
        "older one; in a container, install the release of the host.",
        _protocol_mismatch,
    ),
    Kind(
        "windows-service-stopped", 23, Stage.SERVICE,
        "Windows' service Smart Card (SCardSvr) does not run. Windows starts it if a reader is plugged in.",
        _windows_service_stopped,
    ),
    Kind(
        "service-failed", 24, Stage.SERVICE,
        "A function of PC/SC failed for a reason that doctor does not know.",
        _service_failed,
    ),
    Kind(
        "driver-missing", 30, Stage.READER,
        "A reader is plugged in, and pcscd has no driver for it. Plug it in again after the command.",
        _driver_missing,
    ),
    Kind(
        "reader-claimed", 31, Stage.READER,
        "A reader is plugged in, and something else than pcscd uses it.",
        _reader_claimed,
    ),
    Kind(
        "reader-not-used", 32, Stage.READER,
        "A reader is plugged in and a driver is installed, and pcscd does not use it.",
        _reader_not_used,
    ),
    Kind(
        "no-reader", 33, Stage.READER,
        "No reader is plugged in. Plug one in; in a virtual machine, pass it on to the machine. Then ask again.",
        _no_reader,
    ),
    Kind(
        "unknown-reader", 34, Stage.READER,
        "No reader has this name.",
        _unknown_reader,
    ),
    Kind(
        "mute-card", 40, Stage.CARD,
        "The card does not answer to a reset. Take it out, clean it, insert it again, and ask again.",
        _mute_card,
    ),
    Kind(
        "held-exclusively", 41, Stage.CARD,
        "A program uses the card exclusively, so others cannot connect to it. The command ends a program that may hold "
        "it: look whether you need it.",
        _held_exclusively,
    ),
    Kind(
        "no-card", 42, Stage.CARD,
        "No reader has a card. Insert one, and ask again.",
        _no_card,
    ),
    Kind(
        "pyscard-elsewhere", 50, Stage.BESIDE,
        "pyscard, which is installed too, loads another PC/SC library than scardffi, so handles of one are not valid "
        "in the other.",
        _pyscard_elsewhere,
    ),
)  # fmt: skip
