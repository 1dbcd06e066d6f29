"""Forwarding within staff: an earlier message into a thread in which everybody is staff, marked with where it comes from. Imports clinic only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from clinic.actions import Offer, action
from clinic.errors import Conflict, Invalid, NotFound
from clinic.fields import ClientId, Option, Pick, PickMessage
from clinic.kinds import KINDS, Tombstone, kind
from clinic.loading import LoadedThread
from clinic.log import Entry, entries, entry_of, select_entries, visible
from clinic.permissions import Permission, Role
from clinic.text.find import messages_listed
from clinic.text.overlay import overlay
from clinic.thread.actions import thread_for
from clinic.thread.shown import among_staff, title_for
from clinic.thread.tables import memberships, threads
from clinic.transaction import SAME_ID
from clinic.work import Work

TARGETS_AT_MOST = 200
NOT_STAFF_ONLY = "Messages are forwarded within staff only: choose one of your threads in which nobody is a patient."
NOT_FORWARDED = "This is no message that somebody wrote, or it was taken back, so it cannot be forwarded."


@kind("forwarded", fragment="forwarded.html", retractable=True, forwardable=True)
@dataclass(frozen=True, slots=True)
class ForwardedPayload:
    """A message from another thread. author, role: who wrote it; at: when, as text (ISO 8601, UTC); title: of that thread, for staff."""

    text: str
    author: str
    role: str
    at: str
    title: str

    @property
    def written_at(self) -> datetime:
        """When it was written."""
        return datetime.fromisoformat(self.at)

    @property
    def body(self) -> str:
        return f"Forwarded: {self.author} in “{self.title}” on {self.written_at:%Y-%m-%d %H:%M} UTC wrote:\n{self.text}"


def _targets(work: Work, thread: LoadedThread | None) -> Sequence[Option]:
    mine, other = memberships.alias(), memberships.alias()
    patient = sa.select(other.c.id).where(
        other.c.thread_id == threads.c.id, other.c.ended_at.is_(None), other.c.role == Role.PATIENT
    )
    query = (
        sa.select(threads.c.uid)
        .join(mine, mine.c.thread_id == threads.c.id)
        .where(mine.c.account_id == work.person.id, mine.c.ended_at.is_(None), threads.c.closed_at.is_(None), ~patient.exists())
        .order_by(threads.c.last_entry_at.desc())
        .limit(TARGETS_AT_MOST)
    )
    uids = [row.uid for row in work.rows(query) if thread is None or row.uid != thread.uid]
    return [Option(loaded.uid, title_for(loaded, work.person.id)) for loaded in work.threads(uids)]


def _of_forwardable_kind() -> sa.ColumnElement[bool]:
    return entries.c.kind.in_(sorted(kind.name for kind in KINDS.values() if kind.forwardable))


def _forwardable(work: Work, thread: LoadedThread | None) -> Sequence[Option]:
    return [] if thread is None else messages_listed(work, thread, _of_forwardable_kind())


def _any_target(work: Work, thread: LoadedThread) -> bool:
    return among_staff(work, thread.id)


@action(
    "text.forward",
    Permission.TEXT_FORWARD,
    on=thread_for,
    fields=(
        Pick("target", "Thread", options=_targets),
        PickMessage("entry", "Message", required=False, options=_forwardable, newest=True),
        ClientId("client_id"),
    ),
    same=lambda _payload, _values: False,
    offer=Offer(
        "Forward a message to colleagues",
        "forward",
        "The newest message, unless you choose another; only to threads in which nobody is a patient.",
        "Forwarded.",
        when=_any_target,
        grave=True,
    ),
)
def forward(work: Work, thread: LoadedThread, target: str, entry: str | None, client_id: str) -> str:
    """Post an entry of a thread in another one whose members are all staff, with its author, time and thread.

    entry: a uid, or None for the newest message that was not taken back. Returns: the new entry's uid. Raises: NotFound, Invalid, Conflict.
    Source: product.md, Threads. It is audited with both threads.
    """
    found, text = _wanted(work, thread, entry)
    place = work.thread(target)
    if place.patients or not all(member.role.is_staff for member in place.members.values()):
        raise Invalid(NOT_STAFF_ONLY, field="target")
    payload = _payload(work, thread, found, text)
    known = work.known(place, client_id)
    if known is not None:
        if known.payload != payload:
            raise Conflict(SAME_ID)
        return known.uid
    work.audit_detail(entry=found.uid, target=place.uid)
    return work.append(place, payload, author=work.member(place), client_id=client_id)


def _wanted(work: Work, thread: LoadedThread, uid: str | None) -> tuple[Entry, str]:
    me = work.member(thread)
    if uid is None:
        uid = next((option.value for option in _forwardable(work, thread)), "")
    query = select_entries().where(entries.c.thread_id == thread.id, visible(me.role, me.account_id, me.from_seq), _of_forwardable_kind())
    row = work.row(query.where(entries.c.uid == uid))
    if row is None:
        raise NotFound("This message is not in this thread. Load the thread again.")
    [entry] = overlay(work, thread.id, [entry_of(row)])
    if isinstance(entry.payload, Tombstone):
        raise Invalid(NOT_FORWARDED, field="entry")
    return entry, getattr(entry.payload, "text", entry.body)


def _payload(work: Work, thread: LoadedThread, entry: Entry, text: str) -> ForwardedPayload:
    if isinstance(entry.payload, ForwardedPayload):  # it says who wrote it first
        return entry.payload
    by, role = (entry.author.nick, str(entry.author.role)) if entry.author else ("The clinic", "")
    return ForwardedPayload(text, by, role, entry.at.isoformat(timespec="seconds"), title_for(thread, work.person.id))

