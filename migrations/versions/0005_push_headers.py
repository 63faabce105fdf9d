"""The owner's own headers of what is pushed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the subscriptions that there are have no headers."""
    op.add_column("subscription", sa.Column("headers", sa.String(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Remove the column, and the headers with it."""
    op.drop_column("subscription", "headers")
