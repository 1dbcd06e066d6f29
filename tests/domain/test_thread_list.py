"""The list of threads: its pages, what staff narrow it to, who answers, what is unread. Source: product.md, Threads."""

from __future__ import annotations

import pytest

from clinic import Database, errors
from clinic.thread.listing import UNREAD_AT_MOST, Wanted, thread_list, unread_in_all
from clinic.thread.views import thread_head, thread_page
from tests.support.cast import Cast


def rows(cast: Cast, reader: str, wanted: Wanted | None = None, limit: int = 50) -> list[str]:
    with cast.database.read(getattr(cast, reader)) as work:
        return [row.uid for row in thread_list(work, wanted or Wanted(), limit)]


@pytest.fixture
def three(cast: Cast) -> dict[str, str]:
    """Boris's threads with Ana, Ada and Eve, in which each has written, in this order."""
    found = {}
    for name in ("ana", "ada", "eve"):
        if name != "ana":
            cast.link(name, "boris")
        found[name] = cast.start("boris", name)
    for name in found:
        cast.post(name, found[name], "Good morning")
    return found


def test_the_newest_come_first_and_a_page_holds_as_many_as_are_asked_for(cast: Cast, three: dict[str, str]) -> None:
    assert rows(cast, "boris") == [three["eve"], three["ada"], three["ana"]]
    assert rows(cast, "boris", limit=2) == [three["eve"], three["ada"]]
    cast.post("boris", three["ana"], "Good morning")
    assert rows(cast, "boris", limit=1) == [three["ana"]]


def test_my_waiting_patients_come_longest_first_without_those_whom_a_colleague_answers(database: Database, cast: Cast, three: dict[str, str]) -> None:
    cast.post("ana", three["ana"], "Are you there?")  # waits since the first message
    assert rows(cast, "boris", Wanted("waiting")) == [three["ana"], three["ada"], three["eve"]]
    assert rows(cast, "boris", Wanted("unanswered")) == [three["ana"], three["eve"], three["ada"]]
    database.perform(cast.chen, "thread.claim", three["ada"])
    assert rows(cast, "boris", Wanted("waiting")) == [three["ana"], three["eve"]]
    assert rows(cast, "chen", Wanted("waiting")) == [three["ana"], three["ada"], three["eve"]]
    assert rows(cast, "chen", Wanted("mine")) == [three["ada"]]
    cast.post("chen", three["ada"], "Good morning, Ada")
    cast.note("boris", three["eve"], "Between us")  # no answer to Eve
    assert rows(cast, "boris", Wanted("unanswered")) == [three["eve"], three["ana"]]


def test_a_deactivated_colleagues_claim_hides_nobody_who_waits(database: Database, cast: Cast, three: dict[str, str]) -> None:
    database.perform(cast.chen, "thread.claim", three["ada"])
    database.perform(cast.dina, "account.deactivate", cast.uid("chen"))
    assert three["ada"] in rows(cast, "boris", Wanted("waiting"))


def test_who_leaves_a_thread_answers_there_no_more(database: Database, cast: Cast, three: dict[str, str]) -> None:
    database.perform(cast.chen, "thread.claim", three["ana"])
    database.perform(cast.dina, "link.coordinator_remove", coordinator=cast.uid("chen"), practitioner=cast.uid("boris"))
    with database.read(cast.boris) as work:
        assert thread_head(work, three["ana"]).answered_by is None
    assert three["ana"] in rows(cast, "boris", Wanted("waiting"))


