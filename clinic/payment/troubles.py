"""What went otherwise than it should with payments and refunds, until an administrator has looked at it. Imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clinic.account.tables import accounts
from clinic.actions import action, view
from clinic.fields import PickMessage
from clinic.loading import LoadedThread
from clinic.payment.money import Money
from clinic.payment.record import PAYMENT_REQUESTS
from clinic.payment.states import AttemptState, State
from clinic.payment.tables import payment_attempts, payment_requests, refunds
from clinic.permissions import Permission
from clinic.thread.actions import thread_or_administered
from clinic.work import Work

TROUBLES_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something about a request's money that an administrator should look at. words: what, as the provider or the clinic said it.

    what: "payment" or "refund". waits: it is tried again by itself.
    """

    request: str
    service: str
    patient: str
    amount: Money
    what: str
    words: str
    waits: bool
    at: datetime


@view(Permission.PAYMENT_LIST)
def troubles(work: Work) -> list[Trouble]:
    """Return what needs a look, the newest first, at most TROUBLES_AT_MOST: attempts and refunds that did not go as they should."""
    table = payment_attempts.c
    about = (payment_requests.c.uid, payment_requests.c.service, payment_requests.c.currency, accounts.c.name.label("patient"))
    attempts = (
        sa.select(*about, payment_requests.c.amount_minor, table.trouble, table.created_at.label("at"), (table.state == AttemptState.ASKED).label("waits"))
        .join(payment_requests, payment_requests.c.id == table.request_id)
        .join(accounts, accounts.c.id == payment_requests.c.addressee_id)
        .where(table.trouble != "")
        .order_by(table.id.desc())
        .limit(TROUBLES_AT_MOST)
    )
    given = (
        sa.select(*about, refunds.c.amount_minor, refunds.c.trouble, refunds.c.created_at.label("at"), refunds.c.settled_at.is_(None).label("waits"))
        .join(payment_attempts, table.id == refunds.c.attempt_id)
        .join(payment_requests, payment_requests.c.id == table.request_id)
        .join(accounts, accounts.c.id == payment_requests.c.addressee_id)
        .where(refunds.c.trouble != "")
        .order_by(refunds.c.id.desc())
        .limit(TROUBLES_AT_MOST)
    )
    found = [_trouble(row, "payment") for row in work.rows(attempts)] + [_trouble(row, "refund") for row in work.rows(given)]
    return sorted(found, key=lambda one: one.at, reverse=True)[:TROUBLES_AT_MOST]


def _trouble(row: sa.Row[Any], what: str) -> Trouble:
    return Trouble(row.uid, row.service, row.patient, Money(row.amount_minor, row.currency), what, row.trouble, bool(row.waits), row.at)


@action("payment.looked_at", Permission.PAYMENT_REFUND, on=thread_or_administered, fields=(PickMessage("request", "Payment"),))
def looked_at(work: Work, thread: LoadedThread, request: str) -> None:
    """Take what was reported about a request off the list of what needs a look. What is still tried again by itself stays. Raises: Invalid."""
    row = PAYMENT_REQUESTS.named(work, thread, request, set(State))
    mine = payment_attempts.c.request_id == row.id
    for one in work.rows(sa.select(payment_attempts).where(mine, payment_attempts.c.trouble != "", payment_attempts.c.state != AttemptState.ASKED)):
        work.update(payment_attempts, one.id, trouble="")
    given = sa.select(refunds.c.id).join(payment_attempts, payment_attempts.c.id == refunds.c.attempt_id)
    for one in work.rows(given.where(mine, refunds.c.trouble != "", refunds.c.settled_at.is_not(None))):
        work.update(refunds, one.id, trouble="")
