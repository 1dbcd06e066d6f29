"""Views of a thread for a member: the head, a page of entries, states of own entries. (The list of threads is listing.py.) Imports clinic only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clinic.actions import view
from clinic.errors import NotFound
from clinic.fields import is_uid
from clinic.gates import pass_gates
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import WHOSE, by_audience, entries, entry_of, select_entries, spoken, whose
from clinic.permissions import Permission, Role
from clinic.text.overlay import amends
from clinic.thread.listing import UNREAD_AT_MOST, ThreadRow, thread_list
from clinic.thread.reading import EntryView, ReactionView, Reading, seen_in, state_of
from clinic.thread.shown import MemberView, by_others, member_view, patients_shown, title_for
from clinic.work import Work

# Asked for here, too.
__all__ = ["UNREAD_AT_MOST", "EntryView", "MemberView", "ReactionView", "ThreadRow", "thread_list", "title_for"]

PAGE_AT_MOST = 100
STATES_AT_MOST = 100
# Own entries are looked for among so many of the thread: who wrote last years ago does not have it all read.
STATES_AMONG = 1000
UNKNOWN_PLACE = "This place in the thread is not known. Load the thread again."


@dataclass(frozen=True, slots=True)
class Head:
    """The top of a thread's page. patients: empty for a patient, who needs no link to themselves.

    may: the names of the permissions that the reader has in this thread. answered_by: for staff, the shown name of whom of them
    answers. answer_due_at: for staff, by when an answer was promised.
    """

    uid: str
    title: str
    kind: str
    patients: tuple[MemberView, ...]
    members: tuple[MemberView, ...]
    me: MemberView
    muted: bool
    may: frozenset[str]
    answered_by: str | None
    answered_by_me: bool
    answer_due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive entries that have a line of their own, oldest first. more_before, more_after: there are others beyond either end.

    After a cursor also earlier entries that newer ones have changed, as they read now (`EntryView.again`). cursor: uid of the
    newest entry of any kind that the page takes account of. seen: uids of those that only changed others.
    """

    entries: tuple[EntryView, ...]
    more_before: bool
    more_after: bool
    first_unread: str | None
    cursor: str | None = None
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnState:
    """How far one own entry has come: "sent", "delivered" (somebody's session has it) or "read", and by whom."""

    uid: str
    state: str
    read_by: tuple[str, ...]


@view(Permission.THREAD_READ)
def thread_head(work: Work, uid: str) -> Head:
    """Return the head of a thread's page. Raises: NotFound."""
    thread = work.thread(uid)
    me = work.member(thread)
    answering = thread.members.get(thread.claimed_by) if thread.claimed_by and me.role.is_staff else None
    members = tuple(member_view(member, me) for member in thread.members.values())
    return Head(
        uid=thread.uid,
        title=title_for(thread, me.account_id),
        kind=thread.kind,
        patients=patients_shown(thread, me),
        members=members,
        me=member_view(me, me),
        muted=me.muted,
        may=frozenset(permission.value for permission in Permission if work.may(permission, thread)),
        answered_by=answering.nick if answering else None,
        answered_by_me=answering is me,
        answer_due_at=thread.answer_due_at if me.role.is_staff else None,
    )


def cursor(work: Work, thread: LoadedThread, me: LoadedMember, uid: str) -> int:
    """Return the seq of a visible entry. Raises: NotFound, also for one that exists and is hidden."""
    query = sa.select(entries.c.seq).where(seen_in(thread, me), entries.c.uid == uid)
    row = work.row(query) if is_uid(uid) else None
    if row is None:
        raise NotFound(UNKNOWN_PLACE)
    return int(row.seq)


