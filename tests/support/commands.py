"""Commands, and the responses to them of the virtual library's answering card and of the one in csrc/ifd_handler.c."""

OK = bytes.fromhex("9000")
READ_2 = bytes.fromhex("00B0000002")
READ_4 = bytes.fromhex("00B0000004")
ANSWER_4 = bytes.fromhex("000102039000")
SELECT_MF = bytes.fromhex("00A4000C023F00")
GET_CHALLENGE = bytes.fromhex("0084000008")
SLEEP_5_MS = bytes.fromhex("80100005")
HANG = bytes.fromhex("80140000")
"""Answered by the driver's card only, after PrivatePcscd.release, and by a `HoldingCard` of tests/conformance."""
