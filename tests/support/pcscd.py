"""A private pcscd in a mount namespace, with the readers that a test asks for."""

import contextlib
import functools
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import final

from .compile import compiler, pcsc_include_flags, shared_library
from .shape import MACOS

_HANDLER_SOURCE = Path(__file__).parent.parent / "csrc" / "ifd_handler.c"
_UDEV_SOURCE = _HANDLER_SOURCE.with_name("fake_udev.c")
_VPCD_DRIVERS = "usr/lib*/pcsc/drivers/serial/libifdvpcd.so"
_SEARCH_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))

# The paths of the daemon's socket and of its folder of USB drivers are compiled in. Our folder is mounted there,
# with the serial drivers in it, so the daemon uses no real reader. If the tests are killed, the daemon ends too.
_ENTER_NAMESPACE = """
mount -t tmpfs none /run && mkdir -p /run/pcscd || exit 1
for drivers in /usr/lib*/pcsc/drivers; do
    [ -d "$drivers" ] || continue
    [ ! -d "$drivers/serial" ] || mount --bind "$drivers/serial" "$1/serial" || exit 1
    mount --rbind "$1" "$drivers" || exit 1
done
shift
exec setpriv --pdeathsig KILL "$@"
"""

# One driver for several USB readers, each with its own product number and name.
_BUNDLE = """<plist>
<dict>
<key>CFBundleExecutable</key>
<string>{library}</string>
<key>ifdVendorID</key>
<array>
{vendors}</array>
<key>ifdProductID</key>
<array>
{products}</array>
<key>ifdFriendlyName</key>
<array>
{names}</array>
</dict>
</plist>
"""

# pcsc-lite's CMD_GET_READERS_STATE: a header (length of the rest, command), answered by 16 of these:
# name, event counter, state, sharing, ATR, length of the ATR, protocol.
_GET_READERS_STATE = struct.pack("=II", 0, 0x12)
_READER_STATE = struct.Struct("=128sIIi33s3xII")
_MAX_READERS = 16
_ABSENT, _PRESENT = 2, 4
_INSERTIONS = 10

_START_SECONDS = 10.0
_STOP_SECONDS = 5.0


def in_namespace(command: Sequence[str]) -> list[str]:
    """Return the command that runs this one in a mount namespace of its own."""
    as_root = [] if os.geteuid() == 0 else ["-r"]
    return ["unshare", *as_root, "-m", "--propagation", "private", *command]


