"""On PostgreSQL a batch leaves what somebody else has locked, and waits for it only when it is told to."""

from __future__ import annotations

import threading
import time

import pytest
import sqlalchemy as sa

from clinic import Call, Database, Done, errors
from clinic.log import entries
from tests.support.cast import Cast
from tests.support.postgres import locked

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def posting(cast: Cast, who: str, thread: str, text: str) -> Call:
    return Call(getattr(cast, who), "text.post", thread, {"body": text, "client_id": text})


def test_calls_of_a_held_thread_are_left_and_all_others_are_done(database: Database, cast: Cast, held: str, free: str) -> None:
    calls = [
        posting(cast, "ana", held, "one"),
        posting(cast, "ada", free, "two"),
        posting(cast, "boris", held, "three"),
        posting(cast, "ada", "0" * 26, "nowhere"),
        posting(cast, "eve", free, "not mine"),
    ]
    with locked(database, held):
        results = database.batch(calls)
    assert [type(result) for result in results] == [errors.Held, Done, errors.Held, errors.NotFound, errors.NotFound]
    again = database.batch([calls[0], calls[2]])
    assert [(entry.body, entry.seq) for result in again if isinstance(result, Done) for entry in result.entries] == [("one", 3), ("three", 4)]


def test_a_batch_that_may_wait_gets_the_thread_when_it_is_free(database: Database, cast: Cast, held: str) -> None:
    results: list[object] = []
    waiting = threading.Thread(target=lambda: results.extend(database.batch([posting(cast, "ana", held, "one")], 30.0)))
    with locked(database, held):
        waiting.start()
        while not lock_waiters(database):
            time.sleep(0.01)
        assert results == []
    waiting.join(30)
    assert [type(result) for result in results] == [Done]


def lock_waiters(database: Database) -> int:
    with database.engine.connect() as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return int(connection.exec_driver_sql(query).scalar_one())


def test_a_wait_that_is_too_long_is_refused_and_nothing_is_stored(database: Database, cast: Cast, held: str) -> None:
    with locked(database, held):
        [result] = database.batch([posting(cast, "ana", held, "one")], 0.05)
    assert isinstance(result, errors.Busy) and not isinstance(result, errors.Held)
    with database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).where(entries.c.kind == "text")) == 0


def test_what_is_run_one_by_one_after_an_error_stays_behind_what_was_left(
    database: Database, cast: Cast, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, runs = Database._run, []

    def run(self: Database, calls: list[Call], *arguments: object) -> object:
        runs.append([call.values["body"] for call in calls])
        if len(calls) > 1:
            raise sa.exc.IntegrityError("as if somebody else had stored it", None, Exception())
        if runs[-1] == ["one"]:
            with locked(self, held):
                return real(self, calls, *arguments)
        return real(self, calls, *arguments)

    monkeypatch.setattr(Database, "_run", run)
    results = database.batch([posting(cast, "ana", held, "one"), posting(cast, "ana", held, "two")])
    assert [type(result) for result in results] == [errors.Held, errors.Held]
    assert runs == [["one", "two"], ["one"]]


def test_posting_does_not_wait_for_who_administers_the_author(database: Database, cast: Cast, held: str) -> None:
    with database.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("SELECT id FROM accounts ORDER BY id FOR NO KEY UPDATE")
        [result] = database.batch([posting(cast, "ana", held, "one")])
    assert isinstance(result, Done)
