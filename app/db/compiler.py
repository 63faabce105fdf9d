"""Statements compiled once per database and run on the driver, and the column types both databases share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import TSVECTOR, aggregate_order_by
from sqlalchemy.dialects.postgresql import asyncpg as postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import Executable, FunctionElement

DIALECTS: dict[str, sa.Dialect] = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}  # type: ignore[no-untyped-call]  # its __init__ has no types
DIGITS = 32
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# A 64-bit integer that SQLite may use as its row id.
BigKey = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware instant, kept as microseconds since the Unix epoch: equal and exact on both databases."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Refuse a naive value: it has no place in time."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "a stored instant needs an offset"
            raise ValueError(message)
        return (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Give the instant back in UTC."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


class id_text(FunctionElement[str]):  # noqa: N801 (used like a function of SQL)
    """An id as text, as the database has it at hand, and not as Python's UUID; `as_written` puts it right."""

    type = sa.Text()
    inherit_cache = True


@compiles(id_text, "sqlite")
def id_text_on_sqlite(element: id_text, compiler: Any, **how: Any) -> str:
    """SQLite keeps 32 hexadecimal digits; to put dashes between them there takes five times as long as here."""
    return str(compiler.process(element.clauses, **how))


@compiles(id_text, "postgresql")
def id_text_on_postgresql(element: id_text, compiler: Any, **how: Any) -> str:
    """PostgreSQL has a type for it."""
    return f"CAST({compiler.process(element.clauses, **how)} AS TEXT)"


class whole_between(FunctionElement[int]):  # noqa: N801 (used like a function of SQL)
    """A number cut to a whole one, and kept from going under a least and over a greatest: three arguments."""

    type = sa.Integer()
    inherit_cache = True


@compiles(whole_between, "sqlite")
def whole_between_on_sqlite(element: whole_between, compiler: Any, **how: Any) -> str:
    """Here a cast cuts, and max and min take several arguments."""
    number, least, most = (compiler.process(part, **how) for part in element.clauses)
    return f"CAST(max({least}, min({most}, {number})) AS INTEGER)"


@compiles(whole_between, "postgresql")
def whole_between_on_postgresql(element: whole_between, compiler: Any, **how: Any) -> str:
    """There a cast rounds."""
    number, least, most = (compiler.process(part, **how) for part in element.clauses)
    return f"CAST(floor(greatest({least}, least({most}, {number}))) AS INTEGER)"


def as_written(text: str) -> str:
    """The id with its dashes (RFC 9562, 4)."""
    if len(text) != DIGITS:
        return text
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class IntegerList(sa.types.TypeDecorator[list[int]]):
    """Many integers in one value: an array of PostgreSQL, a JSON array on SQLite."""

    impl = sa.Text
    cache_ok = True

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:  # noqa: ARG002 (SQLAlchemy's signature)
        """The list, None where PostgreSQL gathered nothing."""
        return orjson.loads(value) if isinstance(value, str) else value


Processor = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class CompiledStatement:
    """A statement's text for one database, with what to do to its values and results."""

    sql: str
    binds: tuple[tuple[str, Any, Processor | None], ...]
    results: tuple[tuple[int, Processor], ...]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the placeholders."""
        return [
            fixed if name not in values else values[name] if process is None else process(values[name])
            for name, fixed, process in self.binds
        ]

    def many(self, rows: Sequence[Mapping[str, Any]]) -> Iterable[Sequence[Any]]:
        """The values of many rows that each have all of them; those that the driver takes as they are cost little."""
        names = [name for name, _, process in self.binds if process is None]
        if 1 < len(names) == len(self.binds):
            return map(itemgetter(*names), rows)
        return [self.arguments(row) for row in rows]

    def rows(self, raw: list[Any]) -> list[Any]:
        """The driver's rows as Python values: tuples, or records that are equal to them."""
        if not self.results:
            return raw
        found = []
        for row in raw:
            values = list(row)
            for index, process in self.results:
                values[index] = process(values[index])
            found.append(tuple(values))
        return found


class WriteConflict(Exception):
    """Another writer was first: a unique value was taken, or two transactions crossed."""


class Statement:
    """A SQLModel or SQLAlchemy statement, compiled at most once for each database."""

    def __init__(self, statement: Executable) -> None:
        """Keep the statement; compilation waits for the first use."""
        self.statement = statement
        self._compiled: dict[str, CompiledStatement] = {}

    def on(self, dialect: str) -> CompiledStatement:
        """Its compiled form for that database."""
        found = self._compiled.get(dialect)
        if found is None:
            found = self._compiled[dialect] = compile_for(self.statement, DIALECTS[dialect])
        return found


def as_statement(statement: Statement | Executable) -> Statement:
    """Compile statements made for one use as well."""
    return statement if isinstance(statement, Statement) else Statement(statement)


