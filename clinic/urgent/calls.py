"""Urgent calls as others need them: which are open, who is on duty, and what to say where to call. Plain helpers; imports clinic only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from clinic.account.settings import setting
from clinic.loading import LoadedThread
from clinic.permissions import STAFF
from clinic.urgent.tables import urgent_calls
from clinic.work import Work


def open_calls(work: Work, thread: LoadedThread) -> Sequence[sa.Row[Any]]:
    """Return a thread's calls that staff have not resolved, the oldest first."""
    here = sa.and_(urgent_calls.c.thread_id == thread.id, urgent_calls.c.resolved_at.is_(None))
    return work.rows(sa.select(urgent_calls).where(here).order_by(urgent_calls.c.called_at, urgent_calls.c.id))


def open_urgent(work: Work, thread: LoadedThread, patient_id: int) -> bool:
    """Say whether a patient (account id) has an open call in a thread: what lifts the payment gate there until staff resolve it."""
    return any(row.account_id == patient_id for row in open_calls(work, thread))


def where_to_call(work: Work) -> str:
    """Return in words where to call in an emergency, as the end of a sentence."""
    return setting(work, "emergency_number") or "the emergency number of your country"


def is_on_duty(work: Work) -> bool:
    """Say whether the actor is the clinic's duty account, acting as staff."""
    person = work.person_or_none
    return person is not None and work.role in STAFF and setting(work, "duty_account") == person.uid
