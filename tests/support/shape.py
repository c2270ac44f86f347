"""The platform whose shape scardffi is built in: this one, or macOS, which tests/macos/run builds on Linux too."""

import sys
from typing import Final

from scardffi import ReturnCode, lib

MACOS: Final = not lib.PCSC_NOTIFIES_OF_READERS
WINDOWS: Final = sys.platform == "win32"
PLACES: Final = ("virtual",) if MACOS or WINDOWS or sys.byteorder == "big" else ("virtual", "pcscd")
"""The places where a test for both libraries runs: only on Linux does a pcscd have the shape of the build.

With the most significant byte first, pcscd does not close the handles of a released context, so other tests find the
cards in use: its list of them keeps the first 4 of the 8 bytes of a handle.
"""
COMPILER_FLAGS: Final = ("-DSCARDFFI_ABI_MACOS",) if MACOS else ()
"""Compiler flags for C code that includes pcsc_abi.h."""
# On Windows these codes are Win32's: ERROR_INVALID_HANDLE and ERROR_NOT_SUPPORTED.
NO_SUCH_HANDLE: Final = 6 if WINDOWS else ReturnCode.SCARD_E_INVALID_HANDLE
NO_SUCH_ATTRIBUTE: Final = 50 if WINDOWS else ReturnCode.SCARD_E_UNSUPPORTED_FEATURE
