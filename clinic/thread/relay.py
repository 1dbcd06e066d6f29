"""Views for the live tail, a process of the clinic itself: whole threads with their members. System only.

Imports clinic only. What leaves the process is filtered per member with clinic.log.allowed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from clinic.account.tables import accounts
from clinic.actions import view
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import Entry, by_audience, entries, entry_of, select_entries, visible
from clinic.permissions import Permission, Role
from clinic.text.overlay import overlay, with_quotes
from clinic.thread.tables import live_sessions, memberships, threads
from clinic.thread.views import title_for
from clinic.work import Work


@dataclass(frozen=True, slots=True)
class RelayedMember:
    """A member as the live tail serves them with their markers."""

    uid: str
    handle: str
    nick: str
    role: Role
    group_admin: bool
    from_seq: int
    read_seq: int
    delivered_seq: int
    title: str


@dataclass(frozen=True, slots=True)
class RelayedThread:
    """A thread with its current members, but for those whose account is deactivated: nothing is sent to them, nor asked by them.

    `title` of each member is what the thread is called for them. closed_by: the name of the group admin who has closed it, whom
    its former members may ask; None for a thread that is open.
    """

    uid: str
    kind: str
    version: int
    last_seq: int
    relayed_seq: int
    members: tuple[RelayedMember, ...]
    closed_by: str | None = None


@dataclass(frozen=True, slots=True)
class LiveSession:
    """Where somebody was live when last known."""

    address: str
    kind: str
    thread: str | None
    handle: str
    nick: str | None


@dataclass(frozen=True, slots=True)
class News:
    """A thread that changed: compare version (members, titles) and last_seq (entries) with what you know.

    changed_at moves for marks too.
    """

    uid: str
    version: int
    last_seq: int
    changed_at: datetime


@view(Permission.SYSTEM)
def relayed_thread(work: Work, uid: str) -> RelayedThread:
    """Return a thread with its members. Raises: NotFound."""
    thread = work.thread(uid)
    return _relayed(work, thread, _deactivated(work, [thread]))


@view(Permission.SYSTEM)
def relayed_threads(work: Work, uids: Sequence[str]) -> dict[str, RelayedThread]:
    """Return many threads with their members, by uid; what is no thread is left out."""
    found = work.threads(uids)
    gone = _deactivated(work, found)
    return {thread.uid: _relayed(work, thread, gone) for thread in found}


def _deactivated(work: Work, found: Sequence[LoadedThread]) -> set[int]:
    """Return the members of these threads, as account ids, whose account is deactivated."""
    query = sa.select(accounts.c.id).join(memberships, memberships.c.account_id == accounts.c.id)
    here = memberships.c.thread_id.in_([thread.id for thread in found])
    return {row.id for row in work.rows(query.where(here, accounts.c.active.is_(False)))}


def _relayed(work: Work, thread: LoadedThread, gone: Collection[int]) -> RelayedThread:
    def served(member: LoadedMember) -> RelayedMember:
        return RelayedMember(
            uid=member.uid,
            handle=member.handle,
            nick=member.nick,
            role=member.role,
            group_admin=member.group_admin,
            from_seq=member.from_seq,
            read_seq=member.read_seq,
            delivered_seq=member.delivered_seq,
            title=title_for(thread, member.account_id),
        )

    members = tuple(served(member) for account_id, member in thread.members.items() if account_id not in gone)
    closed_by = None if thread.members else _closed_by(work, thread)
    return RelayedThread(thread.uid, thread.kind, thread.version, thread.last_seq, thread.relayed_seq, members, closed_by)


def _closed_by(work: Work, thread: LoadedThread) -> str | None:
    query = (
        sa.select(accounts.c.name)
        .join(memberships, memberships.c.account_id == accounts.c.id)
        .join(threads, threads.c.id == memberships.c.thread_id)
        .where(threads.c.id == thread.id, threads.c.closed_at.is_not(None), memberships.c.group_admin.is_(True))
    )
    row = work.row(query)
    return None if row is None else str(row.name)


@view(Permission.SYSTEM)
def entries_after(work: Work, uid: str, seq: int, limit: int = 200) -> list[Entry]:
    """Return the entries of a thread after `seq` as they read now, oldest first, for every audience. Raises: NotFound."""
    thread = work.thread(uid)
    query = select_entries().where(entries.c.thread_id == thread.id, entries.c.seq > seq)
    found = [entry_of(row) for row in work.rows(query.order_by(entries.c.seq).limit(limit))]
    return with_quotes(work, thread, None, overlay(work, thread.id, found))


@view(Permission.SYSTEM)
def authors_between(work: Work, uid: str, after: int, upto: int, reader: RelayedMember) -> set[str]:
    """Return the handles of those who wrote the entries after and up to these seqs that `reader` may see."""
    thread = work.thread(uid)
    me = next((member for member in thread.members.values() if member.uid == reader.uid), None)
    if me is None:
        return set()
    query = sa.select(accounts.c.handle).join(entries, entries.c.author_id == accounts.c.id).distinct()
    interval = sa.and_(entries.c.thread_id == thread.id, entries.c.seq <= upto)
    seen = sa.and_(interval, visible(me.role, me.account_id, me.from_seq, max(after, me.from_seq)))
    return {row.handle for row in work.rows(by_audience(query.where(seen), me.role))}


@view(Permission.SYSTEM)
def news(work: Work, since: datetime) -> list[News]:
    """Return the threads that changed at or after `since`; the caller asks a little back, as clocks and commits do."""
    query = sa.select(threads.c.uid, threads.c.version, threads.c.last_seq, threads.c.changed_at).where(
        threads.c.changed_at >= since
    )
    return [News(row.uid, row.version, row.last_seq, row.changed_at) for row in work.rows(query)]


@view(Permission.SYSTEM)
def live_now(work: Work) -> list[LiveSession]:
    """Return every session that was live when last known."""
    query = sa.select(live_sessions).order_by(live_sessions.c.since, live_sessions.c.key)
    return [LiveSession(row.address, row.kind, row.thread_uid, row.handle, row.nick) for row in work.rows(query)]
