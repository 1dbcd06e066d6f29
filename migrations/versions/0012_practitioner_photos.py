"""Practitioners' profiles: their photos.

Revision 0012, after 0011. 2026-11-30
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("practitioner_photos",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_practitioner_photos_account_id")),
        sa.ForeignKeyConstraint(["author_id"], ["accounts.id"], name=op.f("fk_practitioner_photos_author_id")),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_practitioner_photos_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_practitioner_photos")),
        sa.UniqueConstraint("account_id", "version", name=op.f("uq_practitioner_photos_account_id_version")),
    )


def downgrade() -> None:
    op.execute("DELETE FROM uploads WHERE purpose = 'photo'")  # which the code before would not know what to do with
    op.drop_table("practitioner_photos")
    op.execute("DELETE FROM files WHERE kind = 'photo'")  # their bytes are swept then
