"""Which facets, measures and texts the index holds, and as which definition of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.events.index.fingerprint import components, registry

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# What the index held when this migration was written. What a later release declares is not in the index yet.
ENVELOPE = "kind status country admin1 place actor actor_country initiator target_country publisher tag"
FACETS = {
    "": ENVELOPE,
    "attack": "attack_state event_type sub_event_type civilian_targeting munition target",
    "negotiation_round": "process talks_format level talks_state issue outcome",
    "sanction_move": "authority programme stage measure_type measure_subtype ultimate_target sanctioned_country "
    "sanctioned_entity imo",
    "security_guarantee": "framework stage commitment beneficiary",
}
MEASURES = {
    "": "killed injured",
    "attack": "launched intercepted",
    "negotiation_round": "rounds",
    "sanction_move": "targets_listed",
    "security_guarantee": "pledgers personnel",
}


def upgrade() -> None:
    """Make the table; what the index held before counts as built by this program's definitions."""
    table = op.create_table(
        "index_state",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("progress", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    held = {
        f"{sort}:{kind}:{name}"
        for sort, declared in (("facet", FACETS), ("measure", MEASURES))
        for kind, names in declared.items()
        for name in names.split()
    }
    held |= {f"text:{kind}" for kind in FACETS if kind}
    known = {name: found for name, found in components().items() if name in held} | {registry(): ""}
    rows = [{"name": name, "fingerprint": found, "state": "ready", "progress": None} for name, found in known.items()]
    op.bulk_insert(table, rows)


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("index_state")
