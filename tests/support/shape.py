"""The shape that scardffi is built in: the platform's own, or macOS's, on Linux too (tests/macos/run)."""

from typing import Final

from scardffi import lib

MACOS: Final = not lib.PCSC_NOTIFIES_OF_READERS
PLACES: Final = ("virtual",) if MACOS else ("virtual", "pcscd")
"""Where a test of both libraries runs: no pcscd's library has macOS's shape."""
COMPILER_FLAGS: Final = ("-DSCARDFFI_ABI_MACOS",) if MACOS else ()
"""For C code that uses pcsc_abi.h."""
