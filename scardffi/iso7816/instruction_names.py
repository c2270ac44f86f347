"""The names of instructions, also of those that have no function in :mod:`.instructions`."""

from __future__ import annotations

from typing import Final

from .class_bytes import decode_class_byte

NAMES: Final = {
    0x04: "DEACTIVATE FILE",
    0x06: "DEACTIVATE RECORD",
    0x08: "ACTIVATE RECORD",
    0x0C: "ERASE RECORD",
    0x0E: "ERASE BINARY",
    0x0F: "ERASE BINARY",
    0x10: "PERFORM SCQL OPERATION",
    0x12: "PERFORM TRANSACTION OPERATION",
    0x14: "PERFORM USER OPERATION",
    0x20: "VERIFY",
    0x21: "VERIFY",
    0x22: "MANAGE SECURITY ENVIRONMENT",
    0x24: "CHANGE REFERENCE DATA",
    0x25: "CHANGE REFERENCE DATA",
    0x26: "DISABLE VERIFICATION REQUIREMENT",
    0x28: "ENABLE VERIFICATION REQUIREMENT",
    0x2A: "PERFORM SECURITY OPERATION",
    0x2B: "PERFORM SECURITY OPERATION",
    0x2C: "RESET RETRY COUNTER",
    0x2D: "RESET RETRY COUNTER",
    0x2E: "PERFORM BIOMETRIC OPERATION",
    0x2F: "PERFORM BIOMETRIC OPERATION",
    0x33: "COMPARE",
    0x34: "GET ATTRIBUTE",
    0x35: "GET ATTRIBUTE",
    0x40: "APPLICATION MANAGEMENT REQUEST",
    0x41: "APPLICATION MANAGEMENT REQUEST",
    0x44: "ACTIVATE FILE",
    0x46: "GENERATE ASYMMETRIC KEY PAIR",
    0x47: "GENERATE ASYMMETRIC KEY PAIR",
    0x70: "MANAGE CHANNEL",
    0x82: "EXTERNAL AUTHENTICATE",
    0x84: "GET CHALLENGE",
    0x86: "GENERAL AUTHENTICATE",
    0x87: "GENERAL AUTHENTICATE",
    0x88: "INTERNAL AUTHENTICATE",
    0xA0: "SEARCH BINARY",
    0xA1: "SEARCH BINARY",
    0xA2: "SEARCH RECORD",
    0xA4: "SELECT",
    0xA5: "SELECT DATA",
    0xB0: "READ BINARY",
    0xB1: "READ BINARY",
    0xB2: "READ RECORD",
    0xB3: "READ RECORD",
    0xC0: "GET RESPONSE",
    0xC2: "ENVELOPE",
    0xC3: "ENVELOPE",
    0xCA: "GET DATA",
    0xCB: "GET DATA",
    0xCC: "GET NEXT DATA",
    0xCD: "GET NEXT DATA",
    0xCF: "MANAGE DATA",
    0xD0: "WRITE BINARY",
    0xD1: "WRITE BINARY",
    0xD2: "WRITE RECORD",
    0xD6: "UPDATE BINARY",
    0xD7: "UPDATE BINARY",
    0xD8: "PUT NEXT DATA",
    0xD9: "PUT NEXT DATA",
    0xDA: "PUT DATA",
    0xDB: "PUT DATA",
    0xDC: "UPDATE RECORD",
    0xDD: "UPDATE RECORD",
    0xDE: "UPDATE DATA",
    0xDF: "UPDATE DATA",
    0xE0: "CREATE FILE",
    0xE2: "APPEND RECORD",
    0xE4: "DELETE FILE",
    0xE6: "TERMINATE DF",
    0xE8: "TERMINATE EF",
    0xEA: "LOAD APPLICATION",
    0xEB: "LOAD APPLICATION",
    0xEC: "REMOVE APPLICATION",
    0xED: "REMOVE APPLICATION",
    0xEE: "DELETE DATA",
    0xFE: "TERMINATE CARD USAGE",
}
"""The interindustry instructions (ISO/IEC 7816-4, clause 5.5)."""

STORAGE_CARD_NAMES: Final = {
    0x82: "LOAD KEYS",
    0x86: "GENERAL AUTHENTICATE",
    0x88: "AUTHENTICATE",
    0xB0: "READ BINARY",
    0xCA: "GET DATA",
    0xD6: "UPDATE BINARY",
}
"""The instructions of class FF, which a reader carries out (PC/SC part 3)."""

_READER_CLASS: Final = 0xFF


def instruction_name(cla: int, ins: int) -> str:
    """Return the name of an instruction, such as "SELECT"; "INS CA of class 80" if the card defines it.

    Args:
        cla: the class byte, 0 to 255.
        ins: the instruction byte, 0 to 255.
    """
    names = STORAGE_CARD_NAMES if cla == _READER_CLASS else NAMES if decode_class_byte(cla) else {}
    return names.get(ins) or f"INS {ins:02X} of class {cla:02X}"
