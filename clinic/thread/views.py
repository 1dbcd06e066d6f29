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
from clinic.log import Audience, Author, Entry, entries, entry_of, reaches, select_entries, visible
from clinic.permissions import Permission, Role, can
from clinic.thread.tables import memberships
from clinic.work import Work

PAGE_AT_MOST = 100
STATES_AT_MOST = 100


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
    """The top of a thread's page. patients: empty for a patient, who needs no link to themselves."""

    uid: str
    title: str
    kind: str
    patients: tuple[MemberView, ...]
    members: tuple[MemberView, ...]
    me: MemberView
    muted: bool
    can_post: bool


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """One row of a person's list of threads; all of it as that person may see it."""

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
    """Return what a thread is called for the member `reader` (account id): the patients' names for staff, the
    practitioners' for a patient.
    """
    others = [member for member in thread.members.values() if member.account_id != reader]
    patients = [member.nick for member in others if member.role is Role.PATIENT]
    practitioners = [member.nick for member in others if member.role is Role.PRACTITIONER]
    me = thread.members.get(reader)
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
        can_post=can(work.role, Permission.TEXT_POST),
    )


@view(Permission.THREAD_READ)
def thread_list(work: Work) -> list[ThreadRow]:
    """Return the actor's threads, the one with the newest visible entry first."""
    me_id, role = work.person.id, work.role
    assert role is not None  # the view has asked the table
    seen = visible(role, memberships.c.from_seq)
    here = entries.c.thread_id == memberships.c.thread_id
    last_seq = sa.select(sa.func.max(entries.c.seq)).where(here, seen).correlate(memberships).scalar_subquery()
    unread = (
        sa.select(sa.func.count())
        .select_from(entries)
        .where(
            here,
            seen,
            entries.c.seq > memberships.c.read_seq,
            sa.or_(entries.c.author_id.is_(None), entries.c.author_id != me_id),
        )
        .correlate(memberships)
        .scalar_subquery()
    )
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


def seen_in(thread: LoadedThread, me: LoadedMember) -> sa.ColumnElement[bool]:
    """Return the SQL condition that an entry is of `thread` and visible to its member."""
    return sa.and_(entries.c.thread_id == thread.id, visible(me.role, me.from_seq))


def cursor(work: Work, seen: sa.ColumnElement[bool], uid: str) -> int:
    """Return the seq of a visible entry. Raises: NotFound, also for one that exists and is hidden."""
    row = work.row(sa.select(entries.c.seq).where(seen, entries.c.uid == uid)) if is_uid(uid) else None
    if row is None:
        raise NotFound("This place in the thread is not known. Load the thread again.")
    return int(row.seq)


@view(Permission.THREAD_READ)
def thread_page(work: Work, uid: str, *, before: str | None = None, after: str | None = None, limit: int = 50) -> Page:
    """Return up to `limit` (at most PAGE_AT_MOST) entries: the newest, or those next to a cursor entry's uid.

    Raises: NotFound for the thread or a cursor that the reader cannot see.
    """
    thread = work.thread(uid)
    me = work.member(thread)
    seen = seen_in(thread, me)
    limit = max(1, min(limit, PAGE_AT_MOST))
    query = select_entries().where(seen).limit(limit + 1)
    if after is not None:
        rows = work.rows(query.where(entries.c.seq > cursor(work, seen, after)).order_by(entries.c.seq))
        more_before, more_after, rows = True, len(rows) > limit, rows[:limit]
    else:
        if before is not None:
            query = query.where(entries.c.seq < cursor(work, seen, before))
        rows = work.rows(query.order_by(entries.c.seq.desc()))
        more_before, more_after, rows = len(rows) > limit, before is not None, rows[:limit][::-1]
    return Page(
        tuple(_entry_view(entry_of(row), row.author_id, thread, me) for row in rows),
        more_before,
        more_after,
        _first_unread(work, seen, me),
    )


def _first_unread(work: Work, seen: sa.ColumnElement[bool], me: LoadedMember) -> str | None:
    others = sa.or_(entries.c.author_id.is_(None), entries.c.author_id != me.account_id)
    query = sa.select(entries.c.uid).where(seen, others, entries.c.seq > me.read_seq)
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
    """Return the states of the actor's own newest entries in a thread, newest first, at most STATES_AT_MOST."""
    thread = work.thread(uid)
    me = work.member(thread)
    own = sa.and_(entries.c.thread_id == thread.id, entries.c.author_id == me.account_id)
    columns = entries.c.uid, entries.c.seq, entries.c.audience
    states = []
    for row in work.rows(sa.select(*columns).where(own).order_by(entries.c.seq.desc()).limit(STATES_AT_MOST)):
        state, read_by = state_of(row.seq, Audience(row.audience), me.account_id, thread)
        states.append(OwnState(row.uid, state, read_by if me.role.is_staff else ()))
    return states
