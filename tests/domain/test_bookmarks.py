"""What people's lists of threads are to say, and what is queued so that they say it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from clinic import Actor, Database, outbox
from clinic.thread.bookmarks import Bookmark, Invited, Listing, invited, untold
from clinic.thread.tables import bookmarks
from tests.support.cast import Cast

SYSTEM = Actor.system()


def wrong(database: Database, thread: str) -> list[Bookmark]:
    with database.read(SYSTEM) as work:
        return untold(work, thread)


def tell_all(database: Database, thread: str) -> None:
    """Do as if every list had been told what it should say."""
    for one in wrong(database, thread):
        database.perform(SYSTEM, "bookmark.told", thread, handle=one.handle, listing=one.wanted)
    assert wrong(database, thread) == []


def queued(database: Database) -> list[str]:
    """Take the threads that are queued."""
    jobs = outbox.claim(database, "bookmarks", limit=100)
    for job in jobs:
        outbox.done(database, job)
    return [job.payload["thread"] for job in jobs]


def test_a_new_thread_is_queued_once_and_each_list_calls_it_by_the_others_name(database: Database, cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    assert queued(database) == [thread]
    assert {one.handle: (one.wanted, one.told) for one in wrong(database, thread)} == {
        cast.handle("ana"): (Listing("Boris Brandt", "Ana Alvarez"), None),
        cast.handle("boris"): (Listing("Ana Alvarez", "Boris Brandt"), None),
        cast.handle("chen"): (Listing("Ana Alvarez", "Chen Cheng"), None),
    }
    tell_all(database, thread)
    cast.post("ana", thread, "a text is no reason")
    assert queued(database) == []


def test_a_corrected_name_is_told_to_those_who_see_it(database: Database, cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    tell_all(database, thread)
    queued(database)
    database.perform(cast.dina, "account.describe", cast.uid("boris"), name="Boris Berg", email=None, birth_date=None)
    assert queued(database) == [thread]
    found = {one.handle: one for one in wrong(database, thread)}
    assert found.keys() == {cast.handle("ana"), cast.handle("boris")}  # Chen's list says Ana
    assert found[cast.handle("ana")].wanted == Listing("Boris Berg", "Ana Alvarez")
    assert found[cast.handle("boris")].told == Listing("Ana Alvarez", "Boris Brandt")


def test_who_left_is_told_so_once_and_who_comes_back_anew(database: Database, cast: Cast) -> None:
    thread, link = cast.start("boris", "ana"), {"coordinator": cast.uid("chen"), "practitioner": cast.uid("boris")}
    tell_all(database, thread)
    queued(database)
    database.perform(cast.dina, "link.coordinator_remove", **link)
    assert queued(database) == [thread]
    assert wrong(database, thread) == [Bookmark(cast.handle("chen"), None, Listing("Ana Alvarez", "Chen Cheng"))]
    tell_all(database, thread)
    database.perform(cast.dina, "link.coordinator_add", **link)
    assert wrong(database, thread) == [Bookmark(cast.handle("chen"), Listing("Ana Alvarez", "Chen Cheng"), None)]


def test_what_was_never_told_or_given_up_is_sought_and_queued_once(database: Database, cast: Cast) -> None:
    for patient in ("ana", "ada"):
        cast.link(patient, "bella")
    old, told, waiting, parked = (cast.start(*pair) for pair in (("boris", "ana"), ("bella", "ana"), ("bella", "ada"), ("boris", "bella")))
    tell_all(database, told)
    with database.writing() as connection:
        jobs = {row.payload: row.id for row in connection.execute(sa.select(outbox.jobs).where(outbox.jobs.c.queue == "bookmarks"))}
        ids = {uid: next(id for payload, id in jobs.items() if uid in payload) for uid in (old, told, parked)}
        connection.execute(sa.delete(outbox.jobs).where(outbox.jobs.c.id.in_([ids[old], ids[told]])))
        connection.execute(sa.update(outbox.jobs).where(outbox.jobs.c.id == ids[parked]).values(parked_at=database.now()))
    assert database.perform(SYSTEM, "bookmark.seek").value == 2
    assert database.perform(SYSTEM, "bookmark.seek").value == 0  # they wait already
    assert sorted(queued(database)) == sorted([old, waiting, parked])
    link = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("boris")}
    for thread in (old, waiting, parked):
        tell_all(database, thread)
    database.perform(cast.dina, "link.coordinator_remove", **link)
    queued(database)
    assert database.perform(SYSTEM, "bookmark.seek").value == 1  # Chen's list still holds it
    assert queued(database) == [old]


def test_the_invitation_waits_and_is_for_members_who_are_not_there(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = cast.start("boris", "ana")
    assert outbox.claim(database, "threads") == []
    real = database.now
    monkeypatch.setattr(database, "now", lambda: real() + timedelta(seconds=21))
    assert {job.payload["handle"] for job in outbox.claim(database, "threads")} == {cast.handle(name) for name in ("ana", "boris", "chen")}
    database.perform(SYSTEM, "bookmark.told", thread, handle=cast.handle("ana"), listing=Listing("Boris Brandt", "Ana Alvarez"))
    database.perform(SYSTEM, "live.enter", address="x/phone", kind="occupant", thread=thread, handle=cast.handle("boris"), nick=None)
    database.perform(SYSTEM, "live.enter", address="x/tab", kind="feed", thread=thread, handle=cast.handle("chen"), nick=None)
    with database.read(SYSTEM) as work:
        assert invited(work, thread, cast.handle("ana")) == Invited("Boris Brandt", bookmarked=True)
        assert invited(work, thread, cast.handle("boris")) is None
        assert invited(work, thread, cast.handle("chen")) == Invited("Ana Alvarez", bookmarked=False)
        assert invited(work, thread, cast.handle("eve")) is None


def test_what_was_told_lasts_no_longer_than_it_is_so(database: Database, cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    tell_all(database, thread)
    for listing in (Listing("A", "B"), Listing("C", "D"), None, None):
        database.perform(SYSTEM, "bookmark.told", thread, handle=cast.handle("ana"), listing=listing)
    database.perform(SYSTEM, "bookmark.told", thread, handle=cast.handle("eve"), listing=Listing("no", "member"))
    with database.reading() as connection:
        assert {row.nick for row in connection.execute(sa.select(bookmarks))} == {"Boris Brandt", "Chen Cheng"}
