"""The check of the status words of Open Platform 2.1."""

from ._table import TableErrorChecker, table

op21_SW = table(
    {
        0x62: (0x83,),
        0x65: (0x81,),
        0x69: (0x82, 0x85),
        0x6A: (0x80, 0x81, 0x82, 0x84, 0x86, 0x88),
        0x94: (0x84, 0x85),
        **dict.fromkeys((0x63, 0x64, 0x67, 0x6D, 0x6E), (0x00,)),
    },
    {0x6283: "card is locked", 0x9484: "algorithm not supported", 0x9485: "invalid check value of a key"},
)
"""The status words that the check refuses: by SW1 the exception, and the meanings by SW2."""


class op21_ErrorChecker(TableErrorChecker):
    """The check of the status words that Open Platform 2.1 lists for its commands."""

    table = op21_SW
