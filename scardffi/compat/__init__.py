"""Programs that were written for pyscard run on scardffi, unchanged: ``import smartcard`` imports modules from here.

:func:`install` does it for this process; ``python -m scardffi.compat PROGRAM`` for a program; the folder that
``python -m scardffi.compat --path`` prints, in PYTHONPATH, for child processes; ``pytest --scardffi-compat`` for tests.
"""

from ._finder import install, on_path, uninstall

__all__ = ["install", "on_path", "uninstall"]
