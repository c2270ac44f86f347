"""The files of a program with scardffi.trace: the trace library, and on Linux its stand-in for libpcsclite.so.1."""

from PyInstaller.utils.hooks import collect_dynamic_libs

binaries = collect_dynamic_libs("scardffi.trace", search_patterns=["*.dll", "*.dylib", "*.so", "*.so.1"])
