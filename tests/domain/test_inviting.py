"""Inviting people into threads: who may, who comes along, what they see, and taking an invitation back."""

from __future__ import annotations

import pytest

from clinic import Actor, Database, errors
from clinic.thread.views import thread_head, thread_page
from tests.support.cast import Cast
from tests.support.groups import admins, bodies, do, group, names, title


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
