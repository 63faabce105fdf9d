"""Connects to PostgreSQL as an address says, and refuses servers that cannot serve."""

from __future__ import annotations

import os
import random
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import asyncpg

from app.database_address import PostgresAddress
from app.db.faults import unavailable
from app.db.postgres_errors import explain

MIN_VERSION = 14
UNREACHABLE = "The database cannot be reached right now; try again."


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """A connection that is clean when it comes back: no session state is ever set, so no reset is needed."""

    def get_reset_query(self) -> str:
        """Nothing to reset."""
        return ""

    def set_socket_options(self, options: tuple[tuple[int, int, int], ...]) -> None:
        """Set options of TCP, such as its keepalives; a Unix socket has none."""
        there = self._transport.get_extra_info("socket")
        if options and there is not None and there.family != socket.AF_UNIX:
            with socket.socket(fileno=os.dup(there.fileno())) as same:
                for level, name, value in options:
                    same.setsockopt(level, name, value)


async def connect(
    address: PostgresAddress,
    settings: Mapping[str, str],
    *,
    statement_cache_size: int = 0,
    command_timeout: float | None = None,
) -> Connection:
    """Open one connection with these session settings; the driver's errors, or Unavailable for an unfit server."""
    require_readable_files(address.parameters.files)
    connection: Connection = await asyncpg.connect(
        **arguments(address),
        server_settings=dict(settings),
        statement_cache_size=statement_cache_size,
        max_cached_statement_lifetime=0,
        command_timeout=command_timeout,
        connection_class=Connection,
    )
    try:
        connection.set_socket_options(address.parameters.socket_options)
        check_server(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


def require_readable_files(files: tuple[str, ...]) -> None:
    """Raise OSError with the name of the first file that cannot be read, which the driver would not tell."""
    for file in files:
        with Path(file).open("rb"):
            pass


@contextmanager
def explain_errors(address: PostgresAddress) -> Iterator[None]:
    """Turn what the driver raises while it connects into Unavailable, with the operator's sentence as its cause."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        problem = unavailable(UNREACHABLE, explain(error, address))
        raise problem from problem.__cause__


def arguments(address: PostgresAddress) -> dict[str, Any]:
    """What asyncpg's `connect` is given; only TLS goes by an address, as it takes certificate files in no other way."""
    hosts = list(address.hosts)
    parameters = address.parameters
    if parameters.shuffle_hosts:
        random.shuffle(hosts)
    tls = dict(parameters.tls)
    named: dict[str, Any] = {}
    if tls.get("sslrootcert") == "system":
        named["ssl"] = ssl.create_default_context()
        tls = {name: value for name, value in tls.items() if name == "sslnegotiation"}
    if hosts:
        named |= {"host": [host for host, _ in hosts], "port": [port for _, port in hosts]}
    return {
        "dsn": "postgresql://" + (f"?{urlencode(tls, quote_via=quote)}" if tls else ""),
        "user": address.user,
        "password": address.password,
        "database": address.database,
        "passfile": parameters.passfile,
        "timeout": parameters.connect_timeout_s,
        "target_session_attrs": parameters.target_session_attrs,
        **named,
    }


def check_server(connection: Connection) -> None:
    """Refuse a server that is too old, and a database whose encoding cannot hold every text."""
    version = connection.get_server_version()
    if version.major < MIN_VERSION:
        raise unavailable(
            f"The database server is PostgreSQL {version.major}, which is too old:"
            f" Sitrep needs {MIN_VERSION} or later.",
            permanent=True,
        )
    encoding = getattr(connection.get_settings(), "server_encoding", "UTF8")
    if encoding.upper() not in {"UTF8", "UTF-8"}:
        raise unavailable(
            f"The database has the encoding {encoding}, which cannot hold every text: make one with"
            " CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0.",
            permanent=True,
        )
