"""How entries are shown to one member of a thread: as they read now, how far their own have come, what may be done with each. Imports clinic only.

The views of a thread (views.py) hand in what they have loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clinic.actions import ACTIONS
from clinic.kinds import Tombstone, kind_named
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import Audience, Author, Entry, Quote, entries, entry_of, reaches, select_entries, visible
from clinic.permissions import Permission, Role
from clinic.text.kinds import TYPED
from clinic.text.overlay import amends, changes, overlay, with_quotes
from clinic.thread.shown import among_staff
from clinic.work import Work


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
    addressee: in a thread with several patients, what the one of them is called whom it is for. offers: what the reader may do with it by its menu (MENU).
    doable: the actions that its payload names so, and the reader may do: for buttons of its own.
    again: uids of newer entries that changed how this one is shown.
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
    addressee: str = ""
    doable: frozenset[str] = frozenset()


def state_of(seq: int, audience: Audience, addressee: str | None, author: int, thread: LoadedThread) -> tuple[str, tuple[str, ...]]:
    """Return the state of an entry for its author and the names of the members who have read it.

    It counts as delivered and read when the other side has it: staff for a patient's, the patient for staff's (the addressee
    where it has one), anybody else among staff. Whom it is not for never has it, however far they have read.
    """
    me = thread.members[author]
    others = [m for m in thread.members.values() if m.account_id != author and reaches(seq, audience, m, addressee=addressee)]
    if me.role is Role.PATIENT:
        side = [member for member in others if member.role.is_staff]
    else:
        side = [member for member in others if member.role is Role.PATIENT] or others
    readers = tuple(member.nick for member in others if member.read_seq >= seq)
    if any(member.read_seq >= seq for member in side):
        return "read", readers
    return ("delivered" if any(member.delivered_seq >= seq for member in side) else "sent"), readers


def seen_in(thread: LoadedThread, me: LoadedMember, *, after: int = 0) -> sa.ColumnElement[bool]:
    """Return the SQL condition that an entry is of `thread`, visible to its member, and later than `after`."""
    return sa.and_(entries.c.thread_id == thread.id, visible(me.role, me.account_id, me.from_seq, max(me.from_seq, after)))


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
"""What a person may do with what was said, as the page's menu beside an entry names it. What only one kind has is among its own buttons (`doable`)."""


FORMER = "a former member"


class Reading:
    """One member's reading of a thread: how entries are shown to them."""

    def __init__(self, work: Work, thread: LoadedThread, me: LoadedMember) -> None:
        self.work, self.thread, self.me = work, thread, me
        self._may = frozenset(name for name, permission in MENU.items() if work.may(permission, thread))
        self._target: bool | None = None

    def views(self, found: Sequence[Entry], *, news: bool = False) -> tuple[EntryView, ...]:
        """Return entries that have a line of their own, in order, as they read now.

        news: for who holds a page of what was before; the earlier entries that these changed are among the answer, once each (`EntryView.again`).
        """
        again: dict[int, list[str]] = {}
        here = {entry.seq for entry in found}
        for entry in found if news else ():
            if entry.about is not None and entry.about not in here and changes(entry):
                again.setdefault(entry.about, []).append(entry.uid)
        whole = sorted([*(entry for entry in found if not amends(entry)), *self._changed(again.keys())], key=lambda entry: entry.seq)
        shown = with_quotes(self.work, self.thread, self.me, overlay(self.work, self.thread.id, whole))
        return tuple(self.view(entry, tuple(again.get(entry.seq, ()))) for entry in shown)

    def _changed(self, places: Collection[int]) -> list[Entry]:
        if not places:
            return []
        wanted = sa.and_(seen_in(self.thread, self.me), entries.c.seq.in_(sorted(places)))
        return [entry_of(row) for row in self.work.rows(select_entries().where(wanted))]

    def view(self, entry: Entry, again: tuple[str, ...]) -> EntryView:
        """Return one entry as its reader sees it."""
        me, mine = self.me, entry.author is not None and entry.author.uid == self.me.uid
        state, read_by = state_of(entry.seq, entry.audience, entry.addressee, me.account_id, self.thread) if mine else (None, ())
        together = zip(entry.amended.reactions, entry.amended.reacted, strict=True)
        return EntryView(
            uid=entry.uid,
            kind=entry.kind,
            at=entry.at,
            author=entry.author if mine or me.role.is_staff else _known_here(entry.author),
            mine=mine,
            body=entry.payload.text if isinstance(entry.payload, TYPED) else entry.body_for(me.uid),
            payload=entry.payload if me.role.is_staff else _unnamed(entry.payload),
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
            addressee=self._addressee(entry),
            doable=self._doable(entry),
        )

    def _addressee(self, entry: Entry) -> str:
        if entry.audience is not Audience.ADDRESSEE or all(patient.uid == entry.addressee for patient in self.thread.patients):
            return ""
        return next((patient.nick for patient in self.thread.patients if patient.uid == entry.addressee), FORMER)

    def _has_target(self) -> bool:
        """Say whether there is a thread of staff alone to forward to."""
        if self._target is None:
            self._target = "forward" in self._may and among_staff(self.work, self.thread.id)
        return self._target

    def _offers(self, entry: Entry, mine: bool) -> frozenset[str]:
        if isinstance(entry.payload, Tombstone):
            return self._may & {"versions"}
        # What one patient alone sees is not quoted to the others.
        fitting = {"reply", "react"} if not self._addressee(entry) else {"react"}
        kind = kind_named(entry.kind)
        fitting |= {"forward"} if kind.forwardable and self._has_target() else set()
        fitting |= {"retract"} if mine and kind.retractable else set()
        fitting |= {"moderate"} if not mine and kind.retractable and self.thread.kind == "group" else set()
        if isinstance(entry.payload, TYPED):
            fitting |= {"correct", "save"} if mine else set()
            fitting |= {"versions"} if entry.amended.corrected_at else set()
        return self._may & fitting

    def _doable(self, entry: Entry) -> frozenset[str]:
        named: frozenset[str] = getattr(entry.payload, "doable", frozenset())
        return frozenset(name for name in named if self.work.may(ACTIONS[name].permission, self.thread))


def _known_here(author: Author | None) -> Author | None:
    """Return an author as patients know them: by what they are called in the thread, by nothing that names them elsewhere."""
    return author and Author(author.nick, author.nick, author.nick, author.role, "")


def _unnamed(payload: Any) -> Any:
    """Return a payload without the accounts of those whom its text mentions."""
    return replace(payload, mentions=()) if isinstance(payload, TYPED) and payload.mentions else payload
