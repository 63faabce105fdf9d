"""Puts every way in which PostgreSQL is not reached into one sentence that says what to do."""

from __future__ import annotations

import socket
import ssl

import asyncpg

from app.database_address import PostgresAddress

# The first class that fits counts; the sentence is filled with the place, the user, the database and what was said.
SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    (asyncpg.InvalidPasswordError, "PostgreSQL at {place} refuses the password of {user}: correct it in the address."),
    (asyncpg.InvalidAuthorizationSpecificationError, "PostgreSQL at {place} does not let {user} in: {said}."),
    (asyncpg.InvalidCatalogNameError, "PostgreSQL at {place} has no {database}: make it, or correct the address."),
    (
        asyncpg.TooManyConnectionsError,
        "PostgreSQL at {place} has no connection left: raise its max_connections, or lower SITREP_DATABASE_POOL.",
    ),
    (asyncpg.CannotConnectNowError, "PostgreSQL at {place} is starting or stopping: {said}."),
    (
        asyncpg.TargetServerAttributeNotMatched,
        "None of the servers at {place} is what target_session_attrs={wanted} asks for: name others, or change it.",
    ),
    (asyncpg.PostgresError, "PostgreSQL at {place} refuses the connection: {said}."),
    (socket.gaierror, "There is no host {place}: correct the address, or this machine's name service."),
    (
        ssl.SSLCertVerificationError,
        "The certificate of PostgreSQL at {place} is not accepted: {said}; see sslrootcert.",
    ),
    (ssl.SSLError, "TLS with PostgreSQL at {place} fails: {said}."),
    (TimeoutError, "PostgreSQL at {place} did not answer in time: is the address right, is a firewall between?"),
    (OSError, "Nothing answers at {place}: is PostgreSQL running there, is the address right? ({said})"),
    (Exception, "PostgreSQL at {place} cannot be connected to: {said}."),
)
NO_TLS = "PostgreSQL at {place} does not do TLS: turn it on there, or use sslmode=prefer."


def explain(error: BaseException, address: PostgresAddress) -> str:
    """Say why there is no connection, and what to do."""
    said = first_line(error)
    file = str(error.filename or "") if isinstance(error, OSError) else ""
    if file and ".s.PGSQL." not in file:  # a certificate or a key; a socket is where nothing answers
        return f"The file {file} of the address cannot be read: {said}."
    if is_pooler_refusal(error):
        return f"What listens at {address.place} is a pooler ({said}): set SITREP_DATABASE_POOLER=transaction."
    refused_tls = isinstance(error, ConnectionError) and "SSL upgrade" in said
    template = NO_TLS if refused_tls else next(text for sort, text in SENTENCES if isinstance(error, sort))
    return template.format(
        place=address.place,
        user=f"user {address.user}" if address.user else "this user",
        database=f"database {address.database}" if address.database else "database of the user's name",
        wanted=address.parameters.target_session_attrs,
        said=said,
    )


def explain_lost(error: BaseException, address: PostgresAddress) -> str:
    """Say why a statement did not get through."""
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return f"PostgreSQL at {address.place} is read-only: name the primary, or set target_session_attrs=primary."
    if isinstance(error, asyncpg.LockNotAvailableError):
        return f"Another transaction holds what this one needs: {first_line(error)}."
    if isinstance(error, asyncpg.OperatorInterventionError | asyncpg.PostgresConnectionError):
        return f"PostgreSQL at {address.place} ended the work: {first_line(error)}."
    return explain(error, address)


def first_line(error: BaseException) -> str:
    """What an exception says, as a part of a sentence."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def is_pooler_refusal(error: BaseException) -> bool:
    """Whether a pooler refuses a setting that a server would take at the start of a session."""
    return isinstance(error, asyncpg.PostgresError) and "startup parameter" in str(error)
