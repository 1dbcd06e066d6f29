"""Files: uploads on their way in, the blobs that are kept, and the places where they are seen.

Revision 0008, after 0007. 2026-11-30
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("blobs",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("wrapped_key", sa.Text(), nullable=False),
        sa.Column("media_type", sa.String(length=127), nullable=False),
        sa.Column("form", sa.String(length=16), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("waveform", sa.Text(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("shown_type", sa.String(length=127), nullable=False),
        sa.Column("shown_bytes", sa.BigInteger(), nullable=False),
        sa.Column("thumb_type", sa.String(length=127), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blobs")),
        sa.UniqueConstraint("uid", name=op.f("uq_blobs_uid")),
    )
    op.create_table("uploads",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=True),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=127), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Boolean(), nullable=False),
        sa.Column("folder_id", sa.BigInteger(), nullable=True),
        sa.Column("request_uid", sa.String(length=26), nullable=True),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("wrapped_key", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_uploads_account_id_accounts")),
        sa.ForeignKeyConstraint(["folder_id"], ["accounts.id"], name=op.f("fk_uploads_folder_id_accounts")),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_uploads_thread_id_threads")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("account_id", "client_id", name=op.f("uq_uploads_account_id_client_id")),
        sa.UniqueConstraint("uid", name=op.f("uq_uploads_uid")),
    )
    for column in ("account_id", "thread_id", "expires_at"):
        op.create_index(op.f(f"ix_uploads_{column}"), "uploads", [column])
    op.create_table("files",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("blob_id", sa.BigInteger(), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=True),
        sa.Column("entry_uid", sa.String(length=26), nullable=True),
        sa.Column("folder_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("added_by", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("origin_id", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.BigInteger(), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["added_by"], ["accounts.id"], name=op.f("fk_files_added_by_accounts")),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name=op.f("fk_files_blob_id_blobs")),
        sa.ForeignKeyConstraint(["folder_id"], ["accounts.id"], name=op.f("fk_files_folder_id_accounts")),
        sa.ForeignKeyConstraint(["origin_id"], ["files.id"], name=op.f("fk_files_origin_id_files")),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_files_thread_id_threads")),
        sa.ForeignKeyConstraint(["withdrawn_by"], ["accounts.id"], name=op.f("fk_files_withdrawn_by_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint("entry_uid", name=op.f("uq_files_entry_uid")),
        sa.UniqueConstraint("uid", name=op.f("uq_files_uid")),
    )
    for column in ("blob_id", "thread_id", "folder_id"):
        op.create_index(op.f(f"ix_files_{column}"), "files", [column])


def downgrade() -> None:
    for table in ("files", "uploads", "blobs"):
        op.drop_table(table)
