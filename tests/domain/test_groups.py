"""Groups, and who is in threads by people's own decision: names, invitations, removing, handing over, leaving, closing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa

from clinic import ACTIONS, Actor, Database, errors
from clinic.account.tables import settings
from clinic.group.views import closed_groups, thread_people
from clinic.log import entries
from clinic.thread.bookmarks import untold
from clinic.thread.views import thread_head, thread_list, thread_page
from tests.support.cast import Cast

PEOPLE = ("ana", "ada", "eve", "boris", "bella", "chen", "dina")


def do(cast: Cast, by: str, action: str, thread: str | None = None, **values: Any) -> Any:
    given = {name: [cast.uid(one) for one in value] if name == "people" else value for name, value in values.items()}
    if given.get("person") in PEOPLE:
        given["person"] = cast.uid(given["person"])
    subject = () if thread is None else (thread,)
    return cast.database.perform(getattr(cast, by), action, *subject, **given).value


def group(cast: Cast, *people: str, title: str = "Knee class", **values: str) -> str:
    """Make a group of Boris's; Ada, who is not linked to him, is added with a reason."""
    uid: str = do(cast, "boris", "group.create", title=title, people=people, reason="Same exercises.", **values)
    return uid


def names(cast: Cast, reader: str, thread: str) -> set[str]:
    with cast.database.read(getattr(cast, reader)) as work:
        return {member.nick.split()[0].lower() for member in thread_head(work, thread).members}


def bodies(cast: Cast, reader: str, thread: str) -> list[str]:
    with cast.database.read(getattr(cast, reader)) as work:
        return [entry.body for entry in thread_page(work, thread).entries]


def title(cast: Cast, reader: str, thread: str) -> str:
    with cast.database.read(getattr(cast, reader)) as work:
        return thread_head(work, thread).title


def listed(cast: Cast, reader: str) -> list[str]:
    with cast.database.read(getattr(cast, reader)) as work:
        return [row.uid for row in thread_list(work)]


def admins(cast: Cast, reader: str, thread: str) -> list[str]:
    with cast.database.read(getattr(cast, reader)) as work:
        return [member.nick.split()[0].lower() for member in thread_head(work, thread).members if member.group_admin]


def switch(database: Database, key: str, value: str) -> None:
    with database.writing() as connection:
        connection.execute(sa.delete(settings).where(settings.c.key == key))
        connection.execute(sa.insert(settings), {"key": key, "value": value})


# -- creating

def test_a_practitioner_makes_a_group_and_manages_it(cast: Cast) -> None:
    thread = group(cast, "ana", "ada", "bella")
    assert names(cast, "ana", thread) == {"boris", "ana", "ada", "bella", "chen"}
    assert admins(cast, "ana", thread) == ["boris"]
    assert all(thread in listed(cast, one) for one in ("ana", "ada", "bella", "boris", "chen"))
    assert title(cast, "ana", thread) == title(cast, "boris", thread) == "Knee class"
    assert "Chen Cheng is included" in bodies(cast, "ada", thread)[1]


def test_patients_coordinators_and_admins_make_no_group(cast: Cast) -> None:
    for nobody in ("ana", "chen", "dina"):
        with pytest.raises(errors.NotPermitted):
            do(cast, nobody, "group.create", title="x", people=("ada",))


def test_a_group_with_a_patient_not_linked_needs_a_reason_that_is_read(cast: Cast) -> None:
    with pytest.raises(errors.Invalid, match="Ada Almeida: not linked") as refusal:
        do(cast, "boris", "group.create", title="Knee class", people=("ana", "ada"))
    assert refusal.value.field == "reason"
    assert "Same exercises." in bodies(cast, "ada", group(cast, "ana", "ada"))[0]
    assert "Same exercises." not in bodies(cast, "ana", do(cast, "boris", "group.create", title="Other", people=("ana",)))[0]


def test_the_same_form_sent_twice_makes_one_group(cast: Cast) -> None:
    assert group(cast, "ana", "bella") == group(cast, "ana", "bella")
    assert group(cast, "ana", "bella") != group(cast, "ana", "bella", title="Another")


