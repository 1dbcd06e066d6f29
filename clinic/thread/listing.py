"""The list of threads as each person sees it: a page of it, what staff want of it, and how much is unread. Views; imports clinic only.

Staff may have ten thousand threads: the page is found by what stands with the threads themselves, and entries are looked at
for its rows alone. What a patient's list says, and its order, comes from entries that they see and from nothing else (rule 13).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clinic.account.tables import accounts
from clinic.actions import view
from clinic.kinds import kind_named
from clinic.loading import LoadedThread
from clinic.log import Entry, by_audience, entries, entry_of, select_entries, spoken, visible
from clinic.permissions import Permission, Role
from clinic.status.palette import StatusView
from clinic.status.tables import statuses
from clinic.text.overlay import overlay_last
from clinic.thread.shown import MemberView, by_others, patients_shown, put_away, title_for
from clinic.thread.tables import memberships, threads
from clinic.work import Work

ROWS = 50
ROWS_AT_MOST = 400
# Counted no further; the page says "99+".
UNREAD_AT_MOST = 100
SHOWS = ("all", "waiting", "unanswered", "promised", "mine")
NO_STATUS = "none"
_OLDEST_FIRST: dict[str, sa.ColumnElement[Any]] = {"waiting": threads.c.waiting_since, "promised": threads.c.answer_due_at}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What staff want of their list; a patient's list is always whole.

    show: "all"; "waiting": patients who wait, longest first, but for those whom a colleague answers; "unanswered": all who wait;
    "promised": where an answer was promised by a time, the first to be due first; "mine": what I said that I answer.
    practitioner: an account's uid. status: a status's uid, or NO_STATUS.
    """

    show: str = "all"
    practitioner: str | None = None
    status: str | None = None


EVERYTHING = Wanted()


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """One row of a person's list of threads; all of it as that person may see it. unread: at most UNREAD_AT_MOST.

    last_author: None also where the line itself says who. status, answered_by (by whom: a shown name), answered_by_me,
    waiting_since, answer_due_at (by when an answer was promised): for staff only.
    """

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
    status: StatusView | None = None
    answered_by: str | None = None
    answered_by_me: bool = False
    waiting_since: datetime | None = None
    answer_due_at: datetime | None = None


@view(Permission.THREAD_READ)
def thread_list(work: Work, wanted: Wanted = EVERYTHING, limit: int = ROWS) -> list[ThreadRow]:
    """Return up to `limit` (at most ROWS_AT_MOST + 1) of the actor's threads, the one with the newest visible entry first."""
    me_id, role = work.person.id, _role(work)
    page = _page(work, wanted, max(1, min(limit, ROWS_AT_MOST + 1)))
    here = entries.c.thread_id == page.c.thread_id
    newest = sa.select(entries.c.seq).where(here, visible(role, me_id, page.c.from_seq), spoken()).order_by(entries.c.seq.desc()).limit(1)
    last_seq = by_audience(newest, role).correlate(page).scalar_subquery()
    news = visible(role, me_id, page.c.from_seq, _later(page.c.read_seq, page.c.from_seq))
    unread_ones = sa.select(entries.c.seq).where(here, news, by_others(me_id), spoken()).limit(UNREAD_AT_MOST)
    counted = by_audience(unread_ones, role).correlate(page).subquery()
    unread = sa.select(sa.func.count()).select_from(counted).scalar_subquery()
    mine = sa.select(page, last_seq.label("last_seq"), unread.label("unread")).subquery()
    last = sa.and_(entries.c.thread_id == mine.c.thread_id, entries.c.seq == mine.c.last_seq)
    query = select_entries().add_columns(mine.c.muted.label("mine_muted"), mine.c.unread.label("mine_unread")).join(mine, last)
    rows = work.rows(query.order_by(*_ordered(wanted, role, mine.c.moment, mine.c.thread_id)))
    loaded = {thread.uid: thread for thread in work.threads([row.thread_uid for row in rows])}
    known = _statuses(work, list(loaded.values())) if role.is_staff else {}
    last_ones = overlay_last(work, [(row.thread_id, entry_of(row)) for row in rows])
    return [_thread_row(loaded[row.thread_uid], entry, row, me_id, known) for entry, row in zip(last_ones, rows, strict=True)]


@view(Permission.THREAD_READ)
def unread_in_all(work: Work) -> int:
    """Return how many entries of others the actor has not read, in all threads that are not muted; at most UNREAD_AT_MOST."""
    me_id, role = work.person.id, _role(work)
    mine = memberships.join(threads, threads.c.id == memberships.c.thread_id)
    news = visible(role, me_id, memberships.c.from_seq, _later(memberships.c.read_seq, memberships.c.from_seq))
    found = (
        sa.select(entries.c.seq)
        .select_from(mine.join(entries, entries.c.thread_id == memberships.c.thread_id))
        .where(_listed(me_id), memberships.c.muted.is_(False), threads.c.last_seq > memberships.c.read_seq)
        .where(news, by_others(me_id), spoken())
        .limit(UNREAD_AT_MOST)
    )
    row = work.row(sa.select(sa.func.count().label("number")).select_from(by_audience(found, role).subquery()))
    return int(row.number) if row else 0


