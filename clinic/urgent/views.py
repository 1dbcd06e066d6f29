"""Views of urgent calls: in an open thread, and for the duty account, which reads no thread. Imports clinic only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from clinic.account.people import staff_options
from clinic.account.settings import setting
from clinic.account.tables import accounts
from clinic.actions import view
from clinic.fields import Option
from clinic.permissions import Permission, Role
from clinic.thread.tables import memberships, threads
from clinic.urgent.calls import is_on_duty, open_calls
from clinic.urgent.tables import urgent_calls
from clinic.work import Work


@dataclass(frozen=True, slots=True)
class UrgentView:
    """An open call as the members of its thread see it. seen_by: who acknowledged it."""

    uid: str
    patient: str
    mine: bool
    called_at: datetime
    escalated: bool
    seen_by: str | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class DutyAlert:
    """A call that nobody has acknowledged in time, for the duty account. practitioners: with whom the patient is in the thread."""

    uid: str
    patient: str
    practitioners: tuple[str, ...]
    called_at: datetime


@dataclass(frozen=True, slots=True)
class UrgentSettings:
    """Who is alerted, and after how long, with who may be."""

    seconds: str
    duty_account: str
    options: tuple[Option, ...]


@view(Permission.THREAD_READ)
def urgent_here(work: Work, uid: str) -> list[UrgentView]:
    """Return the open calls of a thread, the oldest first. Raises: NotFound."""
    thread = work.thread(uid)
    me = work.member(thread)

    def nick(account_id: int | None) -> str | None:
        if account_id is None:
            return None
        if account_id in thread.members:
            return thread.members[account_id].nick
        row = work.row(sa.select(accounts.c.name).where(accounts.c.id == account_id))
        return None if row is None else str(row.name)

    return [
        UrgentView(
            row.uid,
            nick(row.account_id) or "The patient",
            row.account_id == me.account_id,
            row.called_at,
            row.escalated_at is not None,
            nick(row.acknowledged_by),
            row.acknowledged_at,
        )
        for row in open_calls(work, thread)
    ]


@dataclass(frozen=True, slots=True)
class UrgentRow:
    """An open call on top of the list of threads of staff."""

    uid: str
    thread: str
    patient: str
    called_at: datetime
    seen_by: str | None


@view(Permission.URGENT_ANSWER)
def urgent_in_mine(work: Work) -> list[UrgentRow]:
    """Return the open calls in the actor's own threads, the oldest first."""
    patient, seer = accounts.alias(), accounts.alias()
    mine = sa.and_(memberships.c.thread_id == urgent_calls.c.thread_id, memberships.c.account_id == work.person.id, memberships.c.ended_at.is_(None))
    query = (
        sa.select(urgent_calls.c.uid, threads.c.uid.label("thread"), patient.c.name, urgent_calls.c.called_at, seer.c.name.label("seen_by"))
        .select_from(urgent_calls.join(memberships, mine).join(threads, threads.c.id == urgent_calls.c.thread_id))
        .join(patient, patient.c.id == urgent_calls.c.account_id)
        .outerjoin(seer, seer.c.id == urgent_calls.c.acknowledged_by)
        .where(urgent_calls.c.resolved_at.is_(None))
        .order_by(urgent_calls.c.called_at, urgent_calls.c.id)
    )
    return [UrgentRow(row.uid, row.thread, row.name, row.called_at, row.seen_by) for row in work.rows(query)]


@view(Permission.URGENT_ANSWER)
def duty_alerts(work: Work) -> list[DutyAlert]:
    """Return for the duty account the calls that nobody has acknowledged in time; for everybody else nothing."""
    if not is_on_duty(work):
        return []
    waits = sa.and_(
        urgent_calls.c.escalated_at.is_not(None), urgent_calls.c.acknowledged_at.is_(None), urgent_calls.c.resolved_at.is_(None)
    )
    query = sa.select(urgent_calls, accounts.c.name).join(accounts, accounts.c.id == urgent_calls.c.account_id).where(waits)
    rows = work.rows(query.order_by(urgent_calls.c.called_at, urgent_calls.c.id))
    chiefs = _chiefs(work, sorted({row.thread_id for row in rows}))
    return [DutyAlert(row.uid, row.name, tuple(chiefs.get(row.thread_id, ())), row.called_at) for row in rows]


def _chiefs(work: Work, thread_ids: Sequence[int]) -> dict[int, list[str]]:
    query = (
        sa.select(memberships.c.thread_id, accounts.c.name)
        .join(accounts, accounts.c.id == memberships.c.account_id)
        .join(threads, threads.c.id == memberships.c.thread_id)
        .where(memberships.c.thread_id.in_(thread_ids), memberships.c.ended_at.is_(None), memberships.c.role == Role.PRACTITIONER)
        .order_by(memberships.c.id)
    )
    found: dict[int, list[str]] = {}
    for row in work.rows(query) if thread_ids else ():
        found.setdefault(row.thread_id, []).append(row.name)
    return found


@view(Permission.URGENT_ANSWER)
def on_duty(work: Work) -> bool:
    """Say whether the actor is the duty account."""
    return is_on_duty(work)


@view(Permission.URGENT_ANSWER)
def callable_in(work: Work) -> list[Option]:
    """Return the practitioners whom the duty account may call in."""
    return staff_options(work, Role.PRACTITIONER) if is_on_duty(work) else []


@view(Permission.CLINIC_DESCRIBE)
def urgent_settings(work: Work) -> UrgentSettings:
    """Return what an administrator has set for urgent calls."""
    options = staff_options(work, Role.PRACTITIONER, Role.COORDINATOR)
    return UrgentSettings(setting(work, "urgent_seconds"), setting(work, "duty_account"), tuple(options))
