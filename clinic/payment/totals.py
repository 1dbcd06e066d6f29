"""What was asked for, paid and given back, by month, service and currency: added up by the database. Views; imports clinic only.

Currencies are never added to each other, nor what was paid in test mode to real money. Months begin at the clinic's own midnight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from clinic.actions import view
from clinic.payment.ledger import Sought, bounds, month_after, month_before, month_of, narrowed, zone_of
from clinic.payment.money import Money
from clinic.payment.providers import RefundOutcome
from clinic.payment.states import AttemptState
from clinic.payment.tables import payment_attempts, payment_requests, refunds, services
from clinic.permissions import Permission
from clinic.work import Work

MONTHS = 12


@dataclass(frozen=True, slots=True)
class Total:
    """What one service came to in a month, in one currency; service "" for all of them. test: no real money moved.

    requested: of requests made in that month. paid: of money that came in it. refunded: of money that went back in it.
    """

    service: str
    test: bool
    requested: Money
    paid: Money
    refunded: Money


@dataclass(frozen=True, slots=True)
class MonthTotals:
    """A month: by service and currency, and all services together by currency. month: its first day."""

    month: date
    rows: tuple[Total, ...]
    sums: tuple[Total, ...]


@dataclass(slots=True)
class _Sums:
    """Requested, paid, refunded."""

    minor: list[int] = field(default_factory=lambda: [0, 0, 0])

    def total(self, service: str, currency: str, test: bool) -> Total:
        requested, paid, refunded = (Money(minor, currency) for minor in self.minor)
        return Total(service, test, requested, paid, refunded)


@view(Permission.PAYMENT_LIST)
def totals(work: Work, sought: Sought) -> list[MonthTotals]:
    """Return the totals of requests as the list is narrowed: of its month, or of the last MONTHS; the newest first, without empty months."""
    zone = zone_of(work)
    months = [sought.month or month_of(work.now, zone)]
    while sought.month is None and len(months) < MONTHS:
        months.append(month_before(months[-1]))
    months.reverse()
    edges = bounds(zone, [*months, month_after(months[-1])])
    found: dict[tuple[int, int, str, bool], _Sums] = {}
    paid = sa.and_(payment_attempts.c.request_id == payment_requests.c.id, payment_attempts.c.state == AttemptState.PAID)
    beside = sa.outerjoin(payment_requests, payment_attempts, paid)
    given = sa.join(sa.join(refunds, payment_attempts, payment_attempts.c.id == refunds.c.attempt_id), payment_requests, paid)
    measures: tuple[tuple[Any, Any, Any, list[Any]], ...] = (
        (beside, payment_requests.c.created_at, payment_requests.c.amount_minor, []),
        (beside, payment_requests.c.paid_at, payment_requests.c.amount_minor, []),
        (given, refunds.c.settled_at, refunds.c.amount_minor, [refunds.c.state == RefundOutcome.DONE]),
    )
    for place, (tables, at, minor, more) in enumerate(measures):
        for row in _added(work, tables, at, minor, edges, [*narrowed(work, sought), *more]):
            found.setdefault((row.month, row.service_id, row.currency, bool(row.test)), _Sums()).minor[place] = int(row.minor)
    names = {row.id: row.name for row in work.rows(sa.select(services.c.id, services.c.name))}
    return _by_month(months, found, names)


def _added(work: Work, tables: Any, at: Any, minor: Any, edges: Sequence[Any], conditions: Sequence[Any]) -> Sequence[sa.Row[Any]]:
    """Return sums by the number of the month, service, currency and whether it was a test."""
    month = sa.case(*((at < edge, number) for number, edge in enumerate(edges[1:])), else_=len(edges))
    each = (
        sa.select(
            month.label("month"), payment_requests.c.service_id, payment_requests.c.currency,
            sa.func.coalesce(payment_attempts.c.test, sa.false()).label("test"), minor.label("minor"),
        )
        .select_from(tables)
        .where(at >= edges[0], at < edges[-1], *conditions)
        .subquery()
    )
    keys = (each.c.month, each.c.service_id, each.c.currency, each.c.test)
    return work.rows(sa.select(*keys, sa.func.sum(each.c.minor).label("minor")).group_by(*keys))


def _by_month(months: Sequence[date], found: dict[tuple[int, int, str, bool], _Sums], names: dict[int, str]) -> list[MonthTotals]:
    shown = []
    in_order = sorted(found, key=lambda key: (-key[0], key[3], names[key[1]], key))
    for number, keys in groupby(in_order, key=lambda key: key[0]):
        rows, sums = [], dict[tuple[bool, str], _Sums]()
        for key in keys:
            _, service, currency, test = key
            rows.append(found[key].total(names[service], currency, test))
            together = sums.setdefault((test, currency), _Sums())
            together.minor = [a + b for a, b in zip(together.minor, found[key].minor, strict=True)]
        added = tuple(sums[test, currency].total("", currency, test) for test, currency in sorted(sums))
        shown.append(MonthTotals(months[number], tuple(rows), added))
    return shown