def _role(work: Work) -> Role:
    assert work.role is not None  # the view has asked the table
    return work.role


def _later(one: sa.ColumnElement[int], other: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.case((one > other, one), else_=other)


def _listed(account_id: int) -> sa.ColumnElement[bool]:
    """Return the SQL condition that a membership puts its thread on the account's list."""
    return sa.and_(memberships.c.account_id == account_id, memberships.c.ended_at.is_(None), ~put_away())


def _page(work: Work, wanted: Wanted, limit: int) -> sa.Subquery:
    """Return the wanted memberships, each with the moment by which the list is ordered."""
    role = _role(work)
    moment: sa.ColumnElement[Any] = threads.c.spoken_at
    conditions = [_listed(work.person.id)]
    if role.is_staff:
        conditions += _conditions(work, wanted)
        moment = _OLDEST_FIRST.get(wanted.show, moment)
    else:
        here = sa.and_(entries.c.thread_id == memberships.c.thread_id, visible(role, work.person.id, memberships.c.from_seq), spoken())
        newest = sa.select(entries.c.at).where(here).order_by(entries.c.seq.desc()).limit(1)
        moment = by_audience(newest, role).correlate(memberships).scalar_subquery()
    columns = memberships.c.thread_id, memberships.c.muted, memberships.c.from_seq, memberships.c.read_seq
    query = (
        sa.select(*columns, moment.label("moment"))
        .select_from(memberships.join(threads, threads.c.id == memberships.c.thread_id))
        .where(*conditions)
        .order_by(*_ordered(wanted, role, sa.literal_column("moment"), memberships.c.thread_id))
        .limit(limit)
    )
    return query.subquery()


def _ordered(wanted: Wanted, role: Role, moment: sa.ColumnElement[Any], thread_id: sa.ColumnElement[int]) -> tuple[sa.ColumnElement[Any], ...]:
    if role.is_staff and wanted.show in _OLDEST_FIRST:
        return moment.asc(), thread_id.asc()
    return moment.desc().nulls_last(), thread_id.desc()


def _conditions(work: Work, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    """Return what of the list staff want, as SQL conditions on threads."""
    me_id = work.person.id
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.show in ("waiting", "unanswered"):
        conditions.append(threads.c.waiting_since.is_not(None))
    if wanted.show == "waiting":
        other = memberships.alias()
        answers = sa.select(other.c.id).join(accounts, accounts.c.id == other.c.account_id)
        by_colleague = answers.where(
            other.c.thread_id == threads.c.id, other.c.account_id == threads.c.claimed_by, other.c.ended_at.is_(None), accounts.c.active.is_(True)
        ).correlate(threads)
        conditions.append(sa.or_(threads.c.claimed_by.is_(None), threads.c.claimed_by == me_id, ~by_colleague.exists()))
    if wanted.show == "promised":
        conditions.append(threads.c.answer_due_at.is_not(None))
    if wanted.show == "mine":
        conditions.append(threads.c.claimed_by == me_id)
    if wanted.practitioner:
        other = memberships.alias()
        theirs = sa.select(other.c.id).join(accounts, accounts.c.id == other.c.account_id)
        theirs = theirs.where(other.c.thread_id == threads.c.id, other.c.role == Role.PRACTITIONER, other.c.ended_at.is_(None))
        conditions.append(theirs.where(accounts.c.uid == wanted.practitioner).correlate(threads).exists())
    if wanted.status == NO_STATUS:
        conditions.append(threads.c.status_id.is_(None))
    elif wanted.status:
        conditions.append(threads.c.status_id.in_(sa.select(statuses.c.id).where(statuses.c.uid == wanted.status)))
    return conditions


def _statuses(work: Work, found: list[LoadedThread]) -> dict[int, StatusView]:
    wanted = {thread.status_id for thread in found if thread.status_id is not None}
    if not wanted:
        return {}
    rows = work.rows(sa.select(statuses).where(statuses.c.id.in_(sorted(wanted))))
    return {row.id: StatusView(row.uid, row.name, row.colour, row.archived_at is not None) for row in rows}


def _thread_row(thread: LoadedThread, last: Entry, row: sa.Row[Any], reader: int, known: dict[int, StatusView]) -> ThreadRow:
    me = thread.members[reader]
    answering = thread.members.get(thread.claimed_by) if thread.claimed_by and me.role.is_staff else None
    says_who = kind_named(last.kind).says_who
    return ThreadRow(
        uid=thread.uid,
        title=title_for(thread, reader),
        patients=patients_shown(thread, me),
        members=tuple(member.nick for member in thread.members.values() if member is not me),
        last_line=" ".join(last.body_for(me.uid).split())[:200],
        last_author=last.author.nick if last.author and not says_who else None,
        last_mine=row.author_id == reader,
        last_at=last.at,
        unread=row.mine_unread,
        muted=row.mine_muted,
        status=known.get(thread.status_id) if thread.status_id else None,
        answered_by=answering.nick if answering else None,
        answered_by_me=answering is me,
        waiting_since=thread.waiting_since if me.role.is_staff else None,
        answer_due_at=thread.answer_due_at if me.role.is_staff else None,
    )
