"""Migrations run on both databases, down and up again, and give exactly the schema of the models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.types import TypeEngine

from app.db.revision import REVISION
from app.migrate import METADATA, alembic_settings, migrate, newest_revision, revision, run


def differences(url: str) -> list[Any]:
    """What Alembic would change to make the database equal the models; the text index has no model."""
    found: list[Any] = []

    def compare(connection: sa.Connection) -> None:
        options = {"compare_type": same_type, "include_object": is_modelled}
        found.extend(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))

    run(url, compare)
    return found


def same_type(context: Any, column: Any, model: Any, there: TypeEngine[Any], wanted: TypeEngine[Any]) -> bool | None:
    """UtcTime is a big integer underneath."""
    return False if isinstance(wanted, sa.types.TypeDecorator) and isinstance(there, sa.BigInteger) else None


def is_modelled(_item: Any, name: str, kind: str, _reflected: Any, _other: Any) -> bool:
    """Leave out the full text tables and their index."""
    return not (kind in {"table", "index"} and name.startswith("event_text"))


def tables(url: str) -> set[str]:
    """The names of all tables."""
    found: set[str] = set()
    run(url, lambda connection: found.update(sa.inspect(connection).get_table_names()))
    return found


def test_a_migrated_database_equals_the_models(empty_url: str) -> None:
    migrate(empty_url)

    assert differences(empty_url) == []


def test_a_missing_column_would_be_noticed(empty_url: str) -> None:
    migrate(empty_url)
    run(empty_url, lambda connection: connection.exec_driver_sql("ALTER TABLE event DROP COLUMN kind"))

    assert differences(empty_url) != []


def test_migrations_go_down_and_up_again(empty_url: str) -> None:
    migrate(empty_url)
    there = tables(empty_url)

    migrate(empty_url, "base")
    assert tables(empty_url) <= {"alembic_version"}

    migrate(empty_url)
    assert tables(empty_url) == there
    assert revision(empty_url) == newest_revision()


def test_the_revision_that_a_bare_copy_of_the_package_needs_is_the_newest() -> None:
    assert newest_revision() == REVISION


def test_a_migration_is_named_by_its_revision_and_the_highest_is_the_newest() -> None:
    script = ScriptDirectory.from_config(alembic_settings())
    names = {Path(each.path).name.partition("_")[0]: each.revision for each in script.walk_revisions()}
    assert {name: revision for name, revision in names.items() if name != revision} == {}
    assert script.get_current_head() == max(names)


def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    migrate(empty_url)
    migrate(empty_url)

    assert revision(empty_url) == newest_revision()
