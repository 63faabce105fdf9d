"""The first schema: keys, the change log, events and their index."""

from __future__ import annotations

import time
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
TEXT_INDEX = {
    "sqlite": ("CREATE VIRTUAL TABLE event_text USING fts5(title, summary, detail=full, tokenize='ascii')",),
    "postgresql": (
        "CREATE TABLE event_text (event bigint PRIMARY KEY, text text NOT NULL, words tsvector NOT NULL)",
        "CREATE INDEX event_text_words ON event_text USING gin (words)",
    ),
}


def upgrade() -> None:
    """Make every table, and the log's one row."""
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_api_key_created_at_id", "api_key", ["created_at", "id"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", BIG_KEY, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "change",
        sa.Column("seq", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(), nullable=True),
        sa.Column("changed", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=True),
        sa.Column("after", sa.LargeBinary(), nullable=True),
        sa.Column("live", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("change_event_version", "change", ["event", "version"], unique=True)
    op.create_table(
        "event",
        sa.Column("key", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("span", sa.SmallInteger(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("event_updated", "event", ["updated_at", "key"], unique=False)
    op.create_table(
        "event_facet",
        sa.Column("value", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("started_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("value", "started_at", "event"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_measure",
        sa.Column("event", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("low", sa.BigInteger(), nullable=False),
        sa.Column("best", sa.BigInteger(), nullable=False),
        sa.Column("high", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event", "measure"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_point",
        sa.Column("event", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("lon", sa.Float(), nullable=False),
        sa.Column("x", sa.Float(), nullable=False),
        sa.Column("y", sa.Float(), nullable=False),
        sa.Column("z", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("event", "n"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "external_id",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("system", "id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "facet_value",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("facet", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("span", sa.SmallInteger(), nullable=False),
        sa.Column("alias", sa.Boolean(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("facet", "value", "span", "alias", name="facet_value_key"),
    )
    op.create_table(
        "idempotency",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "route", "key"),
    )
    op.create_index("idempotency_created", "idempotency", ["created_at"], unique=False)
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("oldest", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("live", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "past_facet",
        sa.Column("value", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("started_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("upto", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("value", "started_at", "event", "since"),
        sqlite_with_rowid=False,
    )
    for statement in TEXT_INDEX[op.get_bind().dialect.name]:
        op.execute(statement)
    begin_log()


def begin_log() -> None:
    """An empty log of epoch 1, under a name of its own."""
    head = sa.table(
        "log_head",
        *(sa.column(name) for name in ("id", "epoch", "seq", "oldest", "time", "live")),
        sa.column("instance", sa.Uuid),
        sa.column("digest", sa.LargeBinary),
    )
    now = time.time_ns() // 1000
    first = {"id": 1, "epoch": 1, "seq": 0, "oldest": 0, "time": now, "live": 0, "digest": bytes(32)}
    op.execute(sa.insert(head).values(instance=uuid4(), **first))


def downgrade() -> None:
    """Remove them all."""
    op.execute("DROP TABLE event_text")
    op.drop_table("past_facet")
    op.drop_table("log_head")
    op.drop_index("idempotency_created", table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_table("facet_value")
    op.drop_table("external_id")
    op.drop_table("event_point")
    op.drop_table("event_measure")
    op.drop_table("event_facet")
    op.drop_index("event_updated", table_name="event")
    op.drop_table("event")
    op.drop_index("change_event_version", table_name="change")
    op.drop_table("change")
    op.drop_table("audit")
    op.drop_index("ix_api_key_created_at_id", table_name="api_key")
    op.drop_table("api_key")
