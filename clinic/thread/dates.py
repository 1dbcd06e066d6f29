"""Where in a thread's log an instant lies, found by halving: instants grow with `seq`. Imports clinic only.

An index over instants would cost every message more than all date searches together save. Where the clock of a machine
ran back, so did the log's instants; `clock_steps` (log.py) knows these places, and each run between them is searched.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from itertools import pairwise

import sqlalchemy as sa

from clinic.loading import LoadedThread
from clinic.log import clock_steps, entries
from clinic.work import Work

# Clocks of two machines that are apart make steps without end; then nothing is cut off, and each entry looked at.
STEPS_AT_MOST = 32
_NEVER = datetime.max.replace(tzinfo=UTC)
# Built once: it is asked some twenty times a date.
_AT = (
    sa.select(entries.c.at)
    .where(entries.c.thread_id == sa.bindparam("thread"), entries.c.seq >= sa.bindparam("place"))
    .order_by(entries.c.seq)
    .limit(1)
)


def places(work: Work, thread: LoadedThread, start: datetime | None, end: datetime | None) -> tuple[int, int]:
    """Return the first and the last seq that an entry from `start` to `end`, both inclusive, may have.

    All that happened then lies between; where the clock ran back there, others too. Last before first: nothing did.
    """
    query = sa.select(clock_steps.c.seq).where(clock_steps.c.thread_id == thread.id).order_by(clock_steps.c.seq)
    steps = [row.seq for row in work.rows(query.limit(STEPS_AT_MOST + 1))]
    if len(steps) > STEPS_AT_MOST:
        return 1, thread.last_seq
    runs = [range(first, after) for first, after in pairwise([1, *steps, thread.last_seq + 1])]

    def at(seq: int) -> datetime:
        row = work.row(_AT, {"thread": thread.id, "place": seq})
        return _NEVER if row is None else row.at

    first, last = 1, thread.last_seq
    if start is not None:
        begins = (run[place] for run in runs if (place := bisect_left(run, start, key=at)) < len(run))
        first = next(begins, thread.last_seq + 1)
    if end is not None:
        ends = (run[place - 1] for run in reversed(runs) if (place := bisect_right(run, end, key=at)))
        last = next(ends, 0)
    return first, last