def test_a_group_takes_no_administrator_no_stranger_and_nobody_twice(cast: Cast) -> None:
    for wrong in ("dina", "chen"):
        with pytest.raises(errors.Invalid):
            group(cast, "ana", wrong)
    with pytest.raises(errors.Invalid):
        do(cast, "boris", "group.create", title="Me alone", people=("boris",))
    assert len(names(cast, "boris", group(cast, "ana", "ana"))) == 3


def test_coordinators_stay_out_of_groups_without_a_patient_or_where_the_clinic_has_it_so(cast: Cast, database: Database) -> None:
    assert "chen" not in names(cast, "boris", group(cast, "bella"))
    switch(database, "coordinators_in_groups", "0")
    thread = group(cast, "ana")
    assert "chen" not in names(cast, "boris", thread)
    people = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("bella")}
    do(cast, "boris", "thread.invite", thread, people=("bella",))
    database.perform(cast.dina, "link.coordinator_add", **people)
    assert "chen" not in names(cast, "boris", thread)


def test_linking_and_unlinking_a_coordinator_reaches_groups(cast: Cast, database: Database) -> None:
    thread = group(cast, "ana", "bella")
    people = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("boris")}
    database.perform(cast.dina, "link.coordinator_remove", **people)
    assert "chen" not in names(cast, "ana", thread)
    assert "no longer assists" in bodies(cast, "ana", thread)[-1]
    with pytest.raises(errors.NotFound):
        cast.post("chen", thread, "still here")
    database.perform(cast.dina, "link.coordinator_add", **people)
    assert "Chen Cheng is included" in bodies(cast, "ana", thread)[-1]


def test_a_coordinator_who_assists_two_here_comes_once_and_stays_for_the_other(cast: Cast, database: Database) -> None:
    people = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("bella")}
    database.perform(cast.dina, "link.coordinator_add", **people)
    thread = group(cast, "ana", "bella")
    assert sum("Chen Cheng" in body for body in bodies(cast, "ana", thread)) == 1
    do(cast, "boris", "group.remove", thread, person="bella")
    assert "chen" in names(cast, "boris", thread)


def test_a_coordinator_whom_somebody_invited_into_a_group_stays_when_unlinked(cast: Cast, database: Database) -> None:
    thread = group(cast, "bella")
    do(cast, "boris", "thread.invite", thread, people=("chen",))
    do(cast, "boris", "thread.invite", thread, people=("ana",))
    people = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("boris")}
    database.perform(cast.dina, "link.coordinator_remove", **people)
    assert "chen" in names(cast, "boris", thread)
    do(cast, "boris", "group.remove", thread, person="chen")
    assert "chen" not in names(cast, "boris", thread)


# -- naming

