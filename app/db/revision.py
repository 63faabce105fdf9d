"""Says which revision of the schema this program needs, and what is the matter with a database that has another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.errors import SchemaMismatch

# The newest migration, for a copy of the package that was made without them; a test holds it to them.
REVISION = "0012"
APP = Path(__file__).parents[1]
FOLDERS = (APP / "migrations", APP.parent / "migrations")
# PostgreSQL: every write transaction holds this advisory lock shared, whoever changes the schema or rebuilds
# what is derived holds it alone. It ends with the transaction, so it works behind a pooler too.
SCHEMA_LOCK = 0x5174_7265_70
READ_REVISION = "SELECT version_num FROM alembic_version"


@dataclass(frozen=True, slots=True)
class SchemaCheck:
    """The revision that this program needs, and all those it knows."""

    needed: str
    known: frozenset[str]

    def check(self, found: Sequence[str]) -> None:
        """Raise SchemaMismatch unless the database is at the needed revision; `found` is empty without one."""
        if list(found) != [self.needed]:
            raise self.mismatch(found)

    def mismatch(self, found: Sequence[str]) -> SchemaMismatch:
        """What is the matter, and what to do about it."""
        if not found:
            return SchemaMismatch(
                f"The database has no tables yet: run `sitrep migrate`, which brings it to revision {self.needed}."
            )
        there = " and ".join(sorted(found))
        if self.known.issuperset(found):
            return SchemaMismatch(
                f"The database is at revision {there}, older than {self.needed}, which this Sitrep needs: "
                "run `sitrep migrate`."
            )
        return SchemaMismatch(
            f"The database is at revision {there}, newer than {self.needed}, the newest that this Sitrep knows: "
            "run the Sitrep that migrated it."
        )


@cache
def needed_schema() -> SchemaCheck:
    """Read the schema of this program from the names of its migrations, without Alembic, which only `migrate` loads.

    Once: files that change later belong to another program.
    """
    known = {path.name.partition("_")[0] for folder in FOLDERS for path in folder.glob("versions/[0-9]*_*.py")}
    return SchemaCheck(max(known, default=REVISION), frozenset(known or {REVISION}))
