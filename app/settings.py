"""The settings of one process: read from SITREP_* once, checked, then frozen."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.database_address import normalize

PREFIX = "SITREP_"
NOT_OURS = ("SITREP_PORT_", "SITREP_SERVICE_")  # Kubernetes sets these for a service named sitrep
OF_CLIENTS = {"SITREP_URL", "SITREP_KEY"}  # what `follow` and `subscribe` read, in whose shell a server may be started
SQLITE = "sqlite:///"
MAX_DAYS = 36_500
# A prefix that begins with a path of the API could not be told from it once a proxy has stripped the prefix.
PATH_PREFIX = re.compile(
    r"(?=.{1,255}$)(?!/(?:v1|assets|docs|redoc|openapi\.json|favicon\.ico|livez|readyz|metrics|problems)(?:/|$))"
    r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+",
    re.ASCII,
)

# Host and port, then a path with {z}, {x} and {y}, or one that ends in .pmtiles; a query may follow, as for a key.
TILES = re.compile(
    r"(?P<origin>https?://(?:\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d{1,5})?)"
    r"/(?:[A-Za-z0-9._~%@/-]*\.pmtiles|(?=[^?]*\{)(?:[A-Za-z0-9._~%@/-]|\{[xyz]\})+)(?:\?[A-Za-z0-9._~%@/?:&=+-]*)?",
    re.ASCII,
)


class SettingsError(Exception):
    """The settings do not permit a start; the text has one line for each fault."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`n` requests in `s` seconds."""

    n: int
    s: int


def split(value: object) -> object:
    """A comma separated list as the environment writes it; any other value is left as it is."""
    if isinstance(value, str):
        return tuple(part for part in (part.strip() for part in value.split(",")) if part)
    return value


def check_replica_url(url: str) -> str:
    """Only PostgreSQL has replicas."""
    if url.startswith(SQLITE):
        raise ValueError("must be a replica on PostgreSQL; a SQLite file has none")
    return url


