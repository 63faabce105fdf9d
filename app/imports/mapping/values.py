"""One value of a row as its field takes it: words by a table, numbers with separators, dates, countries by name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Any

from app.datasets import DateOrder, RowError
from app.datasets.cells import (
    Moment,
    as_text,
    read_day,
    read_moment,
    read_number,
    read_whole,
    shorten,
    slugs,
    split_list,
)
from app.imports.mapping.fields import Field, Sort
from app.kinds import fold
from app.kinds.countries import country_named

YES, NO = frozenset({"yes", "y", "true", "1"}), frozenset({"no", "n", "false", "0"})
RANGE = re.compile(r"(.*[0-9])\s*[-\u2013\u2014]\s*([0-9].*)")
QUALIFIED = {"~": "approximately", "\u2248": "approximately", ">=": "at_least", "\u2265": "at_least"} | {
    "<=": "at_most",
    "\u2264": "at_most",
}
OTHERWISE = "*"  # the key of a table for every other text


@dataclass(frozen=True, slots=True)
class Style:
    """How the table writes times and numbers."""

    zone: tzinfo = UTC
    date_order: DateOrder | None = None
    decimal: str = "."
    thousands: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the texts of one field; `table` gives words of the table their meaning, by their folded form."""

    field: Field
    column: str
    split: str | None = None
    table: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def read(self, value: Any, style: Style) -> Any:
        """The value of a cell, None where there is none. Raises RowError."""
        if self.split is None:
            found = self._one(value, style)
            return found if not self.field.many or found is None else self._listed([found])
        parts = [] if value is None else split_list(as_text(value), self.split)
        return self._listed([found for part in parts if (found := self._one(part, style)) is not None]) or None

    def _listed(self, values: list[Any]) -> list[Any]:
        return slugs(values) if self.field.path == ("tags",) else values

    def _one(self, value: Any, style: Style) -> Any:
        try:
            return self._meaning(value, style)
        except RowError as refusal:
            separators = sorted({*as_text(value)} & {".", ",", " ", "'"})
            if refusal.code == "number" and separators:
                known = " and ".join(f'"{separator}"' for separator in separators)
                refusal.remedy = f"Say in the layout by `decimal` and `thousands` what {known} in its numbers means."
            raise

    def _meaning(self, value: Any, style: Style) -> Any:
        text = "" if value is None else as_text(value)
        key = folded(text)
        if key in self.table or (text and OTHERWISE in self.table):
            value = self.table.get(key, self.table.get(OTHERWISE))
            if not isinstance(value, str):
                return value
        return None if value is None or value == "" else READ[self.field.sort](self, value, style)

    def line(self, text: str) -> str:
        """The text on one line; only a title is cut off where it is too long."""
        line = " ".join(text.split())
        return shorten(line) if self.field.path == ("title",) else line

    def word(self, text: str) -> str:
        """The word of the field's vocabulary, whatever its case, its spaces and hyphens."""
        found = {folded(word): word for word in self.field.choices}.get(folded(text))
        if found is None:
            raise self._refused("code", f"No word of {self.field.name}.", text, self._advice(text, "one of its words"))
        return found

    def country(self, text: str) -> str:
        """The code of a country given by any code or English name."""
        found = country_named(text)
        if found is None:
            remedy = self._advice(text, "a code such as UA")
            raise self._refused("country", "No country has that code or English name.", text, remedy)
        return found

    def flag(self, value: Any) -> bool:
        """Yes or no, true or false, 1 or 0."""
        if isinstance(value, bool):
            return value
        text = as_text(value)
        if text.casefold() in YES | NO:
            return text.casefold() in YES
        raise self._refused("code", "Neither yes nor no.", text, self._advice(text, "true or false"))

    def _advice(self, text: str, meaning: str) -> str:
        return f'Under [values."{self.column}"] write "{text}" = and {meaning}.'

    def _refused(self, code: str, detail: str, text: str, remedy: str) -> RowError:
        return RowError(code, f"{self.column}: {detail}", column=self.column, value=text, remedy=remedy)

    def estimate(self, value: Any, style: Style) -> Any:
        """A number; `10-15`, `~40`, `30+` and `>=30`, `<=30`."""
        text = as_text(value)
        if isinstance(value, str) and (match := RANGE.fullmatch(text)):
            low, high = (read_whole(plain_number(part, style), self.column) for part in match.groups())
            return {"low": low, "high": high}
        sign = next((sign for sign in QUALIFIED if text.startswith(sign)), "")
        qualifier = "at_least" if text.endswith("+") else QUALIFIED.get(sign)
        if qualifier is None:
            return read_whole(plain_number(value, style), self.column)
        number = read_whole(plain_number(text.removeprefix(sign).removesuffix("+"), style), self.column)
        return dict.fromkeys(BOUNDS[qualifier], number) | {"qualifier": qualifier}


BOUNDS = {"approximately": ("best",), "at_least": ("low", "best"), "at_most": ("best", "high")}


READ: dict[Sort, Callable[[Reader, Any, Style], Any]] = {
    "text": lambda reader, value, _: reader.line(as_text(value)),
    "lines": lambda _reader, value, _: as_text(value).replace("\r\n", "\n"),
    "choice": lambda reader, value, _: reader.word(as_text(value)),
    "country": lambda reader, value, _: reader.country(as_text(value)),
    "flag": lambda reader, value, _: reader.flag(value),
    "estimate": lambda reader, value, style: reader.estimate(value, style),
    "whole": lambda reader, value, style: read_whole(plain_number(value, style), reader.column),
    "number": lambda reader, value, style: read_number(plain_number(value, style), reader.column),
    "moment": lambda reader, value, style: read_moment(value, reader.column, style.zone, style.date_order),
    "day": lambda reader, value, style: read_day(value, reader.column, style.date_order).isoformat(),
}


def plain_number(value: Any, style: Style) -> Any:
    """A text with a decimal point and without separators of thousands; what is no text stays."""
    if not isinstance(value, str):
        return value
    spaces = style.thousands == " "
    text = "".join(value.split()) if spaces else value.strip()
    return text.replace(style.thousands if style.thousands and not spaces else "\0", "").replace(style.decimal, ".")


@lru_cache(4096)
def folded(text: str) -> str:
    """A word as tables compare it: whatever its case, its spaces, hyphens and underscores."""
    return re.sub(r"[\s_-]+", " ", fold(text)).strip()


def moment_text(value: Any) -> Any:
    """The text of a moment; another value as it is."""
    return value.text if isinstance(value, Moment) else value
