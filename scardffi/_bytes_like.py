"""Arguments that must be bytes: their memory, and the message that says what to give instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from typing_extensions import Buffer


def not_bytes(name: str, value: object, others: str = "") -> str:
    """Return the message of a TypeError for an argument that is no contiguous buffer; it never contains the value.

    Args:
        name: the argument's name.
        value: the argument's value.
        others: what else is allowed, such as ``", or a TLV"``.
    """
    expected = f"a C-contiguous buffer such as bytes or bytearray{others}"
    return f"{name}: expected {expected}, got {_kind(value)}{_advice(name, value)}"


def not_writable(name: str, value: object) -> str:
    """Return the message of a TypeError for an argument that is no writable buffer; it never contains the value."""
    return f"{name}: expected a writable, C-contiguous buffer such as bytearray, got {_kind(value)}"


def is_buffer(value: object) -> TypeGuard[Buffer]:
    """Return whether a value has memory that can be read, contiguous or not."""
    try:
        memoryview(value)  # type: ignore[arg-type]  # it raises TypeError if this is not a buffer
    except TypeError:
        return False
    finally:
        del value  # it may be secret, and the traceback of an error must not show it
    return True


def contiguous(name: str, value: Buffer) -> memoryview:
    """Return the bytes of an argument without a copy.

    Raises:
        TypeError: the value is no buffer, or not a contiguous one.
    """
    try:
        return memoryview(value).cast("B")
    except TypeError:
        message = not_bytes(name, value)
    finally:
        del value  # as above
    raise TypeError(message)


def kept(name: str, value: Buffer) -> bytes | memoryview:
    """Return ``bytes`` unchanged, and a memoryview of any other buffer. Nothing is copied.

    Raises:
        TypeError: the value is no buffer, or not a contiguous one.
    """
    try:
        return value if isinstance(value, bytes) else contiguous(name, value)
    finally:
        del value  # as above


def copied(name: str, value: Buffer) -> bytes:
    """Return a copy of the bytes of an argument, which need not be contiguous.

    Raises:
        TypeError: the value is no buffer.
    """
    try:
        return memoryview(value).tobytes()
    except TypeError:
        message = not_bytes(name, value)
    finally:
        del value  # as above
    raise TypeError(message)


def _kind(value: object) -> str:
    if not isinstance(value, memoryview):
        return type(value).__name__
    if _is_released(value):
        return "a released memoryview"
    access = "read-only" if value.readonly else "writable"
    order = "contiguous" if value.c_contiguous else "non-contiguous"
    return f"a {access}, {order} memoryview"


def _is_released(view: memoryview) -> bool:
    try:
        view.nbytes  # noqa: B018  # every use of a released one raises
    except ValueError:
        return True
    return False


def _advice(name: str, value: object) -> str:
    """Return what to give instead of a str, a Command, data objects, ints or a memoryview with gaps."""
    if isinstance(value, str):
        return f"; give bytes.fromhex({name}) for hexadecimal text, or {name}.encode() for other text"
    if hasattr(value, "encode"):
        return f"; give {name}.encode()"
    if isinstance(value, (list, tuple)) and value and all(hasattr(one, "tag") for one in value):
        return f"; give iso7816.encode({name})"
    if isinstance(value, memoryview) and _is_released(value):
        return ""
    if hasattr(value, "__iter__") or hasattr(value, "__bytes__"):
        return f"; give bytes({name})"
    return ""
