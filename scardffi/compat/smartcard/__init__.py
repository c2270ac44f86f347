"""The Python layers of pyscard, on scardffi: ``import smartcard`` imports this package after compat.install().

The modules work on :class:`scardffi.SCardManage`, :class:`scardffi.Monitor`, :mod:`scardffi.iso7816` and
:mod:`scardffi.compat.scard`. Those that this one does not import are imported at their first use as attributes, such as
``smartcard.util.toHexString``.
"""

from typing import TYPE_CHECKING

from ..._first_use import imported_at_first_use
from .Session import Session
from .System import listReaders

if TYPE_CHECKING:
    from .. import scard

__all__ = ["Session", "listReaders", "scard"]

_MODULES = (
    "ATR", "AbstractCardRequest", "Card", "CardConnectionObserver", "CardMonitoring", "CardRequest", "CardType",
    "ExclusiveConnectCardConnection", "ExclusiveTransmitCardConnection", "ReaderMonitoring", "guid", "sw",
)  # fmt: skip

__getattr__ = imported_at_first_use(__name__, {"scard": "..scard", **{name: f".{name}" for name in _MODULES}})
