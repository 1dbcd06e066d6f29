"""Actions on payment requests by staff: ask, withdraw; and what withdraws them by itself. Imports clinic only.

The gate (gate.py) holds as long as a request is open. The patient answers in answering.py.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from clinic import endings
from clinic.account.tables import accounts, coordinator_links
from clinic.actions import Offer, action
from clinic.errors import Conflict, Invalid, NotSignedIn
from clinic.fields import ClientId, Option, Pick, PickMessage, Text
from clinic.kinds import Payload
from clinic.loading import LoadedMember, LoadedThread
from clinic.payment import record
from clinic.payment.kinds import PaymentRequest
from clinic.payment.money import Money
from clinic.payment.record import CARD, PAYMENT_REQUESTS
from clinic.payment.states import State
from clinic.payment.tables import payment_requests, services
from clinic.permissions import Permission, Role
from clinic.requests import PATIENT, addressee
from clinic.storage import new_uid
from clinic.thread.actions import thread_or_administered
from clinic.work import Work

NO_SERVICE = "This service is no longer offered. Choose another one of the list."
NOBODY = "There is no patient in this thread whom you could ask for a payment."


def requesting_for(work: Work, uid: str) -> LoadedThread:
    """Return the actor's thread, once accounts are locked whose end would withdraw what is being asked for. Raises: NotFound, NotSignedIn."""
    if not work.lock_account(work.person.id):
        raise NotSignedIn("This account is not active any more. Ask the clinic.")
    # Only now: whom one assists changes under this lock, and an account that is found later would be locked after the thread.
    query = sa.select(accounts.c.uid).join(coordinator_links, coordinator_links.c.practitioner_id == accounts.c.id)
    work.lock_people([row.uid for row in work.rows(query.where(coordinator_links.c.coordinator_id == work.person.id))])
    return work.thread(uid)


def offered_services(work: Work) -> list[sa.Row[Any]]:
    """Return the services that are offered, by name."""
    return list(work.rows(sa.select(services).where(services.c.archived_at.is_(None)).order_by(services.c.name, services.c.id)))


def _services(work: Work, _thread: LoadedThread | None) -> list[Option]:
    found = offered_services(work)
    mixed = any(row.price_may_change for row in found)  # else nobody is asked for an amount, and there is nothing to tell apart
    fixed = ", fixed price" if mixed else ""
    return [
        Option(row.uid, row.name, f"{Money(row.price_minor, row.currency)}{'' if row.price_may_change else fixed}",
               without=() if row.price_may_change else ("amount",))
        for row in found
    ]


def _chiefs(work: Work, thread: LoadedThread | None) -> list[Option]:
    if thread is None or work.role is not Role.COORDINATOR:
        return []
    found = _assisted_here(work, thread)
    return [Option(one.uid, one.nick) for one in found] if len(found) > 1 else []


def _assisted_here(work: Work, thread: LoadedThread) -> list[LoadedMember]:
    links = sa.select(coordinator_links.c.practitioner_id).where(coordinator_links.c.coordinator_id == work.person.id)
    assisted = {row.practitioner_id for row in work.rows(links)}
    return [member for member in thread.members.values() if member.role is Role.PRACTITIONER and member.account_id in assisted]


def can_ask(work: Work, thread: LoadedThread) -> bool:
    """Say whether there is somebody whom the actor could ask for a payment in a thread, and something to ask for."""
    return bool(thread.patients) and bool(offered_services(work)) and (work.role is Role.PRACTITIONER or bool(_assisted_here(work, thread)))


def _same(payload: Payload, values: Any) -> bool:
    if not isinstance(payload, PaymentRequest) or payload.service_uid != values["service"]:
        return False
    return values["amount"] is None or record.written_amount(values["amount"], payload.currency) == payload.amount


