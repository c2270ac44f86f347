"""The files that are generated from the C headers, and the one list of PC/SC functions."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import scardffi
from scardffi import _cdef

PACKAGE = Path(scardffi.__file__).parent


@pytest.mark.parametrize(
    ("name", "generate"), [("_native.pyi", _cdef.stub), ("__init__.pxd", _cdef.cython_declarations)]
)
def test_each_checked_in_file_equals_the_generated_one(name: str, generate: Callable[[], str]) -> None:
    text = (PACKAGE / name).read_text(encoding="utf-8")
    assert text == generate(), 'run "python build_ffi.py" in the clone'


def test_the_public_header_declares_the_pcsc_functions_as_the_list_does() -> None:
    header = re.sub(r"\s+", " ", (PACKAGE / "include" / "scardffi.h").read_text(encoding="utf-8"))
    members = set(re.findall(r"scardffi_long \(\*(SCard\w+)\)\((.*?)\);", header))
    declarations = re.sub(r"SCARD_(IO_REQUEST|READERSTATE) \*", "void *", _cdef.declarations())
    for ours, name in {"dword": "DWORD", "context": "SCARDCONTEXT", "handle": "SCARDHANDLE"}.items():
        declarations = re.sub(rf"\b{name}\b", f"scardffi_{ours}", declarations)
    listed = set(re.findall(r"^LONG (SCard\w+)\((.*)\);$", declarations, flags=re.MULTILINE))
    assert members == listed
    assert len(listed) == 18
