"""The table of texts that wait for their time. Imports clinic.storage only."""

from __future__ import annotations

import sqlalchemy as sa

from clinic.storage import UtcInstant, metadata

scheduled_texts = sa.Table(
    "scheduled_texts",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("thread_id", sa.ForeignKey("threads.id"), nullable=False, index=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # empty once it is done
    sa.Column("client_id", sa.String(128), nullable=False),  # its author's own id of it
    sa.Column("due_at", UtcInstant, nullable=False),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("done_at", UtcInstant),  # posted, called off or refused
    sa.Column("refused", sa.Text),  # why it could not be posted: its author reads it and keeps the text
    sa.UniqueConstraint("thread_id", "account_id", "client_id"),
    # What the worker asks for every second.
    sa.Index("ix_scheduled_texts_due_at", "due_at", sqlite_where=sa.text("done_at IS NULL"), postgresql_where=sa.text("done_at IS NULL")),
)
