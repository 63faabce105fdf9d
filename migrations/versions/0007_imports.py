"""Imports, the records that they know, and what they changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
TEXTS = "dataset layout file_name sha256"
MATCHED = sa.text("match_key IS NOT NULL")
COUNTS = "taken taken_late rows created updated unchanged skipped flagged refused unreadable vanished deleted"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "import_run",
        sa.Column("id", BIG_KEY, autoincrement=False, nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in TEXTS.split()),
        sa.Column("size", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("options", "state", "by")),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("heartbeat_at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS.split()),
        *(sa.Column(name, sa.String(), nullable=True) for name in ("cursor_from", "cursor")),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("problems", "problems_by", "skipped_by", "notes")),
        sa.Column("undo", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "imported_record",
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("record", sa.String(), nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("match_key", sa.String(), nullable=True),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "record"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "imported_record_match",
        "imported_record",
        ["dataset", "match_key"],
        unique=False,
        sqlite_where=MATCHED,
        postgresql_where=MATCHED,
    )
    op.create_table(
        "import_change",
        sa.Column("import_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record", sa.String(), nullable=False),
        sa.Column("version_before", sa.Integer(), nullable=False),
        sa.Column("version_after", sa.Integer(), nullable=False),
        sa.Column("undone", sa.Boolean(), nullable=False),
        sa.Column("record_before", sa.String(), nullable=False),
        sa.Column("hash_before", sa.LargeBinary(), nullable=True),
        sa.Column("match_key_before", sa.String(), nullable=True),
        sa.Column("flagged_before", sa.Boolean(), nullable=False),
        sa.Column("since_before", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "event"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Remove the tables."""
    for name in ("import_change", "imported_record", "import_run"):
        op.drop_table(name)
