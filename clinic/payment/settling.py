"""Actions by which accepted requests are paid: at the desk, or by a provider as it reports it; and refunds. Imports clinic only.

What a provider says is the whole state of an attempt (providers.Report), so it is safe to hear it twice, late, or in any order: each
report moves the request along the table of states as far as it tells, and no further. The worker asks providers (ops/payments.py);
nothing here leaves the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from clinic.actions import Offer, action
from clinic.errors import Conflict, Invalid, NotFound
from clinic.fields import Computed, Option, PickMessage, Text, Uid
from clinic.loading import LoadedThread
from clinic.payment import record
from clinic.payment.kinds import Settlement
from clinic.payment.money import Money, minor_of
from clinic.payment.providers import Opened, Outcome, RefundOutcome, RefundReport, Report
from clinic.payment.record import CLOSE_JOB, LOOK_JOB, MANUAL, PAYMENTS, REFUND_JOB, named, newest, request_in, thread_or_administered
from clinic.payment.states import LIVE, SETTLED, UNPAID, AttemptState, State
from clinic.payment.tables import WORDS_LENGTH, payment_attempts, payment_requests, provider_events, refunds
from clinic.permissions import Permission
from clinic.storage import new_id, new_uid
from clinic.thread.actions import thread_for
from clinic.thread.tables import threads
from clinic.work import Work

REASON = Text("reason", "Reason", max_bytes=WORDS_LENGTH)
# How long after an attempt was opened it is looked at again, and for how long so often: a clinic that cannot be reached from
# outside hears of nothing by itself.
_LOOKS = ((timedelta(minutes=10), 20), (timedelta(hours=1), 120), (timedelta(days=2), 900), (timedelta(days=30), 6 * 3600))


GIVEN_UP_AFTER = timedelta(days=1)


@dataclass(slots=True)
class Settling:
    """An attempt under its thread's lock, with its request: rows, or Changed ones as the action goes on."""

    thread: LoadedThread
    request: Any
    attempt: Any


def attempt_for(work: Work, uid: str) -> Settling:
    """Return an attempt with its request, once its thread is locked. For the clinic's own processes. Raises: NotFound."""
    place = (
        sa.select(threads.c.uid, payment_requests.c.id.label("request_id"))
        .join(payment_requests, payment_requests.c.thread_id == threads.c.id)
        .join(payment_attempts, payment_attempts.c.request_id == payment_requests.c.id)
        .where(payment_attempts.c.uid == uid)
    )
    found = work.row(place)
    if found is None:
        raise NotFound()
    [thread] = work.threads([found.uid])
    request = work.row(sa.select(payment_requests).where(payment_requests.c.id == found.request_id))
    attempt = work.row(sa.select(payment_attempts).where(payment_attempts.c.uid == uid))
    assert request is not None and attempt is not None  # they are never deleted
    return Settling(thread, request, attempt)


