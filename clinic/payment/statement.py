"""One payment in full: its history for administrators, and what stands on its receipt. Views; imports clinic only.

What an administrator reads here of a thread's log are the entries about the payment alone; nothing that anybody has written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from clinic.account.settings import setting
from clinic.account.tables import accounts
from clinic.actions import view
from clinic.errors import NotFound
from clinic.fields import is_uid
from clinic.kinds import kind_named
from clinic.log import entries
from clinic.payment.ledger import zone_of
from clinic.payment.money import Money
from clinic.payment.providers import RefundOutcome
from clinic.payment.record import MANUAL
from clinic.payment.states import SETTLED, AttemptState, State
from clinic.payment.tables import payment_attempts, payment_requests, refunds
from clinic.permissions import Permission
from clinic.thread.tables import threads
from clinic.work import Work

_TOLD = ("payment-decision", "settlement")


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that became of a request, in the words in which the thread says it."""

    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class AttemptView:
    """An attempt to pay. provider: MANUAL or CARD. note: of who marked it paid (by). reference, payment_reference: the provider's names."""

    provider: str
    state: AttemptState
    test: bool
    reference: str
    payment_reference: str
    note: str
    by: str
    trouble: str
    created_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund. state: "asked" or a RefundOutcome. by: who asked for it, "" where nobody of the clinic did. surplus: of what was paid a second time."""

    amount: Money
    state: str
    reason: str
    by: str
    reference: str
    trouble: str
    surplus: bool
    created_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A payment request in full. thread: its uid, for what an administrator does to it. left: what can still be given back."""

    request: str
    thread: str
    service: str
    description: str
    tax_note: str
    amount: Money
    refunded: Money
    left: Money
    state: State
    patient: str
    born: date | None
    practitioner: str
    requester: str
    response_hours: int | None
    created_at: datetime
    paid_at: datetime | None
    receipt: int | None
    history: tuple[Happened, ...]
    attempts: tuple[AttemptView, ...]
    refunds: tuple[RefundView, ...]

    @property
    def troubled(self) -> bool:
        """Whether something that is not tried again by itself was reported, and nobody has looked at it."""
        settled = [one.trouble for one in self.refunds if one.settled_at]
        return any([*settled, *(one.trouble for one in self.attempts if one.state is not AttemptState.ASKED)])


@dataclass(frozen=True, slots=True)
class Receipt:
    """What stands on the receipt of a paid request. header: the clinic's address and the like, lines. paid_on: on the clinic's clock.

    by_card: otherwise at the desk. reference: the provider's name for the money, "" at the desk. refunds: (day, amount) of each that is done.
    test: no real money moved.
    """

    clinic: str
    header: str
    number: int
    paid_at: datetime
    paid_on: date
    patient: str
    born: date | None
    practitioner: str
    service: str
    description: str
    tax_note: str
    amount: Money
    by_card: bool
    reference: str
    refunds: tuple[tuple[date, Money], ...]
    test: bool

    @property
    def kept(self) -> Money:
        """What the clinic has kept of it."""
        return Money(self.amount.minor - sum(money.minor for _, money in self.refunds), self.amount.currency)


@view(Permission.PAYMENT_LIST)
def statement(work: Work, uid: str) -> Statement:
    """Return a payment request in full. Raises: NotFound."""
    row = _request(work, uid)
    attempts = _attempts(work, row.id)
    given = _refunds(work, row.id)
    wanted = sum(one.amount_minor for one in given if one.attempt_state == AttemptState.PAID and one.state != RefundOutcome.FAILED)
    left = row.amount_minor - wanted if State(row.state) in SETTLED else 0
    return Statement(
        row.uid, row.thread, row.service, row.description, row.tax_note, Money(row.amount_minor, row.currency), Money(row.refunded_minor, row.currency),
        Money(left, row.currency), State(row.state), row.patient, row.born, row.practitioner, row.requester, row.response_hours, row.created_at,
        row.paid_at, row.receipt_number, _history(work, row), tuple(_attempt(one) for one in attempts), tuple(_refund(one, row.currency) for one in given),
    )


@view(Permission.PAYMENT_OWN)
def own_receipt(work: Work, uid: str) -> Receipt:
    """Return the receipt of a request to the actor. Raises: NotFound, also where it is not paid."""
    return _receipt(work, _request(work, uid, payment_requests.c.addressee_id == work.person.id))


