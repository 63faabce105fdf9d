"""The index of every event anew, from the stored bodies, as this version of the program reads them."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

from app.events.index.reindex import rebuild

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# The index knows words and not their order: that is looked up in the text, which stands beside it.
NEW_TEXT = "CREATE VIRTUAL TABLE event_text USING fts5(text, detail=none, columnsize=0, tokenize='ascii')"
OLD_TEXT = "CREATE VIRTUAL TABLE event_text USING fts5(title, summary, detail=full, tokenize='ascii')"
STANDING = sa.text(
    "SELECT e.key, c.body FROM event e JOIN change c ON c.event = e.key AND c.version = e.version "
    "WHERE NOT e.deleted AND e.key > :after ORDER BY e.key LIMIT 500"
)
OLD_SQLITE = sa.text("INSERT INTO event_text (rowid, title, summary) VALUES (:key, :title, :summary)")
OLD_POSTGRESQL = sa.text(
    "INSERT INTO event_text (event, text, words) VALUES (:key, :text, CAST(CAST(:words AS text) AS tsvector))"
)
WORD = re.compile(r"[^\W_]+")


def upgrade() -> None:
    """Rebuild the index; one transaction, so that a migration that is killed has done nothing."""
    bind = op.get_bind()
    if bind.dialect.name == "sqlite":
        op.execute("DROP TABLE event_text")
        op.execute(NEW_TEXT)
    rebuild(bind)


def downgrade() -> None:
    """Index titles and summaries as the version before did; all else it reads as it is."""
    bind = op.get_bind()
    sqlite = bind.dialect.name == "sqlite"
    op.execute("DROP TABLE event_text" if sqlite else "DELETE FROM event_text")
    if sqlite:
        op.execute(OLD_TEXT)
    after = -1
    while rows := bind.execute(STANDING, {"after": after}).all():
        after = rows[-1][0]
        bind.execute(OLD_SQLITE if sqlite else OLD_POSTGRESQL, [old_row(key, orjson.loads(body)) for key, body in rows])


def old_row(key: int, event: dict[str, Any]) -> dict[str, Any]:
    """What the version before indexed."""
    title, summary = old_words(event["title"]), old_words(event["summary"] or "")
    words = " ".join(f"'{word}'" for word in dict.fromkeys([*title.split(), *summary.split()]))
    return {"key": key, "title": title, "summary": summary, "text": f" {title} \n {summary} ", "words": words}


def old_words(text: str) -> str:
    """How the version before cut a text into words."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    letters = (c for c in unicodedata.normalize("NFKD", plain) if unicodedata.category(c)[0] != "M")
    return " ".join(word[:100] for word in WORD.findall(unicodedata.normalize("NFC", "".join(letters))))
