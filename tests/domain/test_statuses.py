"""Statuses: the clinic's list, where a thread stands, and that a patient learns nothing of either. Source: product.md, Threads ("Status")."""

from __future__ import annotations

import dataclasses

import pytest

from clinic import Database, Role, errors
from clinic.calls import Actor
from clinic.log import entries
from clinic.status.views import Standing, standing, status_list
from clinic.thread.archive import archive
from clinic.thread.listing import Wanted, thread_list, unread_in_all
from clinic.thread.relay import relayed_thread
from clinic.thread.views import own_states, thread_head, thread_page
from tests.support.cast import Cast

CANARY = "Canary Discharge"


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


def added(cast: Cast, name: str, colour: str = "blue") -> str:
    uid: str = cast.database.perform(cast.dina, "status.create", name=name, colour=colour).value
    return uid


def put(cast: Cast, by: str, thread: str, status: str) -> bool:
    changed: bool = cast.database.perform(getattr(cast, by), "thread.set_status", thread, status=status).value
    return changed


def where(cast: Cast, reader: str, thread: str) -> Standing:
    with cast.database.read(getattr(cast, reader)) as work:
        return standing(work, thread)


def names(database: Database, cast: Cast) -> list[str]:
    with database.read(cast.dina) as work:
        return [row.status.name for row in status_list(work).offered]


def test_the_administrator_keeps_the_list_in_an_order_and_archives(database: Database, cast: Cast) -> None:
    assert database.perform(cast.dina, "status.add_examples").value == 3
    assert database.perform(cast.dina, "status.add_examples").value == 0
    assert names(database, cast) == ["Intake form received", "Onboarding in progress", "Patient discharged"]
    with database.read(cast.dina) as work:
        last = status_list(work).offered[-1].status
    for _ in range(3):  # one more than there are places
        database.perform(cast.dina, "status.order", last.uid, direction="up")
    assert names(database, cast) == ["Patient discharged", "Intake form received", "Onboarding in progress"]
    database.perform(cast.dina, "status.archive", last.uid)
    assert names(database, cast) == ["Intake form received", "Onboarding in progress"]
    database.perform(cast.dina, "status.restore", last.uid)
    assert names(database, cast)[-1] == "Patient discharged"


def test_a_name_is_offered_once(database: Database, cast: Cast) -> None:
    first = added(cast, "Waiting for results")
    with pytest.raises(errors.Conflict):
        added(cast, "waiting  for RESULTS")
    database.perform(cast.dina, "status.archive", first)
    second = added(cast, "Waiting for results")
    with pytest.raises(errors.Conflict):
        database.perform(cast.dina, "status.restore", first)
    with pytest.raises(errors.Conflict):
        database.perform(cast.dina, "status.describe", added(cast, "Other"), name="Waiting for results", colour="red")
    database.perform(cast.dina, "status.describe", second, name="Waiting for Results", colour="red")
    with pytest.raises(errors.Invalid):
        added(cast, "Pink one", "pink")


@pytest.mark.parametrize("who", ["ana", "boris", "chen"])
def test_nobody_else_keeps_the_list(database: Database, cast: Cast, who: str) -> None:
    with pytest.raises(errors.NotPermitted):
        database.perform(getattr(cast, who), "status.create", name="Mine", colour="blue")


def test_a_practitioner_sets_it_and_staff_read_who_did_and_its_history(database: Database, cast: Cast, thread: str) -> None:
    one, two = added(cast, "Onboarding"), added(cast, "Discharged", "green")
    assert put(cast, "boris", thread, one) and not put(cast, "boris", thread, one)
    assert put(cast, "boris", thread, two) and put(cast, "boris", thread, "none")
    with database.read(cast.chen) as work:
        said = [entry.body for entry in thread_page(work, thread).entries if entry.kind == "status"]
    assert said == [
        "Boris Brandt set the status to “Onboarding”.",
        "Boris Brandt set the status to “Discharged”.",
        "Boris Brandt took away the status “Discharged”.",
    ]
    assert where(cast, "boris", thread).status is None
    with pytest.raises(errors.Invalid):
        put(cast, "boris", thread, "0" * 26)
    with pytest.raises(errors.NotFound):
        put(cast, "bella", thread, one)


