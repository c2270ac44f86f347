"""The package smartcard for PYTHONPATH: importing it installs scardffi.compat, and then imports it from there."""

import sys
from importlib import import_module

from scardffi.compat import install

del sys.modules[__name__]
install()
import_module(__name__)
