"""The Python layers of pyscard, on scardffi: ``import smartcard`` imports this package after compat.install()."""

from .. import scard

__all__ = ["scard"]
