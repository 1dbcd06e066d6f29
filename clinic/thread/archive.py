"""The archive as XMPP clients page through it, and the list of a person's rooms. Views; imports clinic only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from clinic.actions import view
from clinic.loading import LoadedThread
from clinic.log import Entry, entries, entry_of, select_entries
from clinic.permissions import Permission
from clinic.thread.tables import memberships, threads
from clinic.thread.views import PAGE_AT_MOST, cursor, seen_in, title_for
from clinic.work import Work

# A count reads at most so many rows of an index; a longer archive counts as this long.
COUNTED_AT_MOST = 100_000


@dataclass(frozen=True, slots=True)
class ArchivePage:
    """Consecutive entries of an archive query, oldest first. complete: nothing is left in its direction.

    count: how many match in all, where a page of none was asked for.
    """

    entries: tuple[Entry, ...]
    complete: bool
    count: int | None = None


@view(Permission.THREAD_READ)
def archive(
    work: Work,
    uid: str,
    *,
    before: str | None = None,
    after: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    ids: Sequence[str] | None = None,
    limit: int = 50,
    backwards: bool = False,
) -> ArchivePage:
    """Return a page of the thread's archive, filtered for the actor in SQL.

    before, after: uids, exclusive; start, end: inclusive, end with its whole millisecond, as readers know an entry's
    instant no better; ids: only these entries. backwards: the newest that match. limit: 0 to be told their number only.
    Raises: NotFound for a cursor or an id that the reader cannot see. Source: XEP-0313, XEP-0059.
    """
    thread = work.thread(uid)
    seen = seen_in(thread, work.member(thread))
    limit = max(0, min(limit, PAGE_AT_MOST))
    conditions = [seen]
    if after is not None:
        conditions.append(entries.c.seq > cursor(work, seen, after))
    if before is not None:
        conditions.append(entries.c.seq < cursor(work, seen, before))
    if start is not None:
        conditions.append(entries.c.at >= start)
    if end is not None:
        conditions.append(entries.c.at <= end.replace(microsecond=end.microsecond // 1000 * 1000 + 999))
    if ids is not None:
        for wanted in ids:
            cursor(work, seen, wanted)
        conditions.append(entries.c.uid.in_(ids))
    if limit == 0:
        count = _count(work, conditions)
        return ArchivePage((), count == 0, count)
    order = entries.c.seq.desc() if backwards else entries.c.seq
    rows = work.rows(select_entries().where(*conditions).order_by(order).limit(limit + 1))
    page = rows[:limit][::-1] if backwards else rows[:limit]
    return ArchivePage(tuple(entry_of(row) for row in page), len(rows) <= limit)


def _count(work: Work, conditions: Sequence[sa.ColumnElement[bool]]) -> int:
    found = sa.select(entries.c.seq).where(*conditions).limit(COUNTED_AT_MOST).subquery()
    row = work.row(sa.select(sa.func.count().label("number")).select_from(found))
    return 0 if row is None else int(row.number)


@view(Permission.THREAD_READ)
def my_rooms(work: Work) -> list[tuple[str, str]]:
    """Return (uid, title) of every thread that the actor is a member of, by title."""
    query = (
        sa.select(threads.c.uid)
        .join(memberships, memberships.c.thread_id == threads.c.id)
        .where(memberships.c.account_id == work.person.id, memberships.c.ended_at.is_(None))
    )
    loaded: Iterable[LoadedThread] = work.threads([row.uid for row in work.rows(query)])
    return sorted(((t.uid, title_for(t, work.person.id)) for t in loaded), key=lambda room: (room[1], room[0]))
