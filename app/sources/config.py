"""Reads the TOML file of sources; a mistake is one sentence that names file, source and key."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from app.datasets import DateOrder, datasets
from app.settings import SettingsError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
INTERVAL = re.compile(r"([1-9]\d{0,5})([smhdw])", re.ASCII)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
MIN_INTERVAL, MAX_INTERVAL = timedelta(minutes=1), timedelta(days=366)
VARIABLE = re.compile(r"\$\$|\$(?:\{(\w+)\}|(\w+))", re.ASCII)
DEFAULT_MAX_MB, DEFAULT_TIMEOUT = 4096, timedelta(hours=1)


def read_interval(value: object) -> object:
    """`90s`, `15m`, `6h`, `1d` or `2w` as a length of time."""
    match = INTERVAL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a number and a unit, such as "15m", "6h" or "1d"')
    return timedelta(seconds=int(match[1]) * UNITS[match[2]])


def check_frequency(every: timedelta) -> timedelta:
    """Keep an eye on the publisher: once a minute at the most, once a year at the least."""
    if not MIN_INTERVAL <= every <= MAX_INTERVAL:
        raise ValueError("must be from a minute to a year")
    return every


def check_dataset(name: str) -> str:
    """Accept the name of a dataset that is there."""
    known = sorted(datasets())
    if name not in known:
        hint = suggest(name, known) or f"; they are {', '.join(known)}"
        raise ValueError(f"{name} is not a dataset{hint}")
    return name


def check_text(value: str) -> str:
    """Refuse what would not stay in its line of a request."""
    if not (value.isascii() and value.isprintable()):
        raise ValueError("must be of printable ASCII characters")
    return value


def check_since(text: str) -> str:
    """Accept a date, or an instant; one without an offset is in UTC."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a date such as 2026-01-31 or 2026-01-31T12:00:00Z") from None
    return text


Interval = Annotated[timedelta, BeforeValidator(read_interval)]
Text = Annotated[str, Field(min_length=1), AfterValidator(check_text)]


class OAuth(BaseModel):
    """How to get a token by a password, and to refresh it (RFC 6749, 4.3 and 6)."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    token_url: Text
    username: Text
    password: Text
    client_id: Text = "acled"


class Options(BaseModel):
    """How files are imported, and what single types of source can be told."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    lenient: bool = False
    tombstone_missing: bool | None = None
    date_order: DateOrder | None = None
    map: str | None = None
    since: Annotated[str, AfterValidator(check_since)] | None = None
    candidates: bool = False
    resource: Text = "entities.ftm.json"
    full_every: Interval = timedelta(days=1)


# Which options only one type of source reads.
OPTIONS_OF = {
    "gdelt": {"since"},
    "ucdp_api": {"candidates"},
    "opensanctions": {"resource", "full_every"},
}


class Source(BaseModel):
    """One source as the file describes it; values that name variables of the environment are as they are written."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
    url: Text
    every: Annotated[Interval, AfterValidator(check_frequency)]
    dataset: Annotated[str, AfterValidator(check_dataset)] | None = None
    type: str = "plain"
    headers: dict[Text, Text] = Field(default_factory=dict)
    oauth: OAuth | None = None
    allow_http: bool = False
    max_mb: Annotated[int, Field(ge=1, le=1_000_000)] = DEFAULT_MAX_MB
    timeout: Annotated[Interval, AfterValidator(check_frequency)] = DEFAULT_TIMEOUT
    options: Options = Options()

    @property
    def noted(self) -> dict[str, Any]:
        """What the database knows of it before it was ever taken in."""
        return {
            "name": self.name,
            "type": self.type,
            "dataset": self.dataset,
            "interval_s": int(self.every.total_seconds()),
        }


def read_sources(path: Path, types: Iterable[str], environ: Mapping[str, str] | None = os.environ) -> list[Source]:
    """Read every source of the file, in its order; raises SettingsError that has one line for each mistake.

    Without `environ` it is no mistake that a variable is not set, for those who take nothing in.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: the file of sources cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: this is not TOML: {error}.") from None
    if unknown := sorted(content.keys() - {"source"}):
        raise SettingsError(f"{path}: {unknown[0]} is no key of this file, which has [[source]] alone.")
    mistakes: list[str] = []
    sources: list[Source] = []
    for label, table in tables(path, content.get("source")):
        try:
            source = locate_map(Source.model_validate(table), path.parent)
        except ValidationError as error:
            mistakes += [f"{path}: source {label}: {sentence(fault)}" for fault in error.errors()]
            continue
        faults = faults_of(source, sorted(types))
        if environ is not None:
            faults += unset_variables(source, environ)
        if any(other.name == source.name for other in sources):
            faults.append("name: there are two sources of this name.")
        mistakes += [f"{path}: source {label}: {fault}" for fault in faults]
        sources.append(source)
    if mistakes:
        raise SettingsError("\n".join(dict.fromkeys(mistakes)))
    return sources


