"""Read the numbers of a SIM: by the commands of 2G (GSM 11.11), then by those of a USIM (ETSI TS 102 221).

Without hardware: python examples/without_hardware.py sim
"""

import getpass

from scardffi import Context
from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.status_word import SIM

GSM, ICCID, DIRECTORY, IMSI, PIN = 0xA0, b"\x2f\xe2", b"\x7f\x20", b"\x6f\x07", 1


def digits(value: bytes) -> str:
    """Return the digits of a value. Each byte has two digits, the first one in its lower half."""
    return "".join(f"{byte & 15:X}{byte >> 4:X}" for byte in value).strip("F")


with Context() as context, context.attach(context.list_readers()[0]) as card:
    card.send(iso.select_file(ICCID, cla=GSM), table=SIM)
    print("card:", digits(card.send(iso.read_binary(le=10, cla=GSM), table=SIM).data))
    card.create_ch_verification(cla=GSM, table=SIM, padding="FF").verify(getpass.getpass("PIN: "), PIN)
    card.send(iso.select_file(DIRECTORY, cla=GSM), table=SIM)
    card.send(iso.select_file(IMSI, cla=GSM), table=SIM)
    print("subscriber (SIM):", digits(card.send(iso.read_binary(le=9, cla=GSM), table=SIM).data[1:])[1:])
    print("subscriber (USIM):", digits(card.create_file_access().open("A0000000871002/6F07").read()[1:])[1:])
