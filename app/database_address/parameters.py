"""Reads libpq's connection parameters: which are taken, which change nothing, and which are refused and why."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from app.database_address.faults import AddressError

CONNECT_TIMEOUT_S = 5.0
SSL_FILES = ("sslcert", "sslkey", "sslrootcert", "sslcrl")
SYSTEM = ("sslrootcert", "system")
WORDS = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    "load_balance_hosts": ("disable", "random"),
    "ssl_min_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "ssl_max_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "keepalives": ("0", "1"),
}
# Values that ask for nothing more than what is done anyway.
WITHOUT_EFFECT = {
    "channel_binding": ("prefer", "disable"),
    "client_encoding": ("auto", "utf8", "utf-8", "unicode"),
    "gssencmode": ("disable", "prefer"),
    "sslcompression": ("0",),
    "sslsni": ("1",),
    "sslcertmode": ("allow",),
    "requiressl": ("0",),
    "gssdelegation": ("0",),
    "replication": ("false", "off", "no", "0"),
}
WHY = {
    "channel_binding": "the driver cannot bind channels: use channel_binding=prefer and sslmode=verify-full",
    "client_encoding": "the program speaks UTF-8: leave client_encoding out",
    "gssencmode": "the driver has no GSSAPI encryption: use gssencmode=disable and sslmode",
}
REFUSED = (
    *("service", "servicefile", "requirepeer", "require_auth", "krbsrvname", "gsslib", "sslcrldir", "sslkeylogfile"),
    *("min_protocol_version", "max_protocol_version", "scram_client_key", "scram_server_key", "oauth_issuer"),
    *("oauth_client_id", "oauth_client_secret", "oauth_scope"),
)
SECONDS = ("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
TAKEN = (
    *("host", "hostaddr", "port", "user", "password", "dbname", "passfile", "application_name"),
    *("fallback_application_name", "connect_timeout", "options", *SSL_FILES, "sslpassword", *SECONDS, *WORDS),
)
KNOWN = (*TAKEN, *WITHOUT_EFFECT, *REFUSED)


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the parameters of an address ask for."""

    tls: tuple[tuple[str, str], ...]
    session: tuple[tuple[str, str], ...]
    socket_options: tuple[tuple[int, int, int], ...]
    connect_timeout_s: float | None
    target_session_attrs: str | None
    passfile: str | None
    shuffle_hosts: bool

    @property
    def files(self) -> tuple[str, ...]:
        """The certificate and key files that are named."""
        return tuple(value for name, value in self.tls if name in SSL_FILES and (name, value) != SYSTEM)


def read_parameters(values: Mapping[str, str]) -> Parameters:
    """Read the parameters that say neither where the server is nor who asks."""
    for name, value in values.items():
        check(name, value)
    tls = tuple(
        (name, value) for name, value in values.items() if name.startswith("ssl") and name not in WITHOUT_EFFECT
    )
    if values.get("sslrootcert") == "system" and values.get("sslmode", "verify-full") != "verify-full":
        raise AddressError("sslrootcert=system needs sslmode=verify-full")
    if values.get("sslnegotiation") == "direct" and values.get("sslmode") not in {
        "require",
        "verify-ca",
        "verify-full",
    }:
        raise AddressError("sslnegotiation=direct needs sslmode=require, verify-ca or verify-full")
    name = values.get("application_name") or values.get("fallback_application_name") or "sitrep"
    return Parameters(
        tls=tls,
        session=(*read_options(values.get("options", "")), ("application_name", name)),
        socket_options=read_socket_options(values),
        connect_timeout_s=read_connect_timeout(values.get("connect_timeout")),
        target_session_attrs=values.get("target_session_attrs"),
        passfile=values.get("passfile"),
        shuffle_hosts=values.get("load_balance_hosts") == "random",
    )


def check(name: str, value: str) -> None:
    """Refuse a name that libpq does not have or that cannot be honoured, and a value that is none of its words."""
    if name == "hostaddr":
        raise AddressError("hostaddr cannot stand beside a host: give the one to connect to as the host")
    if name in REFUSED:
        raise AddressError(f"the parameter {name} is not supported")
    if name not in KNOWN:
        near = get_close_matches(name, KNOWN, n=1, cutoff=0.7)
        raise AddressError(f"{name} is not a parameter of PostgreSQL" + (f"; did you mean {near[0]}?" if near else ""))
    if name in WORDS and value not in WORDS[name]:
        raise AddressError(f"{name} must be one of {', '.join(WORDS[name])}")
    if name in WITHOUT_EFFECT and value.lower() not in WITHOUT_EFFECT[name]:
        words = " or ".join(WITHOUT_EFFECT[name])
        raise AddressError(WHY.get(name, f"{name} can only be {words}"))
    if name in SECONDS and not re.fullmatch(r"\d{1,9}", value, re.ASCII):
        raise AddressError(f"{name} must be a whole number")


def read_connect_timeout(text: str | None) -> float | None:
    """Read how long connecting may take in seconds; 0 or less is for ever, as in libpq."""
    if text is None:
        return CONNECT_TIMEOUT_S
    if not re.fullmatch(r"\s*[+-]?\d{1,9}\s*", text, re.ASCII):
        raise AddressError("connect_timeout must be a whole number of seconds")
    return float(text) if int(text) > 0 else None


def read_socket_options(values: Mapping[str, str]) -> tuple[tuple[int, int, int], ...]:
    """Read what TCP is told: keepalives are on unless turned off, and 0 leaves a time to the system."""
    options = []
    if values.get("keepalives") != "0":
        options.append((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1))
        names = {
            "keepalives_idle": "TCP_KEEPIDLE",
            "keepalives_interval": "TCP_KEEPINTVL",
            "keepalives_count": "TCP_KEEPCNT",
        }
        options += number_of(values, names)
    return tuple(options + number_of(values, {"tcp_user_timeout": "TCP_USER_TIMEOUT"}))


def number_of(values: Mapping[str, str], names: Mapping[str, str]) -> list[tuple[int, int, int]]:
    """Socket options of TCP that have a number, where the system knows them."""
    given = [(option, int(values[name])) for name, option in names.items() if int(values.get(name, "0"))]
    return [
        (socket.IPPROTO_TCP, getattr(socket, option), number) for option, number in given if hasattr(socket, option)
    ]


def read_options(text: str) -> list[tuple[str, str]]:
    """Read `-c name=value` and `--name=value`, separated by spaces; a backslash keeps the next character as it is."""
    words = [re.sub(r"\\(.)", r"\1", word) for word in re.findall(r"(?:\\.|[^\s\\])+", text)]
    found = []
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            setting = words.pop(0)
        elif word.startswith(("-c", "--")) and len(word) > 2:
            setting = word[2:]
        else:
            raise AddressError("options may hold settings only: -c name=value, with spaces written as %20")
        name, equals, value = setting.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.\-]*", name):
            raise AddressError("options may hold settings only: -c name=value, with spaces written as %20")
        found.append((name.replace("-", "_"), value))
    return found