def _own_unpaid(work: Work, thread: LoadedThread | None) -> list[Option]:
    if thread is None:
        return []
    mine = payment_requests.c.addressee_id == work.person.id
    query = sa.select(payment_requests).where(payment_requests.c.thread_id == thread.id, mine, payment_requests.c.state.in_(UNPAID))
    rows = work.rows(query.order_by(payment_requests.c.id.desc()))
    return [Option(row.uid, record.label(row)) for row in rows if record.provider_of(work) != MANUAL or record.live_attempt(work, row.id)]


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

    Returns: the request's uid. Raises: Conflict, Invalid.
    """
    own = _own_unpaid(work, thread)
    uid = request or (own[0].value if own else "")
    row = record.own_request_in(work, thread, uid, UNPAID | SETTLED)
    if State(row.state) in UNPAID and record.live_attempt(work, row.id) is None:
        provider = record.provider_of(work)
        if provider == MANUAL:
            raise Conflict("This is paid at the clinic's desk.")
        record.begin_attempt(work, row.id, provider)
    return str(row.uid)


def _unpaid(work: Work, thread: LoadedThread | None) -> list[Option]:
    return [] if thread is None else record.options(work, thread, UNPAID)


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
    row = request_in(work, thread, request or newest(_unpaid(work, thread)), UNPAID)
    me = thread.members.get(work.person.id)
    for attempt in record.attempts_of(work, row.id):
        if AttemptState(attempt.state) in LIVE:
            work.enqueue(PAYMENTS, CLOSE_JOB, attempt=attempt.uid)
    record.insert_attempt(work, row.id, MANUAL, AttemptState.PAID, note=note, marked_by=work.person.id, settled_at=work.now)
    _paid(work, thread, row, by=me.nick if me else work.person.name)


def _paid(work: Work, thread: LoadedThread, row: Any, *, by: str = "", test: bool = False) -> Any:
    """Say that a request was paid; from now on the time runs within which staff have promised to answer. Returns: the request as it is then."""
    now = record.move(work, row, State.PAID, paid_at=work.now, receipt_number=record.next_receipt(work))
    record.say(work, thread, row, _settlement(work, thread, row, State.PAID, by=by, test=test))
    if row.response_hours:
        due = work.now + timedelta(hours=row.response_hours)
        thread.answer_due_at = due if thread.answer_due_at is None else min(due, thread.answer_due_at)
        work.update(threads, thread.id, answer_due_at=thread.answer_due_at)
    return now


def _settlement(work: Work, thread: LoadedThread, row: Any, state: str, **more: Any) -> Settlement:
    return Settlement(**named(row), state=state, patient=record.patient_name(work, thread, row), **more)


# -- what the worker tells of providers

@action("payment.opened", Permission.SYSTEM, on=attempt_for, fields=(Computed("opened", kind=Opened),))
def opened(work: Work, it: Settling, opened: Opened) -> bool:
    """Keep where an attempt can be paid. Returns: whether it can: where the request was paid meanwhile, the attempt is closed again."""
    if it.attempt.state != AttemptState.ASKED:
        return bool(it.attempt.state == AttemptState.OPEN)
    work.update(payment_attempts, it.attempt.id, state=AttemptState.OPEN, reference=opened.reference, url=opened.url, test=opened.test,
                expires_at=opened.expires_at, trouble="")
    if State(it.request.state) not in UNPAID:
        work.enqueue(PAYMENTS, CLOSE_JOB, attempt=it.attempt.uid)
        return False
    _pending(work, it, opened.test)
    work.enqueue(PAYMENTS, LOOK_JOB, after=timedelta(seconds=_LOOKS[0][1]), attempt=it.attempt.uid, again=True)
    return True


def _pending(work: Work, it: Settling, test: bool) -> None:
    if State(it.request.state) in (State.ACCEPTED, State.FAILED):
        record.move(work, it.request, State.PENDING)
        record.say(work, it.thread, it.request, _settlement(work, it.thread, it.request, State.PENDING, test=test))


@action("payment.drop", Permission.SYSTEM, on=attempt_for)
def drop(work: Work, it: Settling) -> None:
    """Give up an attempt that was never opened: nothing can be paid by it."""
    if it.attempt.state == AttemptState.ASKED:
        work.update(payment_attempts, it.attempt.id, state=AttemptState.EXPIRED, settled_at=work.now)


@action("payment.check", Permission.PAYMENT_DECIDE, on=thread_for, gated=False, fields=(Uid("request", "Payment"),), audited=False)
def check(work: Work, thread: LoadedThread, request: str) -> bool:
    """Have the provider asked now how the actor's own payment stands, as they have just come back from it. Returns: whether one is open."""
    row = record.own_request_in(work, thread, request, frozenset(State))
    attempt = record.live_attempt(work, row.id)
    if attempt is None or attempt.state == AttemptState.ASKED:
        return False
    work.enqueue(PAYMENTS, LOOK_JOB, attempt=attempt.uid, again=False)
    return True