@view(Permission.PAYMENT_LIST)
def receipt(work: Work, uid: str) -> Receipt:
    """Return the receipt of any request. Raises: NotFound, also where it is not paid."""
    return _receipt(work, _request(work, uid))


def _request(work: Work, uid: str, *conditions: sa.ColumnElement[bool]) -> sa.Row[Any]:
    patient, practitioner, requester = accounts.alias(), accounts.alias(), accounts.alias()
    query = (
        sa.select(
            payment_requests, threads.c.uid.label("thread"), patient.c.name.label("patient"), patient.c.birth_date.label("born"),
            practitioner.c.name.label("practitioner"), requester.c.name.label("requester"),
        )
        .join(threads, threads.c.id == payment_requests.c.thread_id)
        .join(patient, patient.c.id == payment_requests.c.addressee_id)
        .join(practitioner, practitioner.c.id == payment_requests.c.practitioner_id)
        .join(requester, requester.c.id == payment_requests.c.requester_id)
        .where(payment_requests.c.uid == uid, *conditions)
    )
    row = work.row(query) if is_uid(uid) else None
    if row is None:
        raise NotFound()
    return row


def _history(work: Work, row: sa.Row[Any]) -> tuple[Happened, ...]:
    asked = f"{row.requester} asked {row.patient} for {Money(row.amount_minor, row.currency)}"
    behalf = "" if row.requester_id == row.practitioner_id else f", on behalf of {row.practitioner}"
    place = sa.select(entries.c.seq).where(entries.c.uid == row.entry_uid).scalar_subquery()
    told = sa.select(entries.c.kind, entries.c.payload, entries.c.at).where(
        entries.c.thread_id == row.thread_id, entries.c.about_seq == place, entries.c.kind.in_(_TOLD)
    )
    found = [(one.at, kind_named(one.kind).decode(one.payload).body) for one in work.rows(told.order_by(entries.c.seq))]
    return tuple(Happened(at, words) for at, words in [(row.created_at, f"{asked}{behalf}."), *found])


def _attempts(work: Work, request_id: int) -> Sequence[sa.Row[Any]]:
    marked = sa.outerjoin(payment_attempts, accounts, accounts.c.id == payment_attempts.c.marked_by)
    query = sa.select(payment_attempts, accounts.c.name.label("by")).select_from(marked)
    return work.rows(query.where(payment_attempts.c.request_id == request_id).order_by(payment_attempts.c.id))


def _attempt(row: sa.Row[Any]) -> AttemptView:
    return AttemptView(
        row.provider, AttemptState(row.state), row.test, row.reference or "", row.payment_reference or "", row.note, row.by or "", row.trouble,
        row.created_at, row.settled_at,
    )


def _refunds(work: Work, request_id: int) -> Sequence[sa.Row[Any]]:
    query = (
        sa.select(refunds, payment_attempts.c.state.label("attempt_state"), accounts.c.name.label("by"))
        .join(payment_attempts, payment_attempts.c.id == refunds.c.attempt_id)
        .outerjoin(accounts, accounts.c.id == refunds.c.asked_by)
        .where(payment_attempts.c.request_id == request_id)
        .order_by(refunds.c.id)
    )
    return work.rows(query)


def _refund(row: sa.Row[Any], currency: str) -> RefundView:
    return RefundView(
        Money(row.amount_minor, currency), row.state, row.reason, row.by or "", row.reference or "", row.trouble,
        row.attempt_state == AttemptState.SURPLUS, row.created_at, row.settled_at,
    )


def _receipt(work: Work, row: sa.Row[Any]) -> Receipt:
    if State(row.state) not in SETTLED or row.receipt_number is None:
        raise NotFound()
    zone = zone_of(work)
    paid = next(one for one in _attempts(work, row.id) if one.state == AttemptState.PAID)
    done = [one for one in _refunds(work, row.id) if one.attempt_id == paid.id and one.state == RefundOutcome.DONE]
    return Receipt(
        setting(work, "clinic_name"), setting(work, "receipt_header"), row.receipt_number, row.paid_at, row.paid_at.astimezone(zone).date(), row.patient,
        row.born, row.practitioner, row.service, row.description, row.tax_note, Money(row.amount_minor, row.currency), paid.provider != MANUAL,
        paid.payment_reference or paid.reference or "", tuple((one.settled_at.astimezone(zone).date(), Money(one.amount_minor, row.currency)) for one in done),
        paid.test,
    )
