"""What the worker tells of providers: attempts that were opened, or could not be, and how a provider reports they stand. Imports clinic only.

What a provider says is the whole state of an attempt (providers.Report), so it is safe to hear it twice, late, or in any order: each
report moves the request along the table of states as far as it tells, and no further. The worker asks providers (ops/paying.py);
nothing here leaves the machine.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from clinic.account.sweep import STALE
from clinic.actions import action
from clinic.fields import Computed
from clinic.payment import record, refunding
from clinic.payment.attempts import SOON, Settling, attempt_for, look_later, look_now
from clinic.payment.money import Money
from clinic.payment.providers import Opened, Outcome, RefundOutcome, Report
from clinic.payment.record import CLOSE_JOB, MANUAL, PAYMENTS
from clinic.payment.settling import paid, settlement
from clinic.payment.states import LIVE, UNPAID, AttemptState, State
from clinic.payment.tables import WORDS_LENGTH, payment_attempts, provider_events
from clinic.permissions import Permission
from clinic.requests import Changed, say
from clinic.work import Work

# How long after an attempt was opened it is looked at again, and for how long so often: a clinic that cannot be reached from
# outside hears of nothing by itself.
_LOOKS = ((timedelta(minutes=10), SOON.seconds), (timedelta(hours=1), 120), (timedelta(days=2), 900), (timedelta(days=30), 6 * 3600))
_RUN_OUT = timedelta(seconds=30)
GIVEN_UP_AFTER = timedelta(days=1)
DELAY_SAID_AFTER = timedelta(seconds=60)
"""So long an attempt is tried before anybody is told that it is late: what takes a second, or a restart, is over before they have read of it.
It is asked again after 1, 2, 4 … seconds, so by then six tries or more have failed."""
EVENTS_KEPT = timedelta(days=90)  # providers repeat what they tell for a few days
NOT_BY_CARD = "It cannot be paid by card. Ask the clinic how to pay, or pay at its desk."


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
    # Without an address it was opened long ago, by a request whose answer was lost, and is over.
    look_later(work, it.attempt.uid, SOON if opened.url else timedelta(0))
    return True


def _pending(work: Work, it: Settling, test: bool) -> None:
    if State(it.request.state) in (State.ACCEPTED, State.FAILED):
        say(work, it.thread, it.request, settlement(work, it.thread, it.request, State.PENDING, test=test))
        it.request = record.move(work, it.request, State.PENDING)


def _failed(work: Work, it: Settling, why: str) -> None:
    say(work, it.thread, it.request, settlement(work, it.thread, it.request, State.FAILED, why=why, test=it.attempt.test))
    it.request = record.move(work, it.request, State.FAILED)


@action("payment.drop", Permission.SYSTEM, on=attempt_for)
def drop(work: Work, it: Settling) -> None:
    """Give up an attempt that was never opened: nothing can be paid by it."""
    if it.attempt.state == AttemptState.ASKED:
        work.update(payment_attempts, it.attempt.id, state=AttemptState.EXPIRED, settled_at=work.now)


@action("payment.delayed", Permission.SYSTEM, on=attempt_for, fields=(Computed("words"), Computed("refused", kind=bool)))
def delayed(work: Work, it: Settling, words: str, refused: bool) -> bool:
    """Keep that an attempt could not be opened yet, for the administrator, and tell the patient once, when it has lasted (DELAY_SAID_AFTER).

    refused: the provider said no, which does not pass by itself: that is told at once. After a day of it, or where the clinic takes no cards
    any more, the attempt is over, and the patient is told that too; they may begin another. Returns: whether they were told now.
    """
    if it.attempt.state != AttemptState.ASKED or State(it.request.state) not in UNPAID:
        return False
    work.audit_detail(refused=refused)
    given_up = refused and work.now - it.attempt.created_at > GIVEN_UP_AFTER
    if given_up or record.provider_of(work) == MANUAL:
        work.update(payment_attempts, it.attempt.id, state=AttemptState.REFUSED, trouble=words[:WORDS_LENGTH], settled_at=work.now)
        if it.request.state == State.ACCEPTED:
            _failed(work, it, NOT_BY_CARD)
            return True
        return False
    # It has failed ever since it was begun: the first success opens it.
    if not refused and work.now - it.attempt.created_at < DELAY_SAID_AFTER:
        return False
    work.update(payment_attempts, it.attempt.id, trouble=words[:WORDS_LENGTH])
    if first := not it.attempt.trouble:
        say(work, it.thread, it.request, settlement(work, it.thread, it.request, "delayed"))
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
        look_now(work, row.uid)
    return True


@action("payment.reported", Permission.SYSTEM, on=attempt_for, fields=(Computed("report", kind=Report),))
def reported(work: Work, it: Settling, report: Report) -> timedelta | None:
    """Take over how a provider says an attempt stands.

    What does not fit (another attempt, amount or currency, test instead of real money) changes nothing, and is kept for the administrator.
    Returns: after how long it is to be looked at again, as money may still come or go; None where nothing more is expected.
    """
    if why := _mismatch(it, report):
        work.update(payment_attempts, it.attempt.id, trouble=why)
        work.audit_detail(mismatch=True)
        return None
    news = report.outcome is Outcome.PAID and _take_paid(work, it, report)
    if report.outcome is not Outcome.PAID and AttemptState(it.attempt.state) in LIVE:
        _take_unpaid(work, it, report)
    for one in report.refunds:
        refunding.take(work, it, one)
    # What was told of the money before its name was stored (payment_reference) could not be known as this attempt's: one more look.
    if pause := SOON if news else _pause(work, it, report):
        look_later(work, it.attempt.uid, pause)
    return pause


def _mismatch(it: Settling, report: Report) -> str:
    asked = Money(it.request.amount_minor, it.request.currency)
    if report.attempt != it.attempt.uid or (it.attempt.reference is not None and report.reference != it.attempt.reference):
        return f"The provider reports another payment than this one ({report.reference})."
    if report.amount != asked:
        return f"The provider reports {report.amount} for a request of {asked}. Nothing was marked as paid."
    if it.attempt.reference is not None and report.test != it.attempt.test:
        return "The provider reports it in another mode (test or real) than it was opened in. Nothing was marked as paid."
    return ""


def _pause(work: Work, it: Settling, report: Report) -> timedelta | None:
    """Return after how long to look again: often at first, and as soon as the time to pay has run out; while a refund is on its way, from its beginning."""
    pending = [one.reference for one in report.refunds if one.outcome is RefundOutcome.PENDING]
    if pending:
        return _after(work.now - refunding.asked_at(work, it.attempt.id, pending))
    if report.outcome not in (Outcome.OPEN, Outcome.FAILED, Outcome.PROCESSING):
        return None
    pause = _after(work.now - it.attempt.created_at)
    ends: datetime | None = it.attempt.expires_at
    if pause is not None and ends is not None and ends > work.now:
        return min(pause, ends - work.now + _RUN_OUT)
    return pause


def _after(age: timedelta) -> timedelta | None:
    return next((timedelta(seconds=seconds) for upto, seconds in _LOOKS if age < upto), None)


def _take_paid(work: Work, it: Settling, report: Report) -> bool:
    """Take over that the money came. Returns: whether that is new."""
    if AttemptState(it.attempt.state) in (AttemptState.PAID, AttemptState.SURPLUS):
        return False
    first = State(it.request.state) in UNPAID
    state = AttemptState.PAID if first else AttemptState.SURPLUS
    work.update(payment_attempts, it.attempt.id, state=state, settled_at=work.now, payment_reference=report.payment_reference,
                receipt_url=report.receipt_url, reference=report.reference, test=report.test, trouble="")
    it.attempt = Changed(it.attempt, state=state)
    if first:
        it.request = paid(work, it.thread, it.request, test=report.test)
        for other in record.attempts_of(work, it.request.id):
            if other.id != it.attempt.id and AttemptState(other.state) in LIVE:
                work.enqueue(PAYMENTS, CLOSE_JOB, attempt=other.uid)
        return True
    # Paid a second time, at the desk and by card for example: the clinic keeps one payment only.
    say(work, it.thread, it.request, settlement(work, it.thread, it.request, "surplus", test=report.test))
    given = sum(one.amount.minor for one in report.refunds if one.outcome is not RefundOutcome.FAILED)
    if given < it.request.amount_minor:  # whoever saw it in the provider's dashboard may have been faster
        refunding.ask(work, it.attempt, it.request.amount_minor - given, "Paid a second time", None)
    return True


def _take_unpaid(work: Work, it: Settling, report: Report) -> None:
    if it.attempt.state == AttemptState.ASKED:
        return  # it is opened by the answer that holds its address: until then nobody can pay there
    state = AttemptState.OPEN if report.outcome is Outcome.OPEN else AttemptState(report.outcome)
    if state != it.attempt.state:
        over = {"settled_at": work.now} if state is AttemptState.EXPIRED else {}
        work.update(payment_attempts, it.attempt.id, state=state, **over)
    if state in (AttemptState.FAILED, AttemptState.EXPIRED) and it.request.state == State.PENDING:
        _failed(work, it, report.why or ("" if state is AttemptState.FAILED else "The time to pay has run out."))
    elif state is AttemptState.PROCESSING:
        _pending(work, it, it.attempt.test)


STALE.append(lambda now: (provider_events, provider_events.c.received_at < now - EVENTS_KEPT))
