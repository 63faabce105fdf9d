"""Subscriptions, their deliveries, notices, and the workers that deliver."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
IS_UNFINISHED = sa.text("status IN ('queued', 'sending', 'retrying')")
IS_DEAD = sa.text("status = 'dead'")


def upgrade() -> None:
    """Make every table, and the one row of counters."""
    head = op.create_table(
        "subscription_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("touched", sa.BigInteger(), nullable=False),
        sa.Column("notices", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(head, [{"id": 1, "touched": 0, "notices": 0}])
    make_subscriptions()
    make_deliveries()
    op.create_table(
        "notice",
        sa.Column("id", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("subscription", sa.Uuid(), nullable=False),
        sa.Column("delivery", sa.Uuid(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "delivery_worker",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def make_subscriptions() -> None:
    """What is subscribed."""
    op.create_table(
        "subscription",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("filter", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("max_open", sa.Integer(), nullable=False),
        sa.Column("max_in_flight", sa.Integer(), nullable=False),
        sa.Column("timeout_s", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("disabled_reason", sa.String(), nullable=True),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("ping_due", sa.Boolean(), nullable=False),
        sa.Column("consecutive_failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("last_attempt_at", sa.BigInteger(), nullable=True),
        sa.Column("last_success_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("resume_at", sa.BigInteger(), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("previous_secret", sa.LargeBinary(), nullable=True),
        sa.Column("previous_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("touched", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.Uuid(), nullable=True),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("subscription_of", "subscription", ["owner", "id"], unique=False)
    op.create_index("subscription_touched", "subscription", ["touched"], unique=False)


def make_deliveries() -> None:
    """What is on its way, and what became of it."""
    op.create_table(
        "delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.String(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("delivery_of", "delivery", ["subscription", "id"], unique=False)
    op.create_index(
        "delivery_due",
        "delivery",
        ["subscription", "counted", "next_attempt_at", "id"],
        unique=False,
        sqlite_where=IS_UNFINISHED,
        postgresql_where=IS_UNFINISHED,
    )
    op.create_index(
        "delivery_dead",
        "delivery",
        ["subscription", "id"],
        unique=False,
        sqlite_where=IS_DEAD,
        postgresql_where=IS_DEAD,
    )


def downgrade() -> None:
    """Remove them all."""
    op.drop_table("delivery_worker")
    op.drop_table("notice")
    op.drop_index("delivery_dead", table_name="delivery")
    op.drop_index("delivery_due", table_name="delivery")
    op.drop_index("delivery_of", table_name="delivery")
    op.drop_table("delivery")
    op.drop_index("subscription_touched", table_name="subscription")
    op.drop_index("subscription_of", table_name="subscription")
    op.drop_table("subscription")
    op.drop_table("subscription_head")