def check_origin(origin: str) -> str:
    """An origin as browsers send it: scheme, host and port, nothing behind; or * for all."""
    if origin == "*" or re.fullmatch(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?", origin):
        return origin
    raise ValueError("must be origins like https://example.org or http://localhost:5173, without a path or capitals")


def check_source(source: str) -> str:
    """A URI reference that is not empty, as CloudEvents asks of `source`."""
    if re.fullmatch(r"[!#-;=?-\[\]_a-z~]{1,255}", source):
        return source
    raise ValueError("must be a URI such as urn:example:sitrep, at most 255 characters")


def check_root_path(path: str) -> str:
    """Check the path prefix under which a proxy serves the API, and drop a slash at its end."""
    prefix = path.strip().rstrip("/")
    if prefix == "" or PATH_PREFIX.fullmatch(prefix):
        return prefix
    raise ValueError("must be a path prefix such as /sitrep, of letters, digits and ._~-, and no path of the API")


def check_trusted(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Check the addresses and networks of proxies; * alone trusts every peer."""
    for address in addresses:
        try:
            ip_network(address)
        except ValueError as error:
            if addresses != ("*",):
                raise ValueError(f"must be addresses or networks such as 10.0.0.0/8, or * alone: {error}") from None
    return addresses


def check_tiles(url: str) -> str:
    """The address of the map's tiles: a raster template, or a PMTiles archive; with nothing that would end a policy."""
    if TILES.fullmatch(url) and sorted(re.findall(r"\{.\}", url)) in ([], ["{x}", "{y}", "{z}"]):
        return url
    raise ValueError("must be like https://tiles.example.org/{z}/{x}/{y}.png, or an address that ends in .pmtiles")


def read_network(value: object) -> object:
    """A network in CIDR notation, without host bits."""
    try:
        return ip_network(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"must be networks such as 10.0.0.0/8: {error}") from None


def read_rate_limit(value: object) -> object:
    """`<n>/<s>` as a RateLimit."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"([1-9]\d{0,8})/([1-9]\d{0,5})", value.strip(), re.ASCII)
    if match is None:
        raise ValueError("must be <requests>/<seconds>, such as 600/60")
    return RateLimit(int(match[1]), int(match[2]))


def read_retention(value: object) -> object:
    """`<n>d` as a number of days."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"([1-9]\d{0,4})d", value.strip(), re.ASCII)
    if match is None or int(match[1]) > MAX_DAYS:
        raise ValueError(f"must be <days>d, such as 90d, at most {MAX_DAYS}d")
    return timedelta(days=int(match[1]))


def read_port(value: object) -> object:
    """A port number; the address that Kubernetes puts into SITREP_PORT for a service named sitrep is none of ours."""
    return 8000 if isinstance(value, str) and value.startswith("tcp://") else value


def lower(value: object) -> object:
    """A word in any case."""
    return value.strip().lower() if isinstance(value, str) else value


DatabaseUrl = Annotated[str, AfterValidator(normalize)]
ReplicaUrl = Annotated[DatabaseUrl, AfterValidator(check_replica_url)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(read_network)]
Origin = Annotated[str, AfterValidator(check_origin)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Environment(PydanticBaseSettingsSource):
    """SITREP_* as plain text; an empty value counts as not set, and a name that is no setting goes on to be refused."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        del field
        name = PREFIX + field_name.upper()
        return os.environ.get(name) or None, name, False

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None} | unknown_names()


class Settings(BaseSettings):
    """What can be set, with its default. `Settings()` reads the environment; arguments come before it."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: DatabaseUrl = Field(
        "sqlite:///sitrep.db",
        description=(
            "`sqlite:///<path>` (four slashes for an absolute one; no parameters, not in memory) or "
            "`postgresql://user:password@host/database`, with [libpq's parameters](postgresql.md#the-address)."
        ),
    )
    read_database_url: ReplicaUrl | None = Field(
        None,
        description=(
            "A PostgreSQL [replica for reading](postgresql.md#a-replica-for-reading). It may lag: a replica "
            "always is a beginning of the log. Beside a SQLite file it stops the start."
        ),
    )
    database_pool: Annotated[int, Field(ge=1, le=1000)] = Field(
        10, description="Connections to PostgreSQL that each process opens at most, and as many to the replica."
    )
    database_pooler: Annotated[Literal["auto", "none", "transaction"], BeforeValidator(lower)] = Field(
        "auto",
        description=(
            "Whether a [pooler such as pgbouncer](postgresql.md#behind-a-pooler) stands between: `auto`, `none` "
            "or `transaction`."
        ),
    )
    host: Annotated[str, Field(min_length=1)] = Field("127.0.0.1", description="The address to listen on.")
    port: Annotated[int, BeforeValidator(read_port), Field(ge=0, le=65535)] = Field(
        8000, description="The port; 0 takes a free one."
    )
    root_path: Annotated[str, AfterValidator(check_root_path)] = Field(
        "",
        description=(
            "The path prefix under which a proxy serves Sitrep, such as `/sitrep`; see [Behind a "
            "proxy](operations.md#behind-a-proxy)."
        ),
    )
    forwarded_allow_ips: Annotated[tuple[str, ...], BeforeValidator(split), AfterValidator(check_trusted)] = Field(
        ("127.0.0.1",),
        description=(
            "Addresses and networks of proxies whose `X-Forwarded-*` fields are believed, separated by commas; "
            "`*` alone believes everybody."
        ),
    )
    keep_alive_s: Annotated[int, Field(ge=1, le=86_400)] = Field(
        75,
        description=(
            "How many seconds a connection may stay open without a request. Make it longer than the load balancer "
            "keeps its connections (usually 60 s), or it answers 502 now and then."
        ),
    )
    anonymous_read: bool = Field(
        False, description="`true` lets everybody read events, the feed and the kinds without a key."
    )
    cors_origins: Annotated[tuple[Origin, ...], BeforeValidator(split)] = Field(
        (),
        description=(
            "Origins whose pages may call the API from a browser, separated by commas: `https://example.org`; or `*`."
        ),
    )
    source: Annotated[str, AfterValidator(check_source)] | None = Field(
        None, description="The `source` of every change in the feed, a URI. Without it, `urn:sitrep:<instance uuid>`."
    )
    allow_private_targets: Annotated[tuple[Network, ...], BeforeValidator(split)] = Field(
        (),
        description=(
            "Networks that webhooks and [sources](sources.md) may reach although they are not public, such as "
            "`10.0.0.0/8,fd00::/8`; inside them http and any port are allowed."
        ),
    )
    allow_http_targets: bool = Field(False, description="`true` lets webhooks and sources go to `http://` as well.")
    target_ports: Annotated[frozenset[Port], BeforeValidator(split)] = Field(
        frozenset({443, 80, 8443}), description="Ports that webhooks and sources may go to."
    )
    secret_key: Annotated[SecretStr, Field(min_length=16)] | None = Field(
        None,
        description=(
            "What webhook secrets are encrypted with, at least 16 characters. Without it, and without the next, "
            "one is made beside a SQLite file; on PostgreSQL push subscriptions are then refused."
        ),
    )
    secret_key_file: Path | None = Field(None, description="A file with that key instead; not both.")
    rate_limit: Annotated[RateLimit | None, BeforeValidator(read_rate_limit)] = Field(
        None,
        description=(
            "`<requests>/<seconds>` for each key, or address without one: `600/60`. Each process counts for itself."
        ),
    )
    change_retention: Annotated[timedelta | None, BeforeValidator(read_retention)] = Field(
        None,
        description=(
            "`<n>d`: the feed forgets changes older than that, once every subscription that is not disabled has "
            "passed them. Events, versions and revisions stay."
        ),
    )
    sources_file: Path | None = Field(
        None,
        description=(
            "The TOML file of the [sources](sources.md) that `sitrep sync` takes in. A server that has it too tells of "
            "those that were never taken in."
        ),
    )
    tiles_url: Annotated[str, AfterValidator(check_tiles)] | None = Field(
        None,
        description=(
            "A background for the dashboard's map: raster tiles, `https://tiles.example.org/{z}/{x}/{y}.png`, or "
            "a [PMTiles](https://docs.protomaps.com/pmtiles/) archive whose address ends in `.pmtiles`. Browsers "
            "then read from that origin, which must allow it (CORS), and from no other; without it the map draws "
            "its own outlines of countries."
        ),
    )
    sse_max: Annotated[int, Field(ge=0, le=1_000_000)] = Field(2000, description="Streams that one process holds open.")
    sse_per_key: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        100, description="Streams that one key, or one address, may hold open."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(lower)] = Field(
        "info", description="`debug`, `info`, `warning`, `error` or `critical`; `debug` adds a line for each request."
    )
    log_format: Annotated[Literal["json", "console"], BeforeValidator(lower)] = Field(
        "json", description="`json`, one object a line, or `console` for people."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment; no files."""
        del env_settings, dotenv_settings, file_secret_settings
        return init_settings, Environment(settings_cls)

    @field_validator("read_database_url")
    @classmethod
    def check_has_primary(cls, url: str | None, info: ValidationInfo) -> str | None:
        """A replica has a primary of its sort."""
        if url and info.data.get("database_url", "").startswith(SQLITE):
            raise ValueError("a replica needs a primary, but SITREP_DATABASE_URL names a SQLite file")
        return url

    @field_validator("secret_key_file")
    @classmethod
    def check_is_only_key(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        """One secret key; that of the text is missing from what was read when it is bad, and was set all the same."""
        if path and info.data.get("secret_key", path):
            raise ValueError("SITREP_SECRET_KEY is set too; set one of them")
        return path

    @property
    def tiles_origin(self) -> str | None:
        """The origin of `tiles_url`, which the dashboard may read beside ours."""
        found = TILES.fullmatch(self.tiles_url or "")
        return found and found["origin"]


def names_of_settings() -> list[str]:
    """Every setting as the environment spells it."""
    return [PREFIX + name.upper() for name in Settings.model_fields]


def unknown_names() -> dict[str, str]:
    """What of the environment looks like a setting but is none."""
    known = names_of_settings()
    ours = sorted(name for name in os.environ if name.startswith(PREFIX) and not name.startswith(NOT_OURS))
    return {name: os.environ[name] for name in ours if name not in known and name not in OF_CLIENTS}


def unknown_name(name: str, known: Sequence[str]) -> str:
    """The sentence about a misspelt setting."""
    near = get_close_matches(name, known, n=1, cutoff=0.7)
    return f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ".")


def read_settings(**named: Any) -> Settings:
    """The settings from `named` values, then from the environment; raises SettingsError that says what is wrong."""
    try:
        return Settings(**{name: value for name, value in named.items() if value is not None})
    except ValidationError as error:
        raise SettingsError("\n".join(dict.fromkeys(sentence(fault) for fault in error.errors()))) from None


def sentence(fault: ErrorDetails) -> str:
    """One line on one bad value, which is not repeated: it may be a secret."""
    name = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        return unknown_name(name, names_of_settings())
    told = fault["msg"].removeprefix("Value error, ").removesuffix(".")
    end = "" if told.endswith("?") else "."
    return f"{PREFIX}{name.upper()}: {told if told.startswith(PREFIX) else told[:1].lower() + told[1:]}{end}"
