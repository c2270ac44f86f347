"""The SCard* functions that only Windows has: its database of card types and readers, its cache, its service.

On other platforms they raise :class:`~scardffi.errors.UnsupportedFunctionError`. A wrong argument raises a TypeError or
an :class:`~scardffi.errors.InvalidArgumentError` that names it; :class:`~scardffi.errors.OutOfMemoryError` is raised if
there is not enough memory. A ``context`` is one that SCardEstablishContext has returned. A GUID is 16 bytes,
such as ``uuid.UUID.bytes_le``.

References: "winscard.h" in Microsoft's documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ._arguments import dword, handle, invalid, locked, pairs, readable, text, writable
from ._loader import ffi, lib
from ._marshalling import (
    ATR_ROOM,
    check_present,
    claimed,
    fetch_multi_string,
    multi_string,
    possible,
    reader_states,
    state_results,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import SupportsIndex

    from typing_extensions import Buffer

    from ._native import Api

_GUID_SIZE: Final = 16


class WindowsFunctions:
    """The functions as methods; a base class of :class:`~scardffi.Library`."""

    _table: Api  # NULL for the default library of the moment

    # Card types

    def SCardListCards(
        self, context: SupportsIndex, atr: Buffer | None = None, interfaces: Iterable[Buffer] = ()
    ) -> tuple[int, list[str]]:
        """Return the names of the card types that Windows knows. Wraps ``SCardListCards``.

        Args:
            context: an open context.
            atr: list only card types with this ATR; None for all.
            interfaces: GUIDs; list only card types that have all these interfaces.

        Returns:
            (code, names)
        """
        number = handle("context", context)
        wanted = ffi.NULL if atr is None else _padded("atr", atr)
        guids = _guids("interfaces", interfaces)
        count = len(guids) // _GUID_SIZE
        return fetch_multi_string("SCardListCards", lib.pcsc_list_cards, self._table, number, wanted, guids, count)

    def SCardListInterfaces(self, context: SupportsIndex, card: str) -> tuple[int, list[bytes]]:
        """Return the interfaces of a card type. Wraps ``SCardListInterfaces``.

        Returns:
            (code, GUIDs)
        """
        number, name = handle("context", context), text("card", card)
        count = ffi.new("DWORD *")
        code = lib.pcsc_SCardListInterfaces(self._table, number, name, ffi.NULL, count)
        size = claimed("SCardListInterfaces", _GUID_SIZE * count[0]) if code == 0 else 0
        guids = ffi.new("unsigned char[]", size)
        if size:
            code = lib.pcsc_SCardListInterfaces(self._table, number, name, guids, count)
        code = possible(code, _GUID_SIZE * count[0], size)
        memory = bytes(ffi.buffer(guids))
        found = [memory[start : start + _GUID_SIZE] for start in range(0, len(memory), _GUID_SIZE)]
        return check_present(code, "SCardListInterfaces"), found[: count[0]] if code == 0 else []

    def SCardGetProviderId(self, context: SupportsIndex, card: str) -> tuple[int, bytes]:
        """Return the primary service provider of a card type. Wraps ``SCardGetProviderId``.

        Returns:
            (code, GUID)
        """
        guid = ffi.new("unsigned char[]", _GUID_SIZE)
        code = lib.pcsc_SCardGetProviderId(self._table, handle("context", context), text("card", card), guid)
        return check_present(code, "SCardGetProviderId"), bytes(ffi.buffer(guid))

    def SCardGetCardTypeProviderName(
        self, context: SupportsIndex, card: str, provider_id: SupportsIndex
    ) -> tuple[int, str]:
        """Return the name of a provider of a card type. Wraps ``SCardGetCardTypeProviderName``.

        Args:
            context: an open context.
            card: the name of the card type.
            provider_id: 1 the primary service provider, 2 the CSP, 3 the KSP, 0x80000001 the minidriver's file.

        Returns:
            (code, name)
        """
        number, name, which = handle("context", context), text("card", card), dword("provider_id", provider_id)
        code, names = fetch_multi_string(
            "SCardGetCardTypeProviderName", lib.pcsc_provider_name, self._table, number, name, which
        )
        return code, names[0] if names else ""

    def SCardSetCardTypeProviderName(
        self, context: SupportsIndex, card: str, provider_id: SupportsIndex, provider: str
    ) -> int:
        """Set the name of a provider of a card type. Wraps ``SCardSetCardTypeProviderName``.

        Args:
            context: an open context.
            card: the name of the card type.
            provider_id: as for :meth:`SCardGetCardTypeProviderName`.
            provider: the provider's name.
        """
        code = lib.pcsc_SCardSetCardTypeProviderName(
            self._table,
            handle("context", context),
            text("card", card),
            dword("provider_id", provider_id),
            text("provider", provider),
        )
        return check_present(code, "SCardSetCardTypeProviderName")

    def SCardIntroduceCardType(
        self,
        context: SupportsIndex,
        card: str,
        atr: Buffer,
        mask: Buffer | None = None,
        provider: Buffer | None = None,
        interfaces: Iterable[Buffer] = (),
    ) -> int:
        """Add a card type to those that Windows knows. Wraps ``SCardIntroduceCardType``.

        Args:
            context: an open context.
            card: the name of the card type.
            atr: its ATR.
            mask: as long as the ATR; only bits that are set in it are compared. None for all bits.
            provider: the GUID of its primary service provider.
            interfaces: the GUIDs of its interfaces.
        """
        number, name, guids = handle("context", context), text("card", card), _guids("interfaces", interfaces)
        known = _bytes("atr", atr)
        bits = b"\xff" * len(known) if mask is None else _bytes("mask", mask)
        if len(bits) != len(known):
            raise invalid("mask", bits.hex(), f"{len(known)} bytes, as many as the ATR has")
        primary = ffi.NULL if provider is None else _guid("provider", provider)
        code = lib.pcsc_SCardIntroduceCardType(
            self._table, number, name, primary, guids, len(guids) // _GUID_SIZE, known, bits, len(known)
        )
        return check_present(code, "SCardIntroduceCardType")

    def SCardForgetCardType(self, context: SupportsIndex, card: str) -> int:
        """Remove a card type from those that Windows knows. Wraps ``SCardForgetCardType``."""
        code = lib.pcsc_SCardForgetCardType(self._table, handle("context", context), text("card", card))
        return check_present(code, "SCardForgetCardType")

    def SCardLocateCards(
        self, context: SupportsIndex, cards: Iterable[str], states: Sequence[tuple[str, int]]
    ) -> tuple[int, list[tuple[int, bytes]]]:
        """Search readers for card types; ATRMATCH is set in the state of a match. Wraps ``SCardLocateCards``.

        Args:
            context: an open context.
            cards: names of card types.
            states: pairs of (reader, current state), as for SCardGetStatusChange.

        Returns:
            (code, [(event state, ATR), ...]) in the order of ``states``
        """
        names = multi_string("cards", cards)
        number = handle("context", context)
        count, readers, current, results = reader_states(states)
        code = lib.pcsc_locate_cards(self._table, number, names, count, readers, current, results)
        return check_present(code, "SCardLocateCards"), state_results(results)

    def SCardLocateCardsByATR(
        self, context: SupportsIndex, masks: Iterable[tuple[Buffer, Buffer]], states: Sequence[tuple[str, int]]
    ) -> tuple[int, list[tuple[int, bytes]]]:
        """Search readers for ATRs; ATRMATCH is set in the state of a match. Wraps ``SCardLocateCardsByATR``.

        Args:
            context: an open context.
            masks: pairs of (ATR, mask) of the same length; only bits that are set in the mask are compared.
            states: pairs of (reader, current state), as for SCardGetStatusChange.

        Returns:
            (code, [(event state, ATR), ...]) in the order of ``states``
        """
        wanted = [(_bytes("atr", atr), _bytes("mask", mask)) for atr, mask in pairs("masks", masks, "(ATR, mask)")]
        for atr, mask in wanted:
            if len(atr) != len(mask) or len(atr) > ATR_ROOM:
                raise invalid(
                    "masks",
                    (atr.hex(), mask.hex()),
                    f"an ATR of at most {ATR_ROOM} bytes and a mask of the same length",
                )
        packed = b"".join(part.ljust(ATR_ROOM, b"\0") for one in wanted for part in one)
        lengths = ffi.new("uint32_t[]", [len(atr) for atr, _ in wanted])
        number = handle("context", context)
        count, readers, current, results = reader_states(states)
        code = lib.pcsc_locate_cards_by_atr(
            self._table, number, len(wanted), packed, lengths, count, readers, current, results
        )
        return check_present(code, "SCardLocateCardsByATR"), state_results(results)

    # Readers and reader groups

    def SCardIntroduceReaderGroup(self, context: SupportsIndex, group: str) -> int:
        """Add a reader group. Wraps ``SCardIntroduceReaderGroup``.

        Windows keeps the group only after a reader was added to it.
        """
        code = lib.pcsc_SCardIntroduceReaderGroup(self._table, handle("context", context), text("group", group))
        return check_present(code, "SCardIntroduceReaderGroup")

    def SCardForgetReaderGroup(self, context: SupportsIndex, group: str) -> int:
        """Remove a reader group; its readers stay. Wraps ``SCardForgetReaderGroup``."""
        code = lib.pcsc_SCardForgetReaderGroup(self._table, handle("context", context), text("group", group))
        return check_present(code, "SCardForgetReaderGroup")

    def SCardIntroduceReader(self, context: SupportsIndex, reader: str, device: str) -> int:
        """Add a name to an existing reader. Wraps ``SCardIntroduceReader``.

        Args:
            context: an open context.
            reader: the new name.
            device: the reader's name in the system (DEVICE_SYSTEM_NAME).
        """
        code = lib.pcsc_SCardIntroduceReader(
            self._table, handle("context", context), text("reader", reader), text("device", device)
        )
        return check_present(code, "SCardIntroduceReader")

    def SCardForgetReader(self, context: SupportsIndex, reader: str) -> int:
        """Remove a name of a reader. Wraps ``SCardForgetReader``."""
        code = lib.pcsc_SCardForgetReader(self._table, handle("context", context), text("reader", reader))
        return check_present(code, "SCardForgetReader")

    def SCardAddReaderToGroup(self, context: SupportsIndex, reader: str, group: str) -> int:
        """Add a reader to a reader group. Wraps ``SCardAddReaderToGroup``."""
        code = lib.pcsc_SCardAddReaderToGroup(
            self._table, handle("context", context), text("reader", reader), text("group", group)
        )
        return check_present(code, "SCardAddReaderToGroup")

    def SCardRemoveReaderFromGroup(self, context: SupportsIndex, reader: str, group: str) -> int:
        """Remove a reader from a reader group. Wraps ``SCardRemoveReaderFromGroup``."""
        code = lib.pcsc_SCardRemoveReaderFromGroup(
            self._table, handle("context", context), text("reader", reader), text("group", group)
        )
        return check_present(code, "SCardRemoveReaderFromGroup")

    def SCardGetReaderIcon(self, context: SupportsIndex, reader: str, icon: Buffer) -> tuple[int, int]:
        """Read the icon of a reader. Wraps ``SCardGetReaderIcon``.

        Args:
            context: an open context.
            reader: a name from SCardListReaders.
            icon: receives the icon in the format of .ico files; a writable, contiguous buffer.

        Returns:
            (code, length of the icon in bytes)
        """
        number, name = handle("context", context), text("reader", reader)
        receive = writable("icon", icon)
        length = ffi.new("DWORD *", len(receive))
        code = lib.pcsc_SCardGetReaderIcon(self._table, number, name, receive, length)
        return check_present(possible(code, length[0], len(receive)), "SCardGetReaderIcon"), length[0]

    def SCardGetDeviceTypeId(self, context: SupportsIndex, reader: str) -> tuple[int, int]:
        """Return the device type of a reader. Wraps ``SCardGetDeviceTypeId``.

        Returns:
            (code, device type, a number that Windows calls SCARD_READER_TYPE_*)
        """
        kind = ffi.new("DWORD *")
        code = lib.pcsc_SCardGetDeviceTypeId(self._table, handle("context", context), text("reader", reader), kind)
        return check_present(code, "SCardGetDeviceTypeId"), kind[0]

    def SCardGetReaderDeviceInstanceId(self, context: SupportsIndex, reader: str) -> tuple[int, str]:
        """Return the Plug and Play device instance ID of a reader. Wraps ``SCardGetReaderDeviceInstanceId``.

        Returns:
            (code, ID)
        """
        number, name = handle("context", context), text("reader", reader)
        code, names = fetch_multi_string(
            "SCardGetReaderDeviceInstanceId", lib.pcsc_device_instance_id, self._table, number, name
        )
        return code, names[0] if names else ""

    def SCardListReadersWithDeviceInstanceId(self, context: SupportsIndex, device: str) -> tuple[int, list[str]]:
        """Return the names of the readers of a Plug and Play device. Wraps ``SCardListReadersWithDeviceInstanceId``.

        Returns:
            (code, names)
        """
        number, name = handle("context", context), text("device", device)
        return fetch_multi_string(
            "SCardListReadersWithDeviceInstanceId", lib.pcsc_list_readers_of_device, self._table, number, name
        )

    # Connected cards

    def SCardState(self, card: SupportsIndex) -> tuple[int, int, int, bytes]:
        """Return state, protocol and ATR of a connected card. SCardStatus has replaced it. Wraps ``SCardState``.

        Returns:
            (code, state as a number from 0 to 6, active protocol, ATR)
        """
        numbers = ffi.new("DWORD[3]", [0, 0, ATR_ROOM])
        atr = ffi.new("unsigned char[]", ATR_ROOM)
        code = lib.pcsc_SCardState(self._table, handle("card", card), numbers, numbers + 1, atr, numbers + 2)
        code = possible(code, numbers[2], ATR_ROOM)
        answer = bytes(ffi.buffer(atr)[0 : numbers[2]]) if code == 0 else b""
        return check_present(code, "SCardState"), numbers[0], numbers[1], answer

    def SCardGetTransmitCount(self, card: SupportsIndex) -> tuple[int, int]:
        """Return the number of commands transmitted since the card was inserted. Wraps ``SCardGetTransmitCount``.

        Returns:
            (code, count)
        """
        count = ffi.new("DWORD *")
        code = lib.pcsc_SCardGetTransmitCount(self._table, handle("card", card), count)
        return check_present(code, "SCardGetTransmitCount"), count[0]

    def SCardCancelTransaction(self, card: SupportsIndex) -> int:
        """Cancel a transaction. Many versions of Windows lack the function. Wraps ``SCardCancelTransaction``."""
        return check_present(
            lib.pcsc_SCardCancelTransaction(self._table, handle("card", card)), "SCardCancelTransaction"
        )

    def SCardReadCache(
        self, context: SupportsIndex, card: Buffer, freshness: SupportsIndex, item: str, data: Buffer
    ) -> tuple[int, int]:
        """Read an item of a card from the cache of Windows. Wraps ``SCardReadCache``.

        Args:
            context: an open context.
            card: the card's GUID.
            freshness: the present counter of the card; an item written with an older counter is stale.
            item: the name of the item.
            data: receives the item; a writable, contiguous buffer.

        Returns:
            (code, length of the data in bytes)
        """
        number, guid, name = handle("context", context), _guid("card", card), text("item", item)
        counter = dword("freshness", freshness)
        receive = writable("data", data)
        length = ffi.new("DWORD *", len(receive))
        code = lib.pcsc_SCardReadCache(self._table, number, guid, counter, name, receive, length)
        return check_present(possible(code, length[0], len(receive)), "SCardReadCache"), length[0]

    def SCardWriteCache(
        self, context: SupportsIndex, card: Buffer, freshness: SupportsIndex, item: str, data: Buffer
    ) -> int:
        """Write an item of a card into the cache of Windows. Wraps ``SCardWriteCache``.

        Args:
            context: an open context.
            card: the card's GUID.
            freshness: the present counter of the card.
            item: the name of the item.
            data: the item, a contiguous buffer.
        """
        number, guid, name = handle("context", context), _guid("card", card), text("item", item)
        counter = dword("freshness", freshness)
        send = readable("data", data)
        code = lib.pcsc_SCardWriteCache(self._table, number, guid, counter, name, send, len(send))
        return check_present(code, "SCardWriteCache")

    # The service

    def SCardAccessStartedEvent(self) -> tuple[int, int]:
        """Return the event that is set while the resource manager runs. Wraps ``SCardAccessStartedEvent``.

        Returns:
            (code, handle to wait on); the code is SCARD_F_INTERNAL_ERROR if Windows has no event
        """
        event = ffi.new("uintptr_t *")
        code = lib.pcsc_SCardAccessStartedEvent(self._table, event)
        return check_present(code, "SCardAccessStartedEvent"), event[0]

    def SCardReleaseStartedEvent(self) -> int:
        """Release the event of :meth:`SCardAccessStartedEvent`. Wraps ``SCardReleaseStartedEvent``."""
        return check_present(lib.pcsc_SCardReleaseStartedEvent(self._table), "SCardReleaseStartedEvent")

    def SCardAudit(self, context: SupportsIndex, event: SupportsIndex) -> int:
        """Write an event into the security log of Windows. Wraps ``SCardAudit``.

        Args:
            context: an open context.
            event: 0 for a wrong PIN (SCARD_AUDIT_CHV_FAILURE), 1 for a right PIN (SCARD_AUDIT_CHV_SUCCESS).
        """
        code = lib.pcsc_SCardAudit(self._table, handle("context", context), dword("event", event))
        return check_present(code, "SCardAudit")


def _bytes(name: str, value: Buffer) -> bytes:
    """Copy a buffer; the calls are rare and the buffers short."""
    return bytes(ffi.buffer(locked(name, value)))


def _padded(name: str, value: Buffer) -> bytes:
    """Pad an ATR with zeros, because Windows reads its length from its contents."""
    atr = _bytes(name, value)
    if len(atr) > ATR_ROOM:
        raise invalid(name, atr.hex(), f"at most {ATR_ROOM} bytes")
    return atr.ljust(ATR_ROOM, b"\0")


def _guid(name: str, value: Buffer) -> bytes:
    guid = _bytes(name, value)
    if len(guid) != _GUID_SIZE:
        raise invalid(name, guid.hex(), "a GUID of 16 bytes, such as uuid.UUID.bytes_le")
    return guid


def _guids(name: str, values: Iterable[Buffer]) -> bytes:
    return b"".join(_guid(name, value) for value in values)
