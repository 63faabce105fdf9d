"""`sitrep mcp`: the tools of the Model Context Protocol on standard input and output, over the database at hand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from app.settings import Settings


def mcp() -> None:
    """Let an assistant read the database, as an MCP server on stdio.

    Reads the database of the settings, as every other command does, and
    writes nothing. Assistants reach a running server at its /mcp instead.
    """
    from app.errors import Unavailable
    from app.logs import set_up_logs
    from app.mcp.routes import INSTALL, is_installed
    from app.settings import read_settings

    if not is_installed():
        raise Unavailable(INSTALL)
    settings = read_settings()
    set_up_logs(settings)
    asyncio.run(speak(settings))


async def speak(settings: Settings) -> None:
    """Answer until standard input ends; addresses are those that `sitrep serve` has with the same settings."""
    from app.cli.welcome_message import address_of
    from app.main import open_for_reading
    from app.mcp.api_caller import ApiCaller
    from app.mcp.server import serve_stdio

    async with open_for_reading(settings) as app:
        base = f"{address_of(settings.host, settings.port)}{settings.root_path}/"
        await serve_stdio(ApiCaller(app, base))
