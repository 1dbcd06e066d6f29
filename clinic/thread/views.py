"""Views of a thread for a member: the head, a page of entries, states of own entries. (The list of threads is listing.py.) Imports clinic only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clinic.actions import view
from clinic.errors import NotFound
from clinic.fields import is_uid
from clinic.kinds import Tombstone
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import Audience, Author, Entry, Quote, by_audience, entries, entry_of, reaches, select_entries, spoken, visible
from clinic.permissions import Permission, Role
from clinic.text.kinds import RETRACTABLE, TYPED
from clinic.text.overlay import amends, overlay, with_quotes
from clinic.thread.listing import UNREAD_AT_MOST, ThreadRow, thread_list
from clinic.thread.shown import MemberView, among_staff, by_others, member_view, patients_shown, title_for
from clinic.work import Work

__all__ = ["UNREAD_AT_MOST", "MemberView", "ThreadRow", "thread_list", "title_for"]  # asked for here, too

PAGE_AT_MOST = 100
STATES_AT_MOST = 100
# Own entries are looked for among so many of the thread: who wrote last years ago does not have it all read.
STATES_AMONG = 1000
UNKNOWN_PLACE = "This place in the thread is not known. Load the thread again."


@dataclass(frozen=True, slots=True)
class Head:
    """The top of a thread's page. patients: empty for a patient, who needs no link to themselves.

    may: the names of the permissions that the reader has in this thread. answered_by: for staff, the shown name of whom of them
    answers.
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


@dataclass(frozen=True, slots=True)
class ReactionView:
    """An emoji that people chose for an entry. mine: the reader is one of them."""

    emoji: str
    names: tuple[str, ...]
    mine: bool


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry as its reader sees it. state, client_id: of the reader's own entries only. No seq (rule 9).

    gone: it was taken back, and `body` says so. internal: only staff see it. quote: what it answers. names_me: it mentions the reader.
    offers: what the reader may do with it (MENU). again: uids of newer entries that changed how this one is shown.
    """

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
    thread: str = ""
    gone: bool = False
    internal: bool = False
    corrected_at: datetime | None = None
    reactions: tuple[ReactionView, ...] = ()
    quote: Quote | None = None
    names_me: bool = False
    offers: frozenset[str] = frozenset()
    again: tuple[str, ...] = ()


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
    )


def _seen_in(thread: LoadedThread, me: LoadedMember, *, after: int = 0) -> sa.ColumnElement[bool]:
    """Return the SQL condition that an entry is of `thread`, visible to its member, and later than `after`."""
    return sa.and_(entries.c.thread_id == thread.id, visible(me.role, me.from_seq, max(me.from_seq, after)))


def cursor(work: Work, thread: LoadedThread, me: LoadedMember, uid: str) -> int:
    """Return the seq of a visible entry. Raises: NotFound, also for one that exists and is hidden."""
    query = sa.select(entries.c.seq).where(_seen_in(thread, me), entries.c.uid == uid)
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
        until = work.rows(query.where(_seen_in(thread, me), spoken(), entries.c.seq <= place).order_by(entries.c.seq.desc()).limit(half + 1))
        since = work.rows(query.where(_seen_in(thread, me, after=place), spoken()).order_by(entries.c.seq).limit(half + 1))
        more_before, more_after, rows = len(until) > half, len(since) > half, [*until[:half][::-1], *since[:half]]
        newest = None if more_after else _newest(work, thread, me, rows[::-1])
    elif after is not None:
        later = _seen_in(thread, me, after=cursor(work, thread, me, after))
        rows = work.rows(query.where(later).order_by(entries.c.seq))
        more_before, more_after, rows = True, len(rows) > limit, rows[:limit]
        newest = rows[-1].uid if rows else after
    else:
        query = query.where(_seen_in(thread, me), spoken())
        if before is not None:
            query = query.where(entries.c.seq < cursor(work, thread, me, before))
        rows = work.rows(query.order_by(entries.c.seq.desc()))
        newest = None if before is not None else _newest(work, thread, me, rows)
        more_before, more_after, rows = len(rows) > limit, before is not None, rows[:limit][::-1]
    found = [entry_of(row) for row in rows]
    reading = _Reading(work, thread, me)
    return Page(
        reading.views(found),
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
    row = work.row(select_entries().where(_seen_in(thread, me), entries.c.uid == entry, spoken())) if is_uid(entry) else None
    if row is None:
        raise NotFound(UNKNOWN_PLACE)
    return _Reading(work, thread, me).views([entry_of(row)])[0]


def _newest(work: Work, thread: LoadedThread, me: LoadedMember, rows: Sequence[sa.Row[Any]]) -> str | None:
    """Return the uid of the newest entry of any kind that `me` may see. rows: those with a line of their own, newest first."""
    if rows and rows[0].seq == thread.last_seq:
        return str(rows[0].uid)
    query = by_audience(sa.select(entries.c.uid).where(_seen_in(thread, me)), me.role)
    row = work.row(query.order_by(entries.c.seq.desc()).limit(1))
    return None if row is None else str(row.uid)


def _first_unread(work: Work, thread: LoadedThread, me: LoadedMember) -> str | None:
    unread = sa.and_(_seen_in(thread, me, after=me.read_seq), by_others(me.account_id), spoken())
    query = by_audience(sa.select(entries.c.uid).where(unread), me.role)
    row = work.row(query.order_by(entries.c.seq).limit(1))
    return None if row is None else str(row.uid)


MENU: Mapping[str, Permission] = {
    "reply": Permission.TEXT_POST,
    "react": Permission.TEXT_REACT,
    "correct": Permission.TEXT_CORRECT,
    "retract": Permission.TEXT_RETRACT,
    "moderate": Permission.TEXT_MODERATE,
    "versions": Permission.TEXT_ORIGINAL,
    "forward": Permission.TEXT_FORWARD,
    "save": Permission.SAVED_REPLY_OWN,
}
"""What a person may do with an entry, as the page's menu beside it names it."""


