"""The check of the status words of ISO/IEC 7816-8."""

from ._table import COUNTERS, TableErrorChecker, table

iso7816_8SW = table(
    {
        0x63: (0x00, *COUNTERS),
        0x65: (0x81,),
        0x66: (0x00, 0x87, 0x88),
        0x67: (0x00,),
        0x68: (0x83, 0x84),
        0x69: range(0x82, 0x86),
        0x6A: (0x81, 0x82, 0x86, 0x88),
    }
)
"""The status words that the check refuses: by SW1 the exception, and the meanings by SW2."""


class ISO7816_8ErrorChecker(TableErrorChecker):
    """The check of the status words that ISO/IEC 7816-8 lists for its commands."""

    table = iso7816_8SW
