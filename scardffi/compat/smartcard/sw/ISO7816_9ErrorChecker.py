"""The check of the status words of ISO/IEC 7816-9."""

from ._table import TableErrorChecker, table

iso7816_9SW = table({0x62: (0x82,), 0x64: (0x00,), 0x69: (0x82,), 0x6A: (0x80, 0x84, 0x89, 0x8A)})
"""The status words that the check refuses: by SW1 the exception, and the meanings by SW2."""


class ISO7816_9ErrorChecker(TableErrorChecker):
    """The check of the status words that ISO/IEC 7816-9 lists for its commands."""

    table = iso7816_9SW
