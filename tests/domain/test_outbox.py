"""Durable jobs, as the processes that claim a queue see them after one was killed."""

from __future__ import annotations

import sqlalchemy as sa

from clinic import Database, outbox
from tests.support.cast import Cast


def revoke(cast: Cast, number: int) -> None:
    """Queue a job for each of so many devices."""
    for name in range(number):
        device = cast.database.perform(cast.ana, "device.mint", name=f"device {name}").value
        cast.database.perform(cast.ana, "device.revoke", device.uid)


def test_what_a_process_held_when_it_died_is_due_at_once_for_its_successor(database: Database, cast: Cast) -> None:
    revoke(cast, 2)
    held = outbox.claim(database, "threads")
    assert held and outbox.claim(database, "threads") == []
    outbox.release(database, "mail")  # another queue
    assert outbox.claim(database, "threads") == []
    outbox.release(database, "threads")
    again = outbox.claim(database, "threads")
    assert [(job.id, job.attempts) for job in again] == [(job.id, 2) for job in held]


def test_what_is_parked_or_waits_long_is_left_alone(database: Database, cast: Cast) -> None:
    revoke(cast, 2)
    parked, tried = outbox.claim(database, "threads", limit=2)
    with database.writing() as connection:
        connection.execute(sa.update(outbox.jobs).where(outbox.jobs.c.id == parked.id).values(attempts=outbox.MAX_ATTEMPTS))
        connection.execute(sa.update(outbox.jobs).where(outbox.jobs.c.id == tried.id).values(attempts=10))
    outbox.retry(database, outbox.Job(parked.id, "threads", parked.name, {}, outbox.MAX_ATTEMPTS), "no answer")
    outbox.retry(database, outbox.Job(tried.id, "threads", tried.name, {}, 10), "no answer")
    outbox.release(database, "threads")
    assert {parked.id, tried.id}.isdisjoint(job.id for job in outbox.claim(database, "threads"))


def test_of_several_processes_one_that_starts_again_takes_what_nobody_holds_who_may_be_alive(database: Database, cast: Cast) -> None:
    revoke(cast, 3)
    [mine] = outbox.claim(database, "threads", limit=1, by="threads-1")
    [others] = outbox.claim(database, "threads", limit=1, by="threads-2")
    [of_before] = outbox.claim(database, "threads", limit=1, by="threads-3")  # there were three of them before
    outbox.release(database, "threads", besides=["threads-2"])
    assert {job.id for job in outbox.claim(database, "threads", by="threads-1")} == {mine.id, of_before.id}
    outbox.retry(database, others, "no answer")
    outbox.release(database, "threads", besides=["threads-1", "threads-2"])
    assert [job.id for job in outbox.claim(database, "threads", by="threads-1")] == [others.id]
