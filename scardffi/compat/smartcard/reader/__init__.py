"""Readers of any kind."""

from ...._first_use import imported_at_first_use

__getattr__ = imported_at_first_use(
    __name__, {name: f".{name}" for name in ("Reader", "ReaderFactory", "ReaderGroups")}
)
