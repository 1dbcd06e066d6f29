"""A PostgreSQL server that restarts, or goes away in the middle of something: what is waited for, and what is said."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from clinic import Call, Database, Done, storage
from clinic.errors import Busy
from clinic.log import entries
from migrations.runner import upgrade
from tests.support import postgres
from tests.support.cast import Cast


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    with postgres.Server() as running:
        yield running


@pytest.fixture
def database(server: postgres.Server, tmp_path: Path) -> Iterator[Database]:
    with postgres.database(server.socket, "away") as url:
        opened = Database.open(url, run_dir=tmp_path, pepper=b"p" * 32)
        upgrade(opened.engine)
        yield opened
        opened.engine.dispose()


@pytest.fixture
def cast(database: Database) -> Cast:
    return Cast.in_(database)


def posting(cast: Cast, thread: str, text: str) -> Call:
    return Call(cast.ana, "text.post", thread, {"body": text, "client_id": text})


def stored(database: Database) -> list[str | None]:
    with database.reading() as connection:
        return list(connection.scalars(sa.select(entries.c.client_id).where(entries.c.kind == "text").order_by(entries.c.seq)))


def test_a_server_that_starts_again_delays_and_refuses_nobody(
    server: postgres.Server, database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "BUSY_TIMEOUT_SECONDS", 60)
    thread = cast.start("boris", "ana")
    server.kill()
    later = threading.Timer(0.5, server.start)
    later.start()
    assert cast.post("ana", thread, "page")
    later.join()
    server.kill()
    later = threading.Timer(0.5, server.start)
    later.start()
    [result] = database.batch([posting(cast, thread, "app")])
    later.join()
    assert isinstance(result, Done)
    assert stored(database) == ["ana: page", "app"]


def test_a_server_that_stays_away_is_waited_for_once_and_then_said_at_once(
    server: postgres.Server, database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "BUSY_TIMEOUT_SECONDS", 1.0)
    thread = cast.start("boris", "ana")
    server.kill()
    began = time.monotonic()
    with pytest.raises(Busy):
        cast.post("ana", thread, "hello")
    assert time.monotonic() - began >= 1.0
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("waited again"))
    for _ in range(3):
        with pytest.raises(Busy):
            cast.post("ana", thread, "hello")
    monkeypatch.undo()
    server.start()
    assert cast.post("ana", thread, "hello")


@pytest.mark.parametrize("when", ["before the commit", "after the commit"])
def test_a_batch_in_whose_middle_the_server_is_killed_is_stored_once(
    server: postgres.Server, database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    thread = cast.start("boris", "ana")
    kills: list[str] = []

    def kill(connection: sa.Connection) -> None:
        if kills:
            return
        kills.append(when)
        if when == "after the commit":
            # The commit arrives, and its answer gets lost.
            connection.connection.driver_connection.commit()
            connection.exec_driver_sql("SELECT 1")
        server.kill()
        server.start()

    event.listen(database.engine, "commit", kill)
    results = database.batch([posting(cast, thread, "one"), posting(cast, thread, "two")])
    assert kills
    assert [type(result) for result in results] == [Done, Done]
    assert [result.duplicate for result in results if isinstance(result, Done)] == [when == "after the commit"] * 2
    assert stored(database) == ["one", "two"]