@action(
    "payment.request",
    Permission.PAYMENT_REQUEST,
    on=requesting_for,
    fields=(
        Pick("service", "Service", options=_services),
        Text("amount", "Another amount, where the price is not fixed", required=False, max_bytes=40),
        PATIENT,
        Pick("practitioner", "On behalf of", required=False, options=_chiefs, needed=True),
        ClientId("client_id"),
    ),
    same=_same,
    offer=Offer(
        "Request a payment",
        "charge",
        "The patient cannot write to the practitioner, in any thread, until they have accepted or rejected it. Urgent calls always come through.",
        "Asked. What the patient answers stands here.",
        when=can_ask,
        grave=True,
        otherwise="No payment can be asked for here: it takes a service on the clinic's list, which administrators keep, and a patient in the thread.",
    ),
)
def request(
    work: Work, thread: LoadedThread, service: str, amount: str | None, patient: str | None, practitioner: str | None, client_id: str
) -> str:
    """Ask a patient of the thread to pay for a service; until they answer, they cannot send to the practitioner whose request it is.

    amount: in the service's currency, where it may be another than its price. patient: needed where there are several. practitioner: for
    a coordinator who assists several here. Returns: the request's uid. Raises: Invalid, Conflict. Source: product.md, Payment.
    """
    offered = next((row for row in offered_services(work) if row.uid == service), None)
    if offered is None:
        raise Invalid(NO_SERVICE, field="service")
    money = _amount(work, offered, amount)
    asked, chief, uid = addressee(work, thread, patient, NOBODY), _chief(work, thread, practitioner), new_uid()
    _refuse_twice(work, asked, chief, offered)
    payload = PaymentRequest(
        uid, offered.name, money.minor, money.currency, chief.nick, asked.nick, offered.uid,
        offered.description, offered.response_hours or 0, offered.tax_note,
    )
    PAYMENT_REQUESTS.ask(
        work, thread, uid, asked, payload, client_id, practitioner_id=chief.account_id, service_id=offered.id, service=offered.name,
        description=offered.description, tax_note=offered.tax_note, amount_minor=money.minor, currency=money.currency,
        response_hours=offered.response_hours, refunded_minor=0,
    )
    work.audit_detail(amount_minor=money.minor, currency=money.currency)
    return uid


def _amount(work: Work, service: sa.Row[Any], amount: str | None) -> Money:
    money = _written(service, amount)
    if record.provider_of(work) == CARD:  # else the patient accepts what they can never pay
        record.refuse_where_no_card_carries(money, "Ask for that." if service.price_may_change else "Administrators change the price.")
    return money


def _written(service: sa.Row[Any], amount: str | None) -> Money:
    price = Money(service.price_minor, service.currency)
    if amount is None:
        return price
    money = record.written_amount(amount, service.currency)
    if money != price and not service.price_may_change:
        raise Invalid(f"The price of {service.name} is {price} and cannot be changed. Leave the amount empty.", field="amount")
    return money


def _chief(work: Work, thread: LoadedThread, uid: str | None) -> LoadedMember:
    """Return whose the request is: the actor, or the practitioner whom they assist here."""
    if work.role is Role.PRACTITIONER:
        return work.member(thread)
    found = [one for one in _assisted_here(work, thread) if uid is None or one.uid == uid]
    if not found:
        raise Invalid("You ask for payments on behalf of a practitioner whom you assist in this thread; this is none of them.", field="practitioner")
    if len(found) > 1:
        raise Invalid("You assist several practitioners here. Choose on whose behalf you ask.", field="practitioner")
    if not work.lock_account(found[0].account_id):
        raise Invalid(f"The account of {found[0].nick} is closed.", field="practitioner")
    return found[0]


def _refuse_twice(work: Work, asked: LoadedMember, chief: LoadedMember, service: sa.Row[Any]) -> None:
    same = sa.and_(
        payment_requests.c.addressee_id == asked.account_id,
        payment_requests.c.practitioner_id == chief.account_id,
        payment_requests.c.service_id == service.id,
        payment_requests.c.state == State.OPEN,
    )
    if work.row(sa.select(payment_requests.c.id).where(same)) is not None:
        raise Conflict(f"{asked.nick} was asked to pay for {service.name} already, and has not answered yet. Withdraw that request to ask anew.")


@action(
    "payment.withdraw",
    Permission.PAYMENT_WITHDRAW,
    on=thread_or_administered,
    fields=(PickMessage("request", "Payment request", required=False, options=PAYMENT_REQUESTS.open_options, newest=True),),
    offer=Offer(
        "Withdraw a payment request",
        "withdraw",
        "Nothing is to be paid, and the patient can write again.",
        "Withdrawn.",
        when=lambda work, thread: bool(PAYMENT_REQUESTS.open_options(work, thread)),
        grave=True,
        otherwise="No payment request of this thread waits for an answer, so there is none to withdraw.",
    ),
)
def withdraw(work: Work, thread: LoadedThread, request: str | None) -> None:
    """Take an unanswered request back, the newest if none is named: any staff of its thread, or an administrator.

    Raises: Invalid, Conflict when it was answered.
    """
    PAYMENT_REQUESTS.withdraw(work, thread, request)


# What withdraws requests by itself. Source: product.md, Payment.


def _link_ended(work: Work, account_id: int, practitioner_id: int) -> None:
    table = payment_requests.c
    theirs = sa.or_(table.addressee_id == account_id, table.requester_id == account_id)
    PAYMENT_REQUESTS.withdraw_all(work, sa.and_(table.practitioner_id == practitioner_id, theirs), "unlinked")


PAYMENT_REQUESTS.withdraw_with_endings()
endings.LINK.append(_link_ended)
