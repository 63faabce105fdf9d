"""`sitrep serve`, and `sitrep demo`, which brings a database with the samples to look at."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from app.settings import Settings


HOST = typer.Option(metavar="ADDRESS", help="Listen here. Default: SITREP_HOST, else 127.0.0.1.", show_default=False)
PORT = typer.Option(
    min=0, max=65535, metavar="PORT", help="Default: SITREP_PORT, else 8000; 0 takes a free one.", show_default=False
)
WORKERS = typer.Option(min=1, max=256, metavar="N", help="Processes that accept requests.")


def demo(
    host: Annotated[str | None, HOST] = None,
    port: Annotated[int | None, PORT] = None,
) -> None:
    """Serve the sample data, for trying things out.

    Migrates the database, loads the samples if it is empty, revokes the last
    demo key, prints a new one with scope admin, and serves. Everybody may read.
    """
    from app.cli.listen_address import require_free_address
    from app.cli.migrate import bring
    from app.cli.samples import prepare
    from app.cli.welcome_message import welcome
    from app.main import create_app
    from app.server import serve as run

    settings = demo_settings(host, port)
    require_free_address(settings.host, settings.port)
    bring(settings)
    ready = asyncio.run(prepare(settings))
    run(create_app(settings), settings, on_start=lambda host, port: typer.echo(welcome(settings, ready, host, port)))


def serve(
    host: Annotated[str | None, HOST] = None,
    port: Annotated[int | None, PORT] = None,
    workers: Annotated[int, WORKERS] = 1,
    no_delivery: Annotated[bool, typer.Option("--no-delivery", help="Push nothing: `sitrep worker` does.")] = False,
) -> None:
    """Serve the API, and push changes to subscribers.

    Migrates nothing. While the database holds no key at all, makes one admin key and prints it to stderr, once.
    """
    from app.kit.lean_start import lean_imports

    with lean_imports():
        from app.cli.database import require_usable
        from app.cli.listen_address import require_free_address
        from app.main import create_app
        from app.server import API_FACTORY, FACTORY
        from app.server import serve as run
        from app.settings import read_settings

    settings = read_settings(host=host, port=port)
    require_free_address(settings.host, settings.port)
    asyncio.run(require_usable(settings))
    factory = API_FACTORY if no_delivery else FACTORY
    run(
        create_app(settings, delivery=not no_delivery) if workers == 1 else factory,
        settings,
        workers=workers,
        on_start=lambda _host, _port: make_first_key_soon(settings),
    )


def demo_settings(host: str | None, port: int | None) -> Settings:
    """The settings of the environment, but open to readers and with logs for people unless it says otherwise."""
    import os

    from app.settings import read_settings

    quiet = {"log_format": "console", "log_level": "warning"}
    unset = {name: value for name, value in quiet.items() if not os.environ.get(f"SITREP_{name.upper()}")}
    return read_settings(host=host, port=port, anonymous_read=True, **unset)


def make_first_key_soon(settings: Settings) -> None:
    """Try for the first key beside the server, for as long as it takes; the thread ends with the process."""
    from app.cli.first_key import make_first_key

    threading.Thread(target=lambda: asyncio.run(make_first_key(settings)), name="sitrep-first-key", daemon=True).start()
