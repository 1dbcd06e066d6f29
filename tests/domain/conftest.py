"""Whatever a test of the domain does: what a writing connection remembers is what the database says."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Connection

from clinic.loading import Lock, load_persons, load_threads
from clinic.memory import Memory


@pytest.fixture(autouse=True)
def true_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compares all that is remembered with the database before each transaction."""
    of = Memory.of

    def compared(connection: Connection) -> Memory:
        memory = of(connection)
        remembered = {uid: (list(rows.thread), {one: list(row) for one, row in rows.members.items()}) for uid, rows in memory.kept().items()}
        stored = load_threads(connection, list(remembered), Lock.NONE)
        assert remembered == {uid: (list(rows.thread), {one: list(row) for one, row in rows.members.items()}) for uid, rows in stored.items()}
        persons = {person.uid: person for person in memory.persons.values()}
        assert persons == {person.uid: person for person in load_persons(connection, list(persons), [])}
        return memory

    monkeypatch.setattr("clinic.database.Memory.of", compared)
