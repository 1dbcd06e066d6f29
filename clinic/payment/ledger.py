"""What administrators read of payments: the clinic's settings for them, the list as they narrow it, and that they took it away. Imports clinic only.

Administrators read no message: of a thread they learn who asked whom for what, how much, and what became of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from clinic.account.folding import fold_name
from clinic.account.people import LONGEST_QUERY
from clinic.account.settings import setting
from clinic.account.tables import accounts
from clinic.actions import action, view
from clinic.fields import Computed, is_uid, refuse_unsendable
from clinic.payment.money import Money
from clinic.payment.record import provider_of
from clinic.payment.states import SETTLED, UNPAID, AttemptState, State
from clinic.payment.tables import payment_attempts, payment_requests, provider_events, services
from clinic.permissions import Permission
from clinic.work import Work

ROWS = 50
STANDS: Mapping[str, tuple[str, frozenset[State]]] = {
    "open": ("Waits for an answer", frozenset({State.OPEN})),
    "unpaid": ("Accepted, not paid yet", UNPAID),
    "paid": ("Paid", SETTLED),
    "refunded": ("Given back, in part or whole", frozenset({State.PARTLY_REFUNDED, State.REFUNDED})),
    "rejected": ("Rejected", frozenset({State.REJECTED})),
    "withdrawn": ("Withdrawn", frozenset({State.WITHDRAWN})),
}
"""What the list can be narrowed to by state: each in words, and the states that it means."""


@dataclass(frozen=True, slots=True)
class MoneySettings:
    """What the clinic has settled about payments. provider: MANUAL or CARD. currencies: of its services, the one used last first.

    heard_at: when whoever takes cards has told of something last.
    """

    provider: str
    receipt_header: str
    currencies: tuple[str, ...]
    heard_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sought:
    """How the list is narrowed. stands: a key of STANDS. service, practitioner: uids. patient: words of a name.

    month: its first day, on the clinic's clock; requests are of the month in which they were made.
    """

    stands: str | None = None
    service: str | None = None
    practitioner: str | None = None
    patient: str = ""
    month: date | None = None


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A payment request as administrators list it. born: the patient's birth date. provider: who took the money, "" before it came.

    test: no real money moved. reference: the provider's name for the money that came. receipt: its number once paid.
    """

    request: str
    service: str
    amount: Money
    refunded: Money
    state: State
    patient: str
    born: date | None
    practitioner: str
    requester: str
    created_at: datetime
    decided_at: datetime | None
    paid_at: datetime | None
    receipt: int | None
    provider: str
    test: bool
    reference: str


@dataclass(frozen=True, slots=True)
class Choices:
    """What the list can be narrowed by: (uid, name) of services and practitioners that requests are about; months, newest first."""

    services: tuple[tuple[str, str], ...]
    practitioners: tuple[tuple[str, str], ...]
    months: tuple[date, ...]


@view(Permission.SERVICE_MANAGE)
def money_settings(work: Work) -> MoneySettings:
    """Return what the clinic has settled about payments."""
    used = work.rows(sa.select(services.c.currency, sa.func.max(services.c.id).label("last")).group_by(services.c.currency))
    last = work.row(sa.select(provider_events.c.received_at).order_by(provider_events.c.received_at.desc()).limit(1))
    in_order = sorted(used, key=lambda row: int(row.last), reverse=True)
    return MoneySettings(
        provider_of(work), setting(work, "receipt_header"), tuple(row.currency for row in in_order), last.received_at if last else None
    )


@view(Permission.PAYMENT_LIST)
def ledger(work: Work, sought: Sought, *, before: str | None = None, limit: int = ROWS) -> list[LedgerRow]:
    """Return requests, the newest first. before: the uid of one; those made before it. Nothing of a thread but that."""
    patient, practitioner, requester, paid = accounts.alias(), accounts.alias(), accounts.alias(), payment_attempts.alias()
    query = (
        sa.select(
            payment_requests, patient.c.name.label("patient"), patient.c.birth_date.label("born"), practitioner.c.name.label("practitioner"),
            requester.c.name.label("requester"), paid.c.provider, paid.c.test, paid.c.payment_reference,
        )
        .join(patient, patient.c.id == payment_requests.c.addressee_id)
        .join(practitioner, practitioner.c.id == payment_requests.c.practitioner_id)
        .join(requester, requester.c.id == payment_requests.c.requester_id)
        .outerjoin(paid, sa.and_(paid.c.request_id == payment_requests.c.id, paid.c.state == AttemptState.PAID))
        .where(*narrowed(work, sought), *_in_month(work, sought.month))
        .order_by(payment_requests.c.id.desc())
        .limit(limit)
    )
    if before is not None and is_uid(before):
        query = query.where(payment_requests.c.id < sa.select(payment_requests.c.id).where(payment_requests.c.uid == before).scalar_subquery())
    return [
        LedgerRow(
            row.uid, row.service, Money(row.amount_minor, row.currency), Money(row.refunded_minor, row.currency), State(row.state), row.patient,
            row.born, row.practitioner, row.requester, row.created_at, row.decided_at, row.paid_at, row.receipt_number, row.provider or "",
            bool(row.test), row.payment_reference or "",
        )
        for row in work.rows(query)
    ]