def test_staff_narrow_it_by_practitioner_and_status(database: Database, cast: Cast, three: dict[str, str]) -> None:
    people = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("bella")}
    database.perform(cast.dina, "link.coordinator_add", **people)
    cast.link("ada", "bella")
    bellas = cast.start("bella", "ada")
    assert rows(cast, "chen", Wanted(practitioner=cast.uid("bella"))) == [bellas]
    assert set(rows(cast, "chen", Wanted(practitioner=cast.uid("boris")))) == set(three.values())
    status = database.perform(cast.dina, "status.create", name="Onboarding", colour="blue").value
    database.perform(cast.boris, "thread.set_status", three["ana"], status=status)
    assert rows(cast, "chen", Wanted(status=status)) == [three["ana"]]
    assert three["ana"] not in rows(cast, "chen", Wanted(status="none"))
    assert rows(cast, "chen", Wanted(status="none", practitioner=cast.uid("bella"))) == [bellas]


def test_a_patients_list_is_whole_whatever_is_asked_for(cast: Cast, three: dict[str, str]) -> None:
    assert rows(cast, "ana", Wanted("mine", cast.uid("bella"), "none")) == [three["ana"]]


def test_claiming_is_said_to_colleagues_and_never_to_patients(database: Database, cast: Cast, three: dict[str, str]) -> None:
    thread = three["ana"]
    assert database.perform(cast.boris, "thread.claim", thread).value
    assert not database.perform(cast.boris, "thread.claim", thread).value
    with pytest.raises(errors.Conflict, match="Boris Brandt answers in this thread already"):
        database.perform(cast.chen, "thread.claim", thread)
    with pytest.raises(errors.Conflict, match="Boris Brandt answers"):
        database.perform(cast.chen, "thread.unclaim", thread)
    assert database.perform(cast.chen, "thread.take_over", thread).value
    assert database.perform(cast.chen, "thread.unclaim", thread).value
    said = [
        "Boris Brandt answers in this thread now.",
        "Chen Cheng answers in this thread now, instead of Boris Brandt.",
        "Chen Cheng no longer answers in this thread; somebody else may.",
    ]
    with database.read(cast.boris) as work:
        assert [entry.body for entry in thread_page(work, thread).entries][-3:] == said
        row = next(row for row in thread_list(work) if row.uid == thread)
        assert (row.last_line, row.last_author) == (said[-1], None)  # the line itself says who
    with database.read(cast.ana) as work:
        assert not {entry.body for entry in thread_page(work, thread).entries} & set(said)
        assert "answer" not in thread_list(work)[0].last_line
    with pytest.raises(errors.NotPermitted):
        database.perform(cast.ana, "thread.claim", thread)


def test_head_and_rows_say_who_answers_to_staff_alone(database: Database, cast: Cast, three: dict[str, str]) -> None:
    thread = three["ana"]
    database.perform(cast.chen, "thread.claim", thread)
    with database.read(cast.boris) as work:
        head, row = thread_head(work, thread), next(row for row in thread_list(work) if row.uid == thread)
        assert (head.answered_by, head.answered_by_me, row.answered_by) == ("Chen Cheng", False, "Chen Cheng")
        assert row.waiting_since is not None
    with database.read(cast.chen) as work:
        assert thread_head(work, thread).answered_by_me
    with database.read(cast.ana) as work:
        head, row = thread_head(work, thread), thread_list(work)[0]
        assert (head.answered_by, row.answered_by, row.waiting_since, row.status) == (None, None, None, None)


def test_unread_is_counted_over_all_threads_but_muted_ones_and_no_further_than_it_is_said(database: Database, cast: Cast, three: dict[str, str]) -> None:
    def unread(reader: str) -> int:
        with database.read(getattr(cast, reader)) as work:
            return unread_in_all(work)

    assert unread("boris") == 3
    database.perform(cast.boris, "thread.mute", three["eve"], muted="1")
    assert unread("boris") == 2
    before = unread("ana")
    cast.note("boris", three["ana"], "Between us")
    assert unread("ana") == before
    cast.post("boris", three["ana"], "Good morning")
    assert unread("ana") == before + 1
    for number in range(UNREAD_AT_MOST + 5):
        cast.post("ana", three["ana"], f"again {number}")
    assert unread("boris") == UNREAD_AT_MOST