@view(Permission.THREAD_READ)
def thread_page(
    work: Work, uid: str, *, before: str | None = None, after: str | None = None, around: str | None = None, limit: int = 50
) -> Page:
    """Return up to `limit` (at most PAGE_AT_MOST) entries: the newest, or those next to, or around, a cursor entry's uid.

    Raises: NotFound for the thread or a cursor that the reader cannot see.
    """
    thread = work.thread(uid)
    me = work.member(thread)
    limit = max(1, min(limit, PAGE_AT_MOST))
    rows: Sequence[sa.Row[Any]]
    query = by_audience(select_entries(), me.role).limit(limit + 1)
    if around is not None:
        place, half = cursor(work, thread, me, around), limit // 2
        until = work.rows(query.where(seen_in(thread, me), spoken(), entries.c.seq <= place).order_by(entries.c.seq.desc()).limit(half + 1))
        since = work.rows(query.where(seen_in(thread, me, after=place), spoken()).order_by(entries.c.seq).limit(half + 1))
        more_before, more_after, rows = len(until) > half, len(since) > half, [*until[:half][::-1], *since[:half]]
        newest = None if more_after else _newest(work, thread, me, rows[::-1])
    elif after is not None:
        later = seen_in(thread, me, after=cursor(work, thread, me, after))
        rows = work.rows(query.where(later).order_by(entries.c.seq))
        more_before, more_after, rows = True, len(rows) > limit, rows[:limit]
        newest = rows[-1].uid if rows else after
    else:
        query = query.where(seen_in(thread, me), spoken())
        if before is not None:
            query = query.where(entries.c.seq < cursor(work, thread, me, before))
        rows = work.rows(query.order_by(entries.c.seq.desc()))
        newest = None if before is not None else _newest(work, thread, me, rows)
        more_before, more_after, rows = len(rows) > limit, before is not None, rows[:limit][::-1]
    found = [entry_of(row) for row in rows]
    reading = Reading(work, thread, me)
    return Page(
        reading.views(found, news=after is not None and around is None),
        more_before,
        more_after,
        _first_unread(work, thread, me),
        newest,
        tuple(entry.uid for entry in found if amends(entry)),
    )


@view(Permission.THREAD_READ)
def thread_entry(work: Work, uid: str, entry: str) -> EntryView:
    """Return one entry that has a line of its own. Raises: NotFound, also for one that is hidden."""
    thread = work.thread(uid)
    me = work.member(thread)
    row = work.row(select_entries().where(seen_in(thread, me), entries.c.uid == entry, spoken())) if is_uid(entry) else None
    if row is None:
        raise NotFound(UNKNOWN_PLACE)
    return Reading(work, thread, me).views([entry_of(row)])[0]


def _newest(work: Work, thread: LoadedThread, me: LoadedMember, rows: Sequence[sa.Row[Any]]) -> str | None:
    """Return the uid of the newest entry of any kind that `me` may see. rows: those with a line of their own, newest first."""
    if rows and rows[0].seq == thread.last_seq:
        return str(rows[0].uid)
    query = by_audience(sa.select(entries.c.uid).where(seen_in(thread, me)), me.role)
    row = work.row(query.order_by(entries.c.seq.desc()).limit(1))
    return None if row is None else str(row.uid)


def _first_unread(work: Work, thread: LoadedThread, me: LoadedMember) -> str | None:
    unread = sa.and_(seen_in(thread, me, after=me.read_seq), by_others(me.account_id), spoken())
    query = by_audience(sa.select(entries.c.uid).where(unread), me.role)
    row = work.row(query.order_by(entries.c.seq).limit(1))
    return None if row is None else str(row.uid)


@view(Permission.THREAD_READ)
def let_send(work: Work, uid: str) -> None:
    """Say no where something that the actor would send in a thread is held back now, in the words of what holds it. Raises: NotFound, Gated."""
    thread = work.thread(uid)
    if work.role is Role.PATIENT:
        pass_gates(work, work.person.id, thread)


@view(Permission.THREAD_READ)
def own_states(work: Work, uid: str) -> list[OwnState]:
    """Return the states of the actor's own entries among a thread's newest, newest first, at most STATES_AT_MOST."""
    thread = work.thread(uid)
    me = work.member(thread)
    newest = sa.and_(entries.c.thread_id == thread.id, entries.c.seq > thread.last_seq - STATES_AMONG)
    own = sa.and_(newest, entries.c.author_id == me.account_id, spoken())
    columns = entries.c.uid, entries.c.seq, *WHOSE
    states = []
    for row in work.rows(sa.select(*columns).where(own).order_by(entries.c.seq.desc()).limit(STATES_AT_MOST)):
        state, read_by = state_of(row.seq, *whose(row), me.account_id, thread)
        states.append(OwnState(row.uid, state, read_by if me.role.is_staff else ()))
    return states
