"""The codes and keys of a card with files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from ..._half_made import repr_if_half_made
from ...iso7816.command import checked
from ._access import Access, AccessRules, checked_access, checked_number

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Code", "Key"]

Reference: TypeAlias = "Code | Key"


@dataclass(init=False)
class _CodeOrKey:
    """The common part of codes and keys: number, value, retry counter, access rules."""

    number: int
    value: bytearray = field(repr=False)
    tries: int
    access: AccessRules
    tries_left: int
    verified: bool = field(compare=False)
    is_fresh: bool = field(compare=False)
    """True if this was verified, and no key with ``each_use`` that needs it has been used since."""

    def __init__(
        self,
        number: int,
        value: Buffer,
        tries: int,
        access: Access | None,
        tries_left: int | None,
        operations: set[str],
    ) -> None:
        self.number = checked_number(number)
        self.value = bytearray(memoryview(value))
        self.tries = checked("tries", tries, 1, 15)
        self.access = checked_access(access, operations)
        self.tries_left = checked("tries_left", tries if tries_left is None else tries_left, 0, tries)
        self.clear_verified()

    def set_verified(self) -> None:
        """Record that the code or the proof of the key was right."""
        self.verified = self.is_fresh = True

    def clear_verified(self) -> None:
        """End the verification."""
        self.verified = self.is_fresh = False


@repr_if_half_made
@dataclass(init=False)
class Code(_CodeOrKey):
    """A PIN or password. Its repr does not show the value.

    Args:
        number: its reference: 1 to 31 if it belongs to the whole card and is in the MF; 0x80 to 0x9F if it belongs
            to the DF that it is in.
        value: the code as the program sends it, padding included.
        tries: the number of consecutive wrong codes that block it, 1 to 15.
        resetting_code: the number of the code that unblocks it (PUK); None if no code does.
        min_length: the minimum length of a new value, in bytes.
        max_length: the maximum length of a new value, in bytes.
        access: rules for commands that contain neither the code nor its resetting code: for each operation the numbers
            of the codes and keys that it needs instead, such as ``{"reset": [2]}``. The operations are change, reset,
            enable and disable. For an operation that is not named, such commands are refused.
        tries_left: the present value of the retry counter; None for ``tries``.
        enabled: False if the code is disabled: access rules that name it are satisfied without it.
    """

    resetting_code: int | None
    min_length: int
    max_length: int
    enabled: bool

    def __init__(
        self,
        number: int,
        value: Buffer,
        *,
        tries: int = 3,
        resetting_code: int | None = None,
        min_length: int = 4,
        max_length: int = 16,
        access: Access | None = None,
        tries_left: int | None = None,
        enabled: bool = True,
    ) -> None:
        super().__init__(number, value, tries, access, tries_left, {"change", "reset", "enable", "disable"})
        self.resetting_code = None if resetting_code is None else checked_number(resetting_code)
        self.max_length = checked("max_length", max_length, 1, 0xFFFF)
        self.min_length = checked("min_length", min_length, 1, max_length)
        checked("length of value", len(self.value), 1, max_length)
        self.enabled = bool(enabled)


@repr_if_half_made
@dataclass(init=False)
class Key(_CodeOrKey):
    """A key with which the card or the program authenticates itself. Its repr does not show the value.

    Args:
        number: its reference, as for a :class:`Code`. A code and a key of one DF cannot have the same number.
        value: the key that the algorithm is called with.
        algorithm: the name of one of the card's algorithms.
        tries: the number of consecutive wrong proofs that block it, 1 to 15.
        access: the numbers of the codes and keys that the use of the key needs, such as ``{"internal": [0x81]}``, or
            ``{"internal": NEVER}``; without a rule it needs none. INTERNAL and GENERAL AUTHENTICATE and PERFORM
            SECURITY OPERATION use the key.
        algorithm_reference: the P1 by which authentication commands may name the algorithm, 1 to 255; 0 if it has
            none. A P1 of 0 is always allowed.
        each_use: True if each use needs a new verification of these codes and keys.
        tries_left: the present value of the retry counter; None for ``tries``.

    Raises:
        ValueError: an argument is not allowed.
        TypeError: ``algorithm`` is not a str.
    """

    algorithm: str
    algorithm_reference: int
    each_use: bool
    enabled: ClassVar[bool] = True
    """Always True: a key cannot be disabled, so access rules that name it always require it."""

    def __init__(
        self,
        number: int,
        value: Buffer,
        algorithm: str,
        *,
        tries: int = 15,
        access: Access | None = None,
        algorithm_reference: int = 0,
        each_use: bool = False,
        tries_left: int | None = None,
    ) -> None:
        super().__init__(number, value, tries, access, tries_left, {"internal"})
        if not isinstance(algorithm, str):
            raise TypeError(f"algorithm: expected a str, got {type(algorithm).__name__}")
        self.algorithm = algorithm
        self.algorithm_reference = checked("algorithm_reference", algorithm_reference, 0, 0xFF)
        self.each_use = bool(each_use)
