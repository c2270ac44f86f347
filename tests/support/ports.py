"""Ports of this machine that are free."""

import socket


def free_ports(count: int) -> list[int]:
    """Return the numbers of TCP ports that no socket has now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return numbers
