"""The files of a program with scardffi.virtual: the virtual library, and on Linux the stand-in for libpcsclite.so.1."""

from PyInstaller.utils.hooks import collect_dynamic_libs

binaries = collect_dynamic_libs("scardffi.virtual", search_patterns=["*.dll", "*.dylib", "*.so", "*.so.1"])
