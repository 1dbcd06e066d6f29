"""Who waits for an answer, once an answer or a question was taken back. Source: product.md, Threads."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from clinic import Database
from clinic.thread.tables import threads
from tests.support.cast import Cast
from tests.support.paying import ask, decide, service


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


def standing(database: Database, thread: str) -> tuple[datetime | None, datetime | None]:
    """Returns since when the patient waits, and by when an answer is promised."""
    with database.reading() as connection:
        row = connection.execute(sa.select(threads.c.waiting_since, threads.c.answer_due_at).where(threads.c.uid == thread)).one()
    return row.waiting_since, row.answer_due_at


def take_back(cast: Cast, who: str, thread: str, entry: str) -> Any:
    return cast.database.perform(getattr(cast, who), "text.retract", thread, entry=entry, client_id=f"back-{entry}")


def test_an_answer_that_is_taken_back_is_none(database: Database, cast: Cast, thread: str) -> None:
    cast.post("boris", thread, "Good morning")
    cast.post("ana", thread, "It hurts again")
    since, _ = standing(database, thread)
    cast.post("ana", thread, "Since yesterday")
    first, second = (cast.post("boris", thread, text) for text in ("The wrong words", "And more of them"))
    assert standing(database, thread)[0] is None
    take_back(cast, "boris", thread, first)
    assert standing(database, thread)[0] is None, "the other answer is still there"
    take_back(cast, "boris", thread, second)
    assert standing(database, thread)[0] == since is not None


def test_a_note_that_is_taken_back_changes_nothing(database: Database, cast: Cast, thread: str) -> None:
    cast.post("ana", thread, "It hurts again")
    note = cast.note("boris", thread, "not for her")
    before = standing(database, thread)
    take_back(cast, "boris", thread, note)
    assert standing(database, thread) == before != (None, None)


def test_who_takes_back_all_they_asked_waits_no_more(database: Database, cast: Cast, thread: str) -> None:
    first, second = (cast.post("ana", thread, text) for text in ("It hurts again", "Since yesterday"))
    take_back(cast, "ana", thread, first)
    assert standing(database, thread)[0] is not None
    take_back(cast, "ana", thread, second)
    assert standing(database, thread)[0] is None


def test_a_promise_is_due_again_where_its_answer_is_taken_back(database: Database, cast: Cast, thread: str) -> None:
    request = ask(cast, "boris", thread, service(cast, response_hours="4"))
    decide(cast, "ana", thread)
    database.perform(cast.boris, "payment.mark_paid", thread, request=request, note="at the desk")
    due = standing(database, thread)[1]
    answer = cast.post("boris", thread, "The wrong words")
    assert standing(database, thread)[1] is None
    take_back(cast, "boris", thread, answer)
    assert standing(database, thread)[1] == due is not None
