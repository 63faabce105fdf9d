"""The full text index: FTS5 on SQLite, a tsvector on PostgreSQL, both fed by the one tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSVECTOR

from app.db import Database, SqliteTransaction, Statement, Transaction, any_of, sqlite_function
from app.events.index.readiness import require_ready
from app.events.index.text_query import TextQuery, parse_text_query, tsvector
from app.events.terms import IndexTerms

# One table name, two natures: an FTS5 virtual table whose rowid is the event, or a table with a tsvector. Both hold
# the indexed text too, for neither index knows the order of words.
FTS = sa.table("event_text", sa.column("rowid", sa.BigInteger), sa.column("text"))
TEXT = sa.table(
    "event_text", sa.column("event", sa.BigInteger), sa.column("text", sa.Text), sa.column("words", TSVECTOR)
)
# The conditions that a question of words may become; which of them a statement has is told by what it binds.
CONDITIONS = ("words", "unwanted", "texts")


async def insert_text(tx: Transaction, live: Sequence[tuple[int, IndexTerms]], changed: Sequence[int]) -> None:
    """Forget the texts of changed events, and index those of the ones that live."""
    if isinstance(tx, SqliteTransaction):
        for key in changed:
            await tx.run(delete_texts("sqlite"), {"key": key})
        await tx.insert_tuples(FTS, ("rowid", "text"), [(key, terms.text) for key, terms in live])
        return
    if changed:
        await tx.run(delete_texts("postgresql"), {"keys": changed})
    if live:
        texts = [terms.text for _, terms in live]
        values = {"key": [key for key, _ in live], "text": texts, "words": list(map(tsvector, texts))}
        await tx.run(record_texts("postgresql"), values)


@lru_cache(2)
def record_texts(dialect: str) -> Statement:
    """Store one text in SQLite, or many in PostgreSQL."""
    if dialect == "sqlite":
        names: dict[str, Any] = {"rowid": sa.bindparam("key"), "text": sa.bindparam("text")}
        return Statement(sa.insert(FTS).values(names))
    types = {"key": sa.BigInteger, "text": sa.Text, "words": sa.Text}
    arrays = [sa.cast(sa.bindparam(name), sa.ARRAY(kind())) for name, kind in types.items()]
    new = sa.func.unnest(*arrays).table_valued(*types, name="new").render_derived()
    rows = sa.select(new.c.key, new.c.text, sa.cast(new.c.words, TSVECTOR))
    return Statement(sa.insert(TEXT).from_select(["event", "text", "words"], rows))


@lru_cache(2)
def delete_texts(dialect: str) -> Statement:
    """Take one text out of SQLite, or many out of PostgreSQL."""
    if dialect == "sqlite":
        return Statement(sa.delete(FTS).where(FTS.c.rowid == sa.bindparam("key", type_=sa.BigInteger)))
    return Statement(sa.delete(TEXT).where(any_of(TEXT.c.event, "keys", "postgresql")))


def search_values(words: TextQuery, dialect: str) -> dict[str, Any]:
    """What the conditions bind that this question needs: what the index tells, and what only the text tells."""
    if dialect == "sqlite":
        known = {"words": words.fts5()} if words.asks else {"unwanted": words.fts5_unwanted()}
        open_: dict[str, Any] = {"texts": words.text}
    else:
        known = {"words": words.tsquery()}
        open_ = dict(zip(("texts", "no_texts"), words.patterns, strict=True))
    return {name: value for name, value in known.items() if value} | ({} if words.indexed else open_)


async def matching_keys(db: Database, words: TextQuery, most: int) -> list[int] | None:
    """The events whose texts match; None when there are more than `most`, or nothing to look up."""
    await require_ready(db, words=True)
    if not words.asks:
        return None
    values = search_values(words, db.dialect)
    rows = await db.rows(keys_statement(db.dialect, most + 1, ordered="texts" in values), values, offload=True)
    return None if len(rows) > most else [key for (key,) in rows]


@lru_cache(16)
def keys_statement(dialect: str, limit: int, *, ordered: bool) -> Statement:
    """The keys of a full text match."""
    table, key = (FTS, FTS.c.rowid) if dialect == "sqlite" else (TEXT, TEXT.c.event)
    found = [in_index(dialect), *([in_text(dialect)] if ordered else [])]
    return Statement(sa.select(key).select_from(table).where(*found).limit(limit))


def in_index(dialect: str) -> Any:
    """What the index tells of a row of `event_text`."""
    if dialect == "sqlite":
        return sa.column("event_text").op("MATCH")(sa.bindparam("words", type_=sa.Text))
    return TEXT.c.words.op("@@")(sa.cast(sa.bindparam("words", type_=sa.Text), TsQuery()))


def in_text(dialect: str) -> Any:
    """What the text of a row of `event_text` tells."""
    if dialect == "sqlite":
        return sa.func.holds_words(sa.bindparam("texts", type_=sa.Text), FTS.c.text)
    patterns = {name: sa.cast(sa.bindparam(name), sa.ARRAY(sa.Text())) for name in ("texts", "no_texts")}
    must = TEXT.c.text.op("~")(sa.func.all(patterns["texts"]))
    return sa.and_(must, sa.not_(TEXT.c.text.op("~", is_comparison=True)(sa.func.any(patterns["no_texts"]))))


@sqlite_function("holds_words")
def text_matches(question: str, text: str) -> bool:
    """The indexed text passes the question, in SQLite's own process."""
    return parse_text_query(question).match(text)


class TsQuery(sa.types.UserDefinedType[str]):
    """PostgreSQL's tsquery, written as text."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Its name in SQL."""
        return "tsquery"


def words_match(name: str, dialect: str, event: Any) -> Any:
    """One of the conditions, on an event's key."""
    if dialect == "sqlite" and name != "texts":
        question = sa.bindparam(name, type_=sa.Text)
        found = event.in_(sa.select(FTS.c.rowid).where(sa.column("event_text").op("MATCH")(question)))
        return found if name == "words" else sa.not_(found)
    key = FTS.c.rowid if dialect == "sqlite" else TEXT.c.event
    condition = in_text(dialect) if name == "texts" else in_index(dialect)
    asked = sa.select(sa.literal(1)).where(key == event, condition)
    # OFFSET keeps PostgreSQL from joining: the question is asked for each candidate.
    return (asked.offset(sa.literal_column("0")) if dialect == "postgresql" else asked).exists()
