"""Where the program runs: container, snap, flatpak, and the commands of this system for packages and services."""

from __future__ import annotations

import configparser
import functools
import os
import shutil
import sys
from pathlib import Path
from typing import Final, NamedTuple

_SBIN: Final = "/usr/sbin:/sbin:/usr/local/sbin"
_CONTAINER_FILES: Final = {"/run/.containerenv": "podman", "/.dockerenv": "docker"}
_CONTROL_GROUPS: Final = {"docker": "docker", "libpod": "podman", "kubepods": "kubernetes", "lxc": "lxc"}
_FLATPAK_FILE: Final = Path("/.flatpak-info")


class _Packages(NamedTuple):
    install: str
    library: str
    daemon: str
    ccid: str


# By the names that a system calls itself, and those that it is like, in /etc/os-release.
_PACKAGES: Final = {
    "debian": _Packages("apt-get install", "libpcsclite1", "pcscd", "libccid"),
    "ubuntu": _Packages("apt-get install", "libpcsclite1", "pcscd", "libccid"),
    "fedora": _Packages("dnf install", "pcsc-lite-libs", "pcsc-lite", "pcsc-lite-ccid"),
    "rhel": _Packages("dnf install", "pcsc-lite-libs", "pcsc-lite", "pcsc-lite-ccid"),
    "arch": _Packages("pacman -S", "pcsclite", "pcsclite", "ccid"),
    "suse": _Packages("zypper install", "libpcsclite1", "pcsc-lite", "pcsc-ccid"),
    "alpine": _Packages("apk add", "pcsc-lite-libs", "pcsc-lite", "ccid"),
}


@functools.cache
def _packages() -> _Packages | None:
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    entries = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    names = [entries.get("ID", ""), *entries.get("ID_LIKE", "").strip("\"'").split()]
    return next((_PACKAGES[name] for name in (name.strip("\"'") for name in names) if name in _PACKAGES), None)


def as_root(command: str) -> str:
    """Return the command that runs this one as root."""
    return command if not hasattr(os, "geteuid") or os.geteuid() == 0 else f"sudo {command}"


def is_debian() -> bool:
    """Return True if the system has Debian's packages."""
    packages = _packages()
    return packages is not None and packages.install == "apt-get install"


def install(package: str) -> str:
    """Return the command that installs a package of this system, or one of ``library``, ``daemon`` and ``ccid``."""
    packages = _packages()
    if packages is None:
        return f"install the package of your system that has {_WORDS.get(package, package)}"
    return as_root(f"{packages.install} {getattr(packages, package, package)}")


_WORDS: Final = {"library": "libpcsclite.so.1", "daemon": "pcscd", "ccid": "the CCID driver of pcsc-lite"}


def start_daemon() -> str:
    """Return the command that starts pcscd; the one that installs it if it is not there."""
    if not has_daemon():
        return install("daemon")
    if Path("/run/systemd/system").exists():
        return as_root("systemctl enable --now pcscd.socket")
    return as_root("rc-service pcscd start" if Path("/run/openrc").exists() else "pcscd")


def restart_daemon(process: int | None) -> str:
    """Return the command that ends pcscd, even if it does not answer, and starts it again.

    Args:
        process: its process, if that is known.
    """
    if Path("/run/systemd/system").exists():
        return as_root("systemctl restart pcscd.socket pcscd.service")
    if Path("/run/openrc").exists():
        return as_root("rc-service pcscd restart")
    return f"{as_root(f'kill -KILL {process}')}; {as_root('pcscd')}" if process else as_root("pcscd")


def has_daemon() -> bool:
    """Return True if pcscd is installed."""
    return shutil.which("pcscd", path=os.pathsep.join((os.environ.get("PATH", ""), _SBIN))) is not None


def container() -> tuple[str, str] | None:
    """Return the kind of container that the program runs in, and what shows it; None if nothing shows one."""
    if sys.platform != "linux":
        return None
    for file, kind in _CONTAINER_FILES.items():
        if os.path.exists(file):  # noqa: PTH110  a name, as it is printed
            return kind, f"the file {file}"
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return "kubernetes", "the environment variable KUBERNETES_SERVICE_HOST"
    if kind := os.environ.get("container", ""):  # noqa: SIM112  systemd's name for it
        return kind, f"the environment variable container={kind}"
    try:
        groups = Path("/proc/1/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return next(((kind, "/proc/1/cgroup") for word, kind in _CONTROL_GROUPS.items() if word in groups), None)


def mount_in_container(kind: str) -> str:
    """Return the command that gives a container the host's socket of pcscd.

    Args:
        kind: the kind of container.
    """
    if kind == "lxc":
        return "lxc config device add CONTAINER pcscd disk source=/run/pcscd path=/run/pcscd"
    if kind == "systemd-nspawn":
        return "systemd-nspawn --bind=/run/pcscd ..."
    if kind == "kubernetes":
        return "kubectl edit pod POD  # add a volume of type hostPath with path /run/pcscd, mounted at /run/pcscd"
    return f"{kind if kind == 'podman' else 'docker'} run --volume /run/pcscd:/run/pcscd ..."


def snap() -> str | None:
    """Return the name of the snap that the program runs in; None outside snaps."""
    return os.environ.get("SNAP_NAME") if "SNAP" in os.environ else None


class Flatpak(NamedTuple):
    """The flatpak that the program runs in."""

    application: str
    has_socket: bool
    """True if it was given the socket of pcscd."""


def flatpak() -> Flatpak | None:
    """Return the flatpak that the program runs in; None outside flatpaks."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(_FLATPAK_FILE.read_text(encoding="utf-8", errors="replace"))
    except (OSError, configparser.Error):
        return None
    name = parser.get("Application", "name", fallback="") or parser.get("Runtime", "name", fallback="APPLICATION")
    return Flatpak(name, "pcsc" in parser.get("Context", "sockets", fallback="").split(";"))
