"""pyscard's Python layers, with pyscard's names: ``import smartcard`` gives this package after compat.install().

The modules work on :class:`scardffi.SCardManage`, :class:`scardffi.Monitor`, :mod:`scardffi.iso7816` and
:mod:`scardffi.compat.scard`. They are imported at their first use, also as attributes: ``smartcard.System.readers()``.
"""

from ..._first_use import imported_at_first_use

_MODULES = (
    "ATR", "AbstractCardRequest", "Card", "CardConnection", "CardConnectionDecorator", "CardConnectionEvent",
    "CardConnectionObserver", "CardMonitoring", "CardRequest", "CardService", "CardType", "Exceptions",
    "ExclusiveConnectCardConnection", "ExclusiveTransmitCardConnection", "Observer", "PassThruCardService",
    "ReaderMonitoring", "Session", "Synchronization", "System", "guid", "pcsc", "reader", "sw", "ulist", "util",
)  # fmt: skip

__all__ = ["Session", "listReaders"]  # noqa: F822  they are imported at their first use

__getattr__ = imported_at_first_use(
    __name__,
    {
        **{name: f".{name}" for name in _MODULES},
        "scard": "..scard",
        "Session": ".Session",
        "listReaders": ".System",
    },
)
