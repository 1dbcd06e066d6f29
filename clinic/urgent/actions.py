"""Actions on urgent calls: a patient calls, staff acknowledge and resolve, the clinic escalates, the duty account calls somebody in. Imports clinic only.

Reading is not acknowledging: somebody says that they have seen it. A call that nobody has acknowledged in time tells the patient whom to
call, and alerts the duty account, which learns who called and whom they are with, and reads nothing of the thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from clinic.account.people import staff_options
from clinic.account.settings import put_setting, setting
from clinic.account.tables import account_roles, accounts
from clinic.actions import Offer, action
from clinic.errors import Conflict, Invalid, NotFound, NotPermitted
from clinic.fields import Choice, ClientId, Computed, Pick, Text
from clinic.loading import LoadedThread
from clinic.permissions import Permission, Role
from clinic.storage import new_id, new_uid
from clinic.text.kinds import TextPayload
from clinic.text.posting import post_as
from clinic.thread.actions import thread_for
from clinic.thread.kinds import Notice
from clinic.thread.members import add_member, invite_live
from clinic.thread.tables import threads
from clinic.urgent.calls import is_on_duty, open_calls, where_to_call
from clinic.urgent.kinds import UrgentPayload
from clinic.urgent.tables import urgent_calls
from clinic.work import Work

MAX_BYTES = 8 * 1024
ESCALATE = "urgent.escalate"
SECONDS = ("60", "120", "180", "300", "600", "900")
NOTHING_OPEN = "No urgent call is open in this thread. Somebody else may have resolved it."


def _same(payload: Any, values: Mapping[str, Any]) -> bool:
    words = values["words"] or ""
    return payload in (UrgentPayload(words), TextPayload(words))


@action(
    "urgent.call",
    Permission.URGENT_CALL,
    on=thread_for,
    gated=False,
    fields=(Text("words", "What is wrong", required=False, max_bytes=MAX_BYTES, multiline=True), ClientId("client_id")),
    same=_same,
    offer=Offer(
        "Urgent: I need help",
        "urgent",
        "Alerts the staff of this thread at once. If your life is in danger, call the emergency number first.",
        "Sent. Staff were alerted; who has seen it stands here.",
        grave=True,
    ),
)
def call(work: Work, thread: LoadedThread, words: str | None, client_id: str) -> str:
    """Call the staff of a thread for help. One call of a patient is open in a thread: what they add to it is a text.

    Returns: the entry's uid. Raises: Conflict for a second call without words. Source: product.md, Threads ("urgent").
    """
    me = work.member(thread)
    if any(row.account_id == me.account_id for row in open_calls(work, thread)):
        if not words:
            raise Conflict(f"Your call for help is open already, and staff were alerted. If it gets worse, call {where_to_call(work)}.")
        return post_as(work, thread, me, TextPayload(words), client_id)
    uid = new_uid()
    work.insert(urgent_calls, id=new_id(), uid=uid, thread_id=thread.id, account_id=me.account_id, called_at=work.now)
    after = timedelta(seconds=int(setting(work, "urgent_seconds")))
    work.enqueue("worker", ESCALATE, after=after, thread=thread.uid, call=uid)
    for member in thread.members.values():
        if member.role.is_staff:
            _alert(work, thread, member.handle, f"URGENT: {me.nick} needs help. Open the thread now.")
    work.audit_detail(call=uid)
    return work.append(thread, UrgentPayload(words or ""), author=me, client_id=client_id)


def _alert(work: Work, thread: LoadedThread, handle: str, words: str) -> None:
    """Have somebody's apps told at once, past what they have muted, and invited where they are not in the thread."""
    work.enqueue("threads", "xmpp.tell", handle=handle, words=words)
    work.enqueue("threads", "xmpp.invite", thread=thread.uid, handle=handle)


def _any_unseen(work: Work, thread: LoadedThread) -> bool:
    return any(row.acknowledged_at is None for row in open_calls(work, thread))


def _any_open(work: Work, thread: LoadedThread) -> bool:
    return bool(open_calls(work, thread))


@action(
    "urgent.acknowledge",
    Permission.URGENT_ANSWER,
    on=thread_for,
    offer=Offer("Say that you have seen the urgent call", "seen", done="The patient reads that you have seen it.", when=_any_unseen),
)
def acknowledge(work: Work, thread: LoadedThread) -> None:
    """Say that one has seen the open calls of a thread; the patient reads who and when. Raises: Conflict when none waits."""
    unseen = [row for row in open_calls(work, thread) if row.acknowledged_at is None]
    if not unseen:
        raise Conflict("No urgent call waits to be acknowledged here; somebody else may have done it.")
    for row in unseen:
        work.update(urgent_calls, row.id, acknowledged_at=work.now, acknowledged_by=work.person.id)
    work.append(thread, Notice("urgent-seen", (work.member(thread).nick, *_callers(thread, unseen))))


