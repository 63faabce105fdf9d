"""The first thing that somebody who tries Sitrep sees."""

from __future__ import annotations

from app.cli.samples import Ready
from app.database_address import read_address
from app.settings import Settings

ALL_INTERFACES = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (what was asked for, told by an address that can be called)
MESSAGE = """\
Sitrep serves {events} events at {address}
from {database}{loaded}. Everybody may read.

admin key: {key}

Try, in another terminal:

  curl '{address}/v1/events?kind=attack&launched_min=800'
  curl -N '{address}/v1/feed/stream?after=oldest'
  curl '{address}/v1/events?near=50.45,30.52&radius_km=50'

To write, send the key in the header `Authorization: Bearer <key>`.
Every call is described at {address}/docs.
Ctrl-C stops the server. The data stays."""


def welcome(settings: Settings, ready: Ready, host: str, port: int) -> str:
    """The start message: what is served where, the key, and three calls to try."""
    return MESSAGE.format(
        events=f"{ready.events:,}",
        address=address_of(host, port),
        database=read_address(settings.database_url).shown,
        loaded=", the samples just loaded" if ready.loaded else "",
        key=ready.key,
    )


def address_of(host: str, port: int) -> str:
    """A URL that a caller on this machine can use."""
    callable_host = ALL_INTERFACES.get(host, host)
    return f"http://[{callable_host}]:{port}" if ":" in callable_host else f"http://{callable_host}:{port}"