@functools.cache
def unavailable_reason(*, vpcd: bool = False) -> str | None:
    """Return why a private pcscd cannot run here, or None; with `vpcd`, also if its vpcd readers cannot."""
    if sys.platform != "linux" or MACOS:
        return "a private pcscd needs Linux, and a scardffi that has the shape of its library"
    for name in ("unshare", "setpriv", "mount", "pcscd", compiler()[0]):
        if shutil.which(name, path=_SEARCH_PATH) is None:
            return f"{name} is not installed"
    if vpcd and not any(Path("/").glob(_VPCD_DRIVERS)):
        return "vpcd's driver (vsmartcard-vpcd) is not installed"
    header = subprocess.run(
        [*compiler(), *pcsc_include_flags(), "-E", "-x", "c", "-"],
        input="#include <ifdhandler.h>\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    if header.returncode != 0:
        return "pcsc-lite's ifdhandler.h (libpcsclite-dev) is not installed"
    entered = subprocess.run(
        in_namespace(["mount", "-t", "tmpfs", "none", "/run"]), capture_output=True, text=True, check=False
    )
    if entered.returncode != 0:
        return f"no mount namespace of our own: {entered.stderr.strip()}"
    return None


def pcscd_version() -> str:
    """Return text such as "pcscd 1.9.9", or "no pcscd"."""
    path = shutil.which("pcscd", path=_SEARCH_PATH)
    if path is None:
        return "no pcscd"
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return f"pcscd {said.split(maxsplit=3)[2].rstrip('.')}"


@functools.cache
def has_polkit() -> bool:
    """Return True if pcscd asks polkit, which refuses clients if it does not run; Debian's pcscd 1.9.9 does not."""
    path = shutil.which("pcscd", path=_SEARCH_PATH)
    if path is None:
        return False
    help_text = subprocess.run(
        [path, "--help"], capture_output=True, text=True, check=False, env={"PATH": _SEARCH_PATH}
    )
    return "--disable-polkit" in help_text.stdout


@final
class PrivatePcscd:
    """A daemon that runs during a `with` statement; a client reaches it if `environment` is in its own environment.

    `ifd_reader(n)` is the name of reader n of the tests' handler, `vpcd_reader(port, slot)` of a slot of a vpcd reader.
    Cards connect to the vpcd readers of `vpcd_ports`. The vpcd readers of `listening_cards` connect to two cards, which
    listen on the port and on the next one from before the daemon's start to its end: without them vpcd ends the daemon.
    The daemon ends with the thread that started it: start it on a thread that lasts.
    """

    def __init__(
        self,
        work_folder: Path,
        ifd_readers: int = 0,
        vpcd_ports: Sequence[int] = (),
        listening_cards: Sequence[int] = (),
        *,
        debug: bool = True,
    ) -> None:
        self._vpcd_devices = {port: f"/dev/null:{port}" for port in vpcd_ports}
        self._vpcd_devices.update((port, f"127.0.0.1:{port}") for port in listening_cards)
        if not 0 <= ifd_readers + 2 * len(self._vpcd_devices) <= _MAX_READERS:
            raise ValueError(f"pcscd takes {_MAX_READERS} readers, and a vpcd reader counts twice")
        if not str(work_folder.resolve()).isascii() or len(str(work_folder.resolve()).split()) != 1:
            raise ValueError(f"pcscd reads no driver from a folder of this name: {work_folder}")
        self._work_folder = work_folder.resolve()
        self._ifd_readers = ifd_readers
        self._polkit = ["--disable-polkit"] if has_polkit() else []
        self._logging = ["--debug"] if debug else []  # costs some 3 us per exchange
        self._process: subprocess.Popen[bytes] | None = None
        self._built: tuple[Path, Path] | None = None  # the folder of drivers, and the library of fake_udev.c
        self.ifd_folder = self._work_folder / "ifd"
        self._usb_folder = self._work_folder / "usb"
        self.log = self._work_folder / "pcscd.log"

    def __enter__(self) -> "PrivatePcscd":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def socket(self) -> Path:
        """The path of the daemon's socket outside its namespace."""
        if self._process is None:
            raise RuntimeError("this pcscd is not running")
        return Path(f"/proc/{self._process.pid}/root/run/pcscd/pcscd.comm")

    @property
    def process_id(self) -> int:
        """The daemon's process."""
        if self._process is None:
            raise RuntimeError("this pcscd is not running")
        return self._process.pid

    @property
    def thread_count(self) -> int:
        """The number of the daemon's threads: some of its own, and one for each context of a client."""
        if self._process is None:
            raise RuntimeError("this pcscd is not running")
        return len(list(Path(f"/proc/{self._process.pid}/task").iterdir()))

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a client's environment needs; pcsc-lite reads them once in a process."""
        return {"PCSCLITE_CSOCK_NAME": str(self.socket)}

    def start(self) -> None:
        """Start the daemon; return when it has all readers and has powered every card in the tests' handler.

        A start after `stop` starts another daemon with the same readers; removed cards stay removed.
        """
        if self._process is not None:
            raise RuntimeError("this pcscd is running already")
        self.ifd_folder.mkdir(parents=True, exist_ok=True)
        self._usb_folder.mkdir(exist_ok=True)
        for number in range(self._ifd_readers):
            (self._usb_folder / str(number)).touch()
        configuration = self._work_folder / "readers"
        configuration.mkdir(exist_ok=True)
        (configuration / "readers").write_text("\n".join(self._reader_definitions()))
        if self._built is None:
            self._built = self._driver_folder(), shared_library(_UDEV_SOURCE, self._work_folder)
        drivers, udev = self._built
        enter = ["sh", "-c", _ENTER_NAMESPACE, "sh", str(drivers)]
        preload = f"LD_PRELOAD={udev}"
        options = ["--foreground", *self._polkit, *self._logging, "--config", str(configuration)]
        daemon = ["env", preload, "pcscd", *options]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                in_namespace([*enter, *daemon]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "PATH": _SEARCH_PATH,
                    "SCARDFFI_TEST_IFD": str(self.ifd_folder),
                    "SCARDFFI_TEST_USB": str(self._usb_folder),
                },
                start_new_session=True,
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the daemon, if it runs, and wait for it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End the daemon by SIGKILL, if it runs, and wait for it."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the daemon by SIGSTOP during a `with` statement: it does not answer, and its clients wait."""
        if self._process is None:
            raise RuntimeError("this pcscd is not running")
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)  # until then its threads go on
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def ifd_reader(self, number: int) -> str:
        """Return the name of reader `number` of the tests' handler."""
        return self._named(f"scardffi test {number:02} ")

    def vpcd_reader(self, port: int, slot: int = 0) -> str:
        """Return the name of one of the two slots of the vpcd reader on this port."""
        return self._named(f"vpcd {port} ", slot)

    def atrs(self) -> dict[str, bytes]:
        """Return the ATR of each reader's card by the reader's name; it is empty if no card is powered."""
        return {name: atr for name, (_, atr, _) in self._readers().items()}

    def card_events(self, reader: str) -> int:
        """Return the daemon's count of insertions and removals in this reader."""
        return self._readers()[reader][2]

    def _readers(self) -> dict[str, tuple[int, bytes, int]]:
        """Return the state (bits of SCardStatus), the ATR and the count of card events of each reader by its name."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_START_SECONDS)
            connection.connect(str(self.socket))
            connection.sendall(_GET_READERS_STATE)
            answer = bytearray()
            while len(answer) < _MAX_READERS * _READER_STATE.size:
                received = connection.recv(65536)
                if not received:
                    raise ConnectionError("pcscd closed the connection")
                answer += received
        states = _READER_STATE.iter_unpack(answer)
        # While the daemon sets up a reader, the length of its ATR is larger than any ATR.
        return {
            name.split(b"\0", 1)[0].decode(): (state, atr[:length] if length <= len(atr) else b"", events)
            for name, events, state, _, atr, length, _ in states
            if name[0]
        }

    def wait_for_card(self, reader: str, *, present: bool = True, seconds: float = 5.0) -> None:
        """Wait until the daemon has noticed a card in this reader, or its removal.

        This uses the reader's state and not the ATR, which is empty too if pcscd has powered down an unused card.
        """
        awaited = _PRESENT if present else _ABSENT
        deadline = time.monotonic() + seconds
        while not self._readers()[reader][0] & awaited:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the card of {reader} is not {'there' if present else 'gone'}\n{self._log_tail()}")
            time.sleep(0.002)

    def remove_card(self, number: int) -> None:
        """Remove the card from a reader of the tests' handler; the daemon notices it within milliseconds."""
        (self.ifd_folder / f"absent-{number}").touch()

    def insert_card(self, number: int) -> None:
        """Insert the card into a reader of the tests' handler again; return when the daemon has noticed it.

        pcscd 1.9.9 can miss an insertion while it powers down the removed card; then the card is inserted once more.
        """
        absent = self.ifd_folder / f"absent-{number}"
        for _ in range(_INSERTIONS):
            absent.unlink(missing_ok=True)
            with contextlib.suppress(TimeoutError):
                return self.wait_for_card(self.ifd_reader(number), seconds=0.5)
            absent.touch()
            time.sleep(0.05)
        raise TimeoutError(f"pcscd does not notice the card of reader {number}\n{self._log_tail()}")

    def has_card(self, number: int) -> bool:
        """Return True if a card is in a reader of the tests' handler."""
        return not (self.ifd_folder / f"absent-{number}").exists()

    def set_atr(self, number: int, atr: bytes | None) -> None:
        """Set the ATR of the next card in a reader of the tests' handler; None is the usual ATR, b"" a mute card."""
        path = self.ifd_folder / f"atr-{number}"
        if atr is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(atr.hex())

    def unplug_reader(self, number: int) -> None:
        """Unplug a reader of the tests' handler; return when the daemon no longer lists it."""
        (self._usb_folder / str(number)).unlink()
        self._wait_for_reader(number, listed=False)

    def plug_reader(self, number: int) -> None:
        """Plug the reader in again; return when the daemon has checked for its card."""
        (self._usb_folder / str(number)).touch()
        self._wait_for_reader(number, listed=True)
        self.wait_for_card(self.ifd_reader(number), present=self.has_card(number))

    def release(self, number: int) -> None:
        """End one hanging command of a reader of the tests' handler: the present one, or the next."""
        (self.ifd_folder / f"go-{number}").touch()

    def ifd_events(self, number: int) -> list[str]:
        """Return the log of the tests' handler for a reader, without the times."""
        lines = (self.ifd_folder / f"reader-{number}.log").read_text().splitlines()
        return [line.split(" ", 1)[1].rstrip() for line in lines]

    def _driver_folder(self) -> Path:
        """Make the folder that is mounted over the daemon's folder of drivers, with the bundle of the tests."""
        folder = self._work_folder / "drivers"
        contents = folder / "scardffi.bundle" / "Contents"
        for needed in (folder / "serial", contents / "Linux"):
            needed.mkdir(parents=True, exist_ok=True)
        handler = shared_library(_HANDLER_SOURCE, contents / "Linux", *pcsc_include_flags())

        def strings(values: Iterable[str]) -> str:
            return "".join(f"<string>{value}</string>\n" for value in values)

        numbers = range(_MAX_READERS)
        (contents / "Info.plist").write_text(
            _BUNDLE.format(
                library=handler.name,
                vendors=strings("0x5CAD" for _ in numbers),
                products=strings(f"0x{number:04X}" for number in numbers),
                names=strings(f"scardffi test {number:02}" for number in numbers),
            )
        )
        return folder

    def _reader_definitions(self) -> Iterator[str]:
        if self._vpcd_devices:
            driver = min(Path("/").glob(_VPCD_DRIVERS))
            for port, device in self._vpcd_devices.items():
                place = f"DEVICENAME {device}\nCHANNELID {port}"
                yield f'FRIENDLYNAME "vpcd {port}"\n{place}\nLIBPATH {driver}\n'

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        expected = self._ifd_readers + 2 * len(self._vpcd_devices)
        cards = self._ifd_readers - len(list(self.ifd_folder.glob("absent-*")))
        deadline = time.monotonic() + _START_SECONDS
        while True:
            with contextlib.suppress(OSError):
                atrs = self.atrs()
                powered = sum(bool(atr) for name, atr in atrs.items() if name.startswith("scardffi test "))
                if len(atrs) == expected and powered == cards:
                    return
            if process.poll() is not None:
                raise RuntimeError(f"pcscd ended with {process.returncode}\n{self._log_tail()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"pcscd does not offer {expected} readers\n{self._log_tail()}")
            time.sleep(0.005)

    def _wait_for_reader(self, number: int, *, listed: bool) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while any(name.startswith(f"scardffi test {number:02} ") for name in self.atrs()) != listed:
            if time.monotonic() > deadline:
                raise TimeoutError(f"reader {number} is not {'there' if listed else 'gone'}\n{self._log_tail()}")
            time.sleep(0.002)

    def _named(self, prefix: str, index: int = 0) -> str:
        return sorted(name for name in self.atrs() if name.startswith(prefix))[index]

    def _log_tail(self) -> str:
        """Return the end of the daemon's log, without the lines about clients that connect and disconnect."""
        chatter = ("winscard_svc.c", "winscard_msg_srv.c", "SVCServiceRunLoop()")
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if not any(word in line for word in chatter)][-30:])
