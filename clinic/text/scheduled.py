"""Texts that wait for their time: written now, posted by the worker as their author's when they are due. Imports clinic only.

Only the author sees one before. Whether they may post is asked again when it is due; what cannot be posted then is kept for them with the reason.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from clinic.account.settings import instant, setting
from clinic.account.tables import accounts
from clinic.actions import Offer, action, view
from clinic.calls import Actor
from clinic.database import Database
from clinic.errors import Conflict, Gated, Invalid, NotFound
from clinic.fields import ClientId, Computed, Moment, Option, Pick, Text, Uid
from clinic.gates import pass_gates
from clinic.loading import LoadedMember, LoadedThread
from clinic.permissions import Permission, Role, can
from clinic.storage import new_id, new_uid
from clinic.text.kinds import TextPayload
from clinic.text.mentions import mentioned
from clinic.text.posting import MAX_BYTES, post_as
from clinic.text.tables import scheduled_texts
from clinic.thread.actions import thread_for
from clinic.thread.tables import memberships, threads
from clinic.work import Work

logger = logging.getLogger(__name__)

LONGEST = timedelta(days=366)
WAITING_AT_MOST = 100
# What was due while the clinic's machine stood still is sent late; after a day its author decides.
LATE_AT_MOST = timedelta(days=1)
_AT_ONCE = 50
NOT_MEMBER = "You are not a member of this thread any more, so it was not sent."
NOT_ALLOWED = "Your account may not write in this thread any more, so it was not sent."
GONE = "This scheduled message is not waiting any more: it was sent or discarded."


@dataclass(frozen=True, slots=True)
class ScheduledView:
    """A text that waits, as its author sees it. refused: why it was not posted when it was due, else None."""

    uid: str
    thread: str
    body: str
    due_at: datetime
    refused: str | None


def _waiting(work: Work, thread: LoadedThread) -> sa.Select[Any]:
    return (
        sa.select(scheduled_texts)
        .where(
            scheduled_texts.c.thread_id == thread.id,
            scheduled_texts.c.account_id == work.person.id,
            scheduled_texts.c.done_at.is_(None),
        )
        .order_by(scheduled_texts.c.due_at, scheduled_texts.c.id)
    )


def _options(work: Work, thread: LoadedThread) -> Sequence[Option]:
    zone = ZoneInfo(setting(work, "time_zone"))
    return [
        Option(row.uid, " ".join(row.body.split())[:80], f"{row.due_at.astimezone(zone):%Y-%m-%d %H:%M}")
        for row in work.rows(_waiting(work, thread))
    ]


def _any(work: Work, thread: LoadedThread) -> bool:
    return work.row(_waiting(work, thread).limit(1)) is not None


BODY = Text("body", "Message", max_bytes=MAX_BYTES, multiline=True)
WHICH = Pick("scheduled", "Scheduled message", options=_options)


@view(Permission.TEXT_SCHEDULE)
def scheduled(work: Work, uid: str) -> list[ScheduledView]:
    """Return the actor's own texts that wait in a thread, and those that were not sent, the next one first. Raises: NotFound."""
    thread = work.thread(uid)
    return [ScheduledView(row.uid, uid, row.body, row.due_at, row.refused) for row in work.rows(_waiting(work, thread))]


@view(Permission.TEXT_SCHEDULE)
def all_scheduled(work: Work) -> list[ScheduledView]:
    """Return all the actor's own texts that wait or were not sent, in whatever thread; thread: "" where they are no member any more."""
    member = sa.and_(
        memberships.c.thread_id == scheduled_texts.c.thread_id,
        memberships.c.account_id == work.person.id,
        memberships.c.ended_at.is_(None),
    )
    query = (
        sa.select(scheduled_texts, threads.c.uid.label("thread"), memberships.c.id.label("member"))
        .select_from(scheduled_texts.join(threads, threads.c.id == scheduled_texts.c.thread_id).outerjoin(memberships, member))
        .where(scheduled_texts.c.account_id == work.person.id, scheduled_texts.c.done_at.is_(None))
        .order_by(scheduled_texts.c.due_at, scheduled_texts.c.id)
    )
    return [ScheduledView(row.uid, row.thread if row.member else "", row.body, row.due_at, row.refused) for row in work.rows(query)]


