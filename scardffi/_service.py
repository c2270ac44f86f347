"""Establish native contexts, and tell why the resource manager cannot be reached."""

from __future__ import annotations

import errno
import functools
import os
import sys
from typing import TYPE_CHECKING, Final, cast

from ._loader import ffi, lib, owning
from .constants import ReturnCode
from .errors import E_OUTOFMEMORY, from_code, from_hresult

if TYPE_CHECKING:
    from ._native import CData
    from .errors import SCardError
    from .library import Library

_PCSCD_SOCKET: Final = "/run/pcscd/pcscd.comm"


def establish(library: Library, scope: int) -> CData:
    """Establish a native context and return it as an object in C. Wraps ``SCardEstablishContext``.

    The object releases the context at the latest when it is collected, so nothing is left if Ctrl-C interrupts this.

    pcsc-lite returns SCARD_W_SECURITY_VIOLATION if pcscd refuses the program, and also if pcscd ends during the call.
    For this reason a call with this code is repeated once.

    Raises:
        NoServiceError: the resource manager does not run, cannot be reached, or refuses this program.
    """
    context = _new_context(library)
    try:
        code = lib.native_context_establish(context, scope)
        if code == ReturnCode.SCARD_W_SECURITY_VIOLATION:
            code = lib.native_context_establish(context, scope)
        if code != 0:
            raise from_code(  # noqa: TRY301  the context is released for every exception
                code, "SCardEstablishContext", reason=unreachable_reason(library, code)
            )
    except BaseException:
        lib.native_context_release(context)
        raise
    return context


def establish_error(library: Library, scope: int, code: int) -> SCardError | None:
    """Return the error of a failed attach if its context could not be established; None if the attach itself failed.

    Args:
        library: the PC/SC library.
        scope: the scope of the attach.
        code: the code or HRESULT of the attach.
    """
    if code == ReturnCode.SCARD_E_NO_SERVICE:
        return from_code(code, "SCardEstablishContext", reason=unreachable_reason(library, code))
    if code != ReturnCode.SCARD_W_SECURITY_VIOLATION:
        return None
    context = _new_context(library)
    again = lib.native_context_establish(context, scope)
    lib.native_context_release(context)
    return from_code(code, "SCardEstablishContext") if again == code else None


def _new_context(library: Library) -> CData:
    context = owning(functools.partial(lib.native_context_new, library.native), lib.native_context_free)
    if context is None:
        raise from_hresult(E_OUTOFMEMORY, "SCardEstablishContext")
    return context


def unreachable_reason(library: Library, code: int) -> tuple[str, str] | None:
    """Return the meaning and the remedy if something else than a stopped service is the cause of this code."""
    if code != ReturnCode.SCARD_E_NO_SERVICE:
        return None
    if not _has_free_descriptor():
        return (
            "no file descriptor is free for the connection to the resource manager",
            "Close files and sockets that you do not use, or raise the limit (ulimit -n).",
        )
    problem = lib.pcsc_configuration_problem(library.native)
    if problem:
        return configuration_reason(cast("bytes", ffi.string(problem)))
    if sys.platform == "win32":
        return None
    path = socket_path()
    if "libpcsclite" not in os.path.basename(library.info().path) or not _is_forbidden(path):  # noqa: PTH119  pathlib takes longer to import
        return None
    return (
        f"this user may not open the socket of the resource manager, {path}",
        "Run the program as a user who may, or change the permissions of the socket or its folder.",
    )


def socket_path() -> str:
    """Return the path at which the client library of pcsc-lite looks for the daemon's socket."""
    return os.environ.get("PCSCLITE_CSOCK_NAME", _PCSCD_SOCKET)


def configuration_reason(problem: bytes) -> tuple[str, str]:
    """Return the meaning and the remedy if the virtual library refuses ``SCARDFFI_VIRTUAL``.

    Args:
        problem: what the library says about it.
    """
    text = problem.decode("utf-8", "replace")
    return (
        f"the virtual library refuses the environment variable SCARDFFI_VIRTUAL: {text}",
        "Correct it, and start the program again.",
    )


def _has_free_descriptor() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno not in {errno.EMFILE, errno.ENFILE}
    return True


def _is_forbidden(path: str) -> bool:
    """Return whether the socket exists, or may exist, and this user may not connect to it."""
    try:
        os.stat(path)  # noqa: PTH116  as above
    except PermissionError:
        return True
    except OSError:
        return False
    return not os.access(path, os.R_OK | os.W_OK)
