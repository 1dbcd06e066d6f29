"""What the worker needs to know of attempts and refunds before it asks a provider. Views; imports clinic only. System only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from clinic.actions import view
from clinic.payment.money import Money
from clinic.payment.providers import RefundOutcome
from clinic.payment.states import LIVE, UNPAID, AttemptState, State
from clinic.payment.tables import payment_attempts, payment_requests, refunds
from clinic.permissions import Permission
from clinic.work import Work


@dataclass(frozen=True, slots=True)
class AttemptToAsk:
    """An attempt as a job meets it. wanted: its request is not paid yet. reference: "" until it is opened. given_minor: what was given back of it."""

    uid: str
    provider: str
    state: AttemptState
    reference: str
    request: str
    request_state: State
    amount: Money
    service: str
    wanted: bool
    given_minor: int


@view(Permission.SYSTEM)
def attempt_to_ask(work: Work, uid: str) -> AttemptToAsk | None:
    """Return an attempt by its uid, or None."""
    found = _attempts(work, payment_attempts.c.uid == uid)
    return found[0] if found else None


@view(Permission.SYSTEM)
def attempts_known(work: Work, provider: str, uids: list[str]) -> list[AttemptToAsk]:
    """Return those of `uids` that are attempts with a provider."""
    return _attempts(work, sa.and_(payment_attempts.c.provider == provider, payment_attempts.c.uid.in_(uids)))


@view(Permission.SYSTEM)
def attempts_since(work: Work, provider: str, moment: datetime) -> list[AttemptToAsk]:
    """Return the attempts with a provider that were begun since `moment`, and those before it by which money may still come or go."""
    table = payment_attempts.c
    moving = sa.select(refunds.c.attempt_id).where(refunds.c.settled_at.is_(None))
    still = sa.or_(table.created_at >= moment, table.state.in_(LIVE), table.id.in_(moving))
    return _attempts(work, sa.and_(table.provider == provider, still))


def _attempts(work: Work, condition: sa.ColumnElement[bool]) -> list[AttemptToAsk]:
    table, request = payment_attempts.c, payment_requests.c
    done = sa.and_(refunds.c.attempt_id == table.id, refunds.c.state == RefundOutcome.DONE)
    given = sa.select(sa.func.coalesce(sa.func.sum(refunds.c.amount_minor), 0)).where(done).scalar_subquery()
    query = (
        sa.select(table.uid, table.provider, table.state, table.reference, request.uid.label("request"), request.state.label("request_state"),
                  request.amount_minor, request.currency, request.service, given.label("given_minor"))
        .join(payment_requests, request.id == table.request_id)
        .where(condition)
        .order_by(table.id)
    )
    return [
        AttemptToAsk(row.uid, row.provider, AttemptState(row.state), row.reference or "", row.request, State(row.request_state),
                     Money(row.amount_minor, row.currency), row.service, State(row.request_state) in UNPAID, int(row.given_minor))
        for row in work.rows(query)
    ]


@view(Permission.SYSTEM)
def refund_to_ask(work: Work, uid: str) -> tuple[str, Money] | None:
    """Return the reference of the attempt that is to be given back of, and how much; None where nothing is to be done any more."""
    query = (
        sa.select(payment_attempts.c.reference, refunds.c.amount_minor, payment_requests.c.currency)
        .join(payment_attempts, payment_attempts.c.id == refunds.c.attempt_id)
        .join(payment_requests, payment_requests.c.id == payment_attempts.c.request_id)
        .where(refunds.c.uid == uid, refunds.c.settled_at.is_(None))
    )
    row = work.row(query)
    return None if row is None else (row.reference, Money(row.amount_minor, row.currency))
