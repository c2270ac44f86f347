# cython: language_level=3
"""A Cython module that drives an exchange of Python's without the GIL."""

from libc.stdint cimport int64_t

from scardffi cimport scardffi_api, scardffi_exchange, scardffi_import

cdef const scardffi_api *api = scardffi_import()


def drive(size_t exchange, unsigned count):
    """Send the exchange at this address ``count`` times; return the bytes received, or minus an HRESULT."""
    cdef scardffi_exchange *native = <scardffi_exchange *>exchange
    cdef int64_t total = 0, received
    with nogil:
        while count > 0 and total >= 0:
            received = api.exchange_send(native)
            total = received if received < 0 else total + received
            count -= 1
    return total
