"""The tally of events by hour and day, kind and country, filled from the events that there are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

HOUR = 3_600_000_000
LOWER = (1 << 31) - 1
IS_COUNTRY = "v.facet = 'country' AND NOT v.alias"
# CROSS JOIN keeps SQLite to this order: values, then their events.
COUNTRY_ROWS = f"FROM facet_value v CROSS JOIN event_facet f WHERE f.value = v.id AND {IS_COUNTRY}"
EACH = "facet_value v CROSS JOIN event_facet f CROSS JOIN event e"
IN_EACH = f" AND f.value = v.id AND e.key = f.event AND {IS_COUNTRY}"
IN_NONE = f" AND e.key NOT IN (SELECT f.event {COUNTRY_ROWS})"
# A country as a column, where its events are read, and what holds for them: any, each, none.
COUNTRIES = (("''", "event e", ""), ("v.value", EACH, IN_EACH), ("'~'", "event e", IN_NONE))


def sums(number: str) -> str:
    """The sum of an expression for each part of a number."""
    return ", ".join(f"CAST(sum({number.format(part)}) AS bigint)" for part in ("low", "best", "high"))


MEASURES = "JOIN event_measure m ON m.event = e.key"
LARGE = f"{MEASURES} AND (m.low > {LOWER} OR m.best > {LOWER} OR m.high > {LOWER})"
# A kind and a measure as columns, what is counted, and how it is joined.
COUNTED = (
    ("''", "''", "count(*), 0, 0, 0", ""),
    ("e.kind", "''", "count(*), 0, 0, 0", ""),
    ("e.kind", "m.measure", "count(*), " + sums(f"m.{{}} & {LOWER}"), MEASURES),
    ("e.kind", "m.measure || '^'", "0, " + sums("m.{} >> 31"), LARGE),
)


def upgrade() -> None:
    """Make the table and count what is there."""
    op.create_table(
        "tally",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("hours", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("period", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("low", sa.BigInteger(), nullable=False),
        sa.Column("best", sa.BigInteger(), nullable=False),
        sa.Column("high", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "country", "measure", "hours", "period"),
        sqlite_with_rowid=False,
    )
    for hours in (1, 24):
        for country in COUNTRIES:
            for counted in COUNTED:
                fill(hours, country, counted)


def fill(hours: int, country: tuple[str, str, str], counted: tuple[str, str, str, str]) -> None:
    """Count the live events in one way."""
    (name, source, held), (kind, measure, numbers, joined) = country, counted
    columns = f"{kind} AS k, {name} AS c, {measure} AS w, {hours} AS l, {period(hours)} AS p, {numbers}"
    counts = f"SELECT {columns} FROM {source} {joined} WHERE NOT e.deleted{held} GROUP BY k, c, w, l, p"  # noqa: S608 (our words)
    op.execute(f"INSERT INTO tally (kind, country, measure, hours, period, events, low, best, high) {counts}")


def period(hours: int) -> str:
    """The number of the period in which an event began, rounded down before the Unix epoch too."""
    length = hours * HOUR
    return f"(e.started_at - ((e.started_at % {length}) + {length}) % {length}) / {length}"


def downgrade() -> None:
    """Forget the tally."""
    op.drop_table("tally")
