"""The smart card readers that USB sees, and the drivers of pcscd for them. Only Linux tells about USB."""

from __future__ import annotations

import plistlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEVICES: Final = Path("/sys/bus/usb/devices")
_SMART_CARD_CLASS: Final = "0b"  # USB Device Class Definition for Integrated Circuit(s) Cards Interface Devices
_DRIVERS: Final = ("lib*/pcsc/drivers", "lib/*/pcsc/drivers", "local/lib*/pcsc/drivers")

# Readers without that class: vendor, products (none: all of the vendor), Debian's package of the driver.
_OTHER_READERS: Final = (
    ("072f", ("9000", "90cc", "90d0", "90ce", "8201", "8206", "8207"), "libacsccid1"),
    ("08e6", ("0430", "0432", "0435"), "libgempc430"),
    ("0c4b", (), "libifd-cyberjack6"),
    ("0dc3", (), "libasedrive-usb"),
)


class Reader(NamedTuple):
    """A reader that USB sees."""

    place: str
    """Its name in /sys/bus/usb/devices, such as 1-2."""
    vendor: str
    product: str
    name: str
    is_ccid: bool
    """True if the driver for all CCID readers serves it."""
    claimed_by: str
    """The driver of the kernel that has its interface; usbfs if a program has it; empty if none has it."""
    package: str
    """Debian's package of its driver."""

    def __str__(self) -> str:
        return f"{self.name or 'a reader'} (USB {self.vendor}:{self.product}, {_DEVICES / self.place})"


def can_tell() -> bool:
    """Return True if the system tells which USB devices there are."""
    return sys.platform == "linux" and _DEVICES.is_dir()


def readers() -> list[Reader]:
    """Return the readers that USB sees."""
    if not can_tell():
        return []
    found = (_reader(device) for device in sorted(_DEVICES.iterdir()) if ":" not in device.name)
    return [reader for reader in found if reader is not None]


def _reader(device: Path) -> Reader | None:
    vendor, product = _text(device / "idVendor"), _text(device / "idProduct")
    interfaces = sorted(_DEVICES.glob(f"{device.name}:*"))
    smart_card = [place for place in interfaces if _text(place / "bInterfaceClass") == _SMART_CARD_CLASS]
    package = next((row[2] for row in _OTHER_READERS if row[0] == vendor and (not row[1] or product in row[1])), "")
    if not smart_card and not package:
        return None
    drivers = (place / "driver" for place in smart_card or interfaces)
    driver = next((link.resolve().name for link in drivers if link.exists()), "")
    name = f"{_text(device / 'manufacturer')} {_text(device / 'product')}".strip()
    return Reader(device.name, vendor, product, name, bool(smart_card), driver, "" if smart_card else package)


def has_driver(reader: Reader) -> bool:
    """Return True if a driver in the folders of pcscd serves this reader."""
    for bundle in _bundles():
        if reader.is_ccid and bundle.get("CFBundleName") == "CCIDCLASSDRIVER":
            return True
        ids = zip(bundle.get("ifdVendorID", ()), bundle.get("ifdProductID", ()), strict=False)
        if any((_number(vendor), _number(product)) == (_number(reader.vendor), _number(reader.product))
               for vendor, product in ids):  # fmt: skip
            return True
    return False


def driver_folders() -> list[str]:
    """Return the folders in which pcscd may look for drivers, of those that exist."""
    return [str(folder) for pattern in _DRIVERS for folder in sorted(Path("/usr").glob(pattern))]


def _bundles() -> Iterator[dict[str, Any]]:
    for folder in driver_folders():
        for file in sorted(Path(folder).glob("*.bundle/Contents/Info.plist")):
            try:
                contents = plistlib.loads(file.read_bytes())
            except (OSError, ValueError, plistlib.InvalidFileException):
                continue
            if isinstance(contents, dict):
                yield contents


def _number(text: object) -> int:
    try:
        return int(str(text), 16)
    except ValueError:
        return -1


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
