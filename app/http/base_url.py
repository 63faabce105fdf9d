"""The address under which a caller sees this server."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

HOST = re.compile(r"(?=.{1,255}$)(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)


def base_address(request: Request) -> str:
    """Return scheme, host and path prefix with a slash at the end."""
    return base_url(request.scope)


def base_url(scope: Scope) -> str:
    """Return the base address of an ASGI scope; a Host that is no host's name is left out."""
    host = Headers(scope=scope).get("host", "")
    return f"{scope['scheme']}://{host if HOST.fullmatch(host) else '127.0.0.1:8000'}{scope.get('root_path', '')}/"
