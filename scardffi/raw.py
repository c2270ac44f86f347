"""The SCard* functions under their C names: ints and buffers in, the code and the values out.

Nothing here raises for a return code: the first thing that comes back is the code, as an unsigned 32-bit
number, 0 for success. Contexts and handles are plain ints that nobody closes but the caller. The same
functions are the methods of a :class:`Library` of one's choice and, on the default library, the functions of
this module.

Arguments are checked: a TypeError or an :class:`~scardffi.errors.InvalidArgumentError` names the one that is
wrong. A function that the library lacks raises :class:`~scardffi.errors.UnsupportedFunctionError`, and without
a PC/SC library there is a :class:`~scardffi.errors.LibraryError`. All of them release the GIL.

References: PC/SC part 5; "winscard.h" in Microsoft's and pcsc-lite's documentation.
"""

from __future__ import annotations

from ._loader import default_table
from .library import Library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from ._native import Api


class _DefaultLibrary(Library):
    """Whatever the default library is at the time of each call."""

    def __init__(self) -> None:  # loads nothing
        pass

    @property
    def native(self) -> Api:
        return default_table()


_default: Final = _DefaultLibrary()

SCardEstablishContext = _default.SCardEstablishContext
SCardReleaseContext = _default.SCardReleaseContext
SCardIsValidContext = _default.SCardIsValidContext
SCardCancel = _default.SCardCancel
SCardFreeMemory = _default.SCardFreeMemory
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

# Windows alone
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
