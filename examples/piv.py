"""Read a PIV card's identifier and certificates, verify its PIN and sign a hash (NIST SP 800-73-4)."""

import getpass
import hashlib

from scardffi import Context
from scardffi.iso7816 import TLV, decode, encode
from scardffi.iso7816 import instructions as iso

CERTIFICATES = {"authentication": 0x5FC105, "signature": 0x5FC10A, "key management": 0x5FC10B, "card": 0x5FC101}
ECC_P256, SIGNATURE_KEY, PIN = 0x11, 0x9C, 0x80

with Context() as context, context.attach(context.list_readers()[0]) as card:
    card.send(iso.select_file(bytes.fromhex("A000000308"), iso.SelectBy.DF_NAME))
    chuid = decode(card.send(iso.get_data(0x5FC102)).data)
    print("identifier:", chuid.find("53/34").value.hex())
    for name, tag in CERTIFICATES.items():
        certificate = decode(card.send(iso.get_data(tag)).data).find("53/70").value
        print(f"{name}: SHA-256 {hashlib.sha256(certificate).hexdigest()}")
    card.create_ch_verification(padding="FF").verify(getpass.getpass("PIN: "), PIN)
    challenge = TLV(0x81, hashlib.sha256(b"sign this").digest())
    template = bytes(TLV(0x7C, encode([TLV(0x82), challenge])))
    answer = card.send(iso.general_authenticate(template, ECC_P256, SIGNATURE_KEY, odd=True))
    print("signature:", decode(answer.data).find("7C/82").value.hex())
