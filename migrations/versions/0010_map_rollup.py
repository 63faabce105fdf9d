"""Places by the cells of a map, counted from those that there are."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

import sqlalchemy as sa
from alembic import op

from app.events.index.map_rollup import NAMES, map_cells

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

PLACES = sa.text(
    "SELECT e.key, e.kind, p.lat, p.lon FROM event_point p JOIN event e ON e.key = p.event ORDER BY p.event, p.n"
)


def upgrade() -> None:
    """Make the table and count what is there."""
    table = op.create_table(
        "map_rollup",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("cell", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fresh", sa.SmallInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("places", "lat", "lon")),
        sa.PrimaryKeyConstraint("kind", "cell", "fresh"),
        sqlite_with_rowid=False,
    )
    totals: dict[tuple[str, int, int], list[int]] = {}
    rows = op.get_bind().execute(PLACES.execution_options(yield_per=10_000))
    for (_, kind), places in groupby(rows, itemgetter(0, 1)):
        for key, lat, lon in map_cells(kind, [(row[2], row[3]) for row in places]):
            total = totals.setdefault(key, [0, 0, 0])
            total[:] = total[0] + 1, total[1] + lat, total[2] + lon
    if totals:
        op.bulk_insert(table, [dict(zip(NAMES, (*key, *total), strict=True)) for key, total in totals.items()])


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("map_rollup")