def test_the_name_of_a_thread_with_one_patient_is_for_staff_only(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    cast.post("ana", thread, "Hello")
    before = bodies(cast, "ana", thread)
    do(cast, "chen", "thread.rename", thread, title="Difficult knee")
    assert title(cast, "boris", thread) == "Difficult knee"
    assert "Chen Cheng named this thread “Difficult knee”." in bodies(cast, "boris", thread)
    assert title(cast, "ana", thread) == "Boris Brandt"
    assert bodies(cast, "ana", thread) == before
    with cast.database.read(cast.ana) as work:
        assert "Difficult" not in repr((thread_head(work, thread), thread_list(work), thread_page(work, thread), thread_people(work, thread)))
    with cast.database.read(Actor.system()) as work:
        listings = {one.handle: one.wanted.title for one in untold(work, thread) if one.wanted}
    assert listings[cast.handle("ana")] == "Boris Brandt"
    assert listings[cast.handle("boris")] == "Difficult knee"
    do(cast, "boris", "thread.rename", thread, title="")
    assert title(cast, "boris", thread) == "Ana Alvarez"


def test_a_group_is_renamed_for_everybody_by_staff_and_never_by_patients(cast: Cast) -> None:
    thread = group(cast, "ana", "bella")
    do(cast, "bella", "thread.rename", thread, title="Hips")
    assert title(cast, "ana", thread) == "Hips"
    assert "“Hips”" in bodies(cast, "ana", thread)[-1]
    with pytest.raises(errors.NotPermitted):
        do(cast, "ana", "thread.rename", thread, title="Mine")
    do(cast, "boris", "thread.rename", thread, title=None)
    assert set(title(cast, "ana", thread).split(", ")) == {"Boris Brandt", "Bella Baptiste"}
    count = len(bodies(cast, "ana", thread))
    do(cast, "boris", "thread.rename", thread, title=None)
    assert len(bodies(cast, "ana", thread)) == count


# -- inviting

def test_staff_invited_into_a_thread_with_one_patient_keep_it_one_and_the_patient_reads_who_reads(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    cast.post("ana", thread, "Before")
    assert do(cast, "chen", "thread.invite", thread, people=("bella",)) == thread
    assert "Chen Cheng invited Bella Baptiste, who can now read everything" in bodies(cast, "ana", thread)[-1]
    assert "Before" in bodies(cast, "bella", thread)
    with cast.database.read(cast.ana) as work:
        assert thread_head(work, thread).kind == "direct"
    with pytest.raises(errors.Conflict):
        do(cast, "boris", "thread.invite", thread, people=("bella",))


def test_the_coordinators_of_an_invited_practitioner_come_along_and_go_with_them(cast: Cast, database: Database) -> None:
    database.perform(cast.dina, "link.coordinator_remove", coordinator=cast.uid("chen"), practitioner=cast.uid("boris"))
    database.perform(cast.dina, "link.coordinator_add", coordinator=cast.uid("chen"), practitioner=cast.uid("bella"))
    thread = cast.start("boris", "ana")
    do(cast, "boris", "thread.invite", thread, people=("bella",))
    assert "chen" in names(cast, "ana", thread)
    do(cast, "boris", "thread.uninvite", thread, person="bella")
    assert names(cast, "ana", thread) == {"boris", "ana"}
    assert "no longer assists" in bodies(cast, "ana", thread)[-1]


def test_another_patient_means_a_new_group_without_what_was_said_before(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    cast.post("ana", thread, "Between us")
    do(cast, "boris", "thread.rename", thread, title="For staff")
    with pytest.raises(errors.Invalid):
        do(cast, "boris", "thread.invite", thread, people=("ada",))
    new = do(cast, "boris", "thread.invite", thread, people=("ada",), reason="Sisters.")
    assert new != thread
    assert new == do(cast, "boris", "thread.invite", thread, people=("ada",), reason="Sisters.")
    assert names(cast, "ada", new) == {"ana", "ada", "boris", "chen"}
    assert not any("Between us" in body for body in bodies(cast, "ada", new))
    assert title(cast, "ana", new) == "Ada Almeida, Boris Brandt"
    assert names(cast, "ana", thread) == {"ana", "boris", "chen"}
    assert admins(cast, "ana", new) == ["boris"]


def test_a_coordinator_is_told_why_they_cannot_bring_another_patient(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    with pytest.raises(errors.NotPermitted, match="coordinators can't create groups"):
        do(cast, "chen", "thread.invite", thread, people=("ada",), reason="Sisters.")


def test_a_patient_invited_later_sees_what_comes_from_then_on_and_staff_see_all(cast: Cast) -> None:
    thread = group(cast, "ana", "bella")
    cast.post("ana", thread, "Early")
    do(cast, "chen", "thread.invite", thread, people=("eve",), reason="New.")
    cast.post("ana", thread, "Late")
    assert bodies(cast, "eve", thread)[0].startswith("Chen Cheng, to whom not all are linked, invited Eve Evans")
    assert not any("Early" in body for body in bodies(cast, "eve", thread))
    assert bodies(cast, "eve", thread)[-1] == "Late"
    do(cast, "boris", "group.remove", thread, person="bella")
    cast.post("ana", thread, "Without Bella")
    do(cast, "boris", "thread.invite", thread, people=("bella",))
    assert {"Early", "Without Bella"} <= set(bodies(cast, "bella", thread))


def test_a_coordinator_needs_no_reason_for_a_patient_of_whom_they_assist(cast: Cast) -> None:
    thread = group(cast, "ada", "bella")
    do(cast, "chen", "thread.invite", thread, people=("ana",))
    assert "ana" in names(cast, "boris", thread)


def test_patients_invite_nobody(cast: Cast) -> None:
    thread = group(cast, "ana")
    for action, values in (("thread.invite", {"people": ("bella",)}), ("thread.uninvite", {"person": "chen"})):
        with pytest.raises(errors.NotPermitted):
            do(cast, "ana", action, thread, **values)


def test_an_invitation_is_taken_back_by_who_made_it_until_something_was_received(cast: Cast) -> None:
    thread = group(cast, "ana", "bella")
    do(cast, "bella", "thread.invite", thread, people=("eve",), reason="Mistake.")
    with pytest.raises(errors.Invalid):
        do(cast, "boris", "thread.uninvite", thread, person="eve")
    do(cast, "bella", "thread.uninvite", thread, person="eve")
    with pytest.raises(errors.NotFound):
        bodies(cast, "eve", thread)
    assert "took back the invitation of Eve Evans" in bodies(cast, "ana", thread)[-1]
    do(cast, "bella", "thread.invite", thread, people=("eve",), reason="After all.")
    with cast.database.read(cast.eve) as work:
        [*_, newest] = thread_page(work, thread).entries
    do(cast, "eve", "thread.mark", thread, entry=newest.uid, state="delivered")
    with pytest.raises(errors.Conflict, match="has received this thread already"):
        do(cast, "bella", "thread.uninvite", thread, person="eve")


def test_who_was_handed_the_group_is_not_taken_out_by_an_old_invitation(cast: Cast) -> None:
    thread = group(cast, "ana", "bella")
    do(cast, "boris", "group.hand_over", thread, person="bella")
    with pytest.raises(errors.Conflict):
        do(cast, "boris", "thread.uninvite", thread, person="bella")
    do(cast, "bella", "group.remove", thread, person="ana")


def test_an_invitation_is_not_taken_back_from_whose_app_is_in_the_room(cast: Cast) -> None:
    thread = group(cast, "ana")
    here = {"address": "x@y/z", "kind": "occupant", "thread": thread, "handle": cast.handle("ana")}
    cast.database.perform(Actor.system(), "live.enter", **here)
    with pytest.raises(errors.Conflict):
        do(cast, "boris", "thread.uninvite", thread, person="ana")


# -- removing, handing over, closing

def test_only_the_group_admin_removes_and_who_is_removed_sees_nothing_any_more(cast: Cast) -> None:
    thread = group(cast, "ana", "ada", "bella")
    for other in ("bella", "chen"):
        with pytest.raises(errors.NotPermitted):
            do(cast, other, "group.remove", thread, person="ada")
    with pytest.raises(errors.NotPermitted):
        do(cast, "ana", "group.remove", thread, person="ada")
    do(cast, "boris", "group.remove", thread, person="ada")
    assert thread not in listed(cast, "ada")
    for act in (lambda: bodies(cast, "ada", thread), lambda: cast.post("ada", thread, "x"), lambda: do(cast, "ada", "thread.leave", thread)):
        with pytest.raises(errors.NotFound):
            act()
    assert "Boris Brandt removed Ada Almeida" in bodies(cast, "ana", thread)[-1]


def test_the_group_admin_removes_neither_themselves_nor_included_coordinators(cast: Cast) -> None:
    thread = group(cast, "ana")
    with pytest.raises(errors.NotPermitted, match="by the clinic's own links"):
        do(cast, "boris", "group.remove", thread, person="chen")
    with pytest.raises(errors.Invalid, match="leave the group"):
        do(cast, "boris", "group.remove", thread, person="boris")
    with pytest.raises(errors.Invalid):
        do(cast, "boris", "group.remove", thread, person="eve")


def test_nobody_manages_a_thread_of_two(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    for action, values in (("group.remove", {"person": "ana"}), ("group.close", {}), ("group.share", {}), ("group.hand_over", {"person": "bella"})):
        with pytest.raises(errors.NotPermitted):
            do(cast, "boris", action, thread, **values)


def test_a_group_is_handed_over_to_a_practitioner_in_it_only(cast: Cast) -> None:
    thread = group(cast, "ana", "bella")
    for nobody in ("ana", "chen", "boris", "eve"):
        with pytest.raises(errors.Invalid):
            do(cast, "boris", "group.hand_over", thread, person=nobody)
    do(cast, "boris", "group.hand_over", thread, person="bella")
    assert admins(cast, "ana", thread) == ["bella"]
    with pytest.raises(errors.NotPermitted):
        do(cast, "boris", "group.remove", thread, person="ana")
    do(cast, "bella", "group.remove", thread, person="boris")


def test_closing_ends_a_group_for_everybody_and_they_read_whom_to_contact(cast: Cast, database: Database) -> None:
    thread = group(cast, "ana", "bella")
    cast.post("ana", thread, "Kept")
    with pytest.raises(errors.NotPermitted):
        do(cast, "bella", "group.close", thread)
    do(cast, "boris", "group.close", thread)
    for one in ("ana", "bella", "boris", "chen"):
        assert thread not in listed(cast, one)
        with pytest.raises(errors.NotFound):
            bodies(cast, one, thread)
    with database.read(cast.ana) as work:
        assert [(one.title, one.admin) for one in closed_groups(work)] == [("Knee class", "Boris Brandt")]
    do(cast, "ana", "group.forget_closed", group=thread)
    with database.read(cast.ana) as work:
        assert closed_groups(work) == []
    with database.read(cast.eve) as work:
        assert closed_groups(work) == []
    with pytest.raises(errors.NotFound):
        do(cast, "eve", "group.forget_closed", group=thread)
    with database.reading() as connection:
        assert "Kept" in "".join(row.payload for row in connection.execute(sa.select(entries.c.payload)))


# -- leaving

def test_a_thread_of_two_left_is_gone_until_something_new_is_said(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    cast.post("boris", thread, "Old")
    do(cast, "ana", "thread.leave", thread)
    do(cast, "boris", "thread.leave", thread)
    assert thread not in listed(cast, "ana") + listed(cast, "boris")
    cast.note("chen", thread, "For staff")
    assert thread not in listed(cast, "ana")
    assert thread in listed(cast, "boris")
    cast.post("chen", thread, "New")
    assert thread in listed(cast, "ana")
    assert bodies(cast, "ana", thread) == ["New"]
    assert "Old" in bodies(cast, "boris", thread)


def test_lists_of_apps_lose_what_is_put_away_and_get_it_back_with_what_their_owner_sees(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    cast.post("boris", thread, "Old")

    def wanted() -> dict[str, bool]:
        with database.read(Actor.system()) as work:
            found = untold(work, thread)
        for one in found:
            database.perform(Actor.system(), "bookmark.told", thread, handle=one.handle, listing=one.wanted)
        return {one.handle: one.wanted is not None for one in found}

    assert wanted() == {cast.handle(one): True for one in ("ana", "boris", "chen")}
    do(cast, "ana", "thread.leave", thread)
    assert wanted() == {cast.handle("ana"): False}
    cast.note("chen", thread, "For staff")
    assert wanted() == {}
    assert database.perform(Actor.system(), "bookmark.seek").value == 0
    cast.post("chen", thread, "New")
    assert wanted() == {cast.handle("ana"): True}


def test_whoever_starts_a_thread_again_that_they_put_away_has_it_back(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    do(cast, "boris", "thread.leave", thread)
    assert thread not in listed(cast, "boris")
    assert cast.start("boris", "ana") == thread
    assert thread in listed(cast, "boris")


def test_leaving_a_group_ends_the_membership_and_an_included_coordinator_only_hides_it(cast: Cast) -> None:
    thread = group(cast, "ana", "bella")
    do(cast, "chen", "thread.leave", thread)
    assert thread not in listed(cast, "chen")
    assert "chen" in names(cast, "ana", thread)
    do(cast, "ana", "thread.leave", thread)
    assert "Ana Alvarez has left" in bodies(cast, "boris", thread)[-1]
    with pytest.raises(errors.NotFound):
        bodies(cast, "ana", thread)
    assert thread in listed(cast, "chen")


def test_who_was_invited_into_a_thread_of_two_leaves_it_for_good(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    do(cast, "boris", "thread.invite", thread, people=("bella",))
    do(cast, "bella", "thread.leave", thread)
    assert names(cast, "ana", thread) == {"ana", "boris", "chen"}


def test_the_group_admin_chooses_first_what_becomes_of_the_group(cast: Cast) -> None:
    thread = group(cast, "ana", "bella")
    with pytest.raises(errors.Invalid, match="Choose first") as refusal:
        do(cast, "boris", "thread.leave", thread)
    assert refusal.value.field == "then"
    with pytest.raises(errors.Invalid):
        do(cast, "boris", "thread.leave", thread, then=cast.uid("ana"))
    do(cast, "boris", "thread.leave", thread, then=cast.uid("bella"))
    assert admins(cast, "ana", thread) == ["bella"]
    assert names(cast, "ana", thread) == {"ana", "bella"}  # Chen assists nobody here any more
    with pytest.raises(errors.Invalid, match="no other practitioner"):
        do(cast, "bella", "thread.leave", thread)
    do(cast, "bella", "thread.leave", thread, then="close")
    assert thread not in listed(cast, "ana")


def test_going_offline_leaves_nothing(cast: Cast) -> None:
    thread = group(cast, "ana")
    here = {"address": "x@y/z", "kind": "occupant", "thread": thread}
    cast.database.perform(Actor.system(), "live.enter", **here, handle=cast.handle("ana"))
    cast.database.perform(Actor.system(), "live.leave", **here)
    cast.database.perform(Actor.system(), "live.clear_account", handle=cast.handle("ana"))
    assert "ana" in names(cast, "boris", thread)


# -- deactivation

def test_a_deactivated_group_admin_hands_over_to_who_is_in_it_longest_and_does_not_take_it_back(cast: Cast, database: Database) -> None:
    thread = group(cast, "ana", "bella")
    database.perform(cast.dina, "account.deactivate", cast.uid("boris"))
    assert admins(cast, "ana", thread) == ["bella"]
    assert "Bella Baptiste is the group admin now" in bodies(cast, "ana", thread)[-1]
    database.perform(cast.dina, "account.activate", cast.uid("boris"))
    assert admins(cast, "ana", thread) == ["bella"]


def test_where_nobody_can_take_a_group_over_it_is_said_and_the_next_practitioner_does(cast: Cast, database: Database) -> None:
    thread = group(cast, "ana")
    database.perform(cast.dina, "account.deactivate", cast.uid("boris"))
    assert "no other practitioner is here" in bodies(cast, "ana", thread)[-1]
    do(cast, "chen", "thread.invite", thread, people=("bella",))
    assert admins(cast, "ana", thread) == ["bella"]


# -- what patients learn

def test_patients_learn_names_and_roles_of_others_and_nothing_else(cast: Cast, database: Database) -> None:
    thread = group(cast, "ana", "ada", "bella")
    cast.post("ada", thread, "Hello")
    cast.post("boris", thread, "Good day")
    with database.read(cast.ana) as work:
        seen = repr((thread_head(work, thread), thread_list(work), thread_page(work, thread), thread_people(work, thread)))
    for other in ("ada", "boris", "bella", "chen"):
        assert cast.uid(other) not in seen, other
        assert cast.handle(other) not in seen, other
    assert "1991, 11" not in seen and "1991-11" not in seen
    with database.read(cast.boris) as work:
        assert {one.member.birth_date.year for one in thread_people(work, thread).people if one.member.birth_date} == {1984, 1991}


# -- at once

def test_of_two_who_remove_each_others_at_once_each_is_decided_after_the_other(cast: Cast, database: Database) -> None:
    thread = group(cast, "ana", "ada", "bella")
    do(cast, "boris", "group.hand_over", thread, person="bella")

    def attempt(by: str, action: str, **values: Any) -> str:
        try:
            do(cast, by, action, thread, **values)
        except errors.DomainError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(attempt, "bella", "group.hand_over", person="boris")
        other = pool.submit(attempt, "bella", "group.close")
        outcome = {one.result(), other.result()}
    assert "done" in outcome
    assert len(outcome) == 2  # who came second was no admin any more, or in no group


def test_an_invitation_while_a_group_is_being_closed_leaves_nobody_in_it(cast: Cast, database: Database) -> None:
    for number in range(5):
        thread = group(cast, "ana", "bella", title=f"Class {number}")

        def invite(thread: str = thread) -> None:
            with suppress(errors.NotFound):
                do(cast, "bella", "thread.invite", thread, people=("eve",), reason="Test")

        with ThreadPoolExecutor(2) as pool:
            invited = pool.submit(invite)
            closed = pool.submit(do, cast, "boris", "group.close", thread)
            invited.result(), closed.result()
        for one in ("ana", "eve", "bella", "boris"):
            assert thread not in listed(cast, one)


def test_a_coordinator_linked_while_a_practitioner_is_invited_is_there(cast: Cast, database: Database) -> None:
    people = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("bella")}
    database.perform(cast.dina, "link.coordinator_remove", coordinator=cast.uid("chen"), practitioner=cast.uid("boris"))
    for number in range(6):
        thread = group(cast, "ana", title=f"Class {number}")
        with ThreadPoolExecutor(2) as pool:
            linked = pool.submit(database.perform, cast.dina, "link.coordinator_add", **people)
            invited = pool.submit(do, cast, "boris", "thread.invite", thread, people=("bella",))
            linked.result(), invited.result()
        assert "chen" in names(cast, "boris", thread), number
        database.perform(cast.dina, "link.coordinator_remove", **people)
        assert "chen" not in names(cast, "boris", thread)


def test_inviting_a_practitioner_and_a_coordinator_who_are_linked_just_then_waits_in_no_circle(cast: Cast, database: Database) -> None:
    people = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("bella")}
    for number in range(8):
        thread = group(cast, "ada", title=f"Class {number}")
        link = "link.coordinator_add" if number % 2 == 0 else "link.coordinator_remove"
        with ThreadPoolExecutor(2) as pool:
            changed = pool.submit(database.perform, cast.dina, link, **people)
            invited = pool.submit(do, cast, "boris", "thread.invite", thread, people=("bella", "chen"))
            assert changed.exception() is None
            assert invited.exception() is None


ROWS = {
    "group.create": (("boris", "bella"), {"title": "x", "people": ("ana",), "reason": "Test"}),
    "thread.rename": (("boris", "bella", "chen"), {"title": "x"}),
    "thread.invite": (("boris", "bella", "chen"), {"people": ("eve",), "reason": "Test"}),
    "group.remove": (("boris",), {"person": "ada"}),
    "group.hand_over": (("boris",), {"person": "bella"}),
    "group.share": (("boris",), {}),
    "group.close": (("boris",), {}),
    "thread.leave": (("ana", "ada", "bella", "chen"), {}),
}


@pytest.mark.parametrize("action", sorted(ROWS))
@pytest.mark.parametrize("by", ["ana", "ada", "boris", "bella", "chen", "dina", "eve"])
def test_each_may_what_the_table_says(cast: Cast, action: str, by: str) -> None:
    allowed, values = ROWS[action]
    thread = None if action == "group.create" else group(cast, "ana", "ada", "bella")
    if by in allowed:
        do(cast, by, action, thread, **values)
        return
    with pytest.raises((errors.NotPermitted, errors.NotFound, errors.Invalid)) as refusal:
        do(cast, by, action, thread, **values)
    if action == "thread.leave" and by == "boris":
        assert isinstance(refusal.value, errors.Invalid)
    else:
        assert not isinstance(refusal.value, errors.Invalid)


def test_every_action_here_is_offered_in_words(cast: Cast) -> None:
    ours = [spec for name, spec in ACTIONS.items() if name in {*ROWS, "thread.uninvite", "group.unshare", "group.admit", "group.refuse"}]
    assert all(spec.offer and spec.offer.title and spec.offer.help for spec in ours)