def compile_for(statement: Any, dialect: sa.Dialect) -> CompiledStatement:
    """Compile with positional placeholders."""
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    binds = tuple(
        (name, inline_literal(compiled, name), bind_processor(compiled.binds[name].type, dialect))
        if name in compiled.binds
        else (name, compiled.params[name], None)
        for name in compiled.positiontup or ()
    )
    columns = getattr(statement, "exported_columns", ())
    results = [(index, result_processor(column.type, dialect)) for index, column in enumerate(columns)]
    return CompiledStatement(
        str(compiled), binds, tuple((index, process) for index, process in results if process is not None)
    )


def inline_literal(compiled: Any, name: str) -> Any:
    """The value written into the statement itself, as the driver takes it."""
    process = bind_processor(compiled.binds[name].type, compiled.dialect)
    value = compiled.params[name]
    return value if process is None or value is None else process(value)


def bind_processor(kind: Any, dialect: sa.Dialect) -> Processor | None:
    """What turns a Python value into the driver's."""
    if isinstance(kind, UtcTime):
        return stored_instant
    if dialect.name == "sqlite" and isinstance(kind, (sa.Uuid, sa.Boolean)):
        return hex_digits if isinstance(kind, sa.Uuid) else None
    process: Processor | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return process


def stored_instant(value: datetime | None) -> int | None:
    """What `UtcTime` stores, with less ado than through SQLAlchemy; a naive value raises TypeError."""
    return None if value is None else (value - EPOCH) // MICROSECOND


def read_instant(value: int | None) -> datetime | None:
    """What `UtcTime` reads, with less ado."""
    return None if value is None else EPOCH + timedelta(microseconds=value)


def hex_digits(value: UUID | None) -> str | None:
    """An id as SQLite keeps it, as SQLAlchemy would write it."""
    return None if value is None else f"{value.int:032x}"


def read_hex(value: str | None) -> UUID | None:
    """An id that SQLite kept."""
    return None if value is None else UUID(int=int(value, 16))


def result_processor(kind: Any, dialect: sa.Dialect) -> Processor | None:
    """What turns a driver's value into Python's."""
    if isinstance(kind, UtcTime):
        return read_instant
    if dialect.name == "sqlite" and isinstance(kind, sa.Uuid):
        return read_hex
    if isinstance(kind, sa.Float):  # both drivers give floats
        return None
    process: Processor | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    return process


def array_type(kind: Any) -> Any:
    """The type of the array's items: what the column is made of underneath."""
    if isinstance(kind, TSVECTOR):
        return sa.Text()
    return kind.impl_instance if isinstance(kind, sa.types.TypeDecorator) else kind


def array_param(values: Sequence[Any], dialect: str) -> Any:
    """The one parameter that `any_of` takes."""
    return orjson.dumps(values).decode() if dialect == "sqlite" else values


def rows_source(dialect: str, *kinds: Any) -> tuple[Any, ...]:
    """Rows with columns of these types as a table, and its columns; `rows_param` makes the parameters."""
    if dialect == "sqlite":
        asked: Any = sa.func.json_each(sa.bindparam("rows")).table_valued("value", name="asked")
        return asked, *(sa.func.json_extract(asked.c.value, f"$[{n}]", type_=kind) for n, kind in enumerate(kinds))
    names = [f"column_{n}" for n in range(len(kinds))]
    arrays = [sa.cast(sa.bindparam(name), sa.ARRAY(kind)) for name, kind in zip(names, kinds, strict=True)]
    columns = [sa.column(name, kind) for name, kind in zip(names, kinds, strict=True)]
    asked = sa.func.unnest(*arrays).table_valued(*columns, name="asked").render_derived()
    return asked, *(asked.c[name] for name in names)


def rows_param(rows: Sequence[tuple[Any, ...]], dialect: str) -> dict[str, Any]:
    """The parameters of `rows_source`; there must be a row."""
    if dialect == "sqlite":
        return {"rows": orjson.dumps(rows).decode()}
    return {f"column_{n}": list(column) for n, column in enumerate(zip(*rows, strict=True))}


def array_agg(column: Any, order: Any, dialect: str) -> Any:
    """A column's integers in each group as one list, which costs a third of as many rows.

    They are in the order of another column. SQLite takes them as they come: select from a query that is ordered so.
    """
    if dialect == "sqlite":
        return sa.func.json_group_array(column, type_=IntegerList())
    return sa.func.array_agg(aggregate_order_by(column, order), type_=IntegerList())


def any_of(column: Any, name: str, dialect: str) -> Any:
    """The column is one of the values of one array parameter (`as_list` makes it), on either database."""
    if dialect == "postgresql":
        return column == sa.func.any(sa.cast(sa.bindparam(name), sa.ARRAY(array_type(column.type))))
    items = sa.func.json_each(sa.bindparam(name)).table_valued("value", name="item_" + name)
    return column.in_(sa.select(items.c.value))
