"""Whatever a test of the domain does: what a writing connection remembers is what the database says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.engine import Connection

from clinic.loading import Lock, load_persons, load_threads
from clinic.memory import Memory
from clinic.payment import gate


@pytest.fixture(autouse=True)
def true_memory(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """Compares all that is remembered with the database before each transaction, and at the end."""
    of = Memory.of
    database = request.getfixturevalue("database") if "database" in request.fixturenames else None

    def compared(connection: Connection) -> Memory:
        memory = of(connection)
        remembered = {uid: (list(rows.thread), {one: list(row) for one, row in rows.members.items()}) for uid, rows in memory.kept().items()}
        stored = load_threads(connection, list(remembered), Lock.NONE)
        assert remembered == {uid: (list(rows.thread), {one: list(row) for one, row in rows.members.items()}) for uid, rows in stored.items()}
        persons = load_persons(connection, [person.uid for person in memory.persons.values()], [])
        assert memory.persons == {key: person for person in persons for key in (person.uid, person.handle)}
        known = dict(memory.facts().get(gate.OPEN, {}))
        assert known == {patient: [(row[1], row[2]) for row in gate._OPEN.rows(connection, [patient])] for patient in known}
        return memory

    monkeypatch.setattr("clinic.database.Memory.of", compared)
    yield
    if database is not None and database.engine.dialect.name == "sqlite":
        with database._writing() as connection:
            compared(connection)
