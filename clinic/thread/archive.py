"""The archive as XMPP clients page through it, and the list of a person's threads. Views; imports clinic only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clinic.actions import view
from clinic.errors import NotFound
from clinic.fields import is_uid
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import WHOSE, Entry, by_audience, entries, entry_of, reaches, select_entries, visible, whose
from clinic.permissions import Permission
from clinic.text.overlay import overlay, with_quotes
from clinic.thread.dates import places
from clinic.thread.tables import memberships, threads
from clinic.thread.views import PAGE_AT_MOST, UNKNOWN_PLACE, cursor, title_for
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


@dataclass(frozen=True, slots=True)
class _Part:
    """The part of a thread's log that a query is about: places between low and high, both exclusive, as `me` may see them.

    dated: the conditions on instants, which some entries between may not meet.
    """

    thread: LoadedThread
    me: LoadedMember
    low: int
    high: int
    dated: tuple[sa.ColumnElement[bool], ...]

    @property
    def seen(self) -> sa.ColumnElement[bool]:
        here = sa.and_(entries.c.thread_id == self.thread.id, entries.c.seq < self.high)
        return sa.and_(here, visible(self.me.role, self.me.account_id, self.me.from_seq, self.low), *self.dated)


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
    limit = max(0, min(limit, PAGE_AT_MOST))
    part = _part(work, thread, before, after, start, end)
    if ids is not None:
        rows = _chosen(work, part, ids, backwards=backwards)
        if limit == 0:
            return ArchivePage((), not rows, len(rows))
    elif limit == 0:
        count = _count(work, part)
        return ArchivePage((), count == 0, count)
    else:
        query = select_entries().where(part.seen).order_by(entries.c.seq.desc() if backwards else entries.c.seq)
        rows = work.rows(by_audience(query, part.me.role).limit(limit + 1))
    page = rows[:limit][::-1] if backwards else rows[:limit]
    shown = overlay(work, thread.id, [entry_of(row) for row in page])
    return ArchivePage(tuple(with_quotes(work, thread, part.me, shown)), len(rows) <= limit)


def _part(
    work: Work,
    thread: LoadedThread,
    before: str | None,
    after: str | None,
    start: datetime | None,
    end: datetime | None,
) -> _Part:
    """Return what is asked for as one range of places in the log, as that is what the indexes hold. Raises: NotFound."""
    me = work.member(thread)
    low, high = me.from_seq, thread.last_seq + 1
    if after is not None:
        low = max(low, cursor(work, thread, me, after))
    if before is not None:
        high = min(high, cursor(work, thread, me, before))
    dated: list[sa.ColumnElement[bool]] = []
    if start is not None:
        dated.append(entries.c.at >= start)
    if end is not None:
        end = end.replace(microsecond=end.microsecond // 1000 * 1000 + 999)
        dated.append(entries.c.at <= end)
    if dated:
        first, last = places(work, thread, start, end)
        low, high = max(low, first - 1), min(high, last + 1)
    return _Part(thread, me, low, high, tuple(dated))


def _chosen(work: Work, part: _Part, ids: Sequence[str], *, backwards: bool) -> Sequence[sa.Row[Any]]:
    """Return the rows of entries by their uids. Raises: NotFound when one of them is not there for the reader."""
    # Asked for by uid alone, and filtered and put in order here: otherwise SQLite walks through the whole thread.
    columns = entries.c.thread_id, entries.c.seq, entries.c.about_seq, *WHOSE
    found = work.rows(sa.select(*columns).where(entries.c.uid.in_([uid for uid in ids if is_uid(uid)])))
    mine = [row for row in found if row.thread_id == part.thread.id]
    seen = []
    for row in mine:
        audience, addressee = whose(row)
        if reaches(row.seq, audience, part.me, row.about_seq, addressee):
            seen.append(row.seq)
    if len(seen) < len(set(ids)):
        raise NotFound(UNKNOWN_PLACE)
    wanted = [seq for seq in seen if part.low < seq < part.high]
    query = select_entries().where(entries.c.thread_id == part.thread.id, entries.c.seq.in_(wanted), *part.dated)
    return sorted(work.rows(query), key=lambda row: int(row.seq), reverse=backwards)


def _count(work: Work, part: _Part) -> int:
    matching = by_audience(sa.select(entries.c.seq).where(part.seen), part.me.role)
    found = matching.limit(COUNTED_AT_MOST).subquery()
    row = work.row(sa.select(sa.func.count().label("number")).select_from(found))
    return 0 if row is None else int(row.number)


@view(Permission.THREAD_READ)
def my_threads(work: Work) -> list[tuple[str, str]]:
    """Return (uid, title) of every thread that the actor is a member of, by title."""
    query = (
        sa.select(threads.c.uid)
        .join(memberships, memberships.c.thread_id == threads.c.id)
        .where(memberships.c.account_id == work.person.id, memberships.c.ended_at.is_(None))
    )
    loaded: Iterable[LoadedThread] = work.threads([row.uid for row in work.rows(query)])
    return sorted(((t.uid, title_for(t, work.person.id)) for t in loaded), key=lambda one: (one[1], one[0]))
