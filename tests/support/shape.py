"""The shape that scardffi is built in: the platform's own, or macOS's, on Linux too (tests/macos/run)."""

import sys
from typing import Final

from scardffi import lib

MACOS: Final = not lib.PCSC_NOTIFIES_OF_READERS
WINDOWS: Final = sys.platform == "win32"
PLACES: Final = ("virtual",) if MACOS or WINDOWS else ("virtual", "pcscd")
"""Where a test of both libraries runs: no pcscd's library has the shape of the others."""
COMPILER_FLAGS: Final = ("-DSCARDFFI_ABI_MACOS",) if MACOS else ()
"""For C code that uses pcsc_abi.h."""
# Codes that are not the same everywhere
NO_SUCH_HANDLE: Final = 6 if WINDOWS else 0x80100003
UNSUPPORTED_FEATURE: Final = 0x80100022 if WINDOWS else 0x8010001F
NO_SUCH_ATTRIBUTE: Final = 50 if WINDOWS else UNSUPPORTED_FEATURE
