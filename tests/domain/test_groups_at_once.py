"""Groups, while several people change who is in them at the same moment: each is decided after the other, and nobody waits in a circle."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from clinic import Database, errors
from tests.support.cast import Cast
from tests.support.groups import do, group, listed, names


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
