"""The file of a program with scardffi.virtual.file_system: the JSON Schema of a card's file."""

from PyInstaller.utils.hooks import collect_data_files

datas = collect_data_files("scardffi.virtual.file_system", includes=["card.schema.json"])
