"""Refunds: asked for by administrators, or by the clinic itself where something was paid twice; and what providers say of them. Imports clinic only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clinic.actions import action
from clinic.errors import Conflict, Invalid
from clinic.fields import Computed, PickMessage, Text
from clinic.loading import LoadedThread
from clinic.payment import record
from clinic.payment.attempts import SOON, Settling, attempt_for, look_later
from clinic.payment.money import Money
from clinic.payment.providers import RefundOutcome, RefundReport
from clinic.payment.record import MANUAL, PAYMENT_REQUESTS, PAYMENTS, REFUND_JOB
from clinic.payment.settling import settlement
from clinic.payment.states import SETTLED, AttemptState, State
from clinic.payment.tables import WORDS_LENGTH, payment_attempts, refunds
from clinic.permissions import Permission
from clinic.requests import say
from clinic.storage import new_id, new_uid
from clinic.thread.actions import thread_or_administered
from clinic.work import Work

REASON = Text("reason", "Reason", max_bytes=WORDS_LENGTH)
ASKED = "asked"
_ORDER = (ASKED, RefundOutcome.PENDING, RefundOutcome.DONE, RefundOutcome.FAILED)
"""A refund goes this way only: a bank may send it back after it was done, and what was heard late does not undo that."""
_AGAIN = "Meanwhile something was given back, or is being given back: {left} is left. Look at it before you give back more."


def _refundable(work: Work, row: sa.Row[Any]) -> tuple[sa.Row[Any], int]:
    """Return the attempt by which a request was paid, and how much of it can still be given back."""
    attempt = next(one for one in record.attempts_of(work, row.id) if one.state == AttemptState.PAID)
    wanted = sa.and_(refunds.c.attempt_id == attempt.id, refunds.c.state != RefundOutcome.FAILED)
    given = sum(one.amount_minor for one in work.rows(sa.select(refunds.c.amount_minor).where(wanted)))
    return attempt, max(0, row.amount_minor - given)


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

    left: how much could be given back, in the smallest unit, when the form was made: a form that is sent twice gives back once.
    Returns: how much, in the currency's smallest unit. Raises: Invalid, Conflict. Source: product.md, "Permissions".
    """
    row = PAYMENT_REQUESTS.named(work, thread, request, SETTLED)
    attempt, rest = _refundable(work, row)
    money = Money(rest, row.currency)
    if rest == 0:
        raise Conflict("All of it was given back already, or is being given back.")
    if left is not None and left != str(rest):
        raise Conflict(_AGAIN.format(left=money))
    if amount is not None:
        money = record.written_amount(amount, row.currency)
        if attempt.provider != MANUAL:
            record.refuse_where_no_card_carries(money)
    if money.minor > rest:
        raise Invalid(f"{Money(rest, row.currency)} is all that can still be given back.", field="amount")
    uid = ask(work, attempt, money.minor, reason, work.person.id)
    work.audit_detail(refund=uid, amount_minor=money.minor)
    if attempt.provider == MANUAL:
        _given_back(work, thread, row, money.minor)
    return money.minor


def ask(work: Work, attempt: Any, amount_minor: int, reason: str, by: int | None) -> str:
    """Ask for a refund of an attempt: by a job or, where it was paid at the desk, done there. by: an account id, or None. Returns: its uid."""
    uid, manual = new_uid(), attempt.provider == MANUAL
    state = RefundOutcome.DONE if manual else ASKED
    work.insert(refunds, id=new_id(), uid=uid, attempt_id=attempt.id, amount_minor=amount_minor, state=state, reason=reason, asked_by=by,
                trouble="", created_at=work.now, settled_at=work.now if manual else None)
    if not manual:
        work.enqueue(PAYMENTS, REFUND_JOB, attempt=attempt.uid, refund=uid)
    return uid


def _given_back(work: Work, thread: LoadedThread, row: Any, amount_minor: int) -> Any:
    """Say that a part of what was paid, or all of it, was given back. Returns: the request as it is then."""
    total = row.refunded_minor + amount_minor
    state = State.REFUNDED if total >= row.amount_minor else State.PARTLY_REFUNDED
    say(work, thread, row, settlement(work, thread, row, state, given_minor=amount_minor))
    return record.move(work, row, state, refunded_minor=total)


def _come_back(work: Work, thread: LoadedThread, row: Any, amount_minor: int) -> Any:
    """Say that money that was given back did not arrive, and is the clinic's again. Returns: the request as it is then."""
    total = max(0, row.refunded_minor - amount_minor)
    state = State.PARTLY_REFUNDED if total else State.PAID
    say(work, thread, row, settlement(work, thread, row, state, returned_minor=amount_minor))
    return record.move(work, row, state, refunded_minor=total)


