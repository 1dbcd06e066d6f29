"""Attempts to pay as the clinic's own processes work with them: under their thread's lock, and the jobs that ask providers about them.

Plain helpers; imports clinic only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from clinic.errors import NotFound
from clinic.loading import LoadedThread
from clinic.outbox import jobs
from clinic.payment.record import LOOK_JOB, OPEN_JOB, PAYMENTS
from clinic.payment.tables import payment_attempts, payment_requests
from clinic.thread.tables import threads
from clinic.work import Work

SOON = timedelta(seconds=20)
"""After this long an attempt is looked at for the first time."""


@dataclass(slots=True)
class Settling:
    """An attempt under its thread's lock, with its request: rows, or Changed ones as the action goes on."""

    thread: LoadedThread
    request: Any
    attempt: Any


def attempt_for(work: Work, uid: str) -> Settling:
    """Return an attempt with its request, read once its thread is locked. For the clinic's own processes. Raises: NotFound."""
    place = (
        sa.select(threads.c.uid, payment_requests.c.id.label("request_id"))
        .join(payment_requests, payment_requests.c.thread_id == threads.c.id)
        .join(payment_attempts, payment_attempts.c.request_id == payment_requests.c.id)
        .where(payment_attempts.c.uid == uid)
    )
    found = work.row(place)
    if found is None:
        raise NotFound()
    [thread] = work.threads([found.uid])
    request = work.row(sa.select(payment_requests).where(payment_requests.c.id == found.request_id))
    attempt = work.row(sa.select(payment_attempts).where(payment_attempts.c.uid == uid))
    assert request is not None and attempt is not None  # they are never deleted
    return Settling(thread, request, attempt)


def look_now(work: Work, attempt: str) -> None:
    """Have a provider asked now how an attempt stands. One look that nobody has begun yet is enough for all who ask."""
    waiting = sa.and_(_job(LOOK_JOB, attempt=attempt, again=False), jobs.c.attempts == 0, jobs.c.due_at <= work.now)
    if work.row(sa.select(jobs.c.id).where(waiting)) is None:
        work.enqueue(PAYMENTS, LOOK_JOB, attempt=attempt, again=False)


def look_later(work: Work, attempt: str, after: timedelta) -> None:
    """Have a provider asked about an attempt after some time, and then again and again as long as news may come: one row of this for each attempt."""
    there = work.row(sa.select(jobs.c.id, jobs.c.parked_at).where(_job(LOOK_JOB, attempt=attempt, again=True)))
    if there is None:
        work.enqueue(PAYMENTS, LOOK_JOB, after=after, attempt=attempt, again=True)
    elif there.parked_at is not None:
        work.update(jobs, there.id, due_at=work.now + after, parked_at=None, attempts=0)


def open_now(work: Work, attempt: str) -> None:
    """Have a provider asked at once to open an attempt that waits for it, as somebody waits for that."""
    there = work.row(sa.select(jobs.c.id).where(_job(OPEN_JOB, attempt=attempt)))
    if there is None:
        work.enqueue(PAYMENTS, OPEN_JOB, attempt=attempt)
    else:
        work.update(jobs, there.id, due_at=work.now, parked_at=None)
        work.queues.add(PAYMENTS)


def _job(name: str, **payload: Any) -> sa.ColumnElement[bool]:
    return sa.and_(jobs.c.queue == PAYMENTS, jobs.c.name == name, jobs.c.payload == json.dumps(payload))