def test_an_archived_status_stays_where_it_is_and_is_not_offered(database: Database, cast: Cast, thread: str) -> None:
    one = added(cast, "Onboarding")
    put(cast, "boris", thread, one)
    database.perform(cast.dina, "status.archive", one)
    now = where(cast, "boris", thread)
    assert now.status is not None and now.status.name == "Onboarding" and now.status.archived and now.offered == ()
    with database.read(cast.dina) as work:
        assert [row.threads for row in status_list(work).archived] == [1]
    put(cast, "boris", thread, "none")
    with pytest.raises(errors.Invalid):
        put(cast, "boris", thread, one)


def test_a_renamed_status_shows_its_new_name_and_the_history_keeps_the_old_one(database: Database, cast: Cast, thread: str) -> None:
    one = added(cast, "Onboarding")
    put(cast, "boris", thread, one)
    database.perform(cast.dina, "status.describe", one, name="On board", colour="green")
    now = where(cast, "chen", thread).status
    assert now is not None and (now.name, now.colour) == ("On board", "green")
    with database.read(cast.chen) as work:
        assert "“Onboarding”" in thread_page(work, thread).entries[-1].body


def test_coordinators_see_it_and_change_it_only_where_the_clinic_has_switched_that_on(database: Database, cast: Cast, thread: str) -> None:
    one = added(cast, "Onboarding")
    with pytest.raises(errors.NotPermitted, match="switched off"):
        put(cast, "chen", thread, one)
    assert where(cast, "chen", thread).offered == ()
    database.perform(cast.dina, "status.permit", coordinators="1")
    assert put(cast, "chen", thread, one)
    assert [status.name for status in where(cast, "chen", thread).offered] == ["Onboarding"]


def seen_by(database: Database, actor: Actor, thread: str) -> list[object]:
    """Everything that a person's page and apps are drawn from."""
    with database.read(actor) as work:
        return [
            thread_list(work),
            thread_list(work, Wanted("waiting", status="none")),
            unread_in_all(work),
            thread_head(work, thread),
            thread_page(work, thread),
            own_states(work, thread),
            archive(work, thread, limit=100),
        ]


def test_a_patient_learns_nothing_of_it_on_any_path_not_even_when(database: Database, cast: Cast, thread: str) -> None:
    """What a patient sees is the same to the last instant, before and after; what staff see holds the canary."""
    canary = added(cast, CANARY)
    other = cast.start("bella", "ana", reason="On call")  # newer: the order of the list would show what moved
    cast.post("ana", thread, "Good morning")
    cast.post("ana", other, "Good morning")
    before = seen_by(database, cast.ana, thread)
    with database.read(Actor.system()) as work:
        room_before = relayed_thread(work, thread)
    put(cast, "boris", thread, canary)
    assert seen_by(database, cast.ana, thread) == before
    assert CANARY in repr(seen_by(database, cast.chen, thread))
    with pytest.raises(errors.NotPermitted):
        where(cast, "ana", thread)
    with pytest.raises(errors.NotPermitted):
        put(cast, "ana", thread, canary)
    # What live pages and apps are told of beside entries (members, names, titles, marks) has not moved either.
    with database.read(Actor.system()) as work:
        assert dataclasses.replace(relayed_thread(work, thread), last_seq=room_before.last_seq) == room_before


def test_who_waits_goes_on_waiting(database: Database, cast: Cast, thread: str) -> None:
    cast.post("ana", thread, "Good morning")
    put(cast, "boris", thread, added(cast, "Onboarding"))
    with database.read(cast.boris) as work:
        assert [row.uid for row in thread_list(work, Wanted("waiting"))] == [thread]


def test_it_is_an_entry_for_staff_only(database: Database, cast: Cast, thread: str) -> None:
    put(cast, "boris", thread, added(cast, "Onboarding"))
    with database.reading() as connection:
        found = [(row.kind, row.audience, row.author_role) for row in connection.execute(entries.select()) if row.kind == "status"]
    assert found == [("status", "staff", Role.PRACTITIONER)]