class _Reading:
    """One member's reading of a thread: how entries are shown to them."""

    def __init__(self, work: Work, thread: LoadedThread, me: LoadedMember) -> None:
        self.work, self.thread, self.me = work, thread, me
        self._may = frozenset(name for name, permission in MENU.items() if work.may(permission, thread))
        self._target: bool | None = None

    def views(self, found: Sequence[Entry]) -> tuple[EntryView, ...]:
        """Return entries, in order, as they read now; amending ones by the entry that they changed, once each."""
        about = {entry.about: entry for entry in found if amends(entry)}
        here = {entry.seq for entry in found}
        whole = sorted([*(entry for entry in found if not amends(entry)), *self._changed(about.keys() - here)], key=lambda entry: entry.seq)
        shown = with_quotes(self.work, self.thread, self.me, overlay(self.work, self.thread.id, whole))
        again = {seq: tuple(entry.uid for entry in found if entry.about == seq and amends(entry)) for seq in about.keys() - here}
        return tuple(self.view(entry, again.get(entry.seq, ())) for entry in shown)

    def _changed(self, places: Collection[int | None]) -> list[Entry]:
        if not places:
            return []
        wanted = sa.and_(_seen_in(self.thread, self.me), entries.c.seq.in_(sorted(place for place in places if place is not None)))
        return [entry_of(row) for row in self.work.rows(select_entries().where(wanted))]

    def view(self, entry: Entry, again: tuple[str, ...]) -> EntryView:
        """Return one entry as its reader sees it."""
        me, mine = self.me, entry.author is not None and entry.author.uid == self.me.uid
        state, read_by = state_of(entry.seq, entry.audience, me.account_id, self.thread) if mine else (None, ())
        together = zip(entry.amended.reactions, entry.amended.reacted, strict=True)
        return EntryView(
            uid=entry.uid,
            kind=entry.kind,
            at=entry.at,
            author=entry.author if mine or me.role.is_staff else _known_here(entry.author),
            mine=mine,
            body=entry.payload.text if isinstance(entry.payload, TYPED) else entry.body,
            payload=entry.payload,
            state=state,
            read_by=read_by if me.role.is_staff else (),
            client_id=entry.client_id if mine else None,
            thread=self.thread.uid,
            gone=isinstance(entry.payload, Tombstone),
            internal=entry.audience is Audience.STAFF,
            corrected_at=entry.amended.corrected_at,
            reactions=tuple(ReactionView(emoji, names, me.uid in uids) for (emoji, names), (_emoji, uids) in together),
            quote=entry.quote,
            names_me=me.uid in getattr(entry.payload, "mentions", ()),
            offers=self._offers(entry, mine),
            again=again,
        )

    def _has_target(self) -> bool:
        """Say whether there is a thread of staff alone to forward to."""
        if self._target is None:
            self._target = "forward" in self._may and among_staff(self.work, self.thread.id)
        return self._target

    def _offers(self, entry: Entry, mine: bool) -> frozenset[str]:
        if isinstance(entry.payload, Tombstone):
            return self._may & {"versions"}
        fitting = {"reply", "react"}
        said = hasattr(entry.payload, "text")
        fitting |= {"forward"} if said and self._has_target() else set()
        fitting |= {"retract"} if mine and entry.kind in RETRACTABLE else set()
        fitting |= {"moderate"} if not mine and entry.kind in RETRACTABLE and self.thread.kind == "group" else set()
        if isinstance(entry.payload, TYPED):
            fitting |= {"correct", "save"} if mine else set()
            fitting |= {"versions"} if entry.amended.corrected_at else set()
        return self._may & fitting


def _known_here(author: Author | None) -> Author | None:
    """Return an author as patients know them: by what they are called in the thread, by nothing that names them elsewhere."""
    return author and Author(author.nick, author.nick, author.nick, author.role, "")


@view(Permission.THREAD_READ)
def own_states(work: Work, uid: str) -> list[OwnState]:
    """Return the states of the actor's own entries among a thread's newest, newest first, at most STATES_AT_MOST."""
    thread = work.thread(uid)
    me = work.member(thread)
    newest = sa.and_(entries.c.thread_id == thread.id, entries.c.seq > thread.last_seq - STATES_AMONG)
    own = sa.and_(newest, entries.c.author_id == me.account_id, spoken())
    columns = entries.c.uid, entries.c.seq, entries.c.audience
    states = []
    for row in work.rows(sa.select(*columns).where(own).order_by(entries.c.seq.desc()).limit(STATES_AT_MOST)):
        state, read_by = state_of(row.seq, Audience(row.audience), me.account_id, thread)
        states.append(OwnState(row.uid, state, read_by if me.role.is_staff else ()))
    return states
