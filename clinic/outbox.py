"""Durable jobs: what must happen outside the database because of a committed change (rule 4).

Owns the jobs table and due, claim, release, done, later, retry, hasten. Imports clinic.storage. An action queues a job with `Work.enqueue` in its
own transaction; a process claims jobs of its queue, does the work, and says done, or retry with a growing pause.
A job may run twice (the claimer died before `done`): what it does must stand that.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from clinic.storage import UtcInstant, metadata

if TYPE_CHECKING:
    from clinic.database import Database

# The job that looks at what people's lists of threads are to say of one.
BOOKMARKS, BOOKMARK = "bookmarks", "xmpp.bookmark"
LEASE_SECONDS = 30
MAX_ATTEMPTS = 20

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("queue", sa.String(32), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("due_at", UtcInstant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("parked_at", UtcInstant),
    sa.Column("held_by", sa.String(32)),  # who claimed it, where several processes claim a queue
    sa.Index("ix_jobs_queue_due_at", "queue", "due_at"),
)


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed job. `id` stays inside the process that claimed it; `attempts` counts this one."""

    id: int
    queue: str
    name: str
    payload: dict[str, Any]
    attempts: int


def _due(queue: str, now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(jobs.c.queue == queue, jobs.c.due_at <= now, jobs.c.parked_at.is_(None))


def due(database: Database, queue: str, limit: int) -> list[Job]:
    """Return the oldest due jobs of `queue`, claimed by nobody yet: for who chooses among them."""
    with database.reading() as connection:
        rows = connection.execute(sa.select(jobs).where(_due(queue, database.now())).order_by(jobs.c.due_at, jobs.c.id).limit(limit)).all()
    return [Job(row.id, row.queue, row.name, json.loads(row.payload), row.attempts) for row in rows]


def claim(database: Database, queue: str, limit: int = 20, by: str | None = None, only: int | None = None) -> list[Job]:
    """Claim up to `limit` due jobs of `queue`, oldest first, for LEASE_SECONDS. by: the claimer's name, for `release`. only: the one to claim (its id).

    Returns: the jobs; an empty list without writing anything when none is due. Raises: Busy.
    """
    now = database.now()
    wanted = _due(queue, now) if only is None else sa.and_(_due(queue, now), jobs.c.id == only)
    with database.reading() as connection:
        if connection.execute(sa.select(jobs.c.id).where(wanted).limit(1)).first() is None:
            return []
    with database.writing() as connection:
        chosen = sa.select(jobs).where(wanted).order_by(jobs.c.due_at).limit(limit).with_for_update(skip_locked=True)
        rows = connection.execute(chosen).all()
        if rows:
            lease = now + timedelta(seconds=LEASE_SECONDS)
            taken = sa.update(jobs).where(jobs.c.id.in_([row.id for row in rows]))
            connection.execute(taken.values(due_at=lease, attempts=jobs.c.attempts + 1, held_by=by))
    return [Job(row.id, row.queue, row.name, json.loads(row.payload), row.attempts + 1) for row in rows]


def release(database: Database, queue: str, besides: Collection[str] = ()) -> None:
    """Make what claimers of `queue` held when they died due at once; so becomes what waits for a short pause.

    besides: names of claimers that may be alive, and keep what they hold: what runs would run twice. Raises: Busy.
    """
    now = database.now()
    held = sa.and_(
        jobs.c.queue == queue,
        jobs.c.attempts > 0,
        jobs.c.due_at > now,
        jobs.c.due_at <= now + timedelta(seconds=LEASE_SECONDS),
        jobs.c.parked_at.is_(None),
        sa.or_(jobs.c.held_by.is_(None), jobs.c.held_by.not_in(besides)),
    )
    with database.writing() as connection:
        connection.execute(sa.update(jobs).where(held).values(due_at=now))


def done(database: Database, job: Job) -> None:
    """Forget `job`: its work is finished. Raises: Busy (it will then run once more)."""
    with database.writing() as connection:
        connection.execute(sa.delete(jobs).where(jobs.c.id == job.id))


def retry(database: Database, job: Job, error: str, *, park: bool = True) -> None:
    """Give `job` back to run later, after a pause that doubles from 1 to 300 s; park it after MAX_ATTEMPTS.

    park: False for what waits for somebody outside, however long they are away. A parked job stays for `bedside doctor` to show. Raises: Busy.
    """
    pause = min(300, 2 ** min(job.attempts - 1, 10))
    values: dict[str, Any] = {"due_at": database.now() + timedelta(seconds=pause), "error": error[:500], "held_by": None}
    if park and job.attempts >= MAX_ATTEMPTS:
        values["parked_at"] = database.now()
    with database.writing() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(**values))


def later(database: Database, job: Job, after: timedelta) -> None:
    """Put `job`, which was done, back to be done once more some time `after`: the same row, so that being killed does not make two of it. Raises: Busy."""
    values = {"due_at": database.now() + after, "attempts": 0, "error": None, "held_by": None}
    with database.writing() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(**values))


def hasten(database: Database, queue: str, *, parked: bool = False) -> int:
    """Make what waits in `queue` after a failure due at once, as its cause may be gone. parked: what was given up too. Returns: how many. Raises: Busy."""
    failed = sa.and_(jobs.c.queue == queue, jobs.c.error.is_not(None), sa.or_(jobs.c.due_at > database.now(), jobs.c.parked_at.is_not(None)))
    with database.writing() as connection:
        chosen = failed if parked else sa.and_(failed, jobs.c.parked_at.is_(None))
        return connection.execute(sa.update(jobs).where(chosen).values(due_at=database.now(), parked_at=None)).rowcount
