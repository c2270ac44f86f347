"""The check of the status words of ISO/IEC 7816-4."""

from ._table import COUNTERS, TableErrorChecker, table

iso7816_4SW = table(
    {
        0x62: (0x00, 0x81, 0x82, 0x83, 0x84, 0xFF),
        0x63: (0x00, 0x81, *COUNTERS),
        0x68: (0x81, 0x82),
        0x69: range(0x81, 0x89),
        0x6A: range(0x80, 0x89),
        **dict.fromkeys((0x64, 0x67, 0x6B, 0x6D, 0x6E, 0x6F), (0x00,)),
    }
)
"""The status words that the check refuses: by SW1 the exception, and the meanings by SW2."""


class ISO7816_4ErrorChecker(TableErrorChecker):
    """The check of the status words of ISO/IEC 7816-4 (clause 5.6), with the meaning of each."""

    table = iso7816_4SW
