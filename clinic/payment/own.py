"""What a patient sees of their own payments. Views; imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from clinic.actions import view
from clinic.errors import NotFound
from clinic.fields import is_uid
from clinic.payment import record
from clinic.payment.states import UNPAID, AttemptState
from clinic.payment.tables import payment_requests
from clinic.payment.views import PaymentView, selected, views_of
from clinic.permissions import Permission
from clinic.work import Work


@dataclass(frozen=True, slots=True)
class OwnPayment:
    """One payment as the patient who was asked sees it. ways: how it can be paid now, one of WAYS. url: where, of "card".

    late: the card service has not answered yet. test: no real money moves. receipt_url: of the card service's own receipt, "" without one.
    member: they are in its thread, where what is left is done.
    """

    payment: PaymentView
    way: str
    url: str = ""
    late: bool = False
    test: bool = False
    receipt_url: str = ""
    member: bool = True


WAYS = {
    "": "nothing is to be paid, or not yet",
    "desk": "at the clinic's desk",
    "preparing": "by card: the card service is being asked",
    "card": "by card, now",
    "arriving": "it was paid, in a way that takes days to arrive",
    "again": "by card, once it is begun again",
}


@view(Permission.PAYMENT_OWN)
def own_payments(work: Work) -> list[PaymentView]:
    """Return the requests to the actor, newest first."""
    return views_of(work.rows(selected().where(payment_requests.c.addressee_id == work.person.id)))


@view(Permission.PAYMENT_OWN)
def own_payment(work: Work, uid: str) -> OwnPayment:
    """Return one request to the actor, and how it can be paid now. Raises: NotFound, also for somebody else's."""
    mine = sa.and_(payment_requests.c.uid == uid, payment_requests.c.addressee_id == work.person.id)
    rows = work.rows(selected().where(mine)) if is_uid(uid) else []
    if not rows:
        raise NotFound()
    [payment] = views_of(rows)
    member = _is_member(work, payment.thread)
    if payment.state not in UNPAID:
        paid = next((row for row in record.attempts_of(work, rows[0].id) if row.state == AttemptState.PAID), None)
        return OwnPayment(payment, "", test=bool(paid and paid.test), receipt_url=(paid and paid.receipt_url) or "", member=member)
    attempt = record.live_attempt(work, rows[0].id)
    if attempt is None:
        return OwnPayment(payment, "desk" if record.provider_of(work) == record.MANUAL else "again", member=member)
    if attempt.state == AttemptState.ASKED:
        return OwnPayment(payment, "preparing", late=bool(attempt.trouble), member=member)
    way = "arriving" if attempt.state == AttemptState.PROCESSING else "card"
    return OwnPayment(payment, way, attempt.url or "", test=attempt.test, member=member)


def _is_member(work: Work, thread_uid: str) -> bool:
    try:
        work.thread(thread_uid)
    except NotFound:
        return False
    return True
