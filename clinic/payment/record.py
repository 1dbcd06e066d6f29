"""Requests and attempts as actions work with them: found through the actor, moved along the table of states.

Plain helpers; imports clinic only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from clinic.account.settings import setting
from clinic.account.tables import accounts, settings
from clinic.errors import Conflict, Invalid, NotFound
from clinic.loading import LoadedThread
from clinic.payment.kinds import PaymentDecision
from clinic.payment.money import Money, check_by_card, minor_of
from clinic.payment.states import LIVE, TRANSITIONS, AttemptState, State
from clinic.payment.tables import payment_attempts, payment_requests
from clinic.requests import Changed, Requests
from clinic.storage import new_id, new_uid
from clinic.thread.tables import threads
from clinic.work import Work

MANUAL, CARD = "manual", "stripe"
PROVIDERS = (MANUAL, CARD)
"""Who takes payments: the clinic's desk, or whoever takes cards for it (web/gateways), by the name that attempts keep."""
PAYMENTS, OPEN_JOB, LOOK_JOB, CLOSE_JOB, REFUND_JOB = "payments", "payment.open", "payment.look", "payment.close", "payment.refund"
"""The queue of what providers are asked, and its jobs."""
_RECEIPTS = "last_receipt_number"

ALREADY = {
    State.OPEN: "The patient has not answered this request yet.",
    State.ACCEPTED: "This request was accepted already.",
    State.REJECTED: "This request was rejected already. Nothing is to be paid.",
    State.WITHDRAWN: "This request was withdrawn already. Nothing is to be paid.",
    State.PENDING: "This request was accepted already, and can be paid.",
    State.PAID: "This request is paid already.",
    State.FAILED: "This request was accepted already; its payment has not gone through yet.",
    State.PARTLY_REFUNDED: "This request is paid already, and a part was given back.",
    State.REFUNDED: "This request was paid, and all of it was given back.",
}
"""What is said where something was asked for that a request's state does not allow."""


def named(row: Any) -> dict[str, Any]:
    """Return what every entry about a request says of it."""
    return {"request": row.uid, "service": row.service, "amount_minor": row.amount_minor, "currency": row.currency}


def label(row: sa.Row[Any]) -> str:
    """Return a request in a few words: "Consultation, 50.00 EUR"."""
    return f"{row.service}, {Money(row.amount_minor, row.currency)}"


PAYMENT_REQUESTS = Requests(
    payment_requests,
    label=label,
    missing="There is no such payment request in this thread. Reload the page to see those there are.",
    already=ALREADY,
    withdrawn=lambda row, by, why: PaymentDecision(**named(row), decision=State.WITHDRAWN, by=by, why=why),
    concerns=("requester_id", "practitioner_id", "addressee_id"),
)


def placed() -> sa.Select[Any]:
    """Return the select of requests, each with its thread's uid (`thread`) and its practitioner's name (`practitioner`)."""
    return (
        sa.select(payment_requests, threads.c.uid.label("thread"), accounts.c.name.label("practitioner"))
        .join(threads, threads.c.id == payment_requests.c.thread_id)
        .join(accounts, accounts.c.id == payment_requests.c.practitioner_id)
    )


def own_request_in(work: Work, thread: LoadedThread, uid: str, states: Collection[State]) -> sa.Row[Any]:
    """Return a request to the actor, as `PAYMENT_REQUESTS.named`. Raises: NotFound for somebody else's."""
    mine = sa.and_(payment_requests.c.uid == uid, payment_requests.c.addressee_id == work.person.id)
    if work.row(sa.select(payment_requests.c.id).where(mine)) is None:
        raise NotFound()
    return PAYMENT_REQUESTS.named(work, thread, uid, states)


def move(work: Work, row: Any, to: State, **values: Any) -> Changed:
    """Move a request to another state, and set other columns with it. Returns: the request as it is then.

    Raises: Conflict where the table of states does not allow it.
    """
    if to not in TRANSITIONS[State(row.state)]:
        raise Conflict(ALREADY[State(row.state)])
    work.audit_detail(request=row.uid, before=str(row.state), state=str(to))
    return PAYMENT_REQUESTS.move(work, row, to, **values)


def written_amount(text: str, currency: str) -> Money:
    """Return the amount that somebody wrote in a field `amount`, with its currency or without ("50", "50.00 EUR"). Raises: Invalid, in words."""
    try:
        return Money(minor_of(text.removesuffix(currency), currency), currency)
    except ValueError as error:
        raise Invalid(f"Amount: {error}", field="amount") from None


def refuse_where_no_card_carries(money: Money, then: str = "") -> None:
    """Do nothing for an amount that can be paid by card. then: what to do about another. Raises: Invalid, in words."""
    try:
        check_by_card(money)
    except ValueError as error:
        raise Invalid(f"Amount: {error} {then}".strip(), field="amount") from None


def patient_name(work: Work, thread: LoadedThread, row: Any) -> str:
    """Return what the patient who was asked is called in the thread, or by their name where they are not in it any more."""
    if row.addressee_id in thread.members:
        return thread.members[row.addressee_id].nick
    found = work.row(sa.select(accounts.c.name).where(accounts.c.id == row.addressee_id))
    return str(found.name) if found else "The patient"


def attempts_of(work: Work, request_id: int) -> Sequence[sa.Row[Any]]:
    """Return the attempts to pay a request, oldest first."""
    return work.rows(sa.select(payment_attempts).where(payment_attempts.c.request_id == request_id).order_by(payment_attempts.c.id))


def live_attempt(work: Work, request_id: int) -> sa.Row[Any] | None:
    """Return the newest attempt by which money may still come for a request, or None."""
    return next((row for row in reversed(attempts_of(work, request_id)) if AttemptState(row.state) in LIVE), None)


def provider_of(work: Work) -> str:
    """Return the name of who takes payments in this clinic: MANUAL, or that of a provider."""
    return setting(work, "payment_provider")


def begin_attempt(work: Work, request_id: int, provider: str) -> str:
    """Ask a provider, by a job, to open an attempt to pay a request. Returns: its uid."""
    uid = insert_attempt(work, request_id, provider, AttemptState.ASKED)
    work.enqueue(PAYMENTS, OPEN_JOB, attempt=uid)
    return uid


def insert_attempt(work: Work, request_id: int, provider: str, state: AttemptState, **values: Any) -> str:
    """Insert an attempt to pay a request. Returns: its uid."""
    uid = new_uid()
    work.insert(payment_attempts, id=new_id(), uid=uid, request_id=request_id, provider=provider, state=state,
                **({"test": False, "note": "", "trouble": "", "created_at": work.now} | values))
    return uid


def next_receipt(work: Work) -> int:
    """Return the next number of the clinic's receipts, one after the other; who asks at the same time waits for this transaction."""
    row = work.row(sa.select(settings.c.value).where(settings.c.key == _RECEIPTS).with_for_update())
    number = 1 if row is None else int(row.value) + 1
    if row is None:
        work.insert(settings, key=_RECEIPTS, value=str(number))
    else:
        work.update(settings, _RECEIPTS, value=str(number))
    return number
