"""The modules of a program with scardffi that PyInstaller does not find, because no import statement names them."""

from PyInstaller.utils.hooks import collect_submodules

# A program that needs services.aes or virtual.piv imports it by name; they bring the package cryptography.
_NOT_COLLECTED = (
    "scardffi._cdef",
    "scardffi._pyinstaller",
    "scardffi.services.aes",
    "scardffi.virtual._piv_keys",
    "scardffi.virtual.piv",
)

hiddenimports = ["_cffi_backend", *collect_submodules("scardffi", lambda name: not name.startswith(_NOT_COLLECTED))]
excludedimports = ["cffi"]  # only a build needs it, with setuptools
