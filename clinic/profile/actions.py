"""The action of opening a patient's profile: it changes nothing, but each view is audited. Imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from clinic.account.tables import account_roles, accounts
from clinic.actions import action
from clinic.errors import NotFound
from clinic.permissions import Permission, Role
from clinic.thread.shown import title_for
from clinic.thread.tables import memberships, threads
from clinic.work import Work

THREADS_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class SharedThread:
    """A thread that the reader and the patient are both in, as the reader calls it."""

    uid: str
    title: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A patient, for staff who share a thread with them. threads: those, the newest first, at most THREADS_AT_MOST."""

    uid: str
    name: str
    birth_date: date | None
    active: bool
    threads: tuple[SharedThread, ...]


def _shared(work: Work, account_id: int) -> list[str]:
    mine, theirs = memberships.alias(), memberships.alias()
    query = (
        sa.select(threads.c.uid)
        .join(mine, mine.c.thread_id == threads.c.id)
        .join(theirs, theirs.c.thread_id == threads.c.id)
        .where(mine.c.account_id == work.person.id, mine.c.ended_at.is_(None))
        .where(theirs.c.account_id == account_id, theirs.c.ended_at.is_(None), theirs.c.role == Role.PATIENT)
        .order_by(threads.c.spoken_at.desc(), threads.c.id.desc())
        .limit(THREADS_AT_MOST)
    )
    return [row.uid for row in work.rows(query)]


def patient_for(work: Work, uid: str) -> tuple[sa.Row[Any], list[str]]:
    """Return a patient's account with the uids of the threads shared with the actor. Raises: NotFound where there is none."""
    patients = sa.select(accounts).join(account_roles, account_roles.c.account_id == accounts.c.id)
    row = work.row(patients.where(accounts.c.uid == uid, account_roles.c.role == Role.PATIENT))
    shared = _shared(work, row.id) if row is not None and work.person_or_none is not None else []
    if row is None or not shared:
        raise NotFound()
    return row, shared


@action("profile.open", Permission.PROFILE_OPEN, on=patient_for)
def open_profile(work: Work, patient: tuple[sa.Row[Any], list[str]]) -> Profile:
    """Return a patient's profile; that it was opened, by whom, is in the audit log.

    Raises: NotFound unless the actor shares a thread with the patient. Source: product.md, Patient profile.
    """
    row, shared = patient
    found = tuple(SharedThread(one.uid, title_for(one, work.person.id)) for one in work.threads(shared))
    return Profile(row.uid, row.name, row.birth_date, row.active, found)