@action("payment.delayed", Permission.SYSTEM, on=attempt_for, fields=(Computed("words"), Computed("refused", kind=bool)))
def delayed(work: Work, it: Settling, words: str, refused: bool) -> bool:
    """Keep that an attempt could not be opened yet, for the administrator, and tell the patient once.

    refused: the provider said no. After a day of it the attempt is over; the patient may begin another. Returns: whether they were told now.
    """
    if it.attempt.state != AttemptState.ASKED:
        return False
    first = not it.attempt.trouble
    over = refused and work.now - it.attempt.created_at > GIVEN_UP_AFTER
    ended = {"state": AttemptState.REFUSED, "settled_at": work.now} if over else {}
    work.update(payment_attempts, it.attempt.id, trouble=words[:WORDS_LENGTH], **ended)
    work.audit_detail(refused=refused)
    if first:
        record.say(work, it.thread, it.request, _settlement(work, it.thread, it.request, "delayed"))
    return first


@action(
    "payment.heard",
    Permission.SYSTEM,
    fields=(
        Computed("provider"),
        Computed("event"),
        *(Computed(name, required=False) for name in ("attempt", "reference", "payment_reference")),
    ),
    audited=False,
)
def heard(work: Work, provider: str, event: str, attempt: str | None, reference: str | None, payment_reference: str | None) -> bool:
    """Keep that a provider has told of news about an attempt, and have it asked for them. The same event again is nothing.

    attempt: its uid; reference, payment_reference: the provider's names for it and for the money that came. None where the event does not
    hold them: one of them is enough, and what is none of ours is not asked about. Returns: whether it is new.
    """
    known = sa.and_(provider_events.c.provider == provider, provider_events.c.event == event)
    if work.row(sa.select(provider_events.c.event).where(known)) is not None:
        return False
    work.insert(provider_events, provider=provider, event=event, received_at=work.now)
    table = payment_attempts.c
    named = ((table.uid, attempt), (table.reference, reference), (table.payment_reference, payment_reference))
    same = sa.or_(sa.false(), *(column == given for column, given in named if given))
    for row in work.rows(sa.select(table.uid).where(table.provider == provider, same)):
        work.enqueue(PAYMENTS, LOOK_JOB, attempt=row.uid, again=False)
    return True


@action("payment.reported", Permission.SYSTEM, on=attempt_for, fields=(Computed("report", kind=Report), Computed("again", kind=bool)))
def reported(work: Work, it: Settling, report: Report, again: bool) -> None:
    """Take over how a provider says an attempt stands. again: whether to look once more later, while money may still come.

    What does not fit (another attempt, amount or currency, test instead of real money) changes nothing, and is kept for the administrator.
    """
    if why := _mismatch(it, report):
        work.update(payment_attempts, it.attempt.id, trouble=why)
        work.audit_detail(mismatch=True)
        return
    if report.outcome is Outcome.PAID:
        _take_paid(work, it, report)
    elif AttemptState(it.attempt.state) in LIVE:
        _take_unpaid(work, it, report)
    _take_refunds(work, it, report)
    if again and report.outcome in (Outcome.OPEN, Outcome.FAILED, Outcome.PROCESSING) and (pause := _pause(work.now - it.attempt.created_at)):
        work.enqueue(PAYMENTS, LOOK_JOB, after=pause, attempt=it.attempt.uid, again=True)


def _mismatch(it: Settling, report: Report) -> str:
    asked = Money(it.request.amount_minor, it.request.currency)
    if report.attempt != it.attempt.uid or (it.attempt.reference is not None and report.reference != it.attempt.reference):
        return f"The provider reports another payment than this one ({report.reference})."
    if report.amount != asked:
        return f"The provider reports {report.amount} for a request of {asked}. Nothing was marked as paid."
    if it.attempt.reference is not None and report.test != it.attempt.test:
        return "The provider reports it in another mode (test or real) than it was opened in. Nothing was marked as paid."
    return ""


def _pause(age: timedelta) -> timedelta | None:
    return next((timedelta(seconds=seconds) for upto, seconds in _LOOKS if age < upto), None)