@action("text.forget_scheduled", Permission.TEXT_SCHEDULE, fields=(Uid("scheduled", "Scheduled message"),))
def forget(work: Work, scheduled: str) -> None:
    """Discard one's own waiting text in whatever thread, also in one that one has left. Raises: NotFound."""
    mine = sa.and_(scheduled_texts.c.uid == scheduled, scheduled_texts.c.account_id == work.person.id)
    row = work.row(sa.select(scheduled_texts).where(mine, scheduled_texts.c.done_at.is_(None)))
    if row is None:
        raise NotFound(GONE)
    _finish(work, row)


@action(
    "text.schedule",
    Permission.TEXT_SCHEDULE,
    on=thread_for,
    gated=False,  # it asks the gates itself, once it is known to be no resend: what waits is not in the log
    fields=(BODY, Moment("at", "Send at"), ClientId("client_id")),
    same=lambda payload, values: payload == TextPayload(values["body"]),
    offer=Offer(
        "Send a message later",
        "schedule",
        "The clinic sends it at that time as yours, also while you are offline. Only you see it before.",
        "Scheduled. Until then you can change it, send it at once or discard it.",
    ),
)
def schedule(work: Work, thread: LoadedThread, body: str, at: datetime, client_id: str) -> str:
    """Keep a text to be posted at an instant in the next year; the same client id again is the same text. Returns: its uid.

    Raises: Invalid, Conflict when WAITING_AT_MOST wait here already. Source: product.md, Threads.
    """
    due_at = _due(work, at)
    mine = sa.and_(scheduled_texts.c.thread_id == thread.id, scheduled_texts.c.account_id == work.person.id)
    first = work.row(sa.select(scheduled_texts).where(mine, scheduled_texts.c.client_id == client_id))
    if first is not None:
        return str(first.uid)
    if work.role is Role.PATIENT:
        pass_gates(work, work.person.id, thread)
    if len(work.rows(_waiting(work, thread))) >= WAITING_AT_MOST:
        raise Conflict(f"{WAITING_AT_MOST} messages of yours wait in this thread already. Discard some first.")
    uid = new_uid()
    work.insert(
        scheduled_texts,
        id=new_id(),
        uid=uid,
        thread_id=thread.id,
        account_id=work.person.id,
        role=work.role,
        body=body,
        client_id=client_id,
        due_at=due_at,
        created_at=work.now,
    )
    work.touch(thread, members=False)
    return uid


@action(
    "text.reschedule",
    Permission.TEXT_SCHEDULE,
    on=thread_for,
    fields=(WHICH, Moment("at", "Send at"), Text("body", "Message", required=False, max_bytes=MAX_BYTES, multiline=True)),
    offer=Offer("Change a scheduled message", "reschedule", "Another time and, if you write one, another text.", "Changed.", when=_any),
)
def reschedule(work: Work, thread: LoadedThread, scheduled: str, at: datetime, body: str | None) -> None:
    """Give one's own waiting text another time and, where given, other words. Raises: NotFound, Invalid."""
    row = _own(work, thread, scheduled)
    changed = {} if body is None else {"body": body}
    work.update(scheduled_texts, row.id, due_at=_due(work, at), refused=None, **changed)
    work.touch(thread, members=False)


@action(
    "text.unschedule",
    Permission.TEXT_SCHEDULE,
    on=thread_for,
    gated=False,
    fields=(WHICH,),
    offer=Offer("Discard a scheduled message", "unschedule", done="Discarded; it will not be sent.", when=_any, grave=True),
)
def unschedule(work: Work, thread: LoadedThread, scheduled: str) -> str:
    """Discard one's own waiting text. Returns: its words, so that nothing typed is lost. Raises: NotFound."""
    row = _own(work, thread, scheduled)
    _finish(work, row)
    work.touch(thread, members=False)
    return str(row.body)


