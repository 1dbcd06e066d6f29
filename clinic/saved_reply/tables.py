"""The table of saved replies. Imports clinic.storage only."""

from __future__ import annotations

import sqlalchemy as sa

from clinic.storage import UtcInstant, metadata

saved_replies = sa.Table(
    "saved_replies",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("title", sa.String(200)),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("uses", sa.Integer, nullable=False),  # how often it was inserted: the list's order
    sa.Column("used_at", UtcInstant),
    sa.Column("created_at", UtcInstant, nullable=False),
)
