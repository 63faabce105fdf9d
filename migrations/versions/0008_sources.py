"""Sources: where each stands, when it is due, and which process takes it in; notices that are about a source."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and let a notice be about no subscription."""
    op.create_table(
        "source",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=True),
        sa.Column("interval_s", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("progress", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("last_attempt_at", sa.BigInteger(), nullable=True),
        sa.Column("last_success_at", sa.BigInteger(), nullable=True),
        sa.Column("alive_at", sa.BigInteger(), nullable=True),
        sa.Column("last_problem", sa.String(), nullable=True),
        sa.Column("last_problem_at", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_run_at", sa.BigInteger(), nullable=True),
        sa.Column("newest_event_at", sa.BigInteger(), nullable=True),
        sa.Column("told_stale", sa.Boolean(), nullable=False),
        sa.Column("holder", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    with op.batch_alter_table("notice") as notice:
        notice.alter_column("subscription", existing_type=sa.Uuid(), nullable=True)


def downgrade() -> None:
    """Remove the table, and the notices about sources."""
    op.execute("DELETE FROM notice WHERE subscription IS NULL")
    with op.batch_alter_table("notice") as notice:
        notice.alter_column("subscription", existing_type=sa.Uuid(), nullable=False)
    op.drop_table("source")
