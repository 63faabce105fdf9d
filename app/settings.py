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

    database_url: DatabaseUrl = "sqlite:///sitrep.db"
    read_database_url: ReplicaUrl | None = None
    database_pool: Annotated[int, Field(ge=1, le=1000)] = 10
    database_pooler: Annotated[Literal["auto", "none", "transaction"], BeforeValidator(lower)] = "auto"
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, BeforeValidator(read_port), Field(ge=0, le=65535)] = 8000
    root_path: Annotated[str, AfterValidator(check_root_path)] = ""
    forwarded_allow_ips: Annotated[tuple[str, ...], BeforeValidator(split), AfterValidator(check_trusted)] = (
        "127.0.0.1",
    )
    keep_alive_s: Annotated[int, Field(ge=1, le=86_400)] = 75
    anonymous_read: bool = False
    cors_origins: Annotated[tuple[Origin, ...], BeforeValidator(split)] = ()
    source: Annotated[str, AfterValidator(check_source)] | None = None
    allow_private_targets: Annotated[tuple[Network, ...], BeforeValidator(split)] = ()
    allow_http_targets: bool = False
    target_ports: Annotated[frozenset[Port], BeforeValidator(split)] = frozenset({443, 80, 8443})
    secret_key: Annotated[SecretStr, Field(min_length=16)] | None = None
    secret_key_file: Path | None = None
    rate_limit: Annotated[RateLimit | None, BeforeValidator(read_rate_limit)] = None
    change_retention: Annotated[timedelta | None, BeforeValidator(read_retention)] = None
    sources_file: Path | None = None
    tiles_url: Annotated[str, AfterValidator(check_tiles)] | None = None
    sse_max: Annotated[int, Field(ge=0, le=1_000_000)] = 2000
    sse_per_key: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    log_level: Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(lower)] = "info"
    log_format: Annotated[Literal["json", "console"], BeforeValidator(lower)] = "json"

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
    return {name: os.environ[name] for name in ours if name not in known}


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
