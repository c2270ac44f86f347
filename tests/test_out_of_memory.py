"""Out of memory: each allocation of the core is made to fail, and only that call fails."""

import shutil
import sys
from pathlib import Path

import pytest
from support.alone import run_alone
from support.compile import shared_library, virtual_library_in_windows_shape
from support.reports import report

from scardffi import virtual
from scardffi._loader import calls

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="interposes glibc's malloc with LD_PRELOAD")

ALLOCATE = {
    "Library",
    "Library.default",
    "SCardManage",
    "attach_by_ifd",
    "attach_by_handle",
    "transmit with a flow",
    "transmit_into with a flow",
    "the table's exchange_new",
    "the table's script_new",
    "get_status_change",
    "read_binary_into",
    "update_binary_from",
    "exchange",
    "a script",
    "a script with times",
    "a script with times and a flow",
    "a script of one pass",
    "a script into memory with times and a flow",
    "SCARD_AUTOALLOCATE of the virtual library",
    "SCardListReadersW into a buffer",
    "SCardListReadersW into memory of the library",
    "SCardGetStatusChangeW",
    "SCardConnectW",
    "SCardStatusW",
    "insertion of a card",
    "insertion of the answering card",
    "fault",
    "start of the virtual library",
}
ALLOCATE_NOTHING = {
    "a script into memory",
    "transmit again",
    "transmit_into",
    "status",
    "detach",
    "attach again",
    "plugging a reader in",
    "list of the readers",
    "connection to a reader",
}
(ALLOCATE if calls is not None else ALLOCATE_NOTHING).add("transmit")  # cffi allocates the memory for the response


def test_a_failed_allocation_raises_out_of_memory_leaks_no_memory_and_leaves_the_object_usable(
    tmp_path: Path,
) -> None:
    preload = shared_library(Path(__file__).parent / "csrc" / "failing_malloc.c", tmp_path, "-pthread", "-ldl")
    unused_copy = shutil.copy(virtual.library_path(), tmp_path / "libanother.so")
    failed, _ = run_alone(
        "out_of_memory",
        str(preload),
        str(unused_copy),
        str(virtual_library_in_windows_shape(tmp_path)),
        environment={"LD_PRELOAD": str(preload), "SCARDFFI_LIBRARY": ""},
    )
    report(f"allocations failed: {', '.join(f'{operation} {count}' for operation, count in failed.items())}")
    assert {operation for operation, count in failed.items() if count > 0} == ALLOCATE
    assert {operation for operation, count in failed.items() if count == 0} == ALLOCATE_NOTHING
