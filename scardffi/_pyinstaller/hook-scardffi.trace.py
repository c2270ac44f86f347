"""The files of a program with scardffi.trace: the trace library, on Linux its stand-in, and the parts of its page."""

from PyInstaller.utils.hooks import collect_data_files, collect_dynamic_libs

binaries = collect_dynamic_libs("scardffi.trace", search_patterns=["*.dll", "*.dylib", "*.so", "*.so.1"])
datas = collect_data_files("scardffi.trace", includes=["page.*"])