@action("payment.export", Permission.PAYMENT_LIST, fields=(Computed("sought", kind=Sought),))
def export(work: Work, sought: Sought) -> int:
    """Write down that the list is taken away as a file: it changes nothing, but what leaves the clinic is audited.

    Returns: how many requests it holds now. Raises: Invalid for what is no text.
    """
    row = work.row(sa.select(sa.func.count(payment_requests.c.id).label("held")).where(*narrowed(work, sought), *_in_month(work, sought.month)))
    held = 0 if row is None else int(row.held)
    work.audit_detail(rows=held, **_asked_for(sought))
    return held


def _asked_for(sought: Sought) -> dict[str, Any]:
    """Return how the list was narrowed, as codes and ids: of a name that was looked for only that one was, and what names nothing is a "?"."""
    asked = {
        "stands": sought.stands and (sought.stands if sought.stands in STANDS else "?"),
        "service": sought.service and (sought.service if is_uid(sought.service) else "?"),
        "practitioner": sought.practitioner and (sought.practitioner if is_uid(sought.practitioner) else "?"),
        "month": sought.month and f"{sought.month:%Y-%m}",
        "patient": bool(sought.patient),
    }
    return {name: value for name, value in asked.items() if value}


def narrowed(work: Work, sought: Sought) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on requests of all but the month. What names nothing finds nothing. Raises: Invalid for what is no text."""
    table = payment_requests.c
    found: list[sa.ColumnElement[bool]] = []
    if sought.stands is not None:
        found.append(table.state.in_(STANDS[sought.stands][1]) if sought.stands in STANDS else sa.false())
    if sought.service is not None:
        found.append(table.service_id == _id_of(work, services, sought.service))
    if sought.practitioner is not None:
        found.append(table.practitioner_id == _id_of(work, accounts, sought.practitioner))
    if words := fold_name(refuse_unsendable(sought.patient, "patient")[:LONGEST_QUERY]).split():
        named = sa.select(accounts.c.id).where(*(accounts.c.folded_name.contains(word, autoescape=True) for word in words))
        found.append(table.addressee_id.in_(named))
    return found


def _id_of(work: Work, table: sa.Table, uid: str) -> int:
    row = work.row(sa.select(table.c.id).where(table.c.uid == uid)) if is_uid(uid) else None
    return -1 if row is None else int(row.id)


def _in_month(work: Work, month: date | None) -> list[sa.ColumnElement[bool]]:
    if month is None:
        return []
    start, end = bounds(zone_of(work), [month, month_after(month)])
    return [payment_requests.c.created_at >= start, payment_requests.c.created_at < end]


def zone_of(work: Work) -> ZoneInfo:
    """Return the clinic's time zone: its months begin at its own midnight."""
    return ZoneInfo(setting(work, "time_zone"))


def month_of(at: datetime, zone: ZoneInfo) -> date:
    """Return the first day of the month that an instant is in, on the clinic's clock."""
    return at.astimezone(zone).date().replace(day=1)


def month_after(month: date) -> date:
    """Return the first day of the next month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def month_before(month: date) -> date:
    """Return the first day of the month before."""
    return date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)


def bounds(zone: ZoneInfo, days: Sequence[date]) -> list[datetime]:
    """Return the instants at which days begin on the clinic's clock."""
    return [datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC) for day in days]


@view(Permission.PAYMENT_LIST)
def ledger_choices(work: Work) -> Choices:
    """Return what the list can be narrowed by."""
    table, zone = payment_requests.c, zone_of(work)
    asked_for = sa.select(services.c.uid, services.c.name).where(services.c.id.in_(sa.select(table.service_id)))
    asking = sa.select(accounts.c.uid, accounts.c.name).where(accounts.c.id.in_(sa.select(table.practitioner_id)))
    ends = work.row(sa.select(sa.func.min(table.created_at, type_=table.created_at.type).label("first")))
    months: list[date] = []
    if ends is not None and ends.first is not None:
        month, first = month_of(work.now, zone), month_of(ends.first, zone)
        while month >= first:
            months.append(month)
            month = month_before(month)
    return Choices(
        _named(work.rows(asked_for.order_by(services.c.name, services.c.id))),
        _named(work.rows(asking.order_by(accounts.c.folded_name, accounts.c.id))),
        tuple(months),
    )


def _named(rows: Sequence[sa.Row[Any]]) -> tuple[tuple[str, str], ...]:
    return tuple((row.uid, row.name) for row in rows)