def _take_paid(work: Work, it: Settling, report: Report) -> None:
    if AttemptState(it.attempt.state) in (AttemptState.PAID, AttemptState.SURPLUS):
        return
    first = State(it.request.state) in UNPAID
    state = AttemptState.PAID if first else AttemptState.SURPLUS
    work.update(payment_attempts, it.attempt.id, state=state, settled_at=work.now, payment_reference=report.payment_reference,
                receipt_url=report.receipt_url, reference=report.reference, test=report.test, trouble="")
    it.attempt = record.Changed(it.attempt, state=state)
    if first:
        it.request = _paid(work, it.thread, it.request, test=report.test)
        for other in record.attempts_of(work, it.request.id):
            if other.id != it.attempt.id and AttemptState(other.state) in LIVE:
                work.enqueue(PAYMENTS, CLOSE_JOB, attempt=other.uid)
        return
    # Paid a second time, at the desk and by card for example: the clinic keeps one payment only.
    record.say(work, it.thread, it.request, _settlement(work, it.thread, it.request, "surplus", test=report.test))
    _ask_refund(work, it.attempt, it.request.amount_minor, "Paid a second time", None)


def _take_unpaid(work: Work, it: Settling, report: Report) -> None:
    state = AttemptState(report.outcome) if report.outcome is not Outcome.OPEN else AttemptState.OPEN
    if state is AttemptState.OPEN and it.attempt.state == AttemptState.ASKED:
        return  # it is opened by the answer that holds its address
    if state != it.attempt.state:
        over = {"settled_at": work.now} if state is AttemptState.EXPIRED else {}
        work.update(payment_attempts, it.attempt.id, state=state, **over)
    if state in (AttemptState.FAILED, AttemptState.EXPIRED) and it.request.state == State.PENDING:
        why = report.why if state is AttemptState.FAILED else "The time to pay has run out."
        record.move(work, it.request, State.FAILED)
        record.say(work, it.thread, it.request, _settlement(work, it.thread, it.request, State.FAILED, why=why, test=it.attempt.test))
    elif state is AttemptState.PROCESSING:
        _pending(work, it, it.attempt.test)


# -- refunds


def _refundable(work: Work, row: sa.Row[Any]) -> tuple[sa.Row[Any], int]:
    """Return the attempt by which a request was paid, and how much of it can still be given back."""
    attempt = next(one for one in record.attempts_of(work, row.id) if one.state == AttemptState.PAID)
    wanted = sa.and_(refunds.c.attempt_id == attempt.id, refunds.c.state != RefundOutcome.FAILED)
    given = sum(one.amount_minor for one in work.rows(sa.select(refunds.c.amount_minor).where(wanted)))
    return attempt, row.amount_minor - given


@action(
    "payment.refund",
    Permission.PAYMENT_REFUND,
    on=thread_or_administered,
    fields=(
        PickMessage("request", "Payment"),
        Text("amount", "Amount, empty for all of it", required=False, max_bytes=40),
        REASON,
        Text("left", "What could be given back when it was asked", required=False, max_bytes=40),
    ),
)
def refund(work: Work, thread: LoadedThread, request: str, amount: str | None, reason: str, left: str | None) -> int:
    """Give a paid amount, or a part of it, back; what was paid at the desk is given back there. Administrators only.

    left: what could be given back, in the smallest unit, when the person was asked: a form sent twice gives nothing back twice.
    Returns: how much, in the currency's smallest unit. Raises: Invalid, Conflict. Source: product.md, "Permissions".
    """
    row = request_in(work, thread, request, SETTLED)
    attempt, still = _refundable(work, row)
    if left is not None and left != str(still):
        raise Conflict("Meanwhile something was given back, or is being given back. Look at what is left before you give back more.")
    money = Money(still, row.currency)
    if amount is not None:
        try:
            money = Money(minor_of(amount.removesuffix(row.currency), row.currency), row.currency)
        except ValueError as error:
            raise Invalid(f"Amount: {error}", field="amount") from None
    if still == 0:
        raise Conflict("All of it was given back already, or is being given back.")
    if money.minor > still:
        raise Invalid(f"{Money(still, row.currency)} is all that can still be given back.", field="amount")
    uid = _ask_refund(work, attempt, money.minor, reason, work.person.id)
    work.audit_detail(refund=uid, amount_minor=money.minor)
    if attempt.provider == MANUAL:
        _given_back(work, thread, row, money.minor)
    return money.minor


