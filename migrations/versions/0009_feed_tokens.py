"""Feed tokens: what reads feeds from their address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "feed_token",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("id", "name", "owner")),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_feed_token_created_at_id", "feed_token", ["created_at", "id"], unique=False)


def downgrade() -> None:
    """Remove the table; every token stops working."""
    op.drop_table("feed_token")
