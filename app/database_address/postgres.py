"""Reads the address of a PostgreSQL server as libpq does: hosts, user, password, database and parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from app.database_address.faults import AddressError
from app.database_address.parameters import Parameters, read_parameters

DEFAULT_PORT = 5432
ENCODE = "the user, password or database holds one of / ? # @ & : write it as %2F %3F %23 %40 %26"


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """Where PostgreSQL is and how it is connected to; what is None is left to libpq's defaults and PG* variables."""

    hosts: tuple[tuple[str, int], ...]
    user: str | None
    password: str | None = field(repr=False)
    database: str | None
    parameters: Parameters = field(repr=False)

    @property
    def place(self) -> str:
        """The hosts and ports, for a sentence about them."""
        return ", ".join(show_host(host, port) for host, port in self.hosts) or "the local socket"

    @property
    def shown(self) -> str:
        """The address as it may be printed: without user, password and parameters."""
        hosts = ",".join(show_host(host, port) for host, port in self.hosts if not host.startswith("/"))
        return f"postgresql://{hosts}/{self.database or ''}"


def show_host(host: str, port: int) -> str:
    """A host and port in a line; a socket by its directory."""
    if host.startswith("/"):
        return f"{host}/.s.PGSQL.{port}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def read_postgres_address(rest: str) -> PostgresAddress:
    """Read what follows `postgresql://`."""
    before, _, query = rest.partition("?")
    authority, _, path = before.partition("/")
    if "@" in query.partition("=")[0] or "@" in path or authority.count("@") > 1:
        raise AddressError(ENCODE)
    login, at, hostlist = authority.rpartition("@")
    user, colon, password = login.partition(":") if at else ("", "", "")
    values = split_query(query)
    if "hostaddr" in values and not hostlist and "host" not in values:
        values["host"] = values.pop("hostaddr")
    return PostgresAddress(
        hosts=read_hosts(hostlist, values),
        user=values.pop("user", None) or decode(user, "user") or None,
        password=values.pop("password", None) or (decode(password, "password") if colon else "") or None,
        database=values.pop("dbname", None) or decode(path, "database") or None,
        parameters=read_parameters(values),
    )


def split_query(query: str) -> dict[str, str]:
    """Split `name=value&...`; as in libpq a plus sign is a plus sign, and the last of several counts."""
    values = {}
    for pair in query.split("&") if query else ():
        name, equals, value = pair.partition("=")
        name = decode(name, "name of a parameter")
        if not re.fullmatch(r"[a-z_]+", name, re.IGNORECASE):
            raise AddressError(ENCODE if "@" in pair else "a parameter is <name>=<value>, separated by &")
        if not equals:
            raise AddressError(f"the parameter {name} has no value")
        values[name] = decode(value, name)
    if "ssl" in values and values["ssl"].lower() == "true":  # as JDBC writes it; libpq takes it too
        del values["ssl"]
        values.setdefault("sslmode", "require")
    return values


def read_hosts(hostlist: str, values: dict[str, str]) -> tuple[tuple[str, int], ...]:
    """Read the hosts and ports of the authority; the parameters `host` and `port`, which are taken out, come before."""
    hosts: list[str] = []
    ports: list[str] = []
    for host in hostlist.split(",") if hostlist else ():
        match = re.fullmatch(r"(\[[0-9A-Fa-f:.%a-z]+\]|[^:\[\]]*)(?::(.*))?", host)
        if match is None:
            raise AddressError("the host cannot be read: an IPv6 address stands in brackets, as in [::1]:5432")
        hosts.append(decode(match[1].strip("[]"), "host"))
        ports.append(match[2] or "")
    if named := values.pop("host", None):
        hosts = [host.strip("[]") for host in named.split(",")]
        ports = ports if len(ports) == len(hosts) else [""] * len(hosts)
    if given := values.pop("port", None):
        ports = given.split(",")
        hosts = hosts or ["localhost"] * len(ports)
    if len(ports) == 1:
        ports *= len(hosts)
    if len(ports) != len(hosts):
        raise AddressError(
            f"has {len(hosts)} hosts and {len(ports)} ports: give one port for each host, or one for all"
        )
    if hosts == [""]:
        hosts = ["localhost"]
    if "" in hosts:
        raise AddressError("one of the hosts is empty")
    return tuple((host, read_port(port)) for host, port in zip(hosts, ports, strict=True))


def read_port(text: str) -> int:
    """Read a port number; nothing is 5432."""
    if not text:
        return DEFAULT_PORT
    if not re.fullmatch(r"\d{1,5}", text, re.ASCII) or not 1 <= int(text) <= 65535:
        raise AddressError("the port must be a number from 1 to 65535")
    return int(text)


def decode(text: str, what: str) -> str:
    """Resolve percent-encoding; what is no UTF-8 or holds control characters is refused."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise AddressError(f"the {what} has a % that begins no code: write a percent sign as %25")
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise AddressError(f"the {what} is not UTF-8 when its percent-encoding is resolved") from None
    if "\0" in decoded:
        raise AddressError(f"the {what} holds a NUL character")
    return decoded
