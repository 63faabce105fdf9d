"""The log by facet value; `sitrep migrate` fills it afterwards, beside servers that read and write."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and note that no change is in it yet."""
    op.create_table(
        "change_block",
        sa.Column("value", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("changes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("value", "block"),
        sqlite_with_rowid=False,
    )
    op.add_column("log_head", sa.Column("indexed", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Remove both."""
    op.drop_column("log_head", "indexed")
    op.drop_table("change_block")
