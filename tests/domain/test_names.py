"""An administrator corrects a person: what is refused, and where the new name shows."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from clinic import Actor, Database, errors
from clinic.account.admin import account_list
from clinic.account.people import find_people
from clinic.account.views import me
from clinic.thread.relay import relayed_thread
from clinic.thread.tables import threads
from clinic.thread.views import thread_head, thread_page
from tests.support.cast import Cast

ANA = {"name": "Ana Alvarez", "email": "ana@clinic.example", "birth_date": "1984-03-27"}


def describe(cast: Cast, who: str, **values: object) -> None:
    cast.database.perform(cast.dina, "account.describe", cast.uid(who), **values)


def version(database: Database, thread: str) -> int:
    with database.reading() as connection:
        return int(connection.execute(sa.select(threads.c.version).where(threads.c.uid == thread)).scalar_one())


def nicks(database: Database, thread: str) -> list[str]:
    with database.read(Actor.system()) as work:
        found = relayed_thread(work, thread)
    return sorted(member.nick for member in found.members)


def test_a_corrected_name_shows_in_threads_in_the_log_and_in_the_search(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    cast.post("ana", thread, "Hello")
    before = version(database, thread)
    describe(cast, "ana", **ANA | {"name": "Anna  Álvarez"})
    assert version(database, thread) > before
    assert "Anna Álvarez" in nicks(database, thread)
    with database.read(cast.boris) as work:
        assert thread_head(work, thread).title == "Anna Álvarez"
        assert thread_page(work, thread).entries[-1].author.nick == "Anna Álvarez"
        assert [person.name for person in find_people(work, "anna álvarez")] == ["Anna Álvarez"]
        assert find_people(work, "ana alvarez") == []
    with database.read(cast.ana) as work:
        assert me(work).name == "Anna Álvarez"


def test_a_corrected_name_stays_unique_in_each_thread_and_may_come_back(database: Database, cast: Cast) -> None:
    thread, apart = cast.start("ana", "boris"), cast.start("boris", "bella")
    describe(cast, "boris", name="Ana Alvarez", email="boris@clinic.example")
    assert nicks(database, thread) == ["Ana Alvarez", "Ana Alvarez (2)", "Chen Cheng"]
    assert nicks(database, apart) == ["Ana Alvarez", "Bella Baptiste"]
    describe(cast, "boris", name="Boris Brandt", email="boris@clinic.example")
    assert nicks(database, thread) == ["Ana Alvarez", "Boris Brandt", "Chen Cheng"]


def test_a_former_members_name_is_corrected_in_what_they_wrote(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    cast.post("chen", thread, "I take this over")
    people = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("boris")}
    database.perform(cast.dina, "link.coordinator_remove", **people)
    describe(cast, "chen", name="Chen Chang", email="chen@clinic.example")
    with database.read(cast.ana) as work:
        said = [entry for entry in thread_page(work, thread).entries if entry.body == "I take this over"]
    assert [entry.author.nick for entry in said] == ["Chen Chang"]
    assert nicks(database, thread) == ["Ana Alvarez", "Boris Brandt"]


def test_a_corrected_birth_date_shows_to_staff_and_only_an_email_touches_no_thread(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    before = version(database, thread)
    describe(cast, "ana", **ANA | {"email": "new@clinic.example"})
    assert version(database, thread) == before
    describe(cast, "ana", **ANA | {"birth_date": "1984-03-28"})
    assert version(database, thread) > before
    with database.read(cast.boris) as work:
        assert str(thread_head(work, thread).patients[0].birth_date) == "1984-03-28"


@pytest.mark.parametrize(
    ("who", "values", "field"),
    [
        ("ana", ANA | {"birth_date": ""}, "birth_date"),
        ("ana", ANA | {"name": " "}, "name"),
        ("ana", ANA | {"name": "\u200e"}, "name"),
        ("ana", ANA | {"name": "ΐ" * 99}, "name"),
        ("ana", ANA | {"email": "Boris@clinic.example"}, "email"),
        ("dina", {"name": "Dina Dunn", "email": ""}, "email"),
    ],
)
def test_what_a_correction_may_not_be(database: Database, cast: Cast, who: str, values: dict[str, str], field: str) -> None:
    with database.read(cast.dina) as work:
        before = account_list(work)
    with pytest.raises(errors.DomainError) as refusal:
        describe(cast, who, **values)
    assert refusal.value.field == field
    with database.read(cast.dina) as work:
        assert account_list(work) == before


def test_only_administrators_correct_people(cast: Cast) -> None:
    for actor in (cast.ana, cast.boris, cast.chen):
        with pytest.raises(errors.NotPermitted):
            cast.database.perform(actor, "account.describe", cast.uid("ana"), **ANA | {"name": "Eve"})


def test_a_person_without_a_role_is_asked_for_one_in_words(cast: Cast) -> None:
    for roles in ([], "", None):
        with pytest.raises(errors.Invalid, match=r"^Choose a role\.$"):
            cast.database.perform(cast.dina, "account.create", name="Finn Falk", roles=roles)
