"""An answer to reset in words, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ._capability_bits import capability_bits, channel_count, data_unit, service_data_bits
from .malformed import MalformedError
from .tag_names import ISO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .atr import Atr
    from .tlv import TLV

_VOLTS: Final = {"A": "5 V", "B": "3 V", "C": "1.8 V"}
_LIFE_CYCLES: Final = {0: "not stated", 1: "creation", 3: "initialisation"} | {
    **dict.fromkeys((4, 6), "deactivated"),
    **dict.fromkeys((5, 7), "activated"),
    **dict.fromkeys(range(12, 16), "terminated"),
}
_CATEGORIES: Final = {
    0x00: "data objects, then a status indicator", 0x10: "a reference to DIR data", 0x80: "data objects",
}  # fmt: skip


def lines(atr: Atr) -> Iterator[str]:
    """Yield the lines of :meth:`.atr.Atr.describe`."""
    yield f"convention: {atr.convention or 'unknown'}"
    yield f"protocols: {', '.join(f'T={one}' for one in atr.protocols) or 'none'}"
    yield from _speed(atr)
    yield from _guard_time(atr)
    yield f"clock stop: {atr.clock_stop}"
    volts = [_VOLTS[one] for one in atr.classes or ""]
    yield f"voltage: {', '.join(volts) or 'reserved value'}"
    if 0 in atr.protocols:
        yield f"T=0: waiting time integer {atr.waiting_integer}{_milliseconds(atr, 960 * atr.waiting_integer)}"
    if 1 in atr.protocols:
        yield (
            f"T=1: up to {atr.ifsc} bytes to the card in a block, block waiting time integer {atr.bwi}, "
            f"character waiting time integer {atr.cwi}, {atr.error_detection}"
        )
    if atr.spu:
        yield f"contact C6: {'proprietary' if atr.spu & 0x80 else 'standard'} use, {atr.spu & 0x7F:02X}"
    yield from _historical(atr)
    yield "check byte: " + ("none" if atr.tck is None else f"{atr.tck:02X}")
    yield from (f"problem: {one}" for one in atr.problems)


def _speed(atr: Atr) -> Iterator[str]:
    mode = atr.specific_mode
    if atr.fi and atr.di and atr.f_max:
        cycles = atr.fi / atr.di
        rate = round(atr.f_max * 1e6 / cycles)
        yield (
            f"speed: Fi {atr.fi}, Di {atr.di}: {cycles:g} clock cycles a bit (etu), {rate} bit/s at the highest clock, "
            f"{atr.f_max:g} MHz"
        )
    else:
        yield f"speed: reserved value, Fi {atr.fi or 'unknown'}, Di {atr.di or 'unknown'}"
    if mode is None:
        yield "mode: negotiable; the card begins with Fi 372 and Di 1"
    else:
        change = "can" if mode.changeable else "cannot"
        values = "known by other means" if mode.implicit else "as above"
        yield f"mode: specific, T={mode.protocol}, Fi and Di {values}; the card {change} change to negotiable mode"


def _guard_time(atr: Atr) -> Iterator[str]:
    times = ", ".join(f"{atr.guard_time(one)} etu for T={one}" for one in atr.protocols)
    yield f"guard time: {times or 'unknown'}"


def _milliseconds(atr: Atr, factor: int) -> str:
    """Return a waiting time of this factor times Fi clock cycles at the highest clock."""
    return f", {factor * atr.fi / atr.f_max / 1000:.0f} ms at {atr.f_max:g} MHz" if atr.fi and atr.f_max else ""


def _historical(atr: Atr) -> Iterator[str]:
    raw = atr.historical_bytes
    if not raw:
        yield "historical bytes: none"
        return
    text = raw.decode("ascii", "replace")
    shown = f' "{text}"' if text.isascii() and text.isprintable() else ""
    yield f"historical bytes: {raw.hex(' ').upper()}{shown}"
    card = atr.storage_card
    if card is not None:
        yield f"  storage card: {card.name}, {card.standard}"
        return
    yield f"  category {raw[0]:02X}: {_CATEGORIES.get(raw[0], 'proprietary')}"
    try:
        historical = atr.historical()
    except MalformedError as error:
        yield f"  problem: {error}"
        return
    if historical is None:
        return
    for one in historical.objects:
        yield from _object(one)
    if historical.life_cycle is not None:
        yield f"  life cycle: {_LIFE_CYCLES.get(historical.life_cycle, 'proprietary')} ({historical.life_cycle:02X})"
    if historical.sw is not None:
        yield f"  status word: {historical.sw:04X}"
    yield from (f"  problem: {one}" for one in historical.problems)


def _object(one: TLV) -> Iterator[str]:
    """Yield the line of a COMPACT-TLV object, and those of its bits."""
    yield f"  {ISO.get(one.tag, f'object {one.tag & 0xF:X}')}: {one.value.hex(' ').upper() or 'empty'}"
    bits: dict[str, bool] = {}
    if one.tag == 0x43:
        bits = service_data_bits(one.value)
    elif one.tag == 0x47:
        bits = capability_bits(one.value)
    yield from (f"    {name.replace('_', ' ')}: {'yes' if is_set else 'no'}" for name, is_set in bits.items())
    if one.tag == 0x47 and len(one.value) > 1:
        unit = data_unit(one.value[1])
        yield f"    data unit: {unit:g} byte{'s' * (unit > 1)}"
        channels = channel_count(one.value)
        yield from [] if channels is None else [f"    logical channels: {channels}{' or more' * (channels == 8)}"]
