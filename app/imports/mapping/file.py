"""The TOML of a layout of one's own, read and checked, each mistake told in a sentence that says what was meant."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.datasets import DateOrder
from app.errors import FieldError, Invalid
from app.imports.mapping.fields import suggestion

Scalar = str | int | float | bool
MEANINGS = {
    "kind": 'the kind of event, such as "attack"',
    "system": 'the name under which the ids of its rows are kept, such as "desk-strikes"',
    "key": "the column that tells one row from another, or several",
    "columns": "which column goes to which field",
}
WANTED = {
    "key": "give a column, or a list of columns",
    "columns": 'give a field, a list of fields, or { field = "...", split = ";" }',
    "system": "use lower-case letters, digits, `-`, `_` and `.`, a letter or digit first",
    "name": "use lower-case letters, digits and `_`, a letter first",
    "literal_error": "use EXPECTED",
    "bool_type": "give true or false",
    "string_type": "give a text in quotes",
}


class ColumnUse(BaseModel):
    """Where a column goes, and at which text its cells are split into several values."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    field: str
    split: Annotated[str, Field(min_length=1)] | None = None


class LayoutMap(BaseModel):
    """A layout of one's own as its file has it; docs/own-layouts.md explains each key."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: str
    system: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    key: str | Annotated[list[str], Field(min_length=1)]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")] | None = None
    version: str = ""
    title: str = ""
    publisher: str = ""
    url: str = ""
    licence: str = ""
    citation: str = ""
    snapshot: bool = False
    time_zone: str | None = None
    date_order: DateOrder | None = None
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""
    columns: dict[str, str | list[str] | ColumnUse]
    constants: dict[str, Any] = Field(default_factory=dict)
    templates: dict[str, Any] = Field(default_factory=dict)
    values: dict[str, Any] = Field(default_factory=dict)
    ignore: list[str] = Field(default_factory=list)

    @property
    def keys(self) -> list[str]:
        """The columns whose texts make the external id."""
        return [self.key] if isinstance(self.key, str) else self.key


def read_file(path: Path) -> LayoutMap:
    """Read the file. Raises Invalid with a sentence for each mistake in it."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise map_mistakes(path, [f"The file cannot be read: {error.strerror or error}."]) from None
    except UnicodeDecodeError:
        raise map_mistakes(path, ["The file is not UTF-8; save it as UTF-8."]) from None
    except tomllib.TOMLDecodeError as error:
        raise map_mistakes(path, [f"This is not TOML: {error}."]) from None
    try:
        return LayoutMap.model_validate(data)
    except ValidationError as refusal:
        sentences = list(dict.fromkeys(map(_sentence, refusal.errors(include_url=False))))
        meant = {f"`{name}`" for text in sentences for name in re.findall('did you mean "(.+)"', text)}
        told = [text for text in sentences if text.partition(" is missing")[0] not in meant]
        raise map_mistakes(path, told) from None


def map_mistakes(path: Path, sentences: list[str]) -> Invalid:
    """The refusal of a map: a line for each mistake."""
    errors = [FieldError("map", sentence, parameter=path.name) for sentence in sentences]
    return Invalid(f"{path.name}: {sentences[0]}", errors=errors)


def _sentence(error: Any) -> str:
    sort, key, where = str(error["type"]), str(error["loc"][0]), _place(error["loc"])
    if sort == "extra_forbidden" and key != "columns":
        return f"{where} is not known{suggestion(key, LayoutMap.model_fields)}"
    if sort == "missing":
        return f"{where} is missing: {MEANINGS[key]}." if key in MEANINGS else f"{where} is missing."
    return f"{where}: {WANTED.get(key) or WANTED.get(sort) or error['msg'].removeprefix('Input should be ')}.".replace(
        "EXPECTED", str(error.get("ctx", {}).get("expected", ""))
    )


def _place(loc: tuple[int | str, ...]) -> str:
    """Where in the file: `kind`, or `[columns] "Where"`; what pydantic adds for its unions is left out."""
    if len(loc) == 1:
        return f"`{loc[0]}`"
    return f'[{loc[0]}] "{loc[1]}"' if loc[0] != "key" else "`key`"


def leaves(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a table by dotted name: `a.0.b = 1` and `"a.0.b" = 1` are the same."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{before}{name}.")
        else:
            yield before + name, value


def tables(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The innermost tables by dotted name, such as `status` or `detail.munitions.0.category`."""
    own = {name: value for name, value in table.items() if not isinstance(value, dict)}
    if own:
        yield before.removesuffix("."), own
    for name, value in table.items():
        if isinstance(value, dict):
            yield from tables(value, f"{before}{name}.")
