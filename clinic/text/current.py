"""What an entry says now, after its corrections and its retraction. Imports clinic only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from clinic.kinds import kind_named
from clinic.log import Entry, entries

_AT_ONCE = 500
Rows = Callable[[sa.Select[Any]], Sequence[sa.Row[Any]]]
"""Runs a select: `Work.rows`, or a connection's."""


def current_bodies(rows: Rows, thread_id: int, seqs: Sequence[int]) -> dict[int, str | None]:
    """Return, of those entries (seqs) of a thread that were amended, what they say now; None: nothing any more."""
    found: dict[int, str | None] = {}
    for start in range(0, len(seqs), _AT_ONCE):
        about = sa.and_(entries.c.thread_id == thread_id, entries.c.about_seq.in_(seqs[start:start + _AT_ONCE]))
        query = sa.select(entries.c.about_seq, entries.c.seq, entries.c.kind, entries.c.payload).where(about)
        query = query.with_hint(entries, "INDEXED BY ix_entries_thread_id_about_seq", "sqlite")
        for row in sorted(rows(query), key=lambda row: int(row.seq)):
            if row.kind == "retraction":
                found[row.about_seq] = None
            elif row.kind == "correction" and found.get(row.about_seq, "") is not None:
                payload = kind_named(row.kind).decode(row.payload)
                found[row.about_seq] = getattr(payload, "text", payload.body)
    return found


def said(entry: Entry) -> str:
    """Return what somebody typed, as it is stored, without the words that apps show beside it; of other entries, what they say."""
    return str(getattr(entry.payload, "text", "")) or entry.body