@action("payment.refunded", Permission.SYSTEM, on=attempt_for, fields=(Computed("report", kind=RefundReport),))
def refunded(work: Work, it: Settling, report: RefundReport) -> None:
    """Take over how a provider says a refund of an attempt stands."""
    take(work, it, report)
    if report.outcome is RefundOutcome.PENDING:
        look_later(work, it.attempt.uid, SOON)


@action("payment.refund_delayed", Permission.SYSTEM, on=attempt_for, fields=(Computed("refund"), Computed("words"), Computed("refused", kind=bool)))
def refund_delayed(work: Work, it: Settling, refund: str, words: str, refused: bool) -> None:
    """Keep that a refund could not be made yet or, refused, was not and will not be: for the administrator."""
    row = work.row(sa.select(refunds).where(refunds.c.uid == refund, refunds.c.attempt_id == it.attempt.id))
    if row is not None and row.settled_at is None:
        over = {"state": RefundOutcome.FAILED, "settled_at": work.now} if refused else {}
        work.update(refunds, row.id, trouble=_trouble(it, words) if refused else words[:WORDS_LENGTH], **over)


def asked_at(work: Work, attempt_id: int, references: Collection[str]) -> datetime:
    """Return when the newest of the refunds with these references was asked for, now where none is stored yet."""
    query = sa.select(refunds.c.created_at).where(refunds.c.attempt_id == attempt_id, refunds.c.reference.in_(references))
    return max((row.created_at for row in work.rows(query)), default=work.now)


def take(work: Work, it: Settling, report: RefundReport) -> None:
    """Take over one refund of an attempt as its provider knows it: ours, or one that was made in the provider's dashboard."""
    known = _known(work, it, report)
    if report.amount.currency != it.request.currency or (known is not None and known.amount_minor != report.amount.minor):
        work.update(payment_attempts, it.attempt.id, trouble=f"The provider reports a refund of {report.amount} that is not ours.")
        return
    # One that failed without a reference was refused to us; what the provider knows of it all the same counts.
    before = ASKED if known is None or (known.state == RefundOutcome.FAILED and known.reference is None) else known.state
    if _ORDER.index(report.outcome) <= _ORDER.index(before):
        return
    over = {} if report.outcome is RefundOutcome.PENDING else {"settled_at": work.now}
    trouble = _trouble(it, report.why) if report.outcome is RefundOutcome.FAILED else ""
    values = {"state": report.outcome, "reference": report.reference, "trouble": trouble, **over}
    if known is None:
        work.insert(refunds, id=new_id(), uid=new_uid(), attempt_id=it.attempt.id, amount_minor=report.amount.minor, asked_by=None,
                    reason="Made at the provider", created_at=work.now, **({"settled_at": None} | values))
    else:
        work.update(refunds, known.id, **values)
    _tell(work, it, report, before)


def _tell(work: Work, it: Settling, report: RefundReport, before: str) -> None:
    """Move the request and say so in its thread. Of what was paid a second time it knows nothing."""
    if it.attempt.state != AttemptState.PAID:
        return
    if report.outcome is RefundOutcome.DONE:
        if it.request.state == State.REFUNDED:
            work.update(payment_attempts, it.attempt.id, trouble=f"The provider has given back more than was paid: {report.amount} ({report.reference}).")
        else:
            it.request = _given_back(work, it.thread, it.request, report.amount.minor)
    elif report.outcome is RefundOutcome.FAILED and before == RefundOutcome.DONE:
        it.request = _come_back(work, it.thread, it.request, report.amount.minor)


def _trouble(it: Settling, words: str) -> str:
    """Return what stands with a refund that failed, for the administrator: one of a second payment cannot be asked for anew here."""
    advice = " It was paid a second time: give it back in the provider's dashboard, or at the desk." if it.attempt.state == AttemptState.SURPLUS else ""
    return f"{words.rstrip('.')}.{advice}"[:WORDS_LENGTH]


def _known(work: Work, it: Settling, report: RefundReport) -> sa.Row[Any] | None:
    """Return our row of a refund: by our own key, or by the provider's name for it."""
    rows = work.rows(sa.select(refunds).where(refunds.c.attempt_id == it.attempt.id).order_by(refunds.c.id))
    return next((row for row in rows if row.uid == report.key or (row.reference is not None and row.reference == report.reference)), None)
