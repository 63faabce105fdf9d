"""What every dataset is made of: layouts, rows of a file, drafts of events, and the reasons for which a row is refused.

A dataset is a module of this package that defines one subclass of `Dataset`. It is found by being there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

DateOrder = Literal["day-first", "month-first"]
JsonObject = dict[str, Any]


class SourceRow(NamedTuple):
    """One row of a file: the line it begins in (from 1), and its values by column.

    A table gives text, None for an empty cell, and numbers or dates only where the file has types (XLSX, Parquet).
    JSON gives its values as they are. `values[None]` is never present; surplus cells make the row unreadable.
    """

    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """An event as a dataset reads it, before it is validated.

    `key` is its id within the dataset's `system`, stable from one release of the file to the next; the import adds it
    to `external_ids`. `event` is what a writer would send. `columns` tells for a JSON pointer, or for the beginning of
    one, from which column the value came, so that a refusal can name it. `rows` are those that it was made of.
    """

    key: str
    event: JsonObject
    rows: tuple[SourceRow, ...]
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Removal:
    """A delta says that the record is gone."""

    key: str
    rows: tuple[SourceRow, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that is no event of ours, or the same as an earlier one; counted by its reason, which is a short phrase."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that cannot be read: where, what it holds, why, and what would do."""

    line: int
    code: str
    detail: str
    column: str | None = None
    value: str | None = None
    remedy: str | None = None


class RowError(ValueError):
    """Raised by a dataset's own functions about one row; `convert_rows` makes a `Refused` of it."""

    def __init__(
        self, code: str, detail: str, *, column: str | None = None, value: object = None, remedy: str | None = None
    ) -> None:
        """`code` is a slug such as `number`, `date`, `country`; `detail` one sentence for people."""
        super().__init__(detail)
        self.code, self.detail, self.column, self.remedy = code, detail, column, remedy
        self.value = None if value is None else str(value)[:200]


Record = Draft | Removal | Skipped | RejectedRow


@dataclass(frozen=True, slots=True)
class Layout:
    """One form in which a dataset is published.

    A file with a header has this layout if it has all `required` columns, whatever their case and order; those of
    `columns` that it lacks are told, and columns beyond them go to `extra` and are told. A layout without a header
    names all its columns in order, and `recognises` looks at the first rows, each a list of texts.
    `snapshot` tells that a file holds the whole dataset, so that a record it lacks is gone.
    """

    version: str
    columns: tuple[str, ...]
    required: frozenset[str]
    snapshot: bool = False
    has_header: bool = True
    recognises: Callable[[Sequence[Sequence[str]]], bool] | None = None


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What was decided beforehand; `date_order` is None where the texts in `Dataset.date_columns` leave no doubt."""

    layout: Layout
    date_order: DateOrder | None = None


class Dataset(ABC):
    """A dataset: what it is, in which layouts it comes, and how its rows become events."""

    name: ClassVar[str]  # as the command line and the API call it: `ucdp_ged`
    system: ClassVar[str]  # of its external ids: `ucdp-ged`
    title: ClassVar[str]
    publisher: ClassVar[str]
    url: ClassVar[str]
    licence: ClassVar[str]
    citation: ClassVar[str]
    layouts: ClassVar[tuple[Layout, ...]]
    date_columns: ClassVar[tuple[str, ...]] = ()
    is_restore: ClassVar[bool] = False  # the events bring their ids, versions and times (dataset `sitrep`)

    @abstractmethod
    def read(self, rows: Iterable[SourceRow], options: ReadOptions) -> Iterator[Record]:
        """Turn rows into drafts of events, in the file's order, one at a time: it may hold no more than it must."""

    def as_source(self) -> JsonObject:
        """The dataset as one of the sources of an event, with its licence, so that its attribution goes along."""
        return {"publisher": self.publisher, "url": self.url, "title": f"{self.title} ({self.licence})"}

    def notes(self) -> list[str]:
        """What is to be told before a file is imported, in sentences."""
        return []

    def match_key(self, event: Mapping[str, Any]) -> str | None:
        """Tell two versions of one record apart from two records, where its key is made of values that get corrected.

        A record whose key vanished from a snapshot and a new one with the same match key are one event, corrected, if
        no third has that match key. None: keys of this dataset never change.
        """
        del event
        return None

    def join_keys(self, event: Mapping[str, Any]) -> tuple[str, ...]:
        """The match keys of records of earlier files that may tell the event of a draft too, the likeliest first."""
        del event
        return ()

    def join(self, event: Mapping[str, Any], draft: Draft) -> JsonObject | None:
        """The event of an earlier file with what a draft adds to it; None if they are two events."""
        del event, draft
        return None


def convert_rows(
    rows: Iterable[SourceRow], convert: Callable[[SourceRow], Draft | Removal | Skipped]
) -> Iterator[Record]:
    """Convert each row by itself; one that raises `RowError` is refused, and the next goes on."""
    for row in rows:
        try:
            yield convert(row)
        except RowError as refusal:
            yield reject_row(row, refusal)


def reject_row(row: SourceRow, refusal: RowError) -> RejectedRow:
    """Name the row that the refusal is about."""
    return RejectedRow(row.line, refusal.code, refusal.detail, refusal.column, refusal.value, refusal.remedy)
