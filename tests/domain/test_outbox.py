"""Durable jobs, as the one process that claims a queue sees them after it was killed."""

from __future__ import annotations

import sqlalchemy as sa

from clinic import Database, outbox
from tests.support.cast import Cast


def test_what_a_process_held_when_it_died_is_due_at_once_for_its_successor(database: Database, cast: Cast) -> None:
    cast.start("ana", "boris")
    held = outbox.claim(database, "threads")
    assert held and outbox.claim(database, "threads") == []
    outbox.release(database, "mail")  # another queue
    assert outbox.claim(database, "threads") == []
    outbox.release(database, "threads")
    again = outbox.claim(database, "threads")
    assert [(job.id, job.attempts) for job in again] == [(job.id, 2) for job in held]


def test_what_is_parked_or_waits_long_is_left_alone(database: Database, cast: Cast) -> None:
    cast.start("ana", "boris")
    parked, tried = outbox.claim(database, "threads", limit=2)
    with database.writing() as connection:
        connection.execute(sa.update(outbox.jobs).where(outbox.jobs.c.id == parked.id).values(attempts=outbox.MAX_ATTEMPTS))
        connection.execute(sa.update(outbox.jobs).where(outbox.jobs.c.id == tried.id).values(attempts=10))
    outbox.retry(database, outbox.Job(parked.id, "threads", parked.name, {}, outbox.MAX_ATTEMPTS), "no answer")
    outbox.retry(database, outbox.Job(tried.id, "threads", tried.name, {}, 10), "no answer")
    outbox.release(database, "threads")
    assert {parked.id, tried.id}.isdisjoint(job.id for job in outbox.claim(database, "threads"))
