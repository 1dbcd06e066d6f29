"""Short videos: what patients were asked for.

Revision 0010, after 0009. 2026-11-30
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("video_requests",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_uid", sa.String(length=26), nullable=False),
        sa.Column("addressee_id", sa.BigInteger(), nullable=False),
        sa.Column("requester_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("shown_upload", sa.String(length=26), nullable=True),
        sa.Column("video_uid", sa.String(length=26), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["addressee_id"], ["accounts.id"], name=op.f("fk_video_requests_addressee_id_accounts")),
        sa.ForeignKeyConstraint(["requester_id"], ["accounts.id"], name=op.f("fk_video_requests_requester_id_accounts")),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_video_requests_thread_id_threads")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_requests")),
        sa.UniqueConstraint("uid", name=op.f("uq_video_requests_uid")),
    )
    for column in ("thread_id", "addressee_id"):
        op.create_index(op.f(f"ix_video_requests_{column}"), "video_requests", [column])


def downgrade() -> None:
    op.drop_table("video_requests")
