"""A list in which each item occurs only once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self, SupportsIndex, TypeVar

_Item = TypeVar("_Item")


class ulist(list[_Item]):
    """A list without duplicates: adding an item that is there has no effect.

    ``+`` and ``+=`` take an iterable, or one item. ``list + ulist`` has the items of the list at the end.

    A subclass can override ``__onadditem__``, which is called with each item before it is added, and
    ``__onremoveitem__``, which is called with each item after it was removed.
    """

    def __init__(self, initlist: Iterable[_Item] | None = None) -> None:
        super().__init__(dict.fromkeys(initlist or ()))

    def __add__(self, other: Any) -> Self:  # type: ignore[override]  # it takes one item too
        result = self.__class__.__new__(self.__class__)
        list.__init__(result, self)
        result += other
        return result

    def __radd__(self, other: Any) -> Self:
        result: Self = self + other
        return result

    def __iadd__(self, other: Any) -> Self:  # type: ignore[override]  # the same
        items: Any = other if isinstance(other, Iterable) and not isinstance(other, str) else (other,)
        for item in items:
            self.append(item)
        return self

    def extend(self, other: Iterable[_Item]) -> None:
        """Append the items that are not there."""
        self += other

    def append(self, item: _Item) -> None:
        """Append an item, if it is not there."""
        self.insert(len(self), item)

    def insert(self, i: SupportsIndex, item: _Item) -> None:
        """Insert an item before the index, if it is not there."""
        if item not in self:
            self.__onadditem__(item)
            super().insert(i, item)

    def pop(self, i: SupportsIndex = -1) -> _Item:
        """Remove the item at the index and return it."""
        item = super().pop(i)
        self.__onremoveitem__(item)
        return item

    def remove(self, item: _Item) -> None:
        """Remove an item.

        Raises:
            ValueError: it is not there.
        """
        super().remove(item)
        self.__onremoveitem__(item)

    def __onadditem__(self, item: _Item) -> None:
        """Is called before an item is added."""

    def __onremoveitem__(self, item: _Item) -> None:
        """Is called after an item was removed."""
