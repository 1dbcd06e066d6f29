"""What people see of payments beside the log. Views; imports clinic only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clinic.account.people import staff_options
from clinic.account.tables import accounts
from clinic.actions import view
from clinic.kinds import Ask
from clinic.payment.gate import holding, open_requests, request_row
from clinic.payment.kinds import answers_to
from clinic.payment.money import Money
from clinic.payment.requests import can_ask, offered_services
from clinic.payment.states import State
from clinic.payment.tables import payment_requests, services
from clinic.permissions import Permission, Role
from clinic.thread.tables import threads
from clinic.work import Work


@dataclass(frozen=True, slots=True)
class Waiting:
    """The payment request that keeps its reader from writing in a thread. thread: uid of the one where it was made. more: how many come after it."""

    request: str
    thread: str
    service: str
    amount: Money
    practitioner: str
    more: int = 0

    @property
    def asks(self) -> tuple[Ask, ...]:
        """The answers to it."""
        return answers_to(self.request)


@view(Permission.THREAD_READ)
def waiting(work: Work, uid: str) -> Waiting | None:
    """Return the request that holds the actor back in a thread just now, or None. Raises: NotFound."""
    thread = work.thread(uid)
    if work.role is not Role.PATIENT:
        return None
    practitioners = [member.account_id for member in thread.members.values() if member.role is Role.PRACTITIONER]
    held_by = holding(work, work.person.id, practitioners, thread)
    if held_by is None:
        return None
    row = request_row(work, held_by)
    here = sum(practitioner_id in practitioners for practitioner_id, _ in open_requests(work, work.person.id))
    return Waiting(row.uid, row.thread, row.service, Money(row.amount_minor, row.currency), row.practitioner, here - 1)


@dataclass(frozen=True, slots=True)
class Requesting:
    """Whether staff can request a payment in a thread. administrators: where no service is offered, the names of those who add them."""

    possible: bool
    administrators: tuple[str, ...] = ()


@view(Permission.PAYMENT_REQUEST)
def requesting(work: Work, uid: str) -> Requesting | None:
    """Return whether the actor can request a payment in a thread; None where nobody is in it whom they could ask. Raises: NotFound."""
    thread = work.thread(uid)
    if can_ask(work, thread):
        return Requesting(True)
    if offered_services(work) or not thread.patients:
        return None
    return Requesting(False, tuple(one.label for one in staff_options(work, Role.ADMIN)))


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service as administrators see it."""

    uid: str
    name: str
    price: Money
    description: str
    response_hours: int | None
    price_may_change: bool
    tax_note: str
    archived: bool


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment request outside its thread. thread: its uid. refunded: what was given back so far. receipt: its number once paid."""

    request: str
    thread: str
    service: str
    description: str
    tax_note: str
    amount: Money
    refunded: Money
    state: State
    patient: str
    practitioner: str
    created_at: datetime
    decided_at: datetime | None
    paid_at: datetime | None
    receipt: int | None


@view(Permission.SERVICE_MANAGE)
def service_list(work: Work) -> list[ServiceView]:
    """Return all services by name, the archived ones last."""
    rows = work.rows(sa.select(services).order_by(services.c.archived_at.is_not(None), services.c.name, services.c.id))
    return [
        ServiceView(row.uid, row.name, Money(row.price_minor, row.currency), row.description, row.response_hours, row.price_may_change,
                    row.tax_note, row.archived_at is not None)
        for row in rows
    ]


def selected() -> sa.Select[Any]:
    """Return the select of requests as `views_of` takes them, newest first."""
    patient, practitioner = accounts.alias(), accounts.alias()
    return (
        sa.select(payment_requests, threads.c.uid.label("thread"), patient.c.name.label("patient"), practitioner.c.name.label("practitioner"))
        .join(threads, threads.c.id == payment_requests.c.thread_id)
        .join(patient, patient.c.id == payment_requests.c.addressee_id)
        .join(practitioner, practitioner.c.id == payment_requests.c.practitioner_id)
        .order_by(payment_requests.c.id.desc())
    )


def views_of(rows: Sequence[sa.Row[Any]]) -> list[PaymentView]:
    """Return rows of `selected` as people see them."""
    return [
        PaymentView(
            row.uid, row.thread, row.service, row.description, row.tax_note, Money(row.amount_minor, row.currency),
            Money(row.refunded_minor, row.currency), State(row.state), row.patient, row.practitioner, row.created_at, row.decided_at,
            row.paid_at, row.receipt_number,
        )
        for row in rows
    ]
