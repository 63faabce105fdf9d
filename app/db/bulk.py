"""Statements that touch many rows at once: inserted, replaced, added to and removed, on either database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlmodel import SQLModel

from app.db.compiler import DIALECTS, CompiledStatement, Processor, array_type, bind_processor, compile_for


@lru_cache(maxsize=256)
def unnest_insert(
    table: type[SQLModel], names: tuple[str, ...], same: tuple[str, ...] = (), *, ignore: bool = False
) -> CompiledStatement:
    """Many rows in one statement of PostgreSQL, by `unnest`; the values of `same` are the same in all of them."""
    target = sa.inspect(table).local_table
    new = unnest_rows(target, names)
    picked = [sa.cast(new.c[n], TSVECTOR) if isinstance(target.c[n].type, TSVECTOR) else new.c[n] for n in names]
    picked += [sa.cast(sa.bindparam(n), target.c[n].type) for n in same]
    statement = postgresql_insert(target).from_select([*names, *same], sa.select(*picked))
    return compile_for(statement.on_conflict_do_nothing() if ignore else statement, DIALECTS["postgresql"])


@lru_cache(maxsize=512)
def values_insert(
    count: int, table: type[SQLModel] | sa.TableClause, names: tuple[str, ...], *, ignore: bool = False
) -> str:
    """So many rows in one statement of SQLite; takes the values row by row."""
    target: Any = table if isinstance(table, sa.TableClause) else sa.inspect(table).local_table
    one = sa.insert(target).from_select(list(names), sa.select(*(sa.bindparam(name) for name in names)))
    head = compile_for(one, DIALECTS["sqlite"]).sql.partition(" SELECT ")[0]  # names in the order of the table, else
    rows = ", ".join([f"({', '.join('?' * len(names))})"] * count)
    return f"{head} VALUES {rows}{' ON CONFLICT DO NOTHING' if ignore else ''}"


@lru_cache(maxsize=256)
def unnest_update(
    table: type[SQLModel], keys: tuple[str, ...], names: tuple[str, ...], same: tuple[str, ...] = ()
) -> CompiledStatement:
    """Many rows changed in one statement of PostgreSQL, found by their keys; the values of `same` are one for all."""
    target = sa.inspect(table).local_table
    changed = update_from(target, keys, names, unnest_rows(target, keys + names))
    fixed = {name: sa.cast(sa.bindparam("same_" + name), target.c[name].type) for name in same}
    return compile_for(changed.values(fixed) if fixed else changed, DIALECTS["postgresql"])


@lru_cache(maxsize=512)
def values_update(count: int, table: type[SQLModel], keys: tuple[str, ...], names: tuple[str, ...]) -> str:
    """So many rows changed in one statement of SQLite; takes the values row by row, keys first."""
    target = sa.inspect(table).local_table
    return compile_for(
        update_from(target, keys, names, values_rows(count, target, keys + names)), DIALECTS["sqlite"]
    ).sql


@lru_cache(maxsize=64)
def json_insert(
    table: type[SQLModel], names: tuple[str, ...], same: tuple[str, ...], *, ignore: bool = False
) -> CompiledStatement:
    """Any number of rows in one statement of SQLite, as one JSON array `rows`; the values of `same` are bound once."""
    target = sa.inspect(table).local_table
    new, fixed = json_rows(target, names), [sa.bindparam(n, type_=target.c[n].type) for n in same]
    picked = sa.select(*new.c, *fixed).where(sa.true())
    statement: Any = sqlite.insert(target).from_select([*names, *same], picked)
    return compile_for(statement.on_conflict_do_nothing() if ignore else statement, DIALECTS["sqlite"])


@lru_cache(maxsize=64)
def json_update(
    table: type[SQLModel], keys: tuple[str, ...], names: tuple[str, ...], same: tuple[str, ...]
) -> CompiledStatement:
    """Any number of rows changed in one statement of SQLite, in the same way."""
    target = sa.inspect(table).local_table
    changed = update_from(target, keys, names, json_rows(target, keys + names))
    fixed = {name: sa.bindparam("same_" + name, type_=target.c[name].type) for name in same}
    return compile_for(changed.values(fixed), DIALECTS["sqlite"])


def json_rows(target: Any, names: tuple[str, ...]) -> Any:
    """The rows of the JSON array `rows`, themselves arrays, as a table called `new`."""
    item = sa.func.json_each(sa.bindparam("rows", type_=sa.Text())).table_valued("value", name="item")
    values = [
        sa.func.json_extract(item.c.value, sa.literal_column(f"'$[{n}]'"), type_=target.c[name].type).label(name)
        for n, name in enumerate(names)
    ]
    return sa.select(*values).select_from(item).cte("new")


def update_from(target: Any, keys: tuple[str, ...], names: tuple[str, ...], new: Any) -> Any:
    """The rows of `target` with the values that `new` has for them."""
    changed = sa.update(target).values({n: new.c[n] for n in names})
    return changed.where(*(target.c[k] == new.c[k] for k in keys))


@lru_cache(maxsize=256)
def unnest_increment(table: type[SQLModel], keys: tuple[str, ...], names: tuple[str, ...]) -> CompiledStatement:
    """Numbers added to those of many rows in one statement of PostgreSQL; a row that is missing begins with them."""
    target = sa.inspect(table).local_table
    new = unnest_rows(target, keys + names)
    picked = sa.select(*(new.c[name] for name in keys + names))
    return compile_for(insert_or_increment(postgresql_insert(target), picked, keys, names), DIALECTS["postgresql"])


@lru_cache(maxsize=512)
def values_increment(count: int, table: type[SQLModel], keys: tuple[str, ...], names: tuple[str, ...]) -> str:
    """The same for so many rows in SQLite; takes the values row by row, keys first."""
    target = sa.inspect(table).local_table
    picked = sa.select(*values_rows(count, target, keys + names).c).where(sa.true())
    return compile_for(insert_or_increment(sqlite.insert(target), picked, keys, names), DIALECTS["sqlite"]).sql


def insert_or_increment(insert: Any, picked: Any, keys: tuple[str, ...], names: tuple[str, ...]) -> Any:
    """Insert what is picked; where the key is taken, add."""
    sums = {name: insert.table.c[name] + insert.excluded[name] for name in names}
    return insert.from_select([*keys, *names], picked).on_conflict_do_update(index_elements=keys, set_=sums)


def values_rows(count: int, target: Any, names: tuple[str, ...]) -> Any:
    """So many rows of values, each to be bound, as a table called `new`."""
    columns = [sa.column(name, target.c[name].type) for name in names]
    data = [tuple(sa.bindparam(f"{name}_{n}", type_=target.c[name].type) for name in names) for n in range(count)]
    return sa.values(*columns, name="new").data(data).cte("new")


@lru_cache(maxsize=256)
def bulk_delete(table: type[SQLModel], keys: tuple[str, ...], dialect: str) -> CompiledStatement:
    """Many rows removed in one statement, found by their keys."""
    target = sa.inspect(table).local_table
    if dialect == "sqlite":
        gone = sa.delete(target).where(*(target.c[k] == sa.bindparam("key_" + k) for k in keys))
        return compile_for(gone, DIALECTS[dialect])
    new = unnest_rows(target, keys)
    return compile_for(sa.delete(target).where(*(target.c[k] == new.c[k] for k in keys)), DIALECTS[dialect])


def unnest_rows(target: Any, names: tuple[str, ...]) -> Any:
    """The arrays of a set statement as a table called `new`."""
    arrays = [sa.cast(sa.bindparam(n), sa.ARRAY(array_type(target.c[n].type))) for n in names]
    return sa.func.unnest(*arrays).table_valued(*names, name="new").render_derived()


@lru_cache(maxsize=256)
def column_processors(table: type[SQLModel], names: tuple[str, ...], dialect: str) -> tuple[Processor | None, ...]:
    """How each column's values are handed to the driver."""
    target = sa.inspect(table).local_table
    return tuple(bind_processor(target.c[name].type, DIALECTS[dialect]) for name in names)


def to_columns(
    table: type[SQLModel], names: tuple[str, ...], rows: Sequence[Mapping[str, Any]], dialect: str
) -> list[list[Any]]:
    """The rows turned into one list a column, as the driver takes the values."""
    processors = column_processors(table, names, dialect)
    return [
        [row[name] for row in rows] if process is None else [process(row[name]) for row in rows]
        for name, process in zip(names, processors, strict=True)
    ]
