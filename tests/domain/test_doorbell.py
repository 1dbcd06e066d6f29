"""The doorbell on both engines: who listens hears what changed, and a job's queue is told from all the rest."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest
import sqlalchemy as sa

from clinic import Database, doorbell
from clinic.doorbell import Doorbell, Ring
from migrations.runner import upgrade
from tests.support import postgres
from tests.support.cast import Cast

PATIENCE = 30.0
EVERYTHING = Ring((), ())


def listening(bell: Doorbell) -> Doorbell:
    """Wait until a doorbell hears: on PostgreSQL it says so by ringing for everything."""
    if isinstance(bell, doorbell.NotifiedDoorbell):
        assert bell.wait(PATIENCE) == [EVERYTHING]
    return bell


def ring(database: Database, threads: set[str], queues: set[str]) -> None:
    if database.engine.dialect.name == "sqlite":
        assert database._ringer is not None
        database._ringer.ring(threads, queues)
    else:
        with database.engine.begin() as connection:
            doorbell.notify(connection, threads, queues)


@pytest.fixture
def bell(database: Database) -> Iterator[Doorbell]:
    made = listening(database.doorbell("worker"))
    yield made
    made.close()


def heard(bell: Doorbell, number: int) -> list[Ring]:
    found: list[Ring] = []
    deadline = time.monotonic() + PATIENCE
    while len(found) < number and time.monotonic() < deadline:
        found += bell.wait(deadline - time.monotonic())
    return found


def test_a_listener_hears_which_threads_changed_and_which_queues_have_a_job(bell: Doorbell, database: Database) -> None:
    ring(database, {"b", "a"}, {"worker"})
    ring(database, set(), set())
    assert heard(bell, 2) == [Ring(("a", "b"), ("worker",)), EVERYTHING]
    assert bell.receive() == []


def test_what_an_action_commits_rings_once_and_what_is_refused_does_not(bell: Doorbell, database: Database, cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    with pytest.raises(Exception, match="no access"):
        cast.post("eve", thread, "let me in")
    cast.post("ana", thread, "hello")
    assert heard(bell, 2) == [Ring((thread,), ("bookmarks", "threads")), Ring((thread,), ())]


def test_more_threads_than_one_ring_can_name_are_rung_for_as_everything(bell: Doorbell, database: Database) -> None:
    ring(database, {f"{number:026}" for number in range(3000)}, {"worker"})
    assert heard(bell, 1) == [Ring((), ("worker",))]


def test_waiting_for_a_queue_lets_texts_pass_and_ends_with_a_job(bell: Doorbell, database: Database) -> None:
    for number in range(10):
        ring(database, {f"thread-{number}"}, {"threads"})
    assert not bell.wait_for("worker", 0.5)
    assert bell.receive() == []
    later = Timer(0.1, ring, (database, {"thread"}, {"worker"}))
    later.start()
    assert bell.wait_for("worker", PATIENCE)
    later.join()


def test_two_listeners_hear_the_same(bell: Doorbell, database: Database) -> None:
    other = listening(database.doorbell("threads"))
    ring(database, {"a"}, set())
    assert heard(bell, 1) == heard(other, 1) == [Ring(("a",), ())]
    other.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_process_on_another_machine_hears_what_is_committed_here(database: Database, database_url: str, tmp_path: Path) -> None:
    elsewhere = Database.open(database_url, run_dir=tmp_path / "another run folder", pepper=b"p" * 32)
    bell = listening(elsewhere.doorbell("threads"))
    ring(database, {"a"}, set())
    assert heard(bell, 1) == [Ring(("a",), ())]
    bell.close()
    elsewhere.close()


def hears_of(bell: Doorbell, thread: str) -> bool:
    """Whether it is rung for a thread, be it after others."""
    deadline = time.monotonic() + PATIENCE
    while (left := deadline - time.monotonic()) > 0:
        if any(thread in ring.threads for ring in bell.wait(left)):
            return True
    return False


def open_files() -> set[str]:
    return {f"{one.name} {one.readlink()}" for one in Path("/proc/self/fd").iterdir() if one.is_symlink()}


def test_who_closes_the_database_leaves_no_file_and_no_thread_and_may_ring_again(database_url: str, tmp_path: Path) -> None:
    files, threads = open_files(), set(threading.enumerate())
    opened = Database.open(database_url, run_dir=tmp_path / "run", pepper=b"p" * 32)
    bell = listening(opened.doorbell("worker"))
    thread = Cast.in_(opened).start("boris", "ana")
    assert hears_of(bell, thread)
    assert open_files() > files
    opened.close()
    ring(opened, {"a"}, set())
    assert hears_of(bell, "a")
    opened.close()
    bell.close()
    assert open_files() <= files
    assert set(threading.enumerate()) <= threads


@pytest.fixture
def many_open_files() -> Iterator[None]:
    """More than a thousand files are open, as in a process with many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    yield
    for one in files:
        os.close(one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_process_with_a_thousand_open_files_hears(many_open_files: None, bell: Doorbell, database: Database) -> None:
    assert bell.fileno() > 1023
    ring(database, {"a"}, set())
    assert heard(bell, 1) == [Ring(("a",), ())]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_is_rolled_back_rings_nobody(bell: Doorbell, database: Database) -> None:
    with database.engine.connect() as connection, connection.begin() as undone:
        doorbell.notify(connection, {"a"}, set())
        undone.rollback()
    ring(database, {"b"}, set())
    assert heard(bell, 1) == [Ring(("b",), ())]


def test_a_killed_database_server_is_heard_again_by_itself_and_found_by_every_pooled_connection(tmp_path: Path) -> None:
    with postgres.Server() as server, postgres.database(server.socket, "killed") as url:
        database = Database.open(url, run_dir=tmp_path, pepper=b"p" * 32)
        upgrade(database.engine)
        bell = listening(database.doorbell("threads"))
        place = bell.fileno()
        pooled = [database.engine.connect() for _ in range(5)]
        for one in pooled:
            one.execute(sa.select(1))
            one.close()
        for _ in range(3):
            server.kill()
            server.start()
            pooled = [database.engine.connect() for _ in range(5)]
            assert [one.scalar(sa.select(1)) for one in pooled] == [1] * 5
            for one in pooled:
                one.close()
            assert heard(bell, 1) == [EVERYTHING]
            ring(database, {"a"}, set())
            assert heard(bell, 1) == [Ring(("a",), ())]
        assert bell.fileno() == place
        bell.close()
        assert not bell._thread.is_alive()
        database.engine.dispose()


def test_a_doorbell_that_cannot_reach_its_server_closes_at_once(tmp_path: Path) -> None:
    database = Database.open(postgres.URL.format(name="none", socket=tmp_path), run_dir=tmp_path, pepper=b"p" * 32)
    bell = database.doorbell("threads")
    assert bell.wait(0.1) == []
    started = time.monotonic()
    bell.close()
    assert time.monotonic() - started < doorbell.RECONNECT_SECONDS
    database.engine.dispose()
