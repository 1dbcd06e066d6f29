"""What an entry says now, after its corrections and its retraction. Imports clinic only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from clinic.kinds import kind_named
from clinic.log import entries, entry_references

_AT_ONCE = 500
Rows = Callable[[sa.Select[Any]], Sequence[sa.Row[Any]]]
"""Runs a select: `Work.rows`, or a connection's."""


def current_bodies(rows: Rows, thread_id: int, seqs: Sequence[int]) -> dict[int, str | None]:
    """Return, of those entries (seqs) of a thread that were amended, what they say now; None: nothing any more."""
    found: dict[int, str | None] = {}
    for start in range(0, len(seqs), _AT_ONCE):
        query = (
            sa.select(entry_references.c.target_seq, entries.c.kind, entries.c.payload)
            .join(entries, sa.and_(entries.c.thread_id == entry_references.c.thread_id, entries.c.seq == entry_references.c.seq))
            .where(entry_references.c.thread_id == thread_id, entry_references.c.target_seq.in_(seqs[start:start + _AT_ONCE]))
            .order_by(entry_references.c.target_seq, entry_references.c.seq)
        )
        for row in rows(query):
            if row.kind == "retraction":
                found[row.target_seq] = None
            elif row.kind == "correction" and found.get(row.target_seq, "") is not None:
                payload = kind_named(row.kind).decode(row.payload)
                found[row.target_seq] = getattr(payload, "text", payload.body)
    return found
