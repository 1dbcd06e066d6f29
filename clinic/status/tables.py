"""The table of statuses. Imports clinic.storage only."""

from __future__ import annotations

import sqlalchemy as sa

from clinic.storage import UtcInstant, metadata

NAME_LENGTH = 100

statuses = sa.Table(
    "statuses",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("name", sa.String(NAME_LENGTH), nullable=False),
    sa.Column("colour", sa.String(16), nullable=False),  # a name of the page's palette
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("archived_at", UtcInstant),  # no longer offered; threads and entries that have it keep it
)
