"""The view of one's own absences. Imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from clinic.absence.actions import own_absences
from clinic.absence.tables import absences
from clinic.account.people import staff_options
from clinic.account.tables import accounts
from clinic.actions import view
from clinic.fields import Option
from clinic.permissions import Permission, Role
from clinic.work import Work


@dataclass(frozen=True, slots=True)
class AbsenceView:
    """One's own absence that runs or is to come."""

    uid: str
    starts_at: datetime
    ends_at: datetime
    words: str
    cover: str | None
    runs: bool


@view(Permission.ABSENCE_OWN)
def my_absences(work: Work) -> list[AbsenceView]:
    """Return the actor's absences that are not over, the next one first."""
    beside = absences.outerjoin(accounts, accounts.c.id == absences.c.cover_id)
    rows = work.rows(own_absences(work).add_columns(accounts.c.name).select_from(beside))
    return [AbsenceView(row.uid, row.starts_at, row.ends_at, row.words, row.name, row.starts_at <= work.now) for row in rows]


@view(Permission.ABSENCE_OWN)
def covers(work: Work) -> list[Option]:
    """Return the practitioners who may cover for the actor."""
    return [one for one in staff_options(work, Role.PRACTITIONER) if one.value != work.person.uid]


@view(Permission.THREAD_READ)
def away_here(work: Work, uid: str) -> dict[str, datetime]:
    """Return until when members of a thread are away, by what they are called there. Raises: NotFound."""
    thread = work.thread(uid)
    staff = [member.account_id for member in thread.members.values() if member.role.is_staff]
    now = sa.and_(absences.c.starts_at <= work.now, absences.c.ends_at > work.now, absences.c.ended_at.is_(None))
    rows = work.rows(sa.select(absences.c.account_id, absences.c.ends_at).where(absences.c.account_id.in_(staff), now)) if staff else ()
    return {thread.members[row.account_id].nick: row.ends_at for row in rows}
