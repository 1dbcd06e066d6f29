"""Tables of the audit log, to which Bedside only appends, and of the counts of refusals. Imports clinic.storage only."""

from __future__ import annotations

import sqlalchemy as sa

from clinic.storage import UtcInstant, metadata

audit_entries = sa.Table(
    "audit_entries",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", UtcInstant, nullable=False),
    sa.Column("actor_id", sa.BigInteger),  # no foreign key: the log outlives what it speaks of
    sa.Column("role", sa.String(16)),
    sa.Column("door", sa.String(16), nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(64)),
    sa.Column("detail", sa.Text, nullable=False),
)

# The hash chain over audit_entries, in the order in which one process sealed them (design.md, rule 3).
audit_seals = sa.Table(
    "audit_seals",
    metadata,
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("audit_id", sa.ForeignKey("audit_entries.id"), nullable=False, unique=True),
    sa.Column("mac", sa.String(64), nullable=False),
)

# Refusals, counted and not listed: a flood of them must not flood the log.
denials = sa.Table(
    "denials",
    metadata,
    sa.Column("key", sa.String(120), primary_key=True),
    sa.Column("actor_id", sa.BigInteger),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("code", sa.String(32), nullable=False),
    sa.Column("minute", UtcInstant, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
)
