"""The SCard* functions on the default library, under their C names.

They are the methods of :class:`~scardffi.Library`, which documents them. Each call uses the present default library,
and raises a :class:`~scardffi.errors.LibraryError` if no PC/SC library can be loaded.

References: PC/SC part 5; "winscard.h" in Microsoft's and pcsc-lite's documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ._loader import default_table, ffi
from .library import Library

if TYPE_CHECKING:
    from ._native import Api


class _DefaultLibrary(Library):
    """The library that is the default at the time of each call."""

    def __init__(self) -> None:
        """Load no library."""
        self._table = ffi.NULL  # C takes the default library
        self._address = 0  # for _calls: the present default library

    @property
    def native(self) -> Api:
        return default_table()

    def __repr__(self) -> str:
        return "<scardffi.raw, the default library>"  # without loading it


_default: Final = _DefaultLibrary()

SCardEstablishContext = _default.SCardEstablishContext
SCardReleaseContext = _default.SCardReleaseContext
SCardIsValidContext = _default.SCardIsValidContext
SCardCancel = _default.SCardCancel
SCardFreeMemory = _default.SCardFreeMemory
pcsc_stringify_error = _default.pcsc_stringify_error
SCardListReaders = _default.SCardListReaders
SCardListReaderGroups = _default.SCardListReaderGroups
SCardGetStatusChange = _default.SCardGetStatusChange
SCardConnect = _default.SCardConnect
SCardReconnect = _default.SCardReconnect
SCardDisconnect = _default.SCardDisconnect
SCardBeginTransaction = _default.SCardBeginTransaction
SCardEndTransaction = _default.SCardEndTransaction
SCardStatus = _default.SCardStatus
SCardTransmit = _default.SCardTransmit
SCardControl = _default.SCardControl
SCardGetAttrib = _default.SCardGetAttrib
SCardSetAttrib = _default.SCardSetAttrib

# Only on Windows
SCardListCards = _default.SCardListCards
SCardListInterfaces = _default.SCardListInterfaces
SCardGetProviderId = _default.SCardGetProviderId
SCardGetCardTypeProviderName = _default.SCardGetCardTypeProviderName
SCardSetCardTypeProviderName = _default.SCardSetCardTypeProviderName
SCardIntroduceCardType = _default.SCardIntroduceCardType
SCardForgetCardType = _default.SCardForgetCardType
SCardLocateCards = _default.SCardLocateCards
SCardLocateCardsByATR = _default.SCardLocateCardsByATR
SCardIntroduceReaderGroup = _default.SCardIntroduceReaderGroup
SCardForgetReaderGroup = _default.SCardForgetReaderGroup
SCardIntroduceReader = _default.SCardIntroduceReader
SCardForgetReader = _default.SCardForgetReader
SCardAddReaderToGroup = _default.SCardAddReaderToGroup
SCardRemoveReaderFromGroup = _default.SCardRemoveReaderFromGroup
SCardGetReaderIcon = _default.SCardGetReaderIcon
SCardGetDeviceTypeId = _default.SCardGetDeviceTypeId
SCardGetReaderDeviceInstanceId = _default.SCardGetReaderDeviceInstanceId
SCardListReadersWithDeviceInstanceId = _default.SCardListReadersWithDeviceInstanceId
SCardState = _default.SCardState
SCardGetTransmitCount = _default.SCardGetTransmitCount
SCardCancelTransaction = _default.SCardCancelTransaction
SCardReadCache = _default.SCardReadCache
SCardWriteCache = _default.SCardWriteCache
SCardAccessStartedEvent = _default.SCardAccessStartedEvent
SCardReleaseStartedEvent = _default.SCardReleaseStartedEvent
SCardAudit = _default.SCardAudit
