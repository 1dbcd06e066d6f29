"""Where the instants of a thread's log run back, so that dates are found by halving.

Revision 0004, after 0003. 2026-11-24
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KNOWN = """
INSERT INTO clock_steps (thread_id, seq)
SELECT thread_id, seq
FROM (SELECT thread_id, seq, at, lag(at) OVER (PARTITION BY thread_id ORDER BY seq) AS before FROM entries) AS ordered
WHERE at < before
"""


def upgrade() -> None:
    op.create_table(
        "clock_steps",
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_clock_steps_thread_id")),
        sa.PrimaryKeyConstraint("thread_id", "seq", name=op.f("pk_clock_steps")),
        sqlite_with_rowid=False,
    )
    op.execute(KNOWN)


def downgrade() -> None:
    op.drop_table("clock_steps")
