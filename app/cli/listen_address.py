"""An address to listen on, tried before anything is changed."""

from __future__ import annotations

import os
import socket

from app.errors import Unavailable


def require_free_address(host: str, port: int) -> None:
    """Raise Unavailable when nothing can listen there: the port is taken, or the address is not this machine's."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        raise Unavailable(f"Cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}.") from None
