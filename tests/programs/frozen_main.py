"""The program that tests/test_frozen.py freezes: it attaches to the virtual card, and leaves an attached card open."""

import json
import sys

from scardffi import Context, SCardManage, virtual
