"""Read what an EMV payment card says to a terminal: its application, the records of it, and the tries of its PIN.

Without hardware: python examples/without_hardware.py emv
"""

from scardffi import Context
from scardffi.iso7816 import DOL, TLV, Command, decode, tag_names
from scardffi.iso7816 import instructions as iso

TERMINAL = {0x9F02: bytes.fromhex("000000001000"), 0x5F2A: b"\x09\x78", 0x9A: b"\x26\x12\x31", 0x9F37: b"1234"}

with Context() as context, context.attach(context.list_readers()[0]) as card:
    card.send(iso.select_file(b"1PAY.SYS.DDF01", iso.SelectBy.DF_NAME))
    listed = decode(card.send(iso.read_record(1, short_id=1)).data)
    application = decode(card.send(iso.select_file(listed.find("70/61/4F").value, iso.SelectBy.DF_NAME)).data)
    print(application.tree(names=tag_names.EMV))
    pdol = application.find("6F/A5/9F38")
    values = DOL.decode(pdol.value).fill(TERMINAL) if pdol else b""
    options = decode(card.send(Command(0x80, 0xA8, data=bytes(TLV(0x83, values)), le=256)).data)
    files = options.find("77/94").value
    for place in range(0, len(files), 4):
        short_id, first, last = files[place] >> 3, files[place + 1], files[place + 2]
        for number in range(first, last + 1):
            record = decode(card.send(iso.read_record(number, short_id=short_id)).data)
            print(record.tree(names=tag_names.EMV))
    print("tries of the PIN:", card.create_ch_verification().tries_left(0x80))
