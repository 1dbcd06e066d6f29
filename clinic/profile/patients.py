"""Whose profile somebody may come to: the loaders of the actions on a patient's profile, and the pages where they are done. Imports clinic only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from clinic.account.tables import account_roles, accounts
from clinic.errors import NotFound
from clinic.fields import is_uid
from clinic.permissions import Role
from clinic.thread.tables import threads
from clinic.thread.together import threads_with
from clinic.work import Work

THREADS_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class SharedThread:
    """A thread that the reader of a profile and its person are both in, as the reader calls it."""

    uid: str
    title: str


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient whom the actor may come to. shared: uids of the threads that both are in now, the newest first, at most THREADS_AT_MOST.

    mine: the actor is the patient.
    """

    id: int
    uid: str
    name: str
    birth_date: date | None
    email: str | None
    active: bool
    shared: tuple[str, ...]
    mine: bool


def page_of(uid: str, _role: Role | None = None) -> str:
    """Return the path of a patient's profile."""
    return f"/patients/{uid}"


def form_of(what: str) -> Callable[[str, Role | None], str]:
    """Return what gives the path of one form of a patient's profile."""
    return lambda uid, _role: f"/patients/{uid}/edit?what={what}"


def patient_for(work: Work, uid: str) -> Patient:
    """Return a patient with whom the actor, of the staff, shares a thread; or the actor, where they are the patient. Raises: NotFound."""
    row = _patient(work, uid)
    person = work.person_or_none
    if row is None or person is None:
        raise NotFound()
    mine = row.id == person.id
    if work.role is Role.PATIENT and not mine:
        raise NotFound()  # in a group, too: patients know each other's names only
    shared = _shared(work, row.id)
    if not (mine or shared):
        raise NotFound()
    return _loaded(row, shared, mine)


def registered_for(work: Work, uid: str) -> Patient:
    """Return any patient for administrators, for whom there is no more than demographics; for others as `patient_for`. Raises: NotFound."""
    if work.role is not Role.ADMIN:
        return patient_for(work, uid)
    row = _patient(work, uid)
    if row is None:
        raise NotFound()
    return _loaded(row, (), mine=False)


def _patient(work: Work, uid: str) -> sa.Row[Any] | None:
    patients = sa.select(accounts).join(account_roles, account_roles.c.account_id == accounts.c.id)
    return work.row(patients.where(accounts.c.uid == uid, account_roles.c.role == Role.PATIENT)) if is_uid(uid) else None


def _loaded(row: sa.Row[Any], shared: tuple[str, ...], mine: bool) -> Patient:
    return Patient(row.id, row.uid, row.name, row.birth_date, row.email, row.active, shared, mine)


def _shared(work: Work, account_id: int) -> tuple[str, ...]:
    query = (
        sa.select(threads.c.uid)
        .where(threads.c.id.in_(threads_with(work, account_id, Role.PATIENT)))
        .order_by(threads.c.spoken_at.desc(), threads.c.id.desc())
        .limit(THREADS_AT_MOST)
    )
    return tuple(row.uid for row in work.rows(query))
