"""What administrators read of payments: the clinic's settings for them, the list with its totals, what needs a look. Views; imports clinic only.

Administrators read no message: of a thread they learn who asked whom for what, how much, and what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from clinic.account.settings import setting
from clinic.actions import view
from clinic.payment.record import provider_of
from clinic.payment.tables import provider_events, services
from clinic.permissions import Permission
from clinic.work import Work


@dataclass(frozen=True, slots=True)
class MoneySettings:
    """What the clinic has settled about payments. provider: MANUAL or CARD. currencies: of its services, the one used last first.

    heard_at: when whoever takes cards has told of something last.
    """

    provider: str
    receipt_header: str
    currencies: tuple[str, ...]
    heard_at: datetime | None


@view(Permission.SERVICE_MANAGE)
def money_settings(work: Work) -> MoneySettings:
    """Return what the clinic has settled about payments."""
    used = work.rows(sa.select(services.c.currency, sa.func.max(services.c.id).label("last")).group_by(services.c.currency))
    last = work.row(sa.select(provider_events.c.received_at).order_by(provider_events.c.received_at.desc()).limit(1))
    in_order = sorted(used, key=lambda row: int(row.last), reverse=True)
    return MoneySettings(
        provider_of(work), setting(work, "receipt_header"), tuple(row.currency for row in in_order), last.received_at if last else None
    )
