"""Events as a data frame: the columns of the CSV export, with times, numbers and lists as what they are."""

from __future__ import annotations

import io
import re
from typing import Any, Literal, TypeAlias

Library: TypeAlias = Literal["pandas", "polars"]

TIMES = ("started_at", "ended_at", "created_at", "updated_at")
FLOATS = ("lat", "lon")
WORDS = ("title", "summary", "place")
CODES = ("id", "kind", "status", "time_precision", "timezone", "country", "admin1")
NUMBER = re.compile("version|.*_(?:low|best|high)")
# An apostrophe keeps spreadsheets from running a text (docs/export.md); here it comes off.
GUARDED = re.compile("'(?='*[=+\\-@\t\r\n\uff0b\uff0d\uff1d\uff20])")
VALUE = re.compile(r"(?:[^;\\]|\\.)+", re.DOTALL)


def dataframe(csv: bytes, library: Library) -> Any:
    """The export as a pandas.DataFrame or a polars.DataFrame, one row an event.

    Times are UTC datetimes, measures nullable integers, coordinates floats, facets and the like lists of texts; what
    is missing is null.
    """
    if library == "pandas":
        return in_pandas(csv)
    if library == "polars":
        return in_polars(csv)
    raise ValueError(f"library is 'pandas' or 'polars', not {library!r}.")


def in_pandas(csv: bytes) -> Any:
    """Read by pandas."""
    import pandas as pd  # noqa: PLC0415 (optional)

    frame = pd.read_csv(io.BytesIO(csv), dtype="string", keep_default_na=False, na_values=[""])
    for name in frame.columns:
        column = frame[name]
        if name in TIMES:
            frame[name] = pd.to_datetime(column, format="ISO8601", utc=True)
        elif name in FLOATS:
            frame[name] = column.astype("Float64")
        elif NUMBER.fullmatch(name):
            frame[name] = column.astype("Int64")
        elif name in WORDS:
            frame[name] = column.map(unguard, na_action="ignore")
        elif name not in CODES:
            frame[name] = column.astype("object").map(split, na_action="ignore")
    return frame


def in_polars(csv: bytes) -> Any:
    """Read by polars."""
    import polars as pl  # noqa: PLC0415 (optional)

    frame = pl.read_csv(io.BytesIO(csv), infer_schema=False)
    columns = []
    for name in frame.columns:
        column = pl.col(name)
        if name in TIMES:
            columns.append(column.str.to_datetime(time_unit="us", time_zone="UTC"))
        elif name in FLOATS:
            columns.append(column.cast(pl.Float64))
        elif NUMBER.fullmatch(name):
            columns.append(column.cast(pl.Int64))
        elif name in WORDS:
            columns.append(column.map_elements(unguard, return_dtype=pl.String))
        elif name not in CODES:
            columns.append(column.map_elements(split, return_dtype=pl.List(pl.String)))
    return frame.with_columns(columns)


def split(cell: str) -> list[str]:
    r"""The values of a list: semicolons stand between them, a backslash before one that belongs to a value.

    >>> split(r"a\;b;'=c")
    ['a;b', '=c']
    """
    return [unguard(re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL)) for part in VALUE.findall(cell)]


def unguard(text: str) -> str:
    """A text without the apostrophe that a spreadsheet needs."""
    return GUARDED.sub("", text, count=1)
