"""Search: what was indexed of each entry, up to where, and each engine's own inverted index.

Revision 0006, after 0005. 2026-11-29
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Of words that are prepared already: the tokenizer only takes them apart at blanks.
FTS5 = """
CREATE VIRTUAL TABLE search_index USING fts5(words, content='', prefix='2 3', tokenize="ascii tokenchars '_'")
"""


def upgrade() -> None:
    op.create_table("search_rows",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_search_rows_thread_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_rows")),
        sa.UniqueConstraint("thread_id", "seq", name=op.f("uq_search_rows_thread_id_seq")),
    )
    op.create_table("search_cursors",
        sa.Column("thread_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_search_cursors_thread_id")),
        sa.PrimaryKeyConstraint("thread_id", name=op.f("pk_search_cursors")),
    )
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    op.create_table("search_words",
        sa.Column("word", sa.String(length=64, collation=None if on_sqlite else "C"), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_search_words")),
        sqlite_with_rowid=False,
    )
    if on_sqlite:
        op.execute(FTS5)
        return
    op.execute("CREATE TABLE search_index (rowid bigint CONSTRAINT pk_search_index PRIMARY KEY, words tsvector NOT NULL)")
    op.execute("CREATE INDEX ix_search_index_words ON search_index USING gin (words)")


def downgrade() -> None:
    op.drop_table("search_index")
    op.drop_table("search_words")
    op.drop_table("search_cursors")
    op.drop_table("search_rows")
