"""Threads in full: groups and share links, statuses, saved replies, urgent calls, absences, scheduled texts, amendments.

Revision 0005, after 0004. 2026-11-29
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Since when patients wait: their oldest text after the last one of staff.
WAITING = """
UPDATE threads SET waiting_since = (
    SELECT min(e.at) FROM entries AS e
    WHERE e.thread_id = threads.id AND e.author_role = 'patient' AND e.seq > coalesce((
        SELECT max(s.seq) FROM entries AS s
        WHERE s.thread_id = threads.id AND s.author_role IN ('practitioner', 'coordinator')), 0))
"""
NEW_COLUMNS = {
    "entries": ("about_seq",),
    "threads": ("closed_at", "put_away", "waiting_since", "claimed_by", "spoken_at", "status_id", "title"),
    "memberships": ("opened_at", "put_away_seq", "invited_by"),
}


def _refer(table: str, column: str, to: str) -> None:
    """Add a column that refers to another table's id. SQLite takes the reference only together with the column."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} BIGINT CONSTRAINT fk_{table}_{column} REFERENCES {to} (id)")
        return
    op.add_column(table, sa.Column(column, sa.BigInteger(), nullable=True))
    op.create_foreign_key(f"fk_{table}_{column}", table, to, [column], ["id"])


def upgrade() -> None:
    op.create_table("statuses",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("colour", sa.String(length=16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statuses")),
        sa.UniqueConstraint("uid", name=op.f("uq_statuses_uid")),
    )
    op.create_table("absences",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("cover_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_absences_account_id")),
        sa.ForeignKeyConstraint(["cover_id"], ["accounts.id"], name=op.f("fk_absences_cover_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absences")),
        sa.UniqueConstraint("uid", name=op.f("uq_absences_uid")),
    )
    op.create_index(op.f("ix_absences_account_id"), "absences", ["account_id"], unique=False)
    op.create_table("saved_replies",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_saved_replies_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_replies")),
        sa.UniqueConstraint("uid", name=op.f("uq_saved_replies_uid")),
    )
    op.create_index(op.f("ix_saved_replies_account_id"), "saved_replies", ["account_id"], unique=False)
    op.create_table("absences_told",
        sa.Column("absence_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("thread_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["absence_id"], ["absences.id"], name=op.f("fk_absences_told_absence_id")),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_absences_told_thread_id")),
        sa.PrimaryKeyConstraint("absence_id", "thread_id", name=op.f("pk_absences_told")),
    )
    op.create_table("scheduled_texts",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_scheduled_texts_account_id")),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_scheduled_texts_thread_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scheduled_texts")),
        sa.UniqueConstraint("uid", name=op.f("uq_scheduled_texts_uid")),
        sa.UniqueConstraint("thread_id", "account_id", "client_id", name=op.f("uq_scheduled_texts_thread_id_account_id_client_id")),
    )
    op.create_index(op.f("ix_scheduled_texts_account_id"), "scheduled_texts", ["account_id"], unique=False)
    waiting = sa.text("done_at IS NULL")
    op.create_index(op.f("ix_scheduled_texts_due_at"), "scheduled_texts", ["due_at"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index(op.f("ix_scheduled_texts_thread_id"), "scheduled_texts", ["thread_id"], unique=False)
    op.create_table("share_links",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.Column("token_mac", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["accounts.id"], name=op.f("fk_share_links_created_by")),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_share_links_thread_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_links")),
        sa.UniqueConstraint("token_mac", name=op.f("uq_share_links_token_mac")),
        sa.UniqueConstraint("uid", name=op.f("uq_share_links_uid")),
    )
    op.create_index(op.f("ix_share_links_thread_id"), "share_links", ["thread_id"], unique=False)
    op.create_table("urgent_calls",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.BigInteger(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_urgent_calls_account_id")),
        sa.ForeignKeyConstraint(["acknowledged_by"], ["accounts.id"], name=op.f("fk_urgent_calls_acknowledged_by")),
        sa.ForeignKeyConstraint(["resolved_by"], ["accounts.id"], name=op.f("fk_urgent_calls_resolved_by")),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_urgent_calls_thread_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_urgent_calls")),
        sa.UniqueConstraint("uid", name=op.f("uq_urgent_calls_uid")),
    )
    unresolved = sa.text("resolved_at IS NULL")
    op.create_index(op.f("ix_urgent_calls_called_at"), "urgent_calls", ["called_at"], sqlite_where=unresolved, postgresql_where=unresolved)
    op.create_index(op.f("ix_urgent_calls_thread_id"), "urgent_calls", ["thread_id"], unique=False)
    op.create_table("share_requests",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("link_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_share_requests_account_id")),
        sa.ForeignKeyConstraint(["link_id"], ["share_links.id"], name=op.f("fk_share_requests_link_id")),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_share_requests_thread_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_requests")),
        sa.UniqueConstraint("uid", name=op.f("uq_share_requests_uid")),
    )
    op.create_index(op.f("ix_share_requests_account_id"), "share_requests", ["account_id"], unique=False)
    op.create_index(op.f("ix_share_requests_thread_id"), "share_requests", ["thread_id"], unique=False)
    op.add_column("entries", sa.Column("about_seq", sa.BigInteger(), nullable=True))
    some = sa.text("about_seq IS NOT NULL")
    op.create_index(op.f("ix_entries_thread_id_about_seq"), "entries", ["thread_id", "about_seq"], sqlite_where=some, postgresql_where=some)
    _refer("memberships", "invited_by", "accounts")
    op.add_column("memberships", sa.Column("put_away_seq", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("memberships", sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("threads", sa.Column("title", sa.String(length=200), nullable=True))
    _refer("threads", "status_id", "statuses")
    op.add_column("threads", sa.Column("spoken_at", sa.DateTime(timezone=True), nullable=True))
    _refer("threads", "claimed_by", "accounts")
    op.add_column("threads", sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("threads", sa.Column("put_away", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("threads", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_threads_waiting_since"), "threads", ["waiting_since"], unique=False)
    op.execute(WAITING)
    op.execute("UPDATE threads SET spoken_at = last_entry_at")  # until now every entry had a line of its own


def downgrade() -> None:
    op.drop_index(op.f("ix_threads_waiting_since"), "threads")
    op.drop_index(op.f("ix_entries_thread_id_about_seq"), "entries")
    for table, columns in NEW_COLUMNS.items():
        for column in columns:
            if op.get_bind().dialect.name == "sqlite":
                op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
            else:
                op.drop_column(table, column)
    op.drop_table("share_requests")
    op.drop_table("urgent_calls")
    op.drop_table("share_links")
    op.drop_table("scheduled_texts")
    op.drop_table("absences_told")
    op.drop_table("saved_replies")
    op.drop_table("absences")
    op.drop_table("statuses")
