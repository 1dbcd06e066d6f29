"""Images & Documents: who has put a document away.

Revision 0011, after 0010. 2026-11-30
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

NAME = "fk_files_archived_by_accounts"


def upgrade() -> None:
    # SQLite takes a reference only together with its column.
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"ALTER TABLE files ADD COLUMN archived_by BIGINT CONSTRAINT {NAME} REFERENCES accounts (id)")
        return
    op.add_column("files", sa.Column("archived_by", sa.BigInteger(), nullable=True))
    op.create_foreign_key(NAME, "files", "accounts", ["archived_by"], ["id"])


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("ALTER TABLE files DROP COLUMN archived_by")
    else:
        op.drop_column("files", "archived_by")
