"""The hooks of PyInstaller: it finds this folder by the entry point ``hook-dirs``."""

from __future__ import annotations


def hook_folders() -> list[str]:
    """Return the folders of the hooks."""
    return list(__path__)
