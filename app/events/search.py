"""The full text index: FTS5 on SQLite, a tsvector on PostgreSQL, both fed by the one tokenizer."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSVECTOR

from app.db import Statement, any_of
from app.events.words import tsvector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.db import Database, Transaction
    from app.events.facts import Facts
    from app.events.words import Words

# One table name, two natures: an FTS5 virtual table whose rowid is the event, or a table with a tsvector.
FTS = sa.table("event_text", sa.column("rowid", sa.BigInteger), sa.column("title"), sa.column("summary"))
TEXT = sa.table(
    "event_text", sa.column("event", sa.BigInteger), sa.column("text", sa.Text), sa.column("words", TSVECTOR)
)


async def store_words(tx: Transaction, live: Sequence[tuple[int, Facts]], changed: Sequence[int]) -> None:
    """Forget the texts of changed events, and index those of the ones that live."""
    if tx.dialect == "sqlite":
        for key in changed:
            await tx.run(forget("sqlite"), {"key": key})
        for key, facts in live:
            await tx.run(remember("sqlite"), text_values("sqlite", key, facts))
        return
    if changed:
        await tx.run(forget("postgresql"), {"keys": changed})
    if live:
        texts = [text_values("postgresql", key, facts) for key, facts in live]
        await tx.run(
            remember("postgresql"), {name: [text[name] for text in texts] for name in ("key", "text", "words")}
        )


def text_values(dialect: str, key: int, facts: Facts) -> dict[str, Any]:
    """A row of either table."""
    if dialect == "sqlite":
        return {"key": key, "title": facts.title, "summary": facts.summary}
    text = f" {facts.title} \n {facts.summary} "
    return {"key": key, "text": text, "words": tsvector(facts.title, facts.summary)}


@lru_cache(2)
def remember(dialect: str) -> Statement:
    """Store one text in SQLite, or many in PostgreSQL."""
    if dialect == "sqlite":
        names: dict[str, Any] = {
            "rowid": sa.bindparam("key"),
            "title": sa.bindparam("title"),
            "summary": sa.bindparam("summary"),
        }
        return Statement(sa.insert(FTS).values(names))
    types = {"key": sa.BigInteger, "text": sa.Text, "words": sa.Text}
    arrays = [sa.cast(sa.bindparam(name), sa.ARRAY(kind())) for name, kind in types.items()]
    new = sa.func.unnest(*arrays).table_valued(*types, name="new").render_derived()
    rows = sa.select(new.c.key, new.c.text, sa.cast(new.c.words, TSVECTOR))
    return Statement(sa.insert(TEXT).from_select(["event", "text", "words"], rows))


@lru_cache(2)
def forget(dialect: str) -> Statement:
    """Take one text out of SQLite, or many out of PostgreSQL."""
    if dialect == "sqlite":
        return Statement(sa.delete(FTS).where(FTS.c.rowid == sa.bindparam("key", type_=sa.BigInteger)))
    return Statement(sa.delete(TEXT).where(any_of(TEXT.c.event, "keys", "postgresql")))


async def matching_keys(db: Database, words: Words, most: int) -> list[int] | None:
    """The events whose texts match, or None when there are more than `most`."""
    if db.dialect == "sqlite":
        rows = await db.rows(fts_keys(most + 1), {"words": words.fts5()}, heavy=True)
    else:
        phrases = {f"phrase_{n}": f" {' '.join(phrase)} " for n, phrase in enumerate(words.phrases)}
        rows = await db.rows(text_keys(most + 1, len(words.phrases)), {"words": words.tsquery(), **phrases})
    return None if len(rows) > most else [key for (key,) in rows]


@lru_cache(16)
def fts_keys(limit: int) -> Statement:
    """Row ids of a full text match."""
    matches = sa.column("event_text").op("MATCH")(sa.bindparam("words", type_=sa.Text))
    return Statement(sa.select(FTS.c.rowid).where(matches).limit(limit))


@lru_cache(64)
def text_keys(limit: int, phrases: int) -> Statement:
    """Events of a tsvector match, phrases settled on the text; the inner limit keeps the planner on the GIN index."""
    return Statement(sa.select(TEXT.c.event).where(*text_conditions(phrases)).limit(limit))


def text_conditions(phrases: int) -> list[Any]:
    """The words by the index, the phrases by the text."""
    question = sa.cast(sa.bindparam("words", type_=sa.Text), TsQuery())
    found = [TEXT.c.words.op("@@")(question)]
    return found + [sa.func.strpos(TEXT.c.text, sa.bindparam(f"phrase_{n}", type_=sa.Text)) > 0 for n in range(phrases)]


class TsQuery(sa.types.UserDefinedType[str]):
    """PostgreSQL's tsquery, written as text."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Its name in SQL."""
        return "tsquery"


def words_match(name: str, dialect: str, event: Any) -> list[Any]:
    """A full text condition on an event's key."""
    if dialect == "sqlite":
        if name != "words":
            return []
        matches = sa.column("event_text").op("MATCH")(sa.bindparam("words", type_=sa.Text))
        return [event.in_(sa.select(FTS.c.rowid).where(matches))]
    phrase = sa.bindparam(name.replace(":", "_"), type_=sa.Text)
    condition = text_conditions(0)[0] if name == "words" else sa.func.strpos(TEXT.c.text, phrase) > 0
    found = sa.select(sa.literal(1)).where(TEXT.c.event == event, condition)
    return [found.offset(sa.literal_column("0")).exists()]  # asked for each candidate, never joined
