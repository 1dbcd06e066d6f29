"""Groups: who makes them, what they are called, what patients learn of each other, and who may do what in them."""

from __future__ import annotations

import pytest

from clinic import ACTIONS, Actor, Database, errors
from clinic.group.views import thread_people
from clinic.thread.bookmarks import untold
from clinic.thread.views import thread_head, thread_list, thread_page
from tests.support.cast import Cast
from tests.support.groups import admins, bodies, do, group, listed, names, switch, title

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


# -- what patients learn

def test_patients_learn_names_and_roles_of_others_and_nothing_else(cast: Cast, database: Database) -> None:
    thread = group(cast, "ana", "ada", "bella")
    cast.post("ada", thread, "Hello")
    cast.post("boris", thread, "Good day")
    with database.read(cast.ana) as work:
        seen = repr((thread_head(work, thread), thread_list(work), thread_page(work, thread), thread_people(work, thread)))
    for other in ("ada", "boris", "bella", "chen"):
        assert cast.handle(other) not in seen, other
    # A practitioner's uid leads to the page on which patients read about them.
    assert [cast.uid(other) in seen for other in ("ada", "boris", "bella", "chen")] == [False, True, True, False]
    assert "1991, 11" not in seen and "1991-11" not in seen
    with database.read(cast.boris) as work:
        assert {one.member.birth_date.year for one in thread_people(work, thread).people if one.member.birth_date} == {1984, 1991}


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