def _ask_refund(work: Work, attempt: Any, amount_minor: int, reason: str, by: int | None) -> str:
    uid, manual = new_uid(), attempt.provider == MANUAL
    state = RefundOutcome.DONE if manual else "asked"
    work.insert(refunds, id=new_id(), uid=uid, attempt_id=attempt.id, amount_minor=amount_minor, state=state, reason=reason, asked_by=by,
                trouble="", created_at=work.now, settled_at=work.now if manual else None)
    if not manual:
        work.enqueue(PAYMENTS, REFUND_JOB, attempt=attempt.uid, refund=uid)
    return uid


def _given_back(work: Work, thread: LoadedThread, row: Any, amount_minor: int) -> Any:
    """Say that a part of what was paid, or all of it, was given back. Returns: the request as it is then."""
    total = row.refunded_minor + amount_minor
    state = State.REFUNDED if total >= row.amount_minor else State.PARTLY_REFUNDED
    record.say(work, thread, row, _settlement(work, thread, row, state, given_minor=amount_minor))
    return record.move(work, row, state, refunded_minor=total)


@action("payment.refunded", Permission.SYSTEM, on=attempt_for, fields=(Computed("report", kind=RefundReport),))
def refunded(work: Work, it: Settling, report: RefundReport) -> None:
    """Take over how a provider says a refund of an attempt stands."""
    _take_refund(work, it, report)


@action("payment.refund_delayed", Permission.SYSTEM, on=attempt_for, fields=(Computed("refund"), Computed("words"), Computed("refused", kind=bool)))
def refund_delayed(work: Work, it: Settling, refund: str, words: str, refused: bool) -> None:
    """Keep that a refund could not be made yet or, refused, will not be: for the administrator."""
    row = work.row(sa.select(refunds).where(refunds.c.uid == refund, refunds.c.attempt_id == it.attempt.id))
    if row is not None and row.settled_at is None:
        over = {"state": RefundOutcome.FAILED, "settled_at": work.now} if refused else {}
        work.update(refunds, row.id, trouble=words[:WORDS_LENGTH], **over)


def _take_refunds(work: Work, it: Settling, report: Report) -> None:
    for one in report.refunds:
        _take_refund(work, it, one)


def _take_refund(work: Work, it: Settling, report: RefundReport) -> None:
    known = next(_refund_rows(work, it, report), None)
    if report.amount.currency != it.request.currency or (known is not None and known.amount_minor != report.amount.minor):
        work.update(payment_attempts, it.attempt.id, trouble=f"The provider reports a refund of {report.amount} that is not ours.")
        return
    if known is not None and known.state in (RefundOutcome.DONE, RefundOutcome.FAILED):
        return
    over = {} if report.outcome is RefundOutcome.PENDING else {"settled_at": work.now}
    values = {"state": report.outcome, "reference": report.reference, "trouble": report.why, **over}
    if known is None:
        work.insert(refunds, id=new_id(), uid=new_uid(), attempt_id=it.attempt.id, amount_minor=report.amount.minor, asked_by=None,
                    reason="Made at the provider", created_at=work.now, **({"settled_at": None} | values))
    else:
        work.update(refunds, known.id, **values)
    # Of what was paid a second time the request itself knows nothing.
    if report.outcome is RefundOutcome.DONE and it.attempt.state == AttemptState.PAID:
        it.request = _given_back(work, it.thread, it.request, report.amount.minor)


def _refund_rows(work: Work, it: Settling, report: RefundReport) -> Iterator[sa.Row[Any]]:
    """Yield our rows of a refund: by our own key, by the provider's name for it."""
    for row in work.rows(sa.select(refunds).where(refunds.c.attempt_id == it.attempt.id).order_by(refunds.c.id)):
        if row.uid == report.key or (row.reference is not None and row.reference == report.reference):
            yield row
