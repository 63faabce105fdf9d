"""On PostgreSQL, bodies of up to some 8 KB stay in their rows uncompressed: a page need not unpack each of them."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let new rows be; those that are there stay as they are, and are read as before."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE change SET (toast_tuple_target = 8160)")


def downgrade() -> None:
    """Compress new rows of more than 2 KB again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE change RESET (toast_tuple_target)")
