"""Under which address a caller sees this server."""

import re

from fastapi import Request

HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")


def base_address(request: Request) -> str:
    """Scheme, host and root path with a slash at the end; a host that is no host's name is left out."""
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host if HOST.fullmatch(host) else '127.0.0.1:8000'}{request.scope['root_path']}/"
