"""What a writing connection remembers, on SQLite: nothing is loaded twice, and nothing that is not so any more is believed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from clinic import Database, memory
from clinic.errors import Busy, NotFound, NotSignedIn
from clinic.thread.archive import archive
from clinic.thread.tables import memberships
from clinic.writes import Buffer
from tests.support.cast import Cast

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@contextmanager
def loads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collects which threads and persons are loaded from the database."""
    found: list[str] = []
    from clinic import transaction

    threads, persons = transaction.load_threads, transaction.load_persons
    with monkeypatch.context() as patched:
        patched.setattr(transaction, "load_threads", lambda c, uids, lock: found.extend(uids) or threads(c, uids, lock))
        patched.setattr(transaction, "load_persons", lambda c, uids, handles: found.extend([*uids, *handles]) or persons(c, uids, handles))
        yield found


@pytest.fixture
def other(database: Database, database_url: str) -> Iterator[Database]:
    """Another process, as far as a database can tell."""
    opened = Database.open(database_url, run_dir=database.run_dir, pepper=database.pepper)
    yield opened
    opened.engine.dispose()


def test_the_second_text_in_a_thread_loads_neither_thread_nor_author(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = cast.start("ana", "boris")
    with loads(monkeypatch) as loaded:
        cast.post("ana", thread, "one")
    assert thread in loaded
    with loads(monkeypatch) as loaded:
        cast.post("ana", thread, "two")
    assert loaded == []


def test_what_another_process_has_changed_is_loaded_again(
    database: Database, other: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = cast.start("ana", "boris")
    cast.post("ana", thread, "one")
    Cast.post(_in(other, cast), "boris", thread, "two")
    with loads(monkeypatch) as loaded:
        cast.post("ana", thread, "three")
    assert thread in loaded
    assert bodies(database, cast, thread) == ["one", "two", "three"]


def test_who_is_removed_by_another_process_writes_no_further_text(database: Database, other: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    cast.post("chen", thread, "one")
    people = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("boris")}
    other.perform(cast.dina, "link.coordinator_remove", **people)
    with pytest.raises(NotFound):
        cast.post("chen", thread, "two")


def test_who_is_locked_out_by_another_process_writes_no_further_text(database: Database, other: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    cast.post("ana", thread, "one")
    other.perform(cast.dina, "account.deactivate", cast.uid("ana"))
    with pytest.raises(NotSignedIn):
        cast.post("ana", thread, "two")


def test_what_was_not_stored_is_not_remembered(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = cast.start("ana", "boris")
    cast.post("ana", thread, "one")

    def full(_connection: object) -> None:
        raise sa.exc.OperationalError("COMMIT", None, Exception("database or disk is full"))

    event.listen(database._for_writing, "commit", full)
    with pytest.raises(Busy):
        cast.post("ana", thread, "two")
    event.remove(database._for_writing, "commit", full)
    cast.post("ana", thread, "three")
    assert bodies(database, cast, thread) == ["one", "three"]


def test_what_was_written_beside_the_actions_is_not_missed(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    cast.post("ana", thread, "one")
    with database.writing() as connection:
        connection.execute(sa.update(memberships).values(muted=True))
    cast.post("ana", thread, "two")  # the fixture compares


def test_so_much_is_remembered_and_no_more(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_THREADS", 2)
    started = {who: cast.start(who, other) for who, other in (("ana", "boris"), ("boris", "bella"))}
    started["bella"] = cast.start("bella", "eve", reason="Asked for by phone.")
    for number in range(9):
        who = ("ana", "boris", "bella")[number % 3]
        cast.post(who, started[who], f"{number}")
        with database._writing() as connection:
            assert 1 <= len(memory.Memory.of(connection).kept()) <= 2


def test_a_buffer_that_holds_more_than_marks_makes_forgetful(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    cast.post("ana", thread, "one")
    with database._writing() as connection:
        remembered = memory.Memory.of(connection)
        [row] = [row for row in remembered.kept()[thread].members.values() if row[2] == cast.uid("ana")]
        buffer = Buffer()
        buffer.update(memberships, row[0], {"nick": "Somebody"})
        remembered.learn(buffer)
        assert remembered.kept() == {}


def bodies(database: Database, cast: Cast, thread: str) -> list[str]:
    with database.read(cast.ana) as work:
        return [entry.body for entry in archive(work, thread, limit=50).entries if entry.kind == "text"]


def _in(database: Database, cast: Cast) -> Cast:
    return Cast(database, *(getattr(cast, name) for name in ("ana", "ada", "eve", "boris", "bella", "chen", "dina")))
