"""Tables of absences. Imports clinic.storage only."""

from __future__ import annotations

import sqlalchemy as sa

from clinic.storage import UtcInstant, metadata

absences = sa.Table(
    "absences",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("starts_at", UtcInstant, nullable=False),
    sa.Column("ends_at", UtcInstant, nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("cover_id", sa.ForeignKey("accounts.id")),  # the colleague who covers
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("ended_at", UtcInstant),  # called off, or over sooner
)

# Which threads have been told of an absence: each once.
absences_told = sa.Table(
    "absences_told",
    metadata,
    sa.Column("absence_id", sa.ForeignKey("absences.id"), primary_key=True, autoincrement=False),
    sa.Column("thread_id", sa.ForeignKey("threads.id"), primary_key=True, autoincrement=False),
    sa.Column("told_at", UtcInstant, nullable=False),
)
