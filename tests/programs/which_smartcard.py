"""Print what a program sees of smartcard, of its arguments and of itself. It starts itself once more with ``child``."""

import json
import subprocess
import sys

import smartcard
import smartcard.scard
from smartcard.scard import SCardEstablishContext, SCardListReaders

if "child" in sys.argv[1:]:
    sys.stdout.write(str(smartcard.__file__))
else:
    code, context = SCardEstablishContext(smartcard.scard.SCARD_SCOPE_SYSTEM)
    child = subprocess.run([sys.executable, __file__, "child"], capture_output=True, text=True, check=False)
    seen = {
        "smartcard": smartcard.__file__,
        "scard": smartcard.scard.SCardTransmit.__module__,
        "readers": SCardListReaders(context, [])[1],
        "argv": sys.argv,
        "path": sys.path[0],
        "main": sys.modules["__main__"].__file__,
        "name": __name__,
        "child": child.stdout,
    }
    sys.stdout.write(json.dumps(seen))
