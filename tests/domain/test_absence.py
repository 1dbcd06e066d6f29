"""Away: when patients are told, once, with the emergency, and nobody else is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import Actor, Call, Database
from clinic.absence.views import my_absences
from clinic.errors import Conflict, Invalid, NotFound, NotPermitted
from clinic.thread.views import thread_page
from tests.support.cast import Cast


@pytest.fixture
def thread(cast: Cast) -> str:
    cast.database.perform(cast.dina, "clinic.describe", clinic_name="C", emergency_number="112", time_zone="UTC")
    return cast.start("boris", "ana")


def away(cast: Cast, who: Actor, **values: object) -> str:
    given = {"until": cast.database.now() + timedelta(days=3), **values}
    uid: str = cast.database.perform(who, "absence.begin", **given).value
    return uid


def notices(cast: Cast, thread: str, who: Actor | None = None) -> list[str]:
    with cast.database.read(who or cast.ana) as work:
        return [entry.body for entry in thread_page(work, thread).entries if " is away until " in entry.body]


def test_a_patient_who_writes_is_told_once_with_words_cover_and_emergency(cast: Cast, thread: str) -> None:
    away(cast, cast.boris, words="I read nothing until Monday.", cover=cast.uid("bella"))
    cast.post("ana", thread, "Are you there?")
    cast.post("ana", thread, "Hello?")
    [said] = notices(cast, thread)
    assert said.startswith("Boris Brandt is away until ") and "I read nothing until Monday." in said
    assert "Bella Baptiste covers" in said and said.endswith("In an emergency call 112.")
    with pytest.raises(NotFound):
        cast.database.perform(cast.bella, "text.post", thread, body="x", client_id="x")


def test_texts_that_commit_together_are_told_once(cast: Cast, thread: str) -> None:
    away(cast, cast.boris)
    calls = [Call(cast.ana, "text.post", thread, {"body": f"{n}", "client_id": f"{n}"}) for n in range(5)]
    cast.database.batch(calls)
    assert len(notices(cast, thread)) == 1


def test_staff_and_those_who_are_not_away_tell_nobody(cast: Cast, thread: str) -> None:
    cast.post("ana", thread, "before")
    away(cast, cast.boris)
    cast.post("chen", thread, "from staff")
    cast.post("boris", thread, "from myself")
    assert notices(cast, thread) == []
    cast.link("ana", "bella")
    other = cast.start("bella", "ana")
    cast.post("ana", other, "to Bella")
    assert notices(cast, other) == []


def test_a_planned_and_an_ended_absence_answer_nothing_and_a_new_one_again(cast: Cast, thread: str, database: Database) -> None:
    now = database.now()
    uid = away(cast, cast.boris, since=now + timedelta(days=1))
    cast.post("ana", thread, "one")
    assert notices(cast, thread) == []
    cast.database.perform(cast.boris, "absence.end", absence=uid)
    for number in (1, 2):
        away(cast, cast.boris)
        cast.post("ana", thread, f"away {number}")
        cast.database.perform(cast.boris, "absence.end")
        cast.post("ana", thread, f"back {number}")
        assert len(notices(cast, thread)) == number


def test_what_cannot_be_is_refused_in_words(cast: Cast, thread: str) -> None:
    now = cast.database.now()
    with pytest.raises(Invalid):
        away(cast, cast.boris, until=now - timedelta(hours=1))
    with pytest.raises(Invalid):
        away(cast, cast.boris, cover=cast.uid("boris"))
    with pytest.raises(Invalid):
        away(cast, cast.boris, cover=cast.uid("ana"))
    with pytest.raises(NotFound):
        cast.database.perform(cast.boris, "absence.end")
    with pytest.raises(NotPermitted):
        away(cast, cast.ana)
    away(cast, cast.boris)
    with pytest.raises(Conflict):
        away(cast, cast.boris)
    with cast.database.read(cast.boris) as work:
        assert [one.runs for one in my_absences(work)] == [True]
    with cast.database.read(cast.chen) as work:
        assert my_absences(work) == []
    with pytest.raises(NotFound):
        cast.database.perform(cast.chen, "absence.end")


def test_without_an_emergency_number_the_words_still_make_sense(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    away(cast, cast.boris)
    cast.post("ana", thread, "x")
    assert notices(cast, thread)[0].endswith("In an emergency call the emergency number of your country.")
