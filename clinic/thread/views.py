"""Views of threads for a member: the list, the head, a page of entries, states of own entries. Imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from clinic.actions import view
from clinic.errors import NotFound
from clinic.fields import is_uid
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import Audience, Author, Entry, by_audience, entries, entry_of, reaches, select_entries, visible
from clinic.permissions import Permission, Role
from clinic.thread.tables import memberships
from clinic.work import Work

PAGE_AT_MOST = 100
STATES_AT_MOST = 100
# Own entries are looked for among so many of the thread: who wrote last years ago does not have it all read.
STATES_AMONG = 1000
# Counted no further; the page says "99+".
UNREAD_AT_MOST = 100
UNKNOWN_PLACE = "This place in the thread is not known. Load the thread again."


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member as other members see them."""

    account_uid: str
    name: str
    nick: str
    role: Role
    group_admin: bool
    is_me: bool
    birth_date: date | None


@dataclass(frozen=True, slots=True)
class Head:
    """The top of a thread's page. patients: empty for a patient, who needs no link to themselves.

    may: the names of the permissions that the reader has in this thread.
    """

    uid: str
    title: str
    kind: str
    patients: tuple[MemberView, ...]
    members: tuple[MemberView, ...]
    me: MemberView
    muted: bool
    may: frozenset[str]


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """One row of a person's list of threads; all of it as that person may see it. unread: at most UNREAD_AT_MOST."""

    uid: str
    title: str
    patients: tuple[MemberView, ...]
    members: tuple[str, ...]
    last_line: str
    last_author: str | None
    last_mine: bool
    last_at: datetime
    unread: int
    muted: bool


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry as its reader sees it. state, client_id: of the reader's own entries only. No seq (rule 9)."""

    uid: str
    kind: str
    at: datetime
    author: Author | None
    mine: bool
    body: str
    payload: Any
    state: str | None
    read_by: tuple[str, ...]
    client_id: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive entries, oldest first. more_before, more_after: there are others beyond either end."""

    entries: tuple[EntryView, ...]
    more_before: bool
    more_after: bool
    first_unread: str | None


@dataclass(frozen=True, slots=True)
class OwnState:
    """How far one own entry has come: "sent", "delivered" (somebody's session has it) or "read", and by whom."""

    uid: str
    state: str
    read_by: tuple[str, ...]


def title_for(thread: LoadedThread, reader: int) -> str:
    """Return what a thread is called for the member `reader` (account id): as staff named it (a 1:1 for staff only), else
    the patients' names for staff, the practitioners' for a patient.
    """
    others = [member for member in thread.members.values() if member.account_id != reader]
    patients = [member.nick for member in others if member.role is Role.PATIENT]
    practitioners = [member.nick for member in others if member.role is Role.PRACTITIONER]
    me = thread.members.get(reader)
    if thread.title and (thread.kind == "group" or (me is not None and me.role.is_staff)):
        return thread.title
    names = practitioners if me is not None and me.role is Role.PATIENT else patients or practitioners
    return ", ".join(names or [member.nick for member in others]) or "Thread"


def state_of(seq: int, audience: Audience, author: int, thread: LoadedThread) -> tuple[str, tuple[str, ...]]:
    """Return the state of an entry for its author and the names of the members who have read it.

    It counts as delivered and read when the other side has it: staff for a patient's, the patient for staff's, anybody
    else among staff. Whom it is not for never has it, however far they have read.
    """
    me = thread.members[author]
    others = [m for m in thread.members.values() if m.account_id != author and reaches(seq, audience, m)]
    if me.role is Role.PATIENT:
        side = [member for member in others if member.role.is_staff]
    else:
        side = [member for member in others if member.role is Role.PATIENT] or others
    readers = tuple(member.nick for member in others if member.read_seq >= seq)
    if any(member.read_seq >= seq for member in side):
        return "read", readers
    return ("delivered" if any(member.delivered_seq >= seq for member in side) else "sent"), readers


def _member_view(member: LoadedMember, reader: LoadedMember) -> MemberView:
    # A patient sees of others what they are called and their role, nothing that identifies them elsewhere.
    born = member.birth_date if reader.role.is_staff or member is reader else None
    return MemberView(member.uid, member.name, member.nick, member.role, member.group_admin, member is reader, born)


def _patients(thread: LoadedThread, reader: LoadedMember) -> tuple[MemberView, ...]:
    return tuple(_member_view(p, reader) for p in thread.patients) if reader.role.is_staff else ()


@view(Permission.THREAD_READ)
def thread_head(work: Work, uid: str) -> Head:
    """Return the head of a thread's page. Raises: NotFound."""
    thread = work.thread(uid)
    me = work.member(thread)
    members = tuple(_member_view(member, me) for member in thread.members.values())
    return Head(
        uid=thread.uid,
        title=title_for(thread, me.account_id),
        kind=thread.kind,
        patients=_patients(thread, me),
        members=members,
        me=_member_view(me, me),
        muted=me.muted,
        may=frozenset(permission.value for permission in Permission if work.may(permission, thread)),
    )


@view(Permission.THREAD_READ)
def thread_list(work: Work) -> list[ThreadRow]:
    """Return the actor's threads, the one with the newest visible entry first."""
    me_id, role = work.person.id, work.role
    assert role is not None  # the view has asked the table
    here = entries.c.thread_id == memberships.c.thread_id
    newest = sa.select(sa.func.max(entries.c.seq)).where(here, visible(role, memberships.c.from_seq))
    last_seq = by_audience(newest, role).correlate(memberships).scalar_subquery()
    from_seq, read_seq = memberships.c.from_seq, memberships.c.read_seq
    news = visible(role, sa.case((read_seq > from_seq, read_seq), else_=from_seq))
    unread_ones = sa.select(entries.c.seq).where(here, news, _by_others(me_id)).limit(UNREAD_AT_MOST)
    counted = by_audience(unread_ones, role).correlate(memberships).subquery()
    unread = sa.select(sa.func.count()).select_from(counted).scalar_subquery()
    mine = (
        sa.select(memberships.c.thread_id, memberships.c.muted, last_seq.label("last_seq"), unread.label("unread"))
        .where(memberships.c.account_id == me_id, memberships.c.ended_at.is_(None))
        .subquery()
    )
    last = sa.and_(entries.c.thread_id == mine.c.thread_id, entries.c.seq == mine.c.last_seq)
    query = (
        select_entries()
        .add_columns(mine.c.muted.label("mine_muted"), mine.c.unread.label("mine_unread"))
        .join(mine, last)
        .order_by(entries.c.at.desc(), entries.c.thread_id.desc())
    )
    rows = work.rows(query)
    loaded = {thread.uid: thread for thread in work.threads([row.thread_uid for row in rows])}
    return [_thread_row(loaded[row.thread_uid], entry_of(row), row, me_id) for row in rows]


def _thread_row(thread: LoadedThread, last: Entry, row: sa.Row[Any], reader: int) -> ThreadRow:
    me = thread.members[reader]
    return ThreadRow(
        uid=thread.uid,
        title=title_for(thread, reader),
        patients=_patients(thread, me),
        members=tuple(member.nick for member in thread.members.values() if member is not me),
        last_line=" ".join(last.body.split())[:200],
        last_author=last.author.nick if last.author else None,
        last_mine=row.author_id == reader,
        last_at=last.at,
        unread=row.mine_unread,
        muted=row.mine_muted,
    )


def _by_others(account_id: int) -> sa.ColumnElement[bool]:
    return sa.or_(entries.c.author_id.is_(None), entries.c.author_id != account_id)


def _seen_in(thread: LoadedThread, me: LoadedMember, *, after: int = 0) -> sa.ColumnElement[bool]:
    """Return the SQL condition that an entry is of `thread`, visible to its member, and later than `after`."""
    return sa.and_(entries.c.thread_id == thread.id, visible(me.role, max(me.from_seq, after)))


def cursor(work: Work, thread: LoadedThread, me: LoadedMember, uid: str) -> int:
    """Return the seq of a visible entry. Raises: NotFound, also for one that exists and is hidden."""
    query = sa.select(entries.c.seq).where(_seen_in(thread, me), entries.c.uid == uid)
    row = work.row(query) if is_uid(uid) else None
    if row is None:
        raise NotFound(UNKNOWN_PLACE)
    return int(row.seq)


@view(Permission.THREAD_READ)
def thread_page(work: Work, uid: str, *, before: str | None = None, after: str | None = None, limit: int = 50) -> Page:
    """Return up to `limit` (at most PAGE_AT_MOST) entries: the newest, or those next to a cursor entry's uid.

    Raises: NotFound for the thread or a cursor that the reader cannot see.
    """
    thread = work.thread(uid)
    me = work.member(thread)
    limit = max(1, min(limit, PAGE_AT_MOST))
    query = by_audience(select_entries(), me.role).limit(limit + 1)
    if after is not None:
        later = _seen_in(thread, me, after=cursor(work, thread, me, after))
        rows = work.rows(query.where(later).order_by(entries.c.seq))
        more_before, more_after, rows = True, len(rows) > limit, rows[:limit]
    else:
        query = query.where(_seen_in(thread, me))
        if before is not None:
            query = query.where(entries.c.seq < cursor(work, thread, me, before))
        rows = work.rows(query.order_by(entries.c.seq.desc()))
        more_before, more_after, rows = len(rows) > limit, before is not None, rows[:limit][::-1]
    return Page(
        tuple(_entry_view(entry_of(row), row.author_id, thread, me) for row in rows),
        more_before,
        more_after,
        _first_unread(work, thread, me),
    )


def _first_unread(work: Work, thread: LoadedThread, me: LoadedMember) -> str | None:
    unread = sa.and_(_seen_in(thread, me, after=me.read_seq), _by_others(me.account_id))
    query = by_audience(sa.select(entries.c.uid).where(unread), me.role)
    row = work.row(query.order_by(entries.c.seq).limit(1))
    return None if row is None else str(row.uid)


def _entry_view(entry: Entry, author_id: int | None, thread: LoadedThread, me: LoadedMember) -> EntryView:
    mine = author_id == me.account_id
    state, read_by = state_of(entry.seq, entry.audience, me.account_id, thread) if mine else (None, ())
    return EntryView(
        uid=entry.uid,
        kind=entry.kind,
        at=entry.at,
        author=entry.author,
        mine=mine,
        body=entry.body,
        payload=entry.payload,
        state=state,
        read_by=read_by if me.role.is_staff else (),
        client_id=entry.client_id if mine else None,
    )


@view(Permission.THREAD_READ)
def own_states(work: Work, uid: str) -> list[OwnState]:
    """Return the states of the actor's own entries among a thread's newest, newest first, at most STATES_AT_MOST."""
    thread = work.thread(uid)
    me = work.member(thread)
    newest = sa.and_(entries.c.thread_id == thread.id, entries.c.seq > thread.last_seq - STATES_AMONG)
    own = sa.and_(newest, entries.c.author_id == me.account_id)
    columns = entries.c.uid, entries.c.seq, entries.c.audience
    states = []
    for row in work.rows(sa.select(*columns).where(own).order_by(entries.c.seq.desc()).limit(STATES_AT_MOST)):
        state, read_by = state_of(row.seq, Audience(row.audience), me.account_id, thread)
        states.append(OwnState(row.uid, state, read_by if me.role.is_staff else ()))
    return states
