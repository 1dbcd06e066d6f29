"""What reading costs does not grow with the thread: every question finds its place in the log by an index, and walks no further."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from clinic import Actor, Database, Role
from clinic.log import entries
from clinic.thread import archive as archives
from clinic.thread import relay
from clinic.thread.archive import archive
from clinic.thread.tables import memberships
from clinic.thread.views import UNREAD_AT_MOST, own_states, thread_list, thread_page
from migrations.runner import upgrade
from ops.bench.filling import FilledThread, Filling

SHORT, LONG = 2_000, 40_000
STEPS_AT_ONCE = 100


@dataclass
class Asked:
    """How SQLite went about each question of entries. steps: of its virtual machine, in hundreds, for all questions."""

    plans: list[tuple[str, list[str]]] = field(default_factory=list)
    steps: int = 0


class Clinic:
    """A patient and a practitioner with a short and a long thread each; the practitioner has read nothing of them."""

    def __init__(self, folder: Path) -> None:
        self.database = Database.open(f"sqlite:///{folder}/clinic.sqlite3", run_dir=folder / "run", pepper=b"p" * 32)
        upgrade(self.database.engine)
        filling = Filling(self.database, "no hash")
        self.threads = {}
        for length in (SHORT, LONG):
            [patient], [practitioner] = filling.people(Role.PATIENT, 1), filling.people(Role.PRACTITIONER, 1)
            self.threads[length] = filling.long_thread((patient, practitioner), length)
        self.hide_but_the_ends()

    def hide_but_the_ends(self) -> None:
        """Hides all from the patients but some entries at both ends and in the middle: whoever walks walks far. Some of these are for another one."""
        with self.database.reading() as connection:
            another = connection.execute(sa.select(memberships.c.account_id).where(memberships.c.role == Role.PRACTITIONER).limit(1)).scalar_one()
        for length, thread in self.threads.items():
            shown = sa.or_(entries.c.seq <= 100, entries.c.seq > length - 100, sa.func.abs(entries.c.seq - length // 2) < 100)
            of_it = sa.update(entries).where(entries.c.thread_id == thread.id)
            with self.database.writing() as connection:
                connection.execute(of_it.values(audience="staff"))
                connection.execute(of_it.where(shown).values(audience="everyone"))
                connection.execute(of_it.where(shown, entries.c.seq % 7 == 0).values(addressee_id=another))

    @contextmanager
    def watching(self) -> Iterator[Asked]:
        """Yields what is asked of the database meanwhile."""
        asked = Asked()

        def count() -> None:
            asked.steps += 1

        def explain(connection: Any, cursor: Any, statement: str, values: Any, context: Any, many: bool) -> None:
            raw = connection.connection.dbapi_connection
            raw.set_progress_handler(None, 0)
            if "entries" in statement:
                asked.plans.append((statement, [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values)]))
            raw.set_progress_handler(count, STEPS_AT_ONCE)

        sa.event.listen(self.database.engine, "before_cursor_execute", explain)
        try:
            yield asked
        finally:
            sa.event.remove(self.database.engine, "before_cursor_execute", explain)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    one = Clinic(tmp_path_factory.mktemp("long"))
    yield one
    one.database.engine.dispose()


@dataclass(frozen=True)
class Place:
    """An entry in a thread, for those who ask from there on."""

    uid: str
    at: Any


Ask = Callable[[Any, FilledThread, Place], Any]
AN_HOUR = timedelta(hours=1)
ARCHIVE: dict[str, dict[str, Callable[[Place], Any]]] = {
    "newest": {"backwards": lambda place: True},
    "oldest": {},
    "before": {"before": lambda place: place.uid, "backwards": lambda place: True},
    "before, the oldest of them": {"before": lambda place: place.uid},
    "after": {"after": lambda place: place.uid},
    "start": {"start": lambda place: place.at},
    "start, the newest": {"start": lambda place: place.at, "backwards": lambda place: True},
    "end": {"end": lambda place: place.at, "backwards": lambda place: True},
    "end, the oldest": {"end": lambda place: place.at},
    "an hour": {"start": lambda place: place.at, "end": lambda place: place.at + AN_HOUR},
    "an hour, backwards": {"start": lambda place: place.at - AN_HOUR, "end": lambda place: place.at, "backwards": lambda place: True},
    "an hour and after": {"start": lambda place: place.at - AN_HOUR, "end": lambda place: place.at + AN_HOUR, "after": lambda place: place.uid},
    "an hour in which nothing was": {"start": lambda place: place.at - AN_HOUR / 3600, "end": lambda place: place.at - AN_HOUR / 7200},
    "ids": {"ids": lambda place: [place.uid]},
}


def _archive(name: str) -> Ask:
    return lambda work, thread, place: archive(work, thread.uid, **{key: value(place) for key, value in ARCHIVE[name].items()})


SHAPES: dict[str, Ask] = {
    **{f"archive: {name}": _archive(name) for name in ARCHIVE},
    "page": lambda work, thread, place: thread_page(work, thread.uid),
    "page before": lambda work, thread, place: thread_page(work, thread.uid, before=place.uid),
    "page after": lambda work, thread, place: thread_page(work, thread.uid, after=place.uid),
    "marks": lambda work, thread, place: own_states(work, thread.uid),
    "list": lambda work, thread, place: thread_list(work),
}
READERS = (Role.PATIENT, Role.PRACTITIONER)


def places(clinic: Clinic, thread: FilledThread, length: int) -> list[Place]:
    """Returns entries at the old end, in the middle and at the new end that everybody sees."""
    with clinic.database.reading() as connection:
        query = sa.select(entries.c.uid, entries.c.at).where(entries.c.thread_id == thread.id)
        rows = [connection.execute(query.where(entries.c.seq == seq)).one() for seq in (60, length // 2, length - 60)]
    return [Place(row.uid, row.at) for row in rows]


def ask(clinic: Clinic, role: Role, length: int, shape: str) -> list[Asked]:
    """Returns how each place's question went."""
    thread = clinic.threads[length]
    reader = next(one for one in thread.members if one.role is role)
    found = []
    for place in places(clinic, thread, length):
        with clinic.database.read(Actor.page(reader.uid, role, "")) as work:
            work.thread(thread.uid)
            with clinic.watching() as asked:
                assert SHAPES[shape](work, thread, place) is not None
        found.append(asked)
    return found


