"""The table of urgent calls for help. Imports clinic.storage only."""

from __future__ import annotations

import sqlalchemy as sa

from clinic.storage import UtcInstant, metadata

urgent_calls = sa.Table(
    "urgent_calls",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("thread_id", sa.ForeignKey("threads.id"), nullable=False, index=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False),  # the patient
    sa.Column("called_at", UtcInstant, nullable=False),
    sa.Column("escalated_at", UtcInstant),  # nobody had acknowledged it in time: the duty account was told
    sa.Column("acknowledged_at", UtcInstant),
    sa.Column("acknowledged_by", sa.ForeignKey("accounts.id")),
    sa.Column("resolved_at", UtcInstant),
    sa.Column("resolved_by", sa.ForeignKey("accounts.id")),
    # Few are open: the duty account's page and lists of threads ask for these.
    sa.Index("ix_urgent_calls_called_at", "called_at", sqlite_where=sa.text("resolved_at IS NULL"), postgresql_where=sa.text("resolved_at IS NULL")),
)
