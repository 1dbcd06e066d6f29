"""Actions on the clinic's services: what can be asked payment for, kept by administrators. Imports clinic only.

A request keeps what its service was when it was made: changing or archiving one changes no request.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from clinic.account.folding import fold_name
from clinic.account.settings import put_setting
from clinic.actions import action
from clinic.errors import Conflict, Invalid, NotFound
from clinic.fields import Choice, Field, Flag, Text
from clinic.payment.money import CURRENCIES, Money, check_by_card, minor_of
from clinic.payment.record import CARD, PROVIDERS, provider_of
from clinic.payment.tables import NAME_LENGTH, WORDS_LENGTH, services
from clinic.permissions import Permission
from clinic.storage import new_id, new_uid
from clinic.work import Work

LONGEST_HOURS = 24 * 365
HEADER_LENGTH, HEADER_LINES = 600, 8
DESCRIBED: tuple[Field, ...] = (
    Text("name", "Name", max_bytes=NAME_LENGTH),
    Text("price", "Price", max_bytes=40),
    Choice("currency", "Currency", options=CURRENCIES),
    Text("description", "Description", required=False, max_bytes=WORDS_LENGTH),
    Text("response_hours", "Response time in hours", required=False, max_bytes=10),
    Flag("price_may_change", "Staff may ask for another amount", required=False),
    Text("tax_note", "Tax note", required=False, max_bytes=NAME_LENGTH),
)


def service_for(work: Work, uid: str) -> sa.Row[Any]:
    """Return a service of the clinic, archived or not. Raises: NotFound."""
    row = work.row(sa.select(services).where(services.c.uid == uid))
    if row is None:
        raise NotFound()
    return row


@action("service.create", Permission.SERVICE_MANAGE, fields=DESCRIBED)
def create(
    work: Work,
    name: str,
    price: str,
    currency: str,
    description: str | None,
    response_hours: str | None,
    price_may_change: bool | None,
    tax_note: str | None,
) -> str:
    """Add a service. Returns: its uid. Raises: Invalid; Conflict for a name that is offered already. Source: product.md, Payment."""
    _refuse_taken(work, name)
    uid = new_uid()
    columns = _columns(work, price, currency, description, response_hours, price_may_change, tax_note)
    work.insert(services, id=new_id(), uid=uid, name=name, created_at=work.now, **columns)
    work.audit_subject(uid)
    _audit_price(work, columns)
    return uid


@action("service.describe", Permission.SERVICE_MANAGE, on=service_for, fields=DESCRIBED)
def describe(
    work: Work,
    service: sa.Row[Any],
    name: str,
    price: str,
    currency: str,
    description: str | None,
    response_hours: str | None,
    price_may_change: bool | None,
    tax_note: str | None,
) -> None:
    """Change a service for the requests to come; those made already keep theirs. Raises: Invalid, Conflict."""
    if service.archived_at is None:
        _refuse_taken(work, name, but=service.id)
    columns = _columns(work, price, currency, description, response_hours, price_may_change, tax_note)
    work.update(services, service.id, name=name, **columns)
    _audit_price(work, columns)


@action("service.archive", Permission.SERVICE_MANAGE, on=service_for)
def archive(work: Work, service: sa.Row[Any]) -> None:
    """Offer a service no more. Requests for it stay as they are."""
    if service.archived_at is None:
        work.update(services, service.id, archived_at=work.now)


@action("service.restore", Permission.SERVICE_MANAGE, on=service_for)
def restore(work: Work, service: sa.Row[Any]) -> None:
    """Offer an archived service again. Raises: Conflict where another one has its name meanwhile."""
    if service.archived_at is not None:
        _refuse_taken(work, service.name, but=service.id)
        work.update(services, service.id, archived_at=None)


@action("payment.provide", Permission.SERVICE_MANAGE, fields=(Choice("provider", "Who takes payments", options=PROVIDERS),))
def provide(work: Work, provider: str) -> None:
    """Say who takes payments from now on: MANUAL, or CARD where the deployment has its keys. What was begun with the other one stays with it."""
    put_setting(work, "payment_provider", provider)


@action(
    "payment.head_receipts",
    Permission.SERVICE_MANAGE,
    fields=(Text("receipt_header", "What stands at the top of receipts", required=False, multiline=True, max_bytes=HEADER_LENGTH),),
)
def head_receipts(work: Work, receipt_header: str | None) -> None:
    """Say what stands at the top of receipts below the clinic's name: address, tax number. Raises: Invalid for more lines than there is room for."""
    lines = [" ".join(line.split()) for line in (receipt_header or "").strip().split("\n")]
    if len(lines) > HEADER_LINES:
        raise Invalid(f"There is room for {HEADER_LINES} lines at the top of a receipt; these are {len(lines)}.", field="receipt_header")
    put_setting(work, "receipt_header", "\n".join(lines))


def _columns(
    work: Work, price: str, currency: str, description: str | None, response_hours: str | None, price_may_change: bool | None, tax_note: str | None
) -> dict[str, Any]:
    try:
        minor = minor_of(price.removesuffix(currency), currency)
        if provider_of(work) == CARD:
            check_by_card(Money(minor, currency))
    except ValueError as error:
        raise Invalid(f"Price: {error}", field="price") from None
    return {
        "price_minor": minor,
        "currency": currency,
        "description": description or "",
        "response_hours": _hours(response_hours),
        "price_may_change": bool(price_may_change),
        "tax_note": tax_note or "",
    }


def _audit_price(work: Work, columns: dict[str, Any]) -> None:
    """Keep in the audit log who asked for which price from when on: not all of the fields are audited by themselves."""
    work.audit_detail(price_minor=columns["price_minor"], currency=columns["currency"])


def _hours(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= LONGEST_HOURS):
        raise Invalid(f"Response time: write whole hours, 1 to {LONGEST_HOURS:,}, or leave it empty where nothing is promised.", field="response_hours")
    return int(text)


def _refuse_taken(work: Work, name: str, *, but: int = 0) -> None:
    offered = work.rows(sa.select(services.c.id, services.c.name).where(services.c.archived_at.is_(None)))
    if any(fold_name(row.name) == fold_name(name) and row.id != but for row in offered):
        raise Conflict(f"There is a service “{name}” already. Choose another name.", field="name")
