"""The view of one's own absences. Imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clinic.absence.actions import own_absences
from clinic.absence.tables import absences
from clinic.account.tables import accounts
from clinic.actions import view
from clinic.fields import Option
from clinic.permissions import Permission, Role
from clinic.urgent.actions import staff_options
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
