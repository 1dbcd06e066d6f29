"""Everything at once from several processes on a real PostgreSQL: no two ever wait for each other, nothing is lost or doubled."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from clinic import Database
from clinic.audit.seal import verify
from migrations.runner import upgrade
from tests.support import postgres
from tests.support.cast import NAMES, Cast
from tests.support.crush import OF_EACH, PEPPER, SOME, Answers, Place, crush
from tests.support.paying import service

PROCESSES = 4
SECONDS = float(os.environ.get("BEDSIDE_CRUSH_SECONDS", "8"))
PAIRS = (("boris", "ana"), ("boris", "ada"), ("bella", "ana"), ("bella", "ada"), ("boris", "bella"))


def prepared(url: str, folder: Path) -> Place:
    database = Database.open(url, run_dir=folder, pepper=PEPPER)
    upgrade(database.engine)
    cast = Cast.in_(database)
    threads = tuple(cast.start(*pair, reason="Stress") for pair in PAIRS)
    actors = {name: getattr(cast, name) for name in NAMES}
    services = tuple(service(cast, f"Service {number}") for number in range(2))
    place = Place(url, folder, actors, {name: cast.handle(name) for name in NAMES}, threads, services)
    database.engine.dispose()
    return place


def check(database: Database, answers: list[Answers]) -> None:
    """Compare what was answered with what is stored, by SQL of the test's own."""
    with database.engine.connect() as connection:
        stored = {client: (uid, count) for client, uid, count in connection.exec_driver_sql(
            "SELECT client_id, min(uid), count(*) FROM entries WHERE kind = 'text' GROUP BY client_id")}
        gaps = connection.exec_driver_sql(
            "SELECT t.uid FROM threads t LEFT JOIN entries e ON e.thread_id = t.id GROUP BY t.id "
            "HAVING count(e.seq) <> t.last_seq OR max(e.seq) <> t.last_seq OR min(e.seq) <> 1").all()
        members = connection.exec_driver_sql(
            "SELECT thread_id FROM memberships GROUP BY thread_id HAVING count(*) <> count(DISTINCT nick)").all()
    acknowledged = {client: uid for one in answers for client, uid in one.stored.items()}
    assert {client: stored.get(client) for client in acknowledged} == {client: (uid, 1) for client, uid in acknowledged.items()}
    assert set(stored) <= {client for one in answers for client in one.tried}
    assert gaps == [] and members == []
    assert verify(database).broken is None


@pytest.mark.timeout(600)
def test_everything_at_once_never_waits_in_a_circle_and_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    # A wait in a circle is looked for after this time.
    with postgres.Server(settings=("deadlock_timeout=20ms",)) as server, postgres.database(server.socket, "crush") as url:
        place = prepared(url, tmp_path)
        with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
            parts = [pool.submit(crush, place, number, seed, SECONDS) for number in range(PROCESSES)]
            answers = [part.result() for part in parts]
        database = Database.open(url, run_dir=tmp_path, pepper=PEPPER)
        with database.engine.connect() as connection:
            deadlocks = connection.scalar(sa.text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))
        done = sum((Counter(one.done) for one in answers), Counter())
        print(f"seed {seed}: {sum(done.values())} actions, {sum(len(one.stored) for one in answers)} texts, {dict(done)}")
        told = [line for line in server.log.read_text().splitlines() if "deadlock" in line or "DETAIL" in line or "CONTEXT" in line or "STATEMENT" in line]
        assert deadlocks == 0 and "deadlock detected" not in server.log.read_text(), f"seed {seed}:\n" + "\n".join(told[:40])
        assert [action for one in answers for action in one.busy] == [], f"seed {seed}"
        check(database, answers)
        database.engine.dispose()
    assert min(done[action] for action in OF_EACH) >= PROCESSES * SOME
