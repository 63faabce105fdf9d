"""Alembic's entry: works on the connection that `app.migrate` opened and locked."""

from alembic import context

from app.migrate import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
