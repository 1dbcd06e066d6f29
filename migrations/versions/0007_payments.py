"""Payments: entries for one patient of a thread.

Revision 0007, after 0006. 2026-11-29
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _refer(table: str, column: str, to: str) -> None:
    """Add a column that refers to another table's id. SQLite takes the reference only together with the column."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} BIGINT CONSTRAINT fk_{table}_{column} REFERENCES {to} (id)")
        return
    op.add_column(table, sa.Column(column, sa.BigInteger(), nullable=True))
    op.create_foreign_key(f"fk_{table}_{column}", table, to, [column], ["id"])


def upgrade() -> None:
    _refer("entries", "addressee_id", "accounts")


def downgrade() -> None:
    # What was for one patient would be read by every patient of the thread: a version that knows no addressee shows it to staff only.
    op.execute("UPDATE entries SET audience = 'staff' WHERE addressee_id IS NOT NULL")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("ALTER TABLE entries DROP COLUMN addressee_id")
    else:
        op.drop_column("entries", "addressee_id")
