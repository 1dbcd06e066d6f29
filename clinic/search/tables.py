"""Tables of the search index: derived from the log, and made again from it where they are empty. Imports clinic.storage only.

The inverted index itself, `search_index`, is each engine's own (migration 0006): FTS5 on SQLite, a tsvector with GIN on
PostgreSQL. Both hold the same words, as `words.py` makes them.
"""

from __future__ import annotations

import sqlalchemy as sa

from clinic.storage import DERIVED, metadata

INDEX = "search_index"
"""The inverted index's name; on SQLite it brings tables of its own whose names begin so."""

# What was indexed of an entry. id: its row in the index; ids grow with the instants of entries.
search_rows = sa.Table(
    "search_rows",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("thread_id", sa.ForeignKey("threads.id"), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.UniqueConstraint("thread_id", "seq"),
    info=DERIVED,
)

# Up to which entry of a thread the index goes.
search_cursors = sa.Table(
    "search_cursors",
    metadata,
    sa.Column("thread_id", sa.ForeignKey("threads.id"), primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    info=DERIVED,
)

# Every word that was ever indexed, so that the beginning of a word becomes whole ones. Compared by code points on both engines.
search_words = sa.Table(
    "search_words",
    metadata,
    sa.Column("word", sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql"), primary_key=True),
    sqlite_with_rowid=False,
    info=DERIVED,
)
