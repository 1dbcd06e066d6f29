"""How somebody's part in a thread ends: removed, left, deactivated; the group handed over or closed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from clinic import Actor, Database, errors
from clinic.group.views import closed_groups
from clinic.log import entries
from clinic.thread.bookmarks import untold
from tests.support.cast import Cast
from tests.support.groups import admins, bodies, do, group, listed, names

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