def tables(path: Path, found: Any) -> list[tuple[str, dict[str, Any]]]:
    """Give each source a label: its name, or its number where it has none."""
    if isinstance(found, dict) and found and all(isinstance(table, dict) for table in found.values()):
        return [(name, {"name": name, **table}) for name, table in found.items()]
    if isinstance(found, list) and found and all(isinstance(table, dict) for table in found):
        return [(str(table.get("name", f"number {n}")), table) for n, table in enumerate(found, 1)]
    raise SettingsError(f"{path}: there is no source in this file; each begins with [[source]] or [source.NAME].")


def locate_map(source: Source, folder: Path) -> Source:
    """Take the path of a layout relative to the folder of the file that names it."""
    if source.options.map is None:
        return source
    options = source.options.model_copy(update={"map": str(folder / source.options.map)})
    return source.model_copy(update={"options": options})


def faults_of(source: Source, types: list[str]) -> list[str]:
    """Say what of a source does not fit together."""
    if source.type not in types:
        hint = suggest(source.type, types) or f"; they are {', '.join(types)}."
        return [f"type: {source.type} is not a type of source{hint}"]
    others = {name for type_, names in OPTIONS_OF.items() if type_ != source.type for name in names}
    own = OPTIONS_OF.get(source.type, set())
    foreign = sorted(source.options.model_fields_set & others - own)
    faults = [f"options.{name}: a source of type {source.type} does not have this option." for name in foreign]
    if source.dataset is None and source.options.map is None:
        faults.append("dataset: it is missing; name a dataset, or a layout by options.map.")
    if source.options.map is not None and not Path(source.options.map).is_file():
        faults.append(f"options.map: there is no file {source.options.map}.")
    if source.options.candidates and source.options.tombstone_missing:
        faults.append("options.tombstone_missing: a candidate release is not the whole dataset.")
    if (source.oauth is None) == (source.type == "acled_api"):
        told = "it is missing; a source of type acled_api needs it" if source.oauth is None else "only acled_api has it"
        faults.append(f"oauth: {told}.")
    allowed = ("https://", "http://", "file://") if source.type == "plain" else ("https://", "http://")
    if not source.url.lower().startswith(allowed):
        faults.append(f"url: it must begin with {' or '.join(allowed)}.")
    return faults


def unset_variables(source: Source, environ: Mapping[str, str]) -> list[str]:
    """Say which variables are named in the file but not set."""
    named = {f"headers.{name}": value for name, value in source.headers.items()}
    if source.oauth is not None:
        named |= {f"oauth.{name}": value for name, value in source.oauth.model_dump().items()}
    return [
        f"{key}: the variable {variable} of the environment is not set."
        for key, value in named.items()
        for variable in (match[1] or match[2] for match in VARIABLE.finditer(value))
        if variable and not environ.get(variable)
    ]


def expand(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Put the values of the environment in the places of `$NAME` and `${NAME}`; `$$` is a dollar sign."""
    return VARIABLE.sub(lambda match: environ.get(match[1] or match[2] or "", "") if match[0] != "$$" else "$", text)


def sentence(fault: ErrorDetails) -> str:
    """One sentence on one bad value, which is not repeated: it may be a secret."""
    loc = [str(part) for part in fault["loc"] if part != "[key]"]
    key = ".".join(loc)
    if fault["type"] == "extra_forbidden":
        models: dict[str, type[BaseModel]] = {"options": Options, "oauth": OAuth}
        model = models.get(loc[0], Source) if len(loc) > 1 else Source
        known = list(model.model_fields)
        hint = suggest(loc[-1], known) or f"; the keys are {', '.join(known)}."
        return f"{key}: there is no such key{hint}"
    if fault["type"] == "missing":
        return f"{key}: it is missing."
    if fault["type"] == "string_pattern_mismatch":
        return f"{key}: it must be of small letters, digits, - and _, at most 64."
    told = fault["msg"].removeprefix("Value error, ").removesuffix(".")
    return f"{key}: {told[:1].lower() + told[1:]}."


def suggest(name: str, known: Iterable[str]) -> str:
    """`; did you mean ...` if something known is near."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f"; did you mean {near[0]}?" if near else ""
