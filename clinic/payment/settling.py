"""Actions by which accepted requests are paid: by card, or at the desk; and what is said when they are. Imports clinic only.

What providers tell is taken over in reports.py, and refunds are in refunding.py. Nothing here leaves the machine.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from clinic import endings
from clinic.actions import Offer, action
from clinic.errors import Conflict
from clinic.fields import Option, PickMessage, Text, Uid
from clinic.loading import LoadedThread
from clinic.log import Entry, between_people
from clinic.payment import record
from clinic.payment.attempts import look_now, open_now
from clinic.payment.kinds import Settlement
from clinic.payment.record import CLOSE_JOB, MANUAL, PAYMENT_REQUESTS, PAYMENTS, named
from clinic.payment.states import LIVE, SETTLED, UNPAID, AttemptState, State
from clinic.payment.tables import WORDS_LENGTH, payment_requests
from clinic.permissions import Permission
from clinic.requests import newest, say
from clinic.thread.actions import thread_for, thread_or_administered
from clinic.thread.tables import threads
from clinic.thread.waiting import answered_at
from clinic.work import Work


def _own_unpaid(work: Work, thread: LoadedThread | None) -> list[Option]:
    if thread is None:
        return []
    mine = payment_requests.c.addressee_id == work.person.id
    query = sa.select(payment_requests).where(payment_requests.c.thread_id == thread.id, mine, payment_requests.c.state.in_(UNPAID))
    rows = work.rows(query.order_by(payment_requests.c.id.desc()))
    return [Option(row.uid, record.label(row), entry=row.entry_uid) for row in rows if record.provider_of(work) != MANUAL or record.live_attempt(work, row.id)]


@action(
    "payment.pay",
    Permission.PAYMENT_DECIDE,
    on=thread_for,
    gated=False,
    fields=(PickMessage("request", "Payment", required=False, options=_own_unpaid, newest=True),),
    offer=Offer(
        "Pay what you have accepted",
        "topay",
        "By card, on the page of the clinic's card service.",
        "This page leads to the card service.",
        when=lambda work, thread: bool(_own_unpaid(work, thread)),
        leads=lambda uid: f"/payments/{uid}",
        otherwise="There is nothing here that you have accepted and could pay by card.",
    ),
)
def pay(work: Work, thread: LoadedThread, request: str | None) -> str:
    """See to it that an accepted request of the actor's can be paid: the attempt that is open stays, or another one is begun.

    One that waits for the provider is tried again at once; one whose time has run out is looked at. Returns: the request's uid. Raises: Conflict, Invalid.
    """
    row = record.own_request_in(work, thread, request or newest(_own_unpaid(work, thread)), UNPAID | SETTLED)
    if State(row.state) in UNPAID:
        _make_payable(work, row.id)
    return str(row.uid)


def _make_payable(work: Work, request_id: int) -> None:
    live, provider = record.live_attempt(work, request_id), record.provider_of(work)
    if live is not None:
        if live.state == AttemptState.ASKED:
            open_now(work, live.uid)
        elif live.expires_at is not None and live.expires_at <= work.now:
            look_now(work, live.uid)
    elif provider == MANUAL:
        raise Conflict("This is paid at the clinic's desk.")
    else:
        record.begin_attempt(work, request_id, provider)


def _unpaid(work: Work, thread: LoadedThread | None) -> list[Option]:
    return [] if thread is None else PAYMENT_REQUESTS.options(work, thread, UNPAID)


@action(
    "payment.mark_paid",
    Permission.PAYMENT_SETTLE,
    on=thread_or_administered,
    fields=(
        PickMessage("request", "Payment request", required=False, options=_unpaid, newest=True),
        Text("note", "Note, such as how and where", max_bytes=WORDS_LENGTH),
    ),
    offer=Offer(
        "Mark a request as paid",
        "paid",
        "When the money came in another way, at the desk for example. The note is for the clinic's record.",
        "Marked as paid.",
        when=lambda work, thread: bool(_unpaid(work, thread)),
        grave=True,
        otherwise="No payment request of this thread is accepted and unpaid.",
    ),
)
def mark_paid(work: Work, thread: LoadedThread, request: str | None, note: str) -> None:
    """Say that an accepted request was paid at the desk, the newest if none is named.

    An attempt by card that is open is closed; should it be paid all the same, it is given back.
    Raises: Invalid, Conflict where it is not accepted, or paid already.
    """
    row = PAYMENT_REQUESTS.named(work, thread, request or newest(_unpaid(work, thread)), UNPAID)
    me = thread.members.get(work.person.id)
    for attempt in record.attempts_of(work, row.id):
        if AttemptState(attempt.state) in LIVE:
            work.enqueue(PAYMENTS, CLOSE_JOB, attempt=attempt.uid)
    record.insert_attempt(work, row.id, MANUAL, AttemptState.PAID, note=note, marked_by=work.person.id, settled_at=work.now)
    paid(work, thread, row, by=me.nick if me else work.person.name)


def paid(work: Work, thread: LoadedThread, row: Any, *, by: str = "", test: bool = False) -> Any:
    """Say that a request was paid; from now on the time runs within which staff have promised to answer. Returns: the request as it is then."""
    now = record.move(work, row, State.PAID, paid_at=work.now, receipt_number=record.next_receipt(work))
    say(work, thread, row, settlement(work, thread, row, State.PAID, by=by, test=test))
    if row.response_hours and thread.members:  # of a closed group nobody is there who could answer
        due = work.now + timedelta(hours=row.response_hours)
        thread.answer_due_at = due if thread.answer_due_at is None else min(due, thread.answer_due_at)
        work.update(threads, thread.id, answer_due_at=thread.answer_due_at)
    return now


def _promised_again(work: Work, thread: LoadedThread, entry: Entry) -> None:
    """What staff had answered in time is taken back: what they have promised is due again."""
    if entry.author is None or not entry.author.role.is_staff or not between_people(entry) or not thread.members:
        return
    promised = payment_requests.c.thread_id == thread.id, payment_requests.c.paid_at.is_not(None), payment_requests.c.response_hours > 0
    query = sa.select(payment_requests.c.paid_at, payment_requests.c.response_hours).where(*promised)
    if (since := answered_at(work, thread, without=entry)) is not None:
        query = query.where(payment_requests.c.paid_at > since)
    thread.answer_due_at = min((row.paid_at + timedelta(hours=row.response_hours) for row in work.rows(query)), default=thread.answer_due_at)
    work.update(threads, thread.id, answer_due_at=thread.answer_due_at)


endings.TAKEN_BACK.append(_promised_again)


def settlement(work: Work, thread: LoadedThread, row: Any, state: str, **more: Any) -> Settlement:
    """Return what is said in a thread of the money of a request. state, more: of the kind."""
    return Settlement(**named(row), state=state, patient=record.patient_name(work, thread, row), **more)


@action("payment.check", Permission.PAYMENT_DECIDE, on=thread_for, gated=False, fields=(Uid("request", "Payment"),), audited=False)
def check(work: Work, thread: LoadedThread, request: str) -> bool:
    """Have the provider asked now how the actor's own payment stands, as they have just come back from it. Returns: whether one is open."""
    row = record.own_request_in(work, thread, request, frozenset(State))
    attempt = record.live_attempt(work, row.id)
    if attempt is None or attempt.state == AttemptState.ASKED:
        return False
    look_now(work, attempt.uid)
    return True