@action(
    "text.send_scheduled",
    Permission.TEXT_POST,
    on=thread_for,
    fields=(WHICH,),
    offer=Offer("Send a scheduled message now", "sendnow", done="Sent.", when=_any),
)
def send_scheduled(work: Work, thread: LoadedThread, scheduled: str) -> str:
    """Post one's own waiting text at once. Returns: the entry's uid. Raises: NotFound."""
    row = _own(work, thread, scheduled)
    _finish(work, row)
    return _post(work, thread, work.member(thread), row)


@action("text.deliver_scheduled", Permission.SYSTEM, on=thread_for, fields=(Computed("scheduled"),))
def deliver(work: Work, thread: LoadedThread, scheduled: str) -> bool:
    """Post a text whose time has come as its author's, or keep it for them with the reason. Returns: whether it was posted.

    It happens once: the row is finished in the transaction that posts it.
    """
    query = (
        sa.select(scheduled_texts, accounts.c.active)
        .join(accounts, accounts.c.id == scheduled_texts.c.account_id)
        .where(scheduled_texts.c.uid == scheduled, scheduled_texts.c.thread_id == thread.id)
    )
    row = work.row(query)
    if row is None or row.done_at is not None or row.refused is not None or row.due_at > work.now:
        return False
    if why := _refusal(work, thread, row):
        work.audit_detail(refused=True)
        work.update(scheduled_texts, row.id, refused=why)
        work.touch(thread, members=False)
        return False
    _finish(work, row)
    _post(work, thread, thread.members[row.account_id], row)
    return True


def _post(work: Work, thread: LoadedThread, author: LoadedMember, row: sa.Row[Any]) -> str:
    payload = TextPayload(row.body, mentions=mentioned(row.body, thread))
    return post_as(work, thread, author, payload, f"scheduled:{row.uid}")


def _refusal(work: Work, thread: LoadedThread, row: sa.Row[Any]) -> str | None:
    """Return why a text that is due cannot be posted, in words for its author, or None."""
    member = thread.members.get(row.account_id)
    if member is None or not row.active:
        return NOT_MEMBER
    if member.role != row.role or not can(member.role, Permission.TEXT_POST):
        return NOT_ALLOWED
    if work.now - row.due_at > LATE_AT_MOST:
        return "It was due more than a day before the clinic's machine ran again, so it was not sent by itself. Send it now or discard it."
    if member.role is Role.PATIENT:
        try:
            pass_gates(work, member.account_id, thread)
        except Gated as error:
            return f"{error.text} Then send it, or discard it."
    return None


def deliver_due(database: Database) -> int:
    """Post what is due; for the worker. Returns: how many were posted. Raises: Busy."""
    now = database.now()
    due = (
        sa.select(scheduled_texts.c.uid, threads.c.uid.label("thread"))
        .join(threads, threads.c.id == scheduled_texts.c.thread_id)
        .where(scheduled_texts.c.due_at <= now, scheduled_texts.c.done_at.is_(None), scheduled_texts.c.refused.is_(None))
        .order_by(scheduled_texts.c.due_at, scheduled_texts.c.id)
        .limit(_AT_ONCE)
    )
    with database.reading() as connection:
        rows = connection.execute(due).all()
    return sum(bool(database.perform(Actor.system(), "text.deliver_scheduled", row.thread, scheduled=row.uid).value) for row in rows)


def _due(work: Work, at: datetime) -> datetime:
    due_at = instant(work, at)
    if due_at <= work.now:
        raise Invalid("This time is over already. Choose one in the future, or send the message now.", field="at")
    if due_at - work.now > LONGEST:
        raise Invalid("This is more than a year away. Choose an earlier time.", field="at")
    return due_at


def _own(work: Work, thread: LoadedThread, uid: str) -> sa.Row[Any]:
    row = work.row(_waiting(work, thread).where(scheduled_texts.c.uid == uid))
    if row is None:
        raise NotFound(GONE)
    return row


def _finish(work: Work, row: sa.Row[Any]) -> None:
    # Its words are in the log from now on, or nowhere.
    work.update(scheduled_texts, row.id, done_at=work.now, body="", refused=None)
