"""Answers to reset (ISO/IEC 7816-3, clause 8)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import reduce
from operator import xor

from ...iso7816.atr import _DI, _FI, Atr
from .Exceptions import SmartcardException
from .util import toHexString


def _presence(name: str) -> property:
    """Return the deprecated property that tells which TA, TB, TC or TD are there."""

    def present(atr: ATR) -> list[bool]:
        warnings.warn(f"ATR.has{name} is deprecated; use ATR.{name}", DeprecationWarning, stacklevel=2)
        return [value is not None for value in getattr(atr, name)]

    return property(present, doc=f"For each of {name}1, {name}2 and so on, True if it is there. Deprecated.")


class ATR:
    """An answer to reset. Missing bytes at its end and wrong values are not errors.

    Args:
        atr: the bytes.

    Attributes:
        TS: the first byte.
        T0: the second byte.
        K: the number of historical bytes that T0 announces.
        Y: the upper half of T0 and of each TD.
        TA: TA1, TA2 and so on; None for an absent one.
        TB: the same of TB.
        TC: the same of TC.
        TD: the same of TD.
        FI: the upper half of TA1; None without TA1.
        DI: the lower half of TA1.
        II: bits 7 and 6 of TB1; None without TB1.
        PI1: bits 5 to 1 of TB1.
        N: TC1.
        historicalBytes: the historical bytes.
        interfaceBytesCount: the number of TA, TB, TC and TD.
        hasChecksum: True if a byte follows the historical bytes.
        TCK: this byte.
        checksumOK: True if TCK is right, None if it is absent.

    Raises:
        SmartcardException: there are fewer than 2 bytes, or TS is neither 3B nor 3F.
    """

    clockrateconversion: tuple[int | str, ...] = tuple(_FI.get(number, ("RFU",))[0] for number in range(16))
    """The clock rate conversion factor Fi for each FI (table 7)."""
    bitratefactor: tuple[int | str, ...] = tuple(_DI.get(number, "RFU") for number in range(16))
    """The bit rate adjustment factor Di for each DI (table 8)."""
    currenttable: tuple[int | str, ...] = (25, 50, 100, "RFU")
    """The maximum programming current in mA for each II (edition of 1997)."""

    def __init__(self, atr: Sequence[int]) -> None:
        self.atr = list(atr)
        if len(self.atr) < 2:
            raise SmartcardException(f"ATR sequences must have at least 2 bytes, this one has {len(self.atr)}")
        self.TS, self.T0 = self.atr[:2]
        parsed = Atr(bytes(self.atr), lenient=True)
        if parsed.convention is None:
            raise SmartcardException(f"invalid TS 0x{self.TS:02x}")
        self._interface = values = parsed.interface
        levels = 1 + sum(name.startswith("TD") for name in values)
        self.TA, self.TB, self.TC, self.TD = (
            [values.get(f"T{letter}{level}") for level in range(1, levels + 1)] for letter in "ABCD"
        )
        self.Y = [self.T0 >> 4, *(value >> 4 for value in self.TD[:-1] if value is not None)]
        self.K = self.T0 & 0xF
        self.interfaceBytesCount = len(values)
        self.historicalBytes = list(parsed.historical_bytes)
        end = 2 + self.interfaceBytesCount + self.K
        self.hasChecksum = len(self.atr) == end + 1
        self.TCK = self.atr[end] if self.hasChecksum else None
        self.checksumOK = reduce(xor, self.atr[1:]) == 0 if self.hasChecksum else None
        ta1, tb1, self.N = self.TA[0], self.TB[0], self.TC[0]
        self.FI = None if ta1 is None else ta1 >> 4
        self.DI = None if ta1 is None else ta1 & 0xF
        self.II = None if tb1 is None else tb1 >> 5 & 3
        self.PI1 = None if tb1 is None else tb1 & 0x1F

    def getChecksum(self) -> int | None:
        """Return the check byte; None if it is absent."""
        return self.TCK

    def getHistoricalBytes(self) -> list[int]:
        """Return the historical bytes."""
        return self.historicalBytes

    def getHistoricalBytesCount(self) -> int:
        """Return the number of historical bytes."""
        return len(self.historicalBytes)

    def getInterfaceBytesCount(self) -> int:
        """Return the number of TA, TB, TC and TD."""
        return self.interfaceBytesCount

    def getTA1(self) -> int | None:
        """Return TA1; None if it is absent."""
        return self.TA[0]

    def getTB1(self) -> int | None:
        """Return TB1; None if it is absent."""
        return self.TB[0]

    def getTC1(self) -> int | None:
        """Return TC1; None if it is absent."""
        return self.TC[0]

    def getTD1(self) -> int | None:
        """Return TD1; None if it is absent."""
        return self.TD[0]

    def getBitRateFactor(self) -> int | str:
        """Return Di; "RFU" if the value is reserved, 1 without TA1."""
        return 1 if self.DI is None else self.bitratefactor[self.DI]

    def getClockRateConversion(self) -> int | str:
        """Return Fi; "RFU" if the value is reserved, 372 without TA1."""
        return 372 if self.FI is None else self.clockrateconversion[self.FI]

    def getProgrammingCurrent(self) -> int | str:
        """Return the maximum programming current in mA; "RFU" if the value is reserved, 50 without TB1."""
        return 50 if self.II is None else self.currenttable[self.II]

    def getProgrammingVoltage(self) -> int:
        """Return the programming voltage: TB2, in 0.1 V, if it is there; otherwise TB1's, in V; 5 without both."""
        tb2 = self.TB[1] if len(self.TB) > 1 else None
        if tb2 is not None:
            return tb2
        return 5 if self.PI1 is None else 5 * (1 + self.PI1)

    def getGuardTime(self) -> int | None:
        """Return TC1, the extra guard time in etu; None if it is absent."""
        return self.N

    def getSupportedProtocols(self) -> dict[str, bool]:
        """Return the protocols that the TDs name, as the keys of a dict: {"T=0": True}; only T=0 without a TD."""
        return {f"T={value & 0xF}": True for value in self.TD if value is not None} or {"T=0": True}

    def isT0Supported(self) -> bool:
        """Return whether the protocols have T=0."""
        return "T=0" in self.getSupportedProtocols()

    def isT1Supported(self) -> bool:
        """Return whether the protocols have T=1."""
        return "T=1" in self.getSupportedProtocols()

    def isT15Supported(self) -> bool:
        """Return whether there are global interface bytes, T=15."""
        return "T=15" in self.getSupportedProtocols()

    def render(self) -> str:
        """Return the ATR in words, one line for each value."""
        lines = [f"{name}: {value:x}" for name, value in self._interface.items()]
        lines += [
            f"supported protocols {','.join(self.getSupportedProtocols())}",
            f"T=0 supported: {self.isT0Supported()}",
            f"T=1 supported: {self.isT1Supported()}",
        ]
        if self.TCK is not None:
            lines.append(f"checksum: {self.TCK}")
        lines += [
            f"\tclock rate conversion factor: {self.getClockRateConversion()}",
            f"\tbit rate adjustment factor: {self.getBitRateFactor()}",
            f"\tmaximum programming current: {self.getProgrammingCurrent()}",
            f"\tprogramming voltage: {self.getProgrammingVoltage()}",
            f"\tguard time: {self.getGuardTime()}",
            f"nb of interface bytes: {self.getInterfaceBytesCount()}",
            f"nb of historical bytes: {self.getHistoricalBytesCount()}",
        ]
        return "\n".join(lines)

    def dump(self) -> None:
        """Print what :meth:`render` returns. Deprecated."""
        warnings.warn("ATR.dump() is deprecated; use print(ATR.render())", DeprecationWarning, stacklevel=2)
        print(self.render())  # noqa: T201  this is what the method is for

    hasTA, hasTB, hasTC, hasTD = map(_presence, ("TA", "TB", "TC", "TD"))

    def __str__(self) -> str:
        return toHexString(self.atr)
