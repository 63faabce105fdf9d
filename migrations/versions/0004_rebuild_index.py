"""The index of every event anew, from the stored bodies, as this version of the program reads them."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Neither index knows the order of words: that is looked up in the text beside it.
NEW_TEXT = "CREATE VIRTUAL TABLE event_text USING fts5(text, detail=none, columnsize=0, tokenize='ascii')"
OLD_TEXT = "CREATE VIRTUAL TABLE event_text USING fts5(title, summary, detail=full, tokenize='ascii')"


def upgrade() -> None:
    """Rebuild."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE event_text")
        op.execute(NEW_TEXT)


def downgrade() -> None:
    """Rebuild."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE event_text")
        op.execute(OLD_TEXT)
