"""Read a PIV card's identifier and certificates, verify its PIN and sign a hash (NIST SP 800-73-4).

Without hardware: python examples/without_hardware.py piv
"""

import getpass
import gzip
import hashlib

from scardffi import Context
from scardffi.iso7816 import TLV, decode
from scardffi.iso7816 import instructions as iso

CERTIFICATES = {"authentication": 0x5FC105, "signature": 0x5FC10A, "key management": 0x5FC10B, "card": 0x5FC101}
ECC_P256, SIGNATURE_KEY, PIN = 0x11, 0x9C, 0x80

with Context() as context, context.attach(context.list_readers()[0]) as card:
    card.send(iso.select_file(bytes.fromhex("A000000308"), iso.SelectBy.DF_NAME))
    print("identifier:", decode(card.send(iso.get_data(0x5FC102)).data).find("53/34").value.hex())
    for name, tag in CERTIFICATES.items():
        found = decode(card.send(iso.get_data(tag)).data)
        stored = found.find("53/70").value
        certificate = gzip.decompress(stored) if found.find("53/71").value[0] & 1 else stored
        print(f"{name}: SHA-256 {hashlib.sha256(certificate).hexdigest()}")
    card.create_ch_verification(padding="FF").verify(getpass.getpass("PIN: "), PIN)
    challenge = TLV(0x81, hashlib.sha256(b"sign this").digest())
    answer = card.send(iso.general_authenticate(TLV(0x7C, [TLV(0x82), challenge]), ECC_P256, SIGNATURE_KEY, odd=True))
    print("signature:", decode(answer.data).find("7C/82").value.hex())
