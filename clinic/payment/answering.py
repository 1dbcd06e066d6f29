"""The patient's answer to a payment request: accept or reject. It lifts the gate (gate.py) at once. Imports clinic only.

Paying what was accepted is something else, and never holds anything back (settling.py).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from clinic.actions import Offer, action
from clinic.errors import Conflict, NotFound
from clinic.fields import Choice, Option, PickMessage
from clinic.loading import LoadedThread
from clinic.payment import record
from clinic.payment.gate import open_requests
from clinic.payment.kinds import PaymentDecision
from clinic.payment.record import MANUAL, begin_attempt, label, named
from clinic.payment.states import SETTLED, UNPAID, State
from clinic.payment.tables import payment_requests
from clinic.permissions import Permission
from clinic.requests import say
from clinic.thread.tables import threads
from clinic.work import Work


def answering_for(work: Work, uid: str) -> LoadedThread:
    """Return the actor's thread, locked together with those in which they were asked to pay. Raises: NotFound."""
    asked = sa.select(threads.c.uid).join(payment_requests, payment_requests.c.thread_id == threads.c.id)
    mine = sa.and_(payment_requests.c.addressee_id == work.person.id, payment_requests.c.state == State.OPEN)
    work.threads(sorted({uid, *(row.uid for row in work.rows(asked.where(mine)))}))
    return work.thread(uid)


def _answerable(work: Work, thread: LoadedThread) -> list[sa.Row[Any]]:
    """Return the actor's open requests that were made in a thread or hold in it, newest first."""
    if not open_requests(work, work.person.id):
        return []
    mine = sa.and_(payment_requests.c.addressee_id == work.person.id, payment_requests.c.state == State.OPEN)
    rows = work.rows(record.placed().where(mine).order_by(payment_requests.c.id.desc()))
    return [row for row in rows if _concerns(row, thread)]


def _concerns(row: sa.Row[Any], thread: LoadedThread) -> bool:
    """Say whether a request was made in a thread, or holds in it."""
    return row.thread == thread.uid or row.practitioner_id in thread.members


def _answers(work: Work, thread: LoadedThread | None) -> list[Option]:
    if thread is None:
        return []
    return [Option(row.uid, label(row), row.practitioner, row.entry_uid, row.thread) for row in _answerable(work, thread)]


def _what_answers_mean(work: Work, _thread: LoadedThread) -> dict[str, str]:
    how = "at the clinic's desk" if record.provider_of(work) == MANUAL else "by card, on the page that follows"
    return {
        "accept": f"You will pay this amount {how}. Messages are open at once, also before you have paid.",
        "reject": "Nothing is to be paid, and the service is not provided. Messages are open at once.",
    }


@action(
    "payment.decide",
    Permission.PAYMENT_DECIDE,
    on=answering_for,
    gated=False,
    fields=(
        Choice("decision", "Your answer", options=("accept", "reject")),
        PickMessage("request", "Payment request", required=False, options=_answers, newest=True),
    ),
    offer=Offer(
        "Answer a payment request",
        "pay",
        "Either answer opens messages at once. Accepting means that you will pay; how, you read next.",
        "Answered. You can write again, unless another request waits for you.",
        when=lambda work, thread: bool(_answerable(work, thread)),
        grave=True,
        answers="decision",
        means=_what_answers_mean,
        leads=lambda value: value,
        otherwise="No payment request waits for your answer here.",
    ),
)
def decide(work: Work, thread: LoadedThread, decision: str, request: str | None) -> str:
    """Accept or reject a payment request to the actor: the newest that holds in the thread if none is named. The same answer again changes nothing.

    It opens messages at once, whether it is ever paid. Returns: the path to what comes next: the payment, or the thread.
    Raises: NotFound, Conflict where it was answered otherwise, or withdrawn. Source: product.md, Payment.
    """
    row = _asked(work, thread, request)
    wanted = State.ACCEPTED if decision == "accept" else State.REJECTED
    if _stands_so(State(row.state), wanted):
        return _next(work, row, wanted)
    home = work.thread(row.thread)
    me, provider = work.member(home), record.provider_of(work)
    online = wanted is State.ACCEPTED and provider != MANUAL
    record.move(work, row, wanted, decided_at=work.now)
    say(work, home, row, PaymentDecision(**named(row), decision=wanted, by=me.nick, online=online), me)
    if online:
        begin_attempt(work, row.id, provider)
    return _next(work, row, wanted)


def _asked(work: Work, thread: LoadedThread, uid: str | None) -> sa.Row[Any]:
    """Return the request that is meant, read under its thread's lock: one that was made after those were looked for is another call's."""
    if uid is None:
        found = [row for row in _answerable(work, thread) if work.holds(row.thread)]
        if not found:
            raise Conflict("No payment request waits for your answer here.")
        return found[0]
    row = work.row(record.placed().where(payment_requests.c.uid == uid, payment_requests.c.addressee_id == work.person.id))
    if row is None or not _concerns(row, thread):
        raise NotFound()
    if row.state == State.OPEN and not work.holds(row.thread):
        raise NotFound()
    return row


def _stands_so(state: State, wanted: State) -> bool:
    """Say whether the answer was given already. Raises: Conflict where another one was."""
    if state is State.OPEN:
        return False
    if state is wanted or (wanted is State.ACCEPTED and state in UNPAID | SETTLED):
        return True
    raise Conflict(record.ALREADY[state])


def _next(work: Work, row: sa.Row[Any], wanted: State) -> str:
    online = wanted is State.ACCEPTED and record.provider_of(work) != MANUAL
    return f"/payments/{row.uid}" if online else f"/threads/{row.thread}"
