"""A practitioner's profile: for whom it is, and who writes it. Source: product.md, Practitioner profile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clinic import Database, errors
from clinic.profile.practitioner import PractitionerProfile, practitioner
from tests.support.cast import Cast


def read(cast: Cast, who: str, of: str = "boris") -> PractitionerProfile:
    with cast.database.read(getattr(cast, who)) as work:
        return practitioner(work, cast.uid(of))


def describe(cast: Cast, who: str, **values: Any) -> Any:
    return cast.database.perform(getattr(cast, who), "practitioner.describe", **values).value


def test_whoever_is_linked_or_shares_a_thread_reads_it_and_nobody_else(cast: Cast) -> None:
    describe(cast, "boris", version=0, title="Dr. med.", bio="Lungs.")
    for who in ("ana", "chen", "boris"):  # linked, assisting, themselves
        assert read(cast, who).said.get("bio").value == "Lungs."
    for who in ("ada", "bella", "eve"):
        with pytest.raises(errors.NotFound):
            read(cast, who)
    cast.start("boris", "bella")
    assert read(cast, "bella").name == "Boris Brandt" and not read(cast, "bella").mine
    with pytest.raises(errors.NotPermitted):
        read(cast, "dina")
    for nobody in ("ana", "chen"):  # who is no practitioner has none
        with pytest.raises(errors.NotFound):
            read(cast, "boris", nobody)
    cast.database.perform(cast.dina, "account.deactivate", cast.uid("boris"))
    with pytest.raises(errors.NotFound):
        read(cast, "ana")


def test_it_leads_to_the_threads_that_its_reader_shares_with_them_and_to_no_other(cast: Cast, database: Database) -> None:
    assert read(cast, "ana").threads == ()
    cast.link("ada", "boris")
    direct, others = cast.start("boris", "ana"), cast.start("boris", "ada")
    people = [cast.uid(name) for name in ("ana", "ada")]
    group = str(database.perform(cast.boris, "group.create", title="Knee class", people=people, reason="Same exercises.").value)
    assert {(one.uid, one.title) for one in read(cast, "ana").threads} == {(direct, "Boris Brandt"), (group, "Knee class")}
    assert {one.uid for one in read(cast, "ada").threads} == {others, group} and read(cast, "boris").threads == ()
    database.perform(cast.boris, "group.close", group)
    assert [one.uid for one in read(cast, "ana").threads] == [direct]


def test_it_says_when_they_are_away_and_who_covers_and_assists(cast: Cast, database: Database) -> None:
    now = database.now()
    database.perform(cast.boris, "absence.begin", since=now + timedelta(days=2), until=now + timedelta(days=5), cover=cast.uid("bella"))
    profile = read(cast, "ana")
    assert [(leave.cover, leave.runs) for leave in profile.leaves] == [("Bella Baptiste", False)]
    assert [one.name for one in profile.coordinators] == ["Chen Cheng"]
    database.perform(cast.boris, "absence.end")
    assert read(cast, "ana").leaves == ()


def test_only_its_practitioner_writes_it_and_a_second_window_loses_nothing(cast: Cast) -> None:
    describe(cast, "boris", version=0, title="Dr.", bio="Lungs.")
    with pytest.raises(errors.Conflict):
        describe(cast, "boris", version=0, title="Dr.", bio="Sleep.")
    describe(cast, "boris", version=1, title="Dr.", bio="Sleep.")
    assert read(cast, "ana").said.get("bio").value == "Sleep."
    for who in ("ana", "chen", "dina"):
        with pytest.raises(errors.NotPermitted):
            describe(cast, who, version=0, title="Dr.")
