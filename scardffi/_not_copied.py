"""A base class of objects that cannot be copied or pickled."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from typing import SupportsIndex


class NotCopied:
    """An object with something outside of Python, such as a card handle: a copy would close what the original uses.

    ``copy.copy``, ``copy.deepcopy`` and ``pickle`` raise TypeError.
    """

    __slots__ = ()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(f"{type(self).__name__}: this object cannot be copied or pickled; create another one instead")