@pytest.mark.parametrize("role", READERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_question_finds_its_place_by_an_index(clinic: Clinic, role: Role, shape: str) -> None:
    for asked in ask(clinic, role, LONG, shape):
        assert asked.plans
        for statement, plan in asked.plans:
            steps = [step for step in plan if "entries" in step]
            # Where only the thread is looked up, all of it is walked through; so are hidden entries that the index does not leave out.
            places = ["(uid=?)", "(thread_id=? AND audience=? AND seq", "(thread_id=? AND seq=?)", "(thread_id=? AND about_seq=?)"]
            places += [] if "audience = " in statement and shape != "list" else ["(thread_id=? AND seq"]
            assert steps
            assert all(step.startswith("SEARCH entries") and any(place in step for place in places) for step in steps), (plan, statement)
            # The list is as long as a person has threads, and put in order; nothing else is.
            assert shape == "list" or not any("TEMP B-TREE" in step for step in plan), (plan, statement)


@pytest.mark.parametrize("role", READERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_no_question_costs_more_in_a_longer_thread(clinic: Clinic, role: Role, shape: str) -> None:
    short, long = (max(asked.steps for asked in ask(clinic, role, length, shape)) for length in (SHORT, LONG))
    # Twenty times the entries; halving takes five more looks. Walking through them would be thousands of steps more.
    assert long <= short + 40, f"{short} hundred steps in {SHORT} entries, {long} in {LONG}"


def test_the_watch_sees_a_walk_through_a_thread(clinic: Clinic) -> None:
    thread = clinic.threads[LONG]
    with clinic.watching() as asked, clinic.database.reading() as connection:
        connection.execute(sa.select(sa.func.count(entries.c.payload)).where(entries.c.thread_id == thread.id)).one()
    assert asked.steps > LONG // STEPS_AT_ONCE
    assert [plan for _, plan in asked.plans] == [["SEARCH entries USING PRIMARY KEY (thread_id=?)"]]


def test_unread_entries_are_counted_no_further_than_they_are_shown(clinic: Clinic) -> None:
    reader = clinic.threads[LONG].members[1]
    with clinic.database.read(Actor.page(reader.uid, reader.role, "")) as work:
        [row] = thread_list(work)
    assert row.unread == UNREAD_AT_MOST


def test_what_is_counted_for_paging_ends_at_a_bound(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "COUNTED_AT_MOST", 150)
    thread = clinic.threads[LONG]
    for reader in thread.members:
        with clinic.database.read(Actor.page(reader.uid, reader.role, "")) as work, clinic.watching() as asked:
            assert archive(work, thread.uid, limit=0).count == 150
        assert asked.steps < 50


@pytest.mark.parametrize("role", READERS)
def test_whose_entries_a_mark_moved_over_is_found_in_that_part_alone(clinic: Clinic, role: Role) -> None:
    thread = clinic.threads[LONG]
    reader = next(one for one in thread.members if one.role is role)
    with clinic.database.read(Actor.system()) as work:
        member = next(one for one in relay.relayed_thread(work, thread.uid).members if one.handle == reader.handle)
        with clinic.watching() as asked:
            found = relay.authors_between(work, thread.uid, LONG - 10, LONG, member)
    assert found == {one.handle for one in thread.members}
    assert asked.steps < 50