@action(
    "urgent.resolve",
    Permission.URGENT_ANSWER,
    on=thread_for,
    offer=Offer("Resolve the urgent call", "resolve", "When the patient has been helped.", "Resolved.", when=_any_open, grave=True),
)
def resolve(work: Work, thread: LoadedThread) -> None:
    """Close the open calls of a thread; not acknowledged ones are so by it. Raises: Conflict when none is open."""
    rows = open_calls(work, thread)
    if not rows:
        raise Conflict(NOTHING_OPEN)
    for row in rows:
        seen = {} if row.acknowledged_at else {"acknowledged_at": work.now, "acknowledged_by": work.person.id}
        work.update(urgent_calls, row.id, resolved_at=work.now, resolved_by=work.person.id, **seen)
    work.append(thread, Notice("urgent-resolved", (work.member(thread).nick, *_callers(thread, rows))))


def _callers(thread: LoadedThread, rows: Sequence[sa.Row[Any]]) -> list[str]:
    return list(dict.fromkeys(thread.members[row.account_id].nick for row in rows if row.account_id in thread.members)) or ["the patient"]


@action("urgent.escalate", Permission.SYSTEM, on=thread_for, fields=(Computed("call"),))
def escalate(work: Work, thread: LoadedThread, call: str) -> bool:
    """Where nobody has acknowledged a call in time: tell the patient whom to call, and alert the duty account. Returns: whether it did."""
    row = next((row for row in open_calls(work, thread) if row.uid == call), None)
    if row is None or row.acknowledged_at is not None or row.escalated_at is not None:
        return False
    work.update(urgent_calls, row.id, escalated_at=work.now)
    work.append(thread, Notice("urgent-not-seen", tuple(_callers(thread, [row])), where_to_call(work)))
    duty = _duty(work)
    work.audit_detail(duty=duty.uid if duty else None)
    if duty is not None:
        chiefs = ", ".join(m.nick for m in thread.members.values() if m.role is Role.PRACTITIONER) or "a practitioner"
        work.enqueue("threads", "xmpp.tell", handle=duty.handle, words=(
            f"URGENT: a patient of {chiefs} called for help, and nobody has seen it. Open the clinic's page: it says who, and lets you call somebody in."
        ))
    return True


def _duty(work: Work) -> sa.Row[Any] | None:
    uid = setting(work, "duty_account")
    return work.row(sa.select(accounts).where(accounts.c.uid == uid, accounts.c.active.is_(True))) if uid else None


@action(
    "urgent.call_in",
    Permission.URGENT_ANSWER,
    fields=(Pick("call", "Urgent call"), Pick("practitioner", "Practitioner", options=lambda work, _: staff_options(work, Role.PRACTITIONER))),
)
def call_in(work: Work, call: str, practitioner: str) -> None:
    """Bring a practitioner into the thread of a call that nobody has acknowledged: the duty account alone, announced in the thread.

    The duty account reads nothing by it, unless it calls itself in. Raises: NotPermitted, NotFound, Invalid.
    """
    if not is_on_duty(work):
        raise NotPermitted("Only the duty account calls a practitioner in.")
    query = sa.select(urgent_calls.c.uid, threads.c.uid.label("thread")).join(threads, threads.c.id == urgent_calls.c.thread_id)
    waits = sa.and_(urgent_calls.c.uid == call, urgent_calls.c.escalated_at.is_not(None), urgent_calls.c.resolved_at.is_(None))
    row = work.row(query.where(waits))
    if row is None:
        raise NotFound(NOTHING_OPEN)
    [thread] = work.threads([row.thread])
    called = work.row(
        sa.select(accounts)
        .join(account_roles, account_roles.c.account_id == accounts.c.id)
        .where(accounts.c.uid == practitioner, accounts.c.active.is_(True), account_roles.c.role == Role.PRACTITIONER)
    )
    if called is None:
        raise Invalid("Choose a practitioner of this clinic.", field="practitioner")
    if called.id not in thread.members:
        add_member(work, thread, called, Role.PRACTITIONER)
        invite_live(work, thread, called)
        work.append(thread, Notice("urgent-called-in", (work.person.name, thread.members[called.id].nick)))
    _alert(work, thread, called.handle, "URGENT: you are called in to a patient who needs help. Open the thread now.")
    work.audit_subject(thread.uid)


@action(
    "urgent.settings",
    Permission.CLINIC_DESCRIBE,
    fields=(
        Choice("urgent_seconds", "Alert the duty account after", options=SECONDS),
        Pick("duty_account", "Duty account", required=False, options=lambda work, _: staff_options(work, Role.PRACTITIONER, Role.COORDINATOR)),
    ),
)
def keep_settings(work: Work, urgent_seconds: str, duty_account: str | None) -> None:
    """Say who is alerted when nobody has acknowledged an urgent call, and after how long. Raises: Invalid."""
    if duty_account and duty_account not in {one.value for one in staff_options(work, Role.PRACTITIONER, Role.COORDINATOR)}:
        raise Invalid("Choose a practitioner or coordinator of this clinic.", field="duty_account")
    put_setting(work, "urgent_seconds", urgent_seconds)
    put_setting(work, "duty_account", duty_account or "")
