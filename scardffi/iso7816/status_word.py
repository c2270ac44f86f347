"""Status words: what the last two bytes of a response mean (ISO/IEC 7816-4, clause 5.6)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


SUCCESS: Final = 0x9000
"""The status word of a command that went well."""

_MEANINGS: Final = {
    0x9000: "success",
    0x6200: "warning, memory unchanged",
    0x6281: "warning: part of the data may be corrupted",
    0x6282: "warning: end of file or record reached before Le bytes were read",
    0x6283: "warning: selected file deactivated",
    0x6284: "warning: file control information not formatted",
    0x6285: "warning: selected file in termination state",
    0x6286: "warning: no input from a sensor on the card",
    0x6300: "warning, memory changed",
    0x6381: "warning: file filled up by the last write",
    0x6400: "execution error, memory unchanged",
    0x6401: "immediate response required by the card",
    0x6500: "execution error, memory changed",
    0x6581: "memory failure",
    0x6600: "security-related error",
    0x6700: "wrong length",
    0x6800: "function in CLA not supported",
    0x6881: "logical channel not supported",
    0x6882: "secure messaging not supported",
    0x6883: "last command of the chain expected",
    0x6884: "command chaining not supported",
    0x6900: "command not allowed",
    0x6981: "command incompatible with file structure",
    0x6982: "security status not satisfied",
    0x6983: "authentication method blocked",
    0x6984: "reference data not usable",
    0x6985: "conditions of use not satisfied",
    0x6986: "command not allowed, no current EF",
    0x6987: "secure messaging data objects missing",
    0x6988: "secure messaging data objects incorrect",
    0x6A00: "wrong parameters P1-P2",
    0x6A80: "incorrect parameters in the command data",
    0x6A81: "function not supported",
    0x6A82: "file or application not found",
    0x6A83: "record not found",
    0x6A84: "not enough memory in the file",
    0x6A85: "Nc inconsistent with TLV structure",
    0x6A86: "incorrect parameters P1-P2",
    0x6A87: "Nc inconsistent with parameters P1-P2",
    0x6A88: "referenced data not found",
    0x6A89: "file already exists",
    0x6A8A: "DF name already exists",
    0x6B00: "wrong parameters P1-P2",
    0x6D00: "instruction not supported",
    0x6E00: "class not supported",
    0x6F00: "no precise diagnosis",
}


def meaning(sw: int) -> str:
    """What a status word says, in words.

    Args:
        sw: SW1 and SW2 as one number, 0 to 0xFFFF.

    Returns:
        The meaning that ISO/IEC 7816-4 gives it; for other values, of the group that SW1 stands for.
    """
    sw1, sw2 = sw >> 8, sw & 0xFF
    if sw in _MEANINGS:
        words = _MEANINGS[sw]
    elif sw1 == 0x61:
        words = f"success, {sw2 or 256} more bytes to be had by GET RESPONSE"
    elif sw1 == 0x6C:
        words = f"wrong Le, {sw2 or 256} bytes are there"
    elif sw & 0xFFF0 == 0x63C0:
        words = f"warning, counter at {sw & 0xF}"
    elif sw1 in {0x62, 0x64} and 0x02 <= sw2 <= 0x80:
        words = f"the card offers a query of {sw2} bytes"
    elif sw1 << 8 in _MEANINGS and sw1 != 0x90:
        words = f"{_MEANINGS[sw1 << 8]}, not further specified"
    else:
        words = "proprietary status" if sw1 >> 4 == 9 else "no status word of ISO/IEC 7816-4"
    return words
