"""Texts that are sent later: when, as whose, once, and what becomes of those that cannot be sent."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from clinic import Actor, Database
from clinic.errors import Invalid, NotFound
from clinic.text.scheduled import ScheduledView, all_scheduled, deliver_due, scheduled
from clinic.thread.views import thread_page
from tests.support.cast import Cast


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


class Clock:
    """The clinic's clock, to be set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
        self.at = database.now()
        monkeypatch.setattr(Database, "now", lambda _: self.at)

    def later(self, **by: float) -> None:
        self.at += timedelta(**by)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, database: Database) -> Clock:
    return Clock(monkeypatch, database)


def plan(cast: Cast, who: Actor, thread: str, body: str, at: datetime | str, client_id: str = "one") -> str:
    uid: str = cast.database.perform(who, "text.schedule", thread, body=body, at=at, client_id=client_id).value
    return uid


def waiting(cast: Cast, who: Actor, thread: str) -> list[ScheduledView]:
    with cast.database.read(who) as work:
        return scheduled(work, thread)


def last(cast: Cast, who: Actor, thread: str) -> tuple[str, str | None]:
    with cast.database.read(who) as work:
        entry = thread_page(work, thread).entries[-1]
        return entry.body, entry.author and entry.author.name


def test_it_is_posted_once_as_its_author_when_it_is_due(cast: Cast, thread: str, clock: Clock) -> None:
    plan(cast, cast.boris, thread, "Good morning", clock.at + timedelta(hours=1))
    assert deliver_due(cast.database) == 0
    assert [one.body for one in waiting(cast, cast.boris, thread)] == ["Good morning"]
    assert waiting(cast, cast.ana, thread) == [] and waiting(cast, cast.chen, thread) == []
    clock.later(hours=1, seconds=1)
    assert deliver_due(cast.database) == 1 and deliver_due(cast.database) == 0
    assert last(cast, cast.ana, thread) == ("Good morning", "Boris Brandt")
    assert waiting(cast, cast.boris, thread) == []


def test_a_text_that_was_resent_waits_once(cast: Cast, thread: str, clock: Clock) -> None:
    at = clock.at + timedelta(hours=1)
    assert plan(cast, cast.ana, thread, "x", at) == plan(cast, cast.ana, thread, "x", at)
    assert len(waiting(cast, cast.ana, thread)) == 1


def test_a_time_without_an_offset_is_on_the_clinics_clock(cast: Cast, thread: str) -> None:
    cast.database.perform(cast.dina, "clinic.describe", clinic_name="C", emergency_number="112", time_zone="Asia/Tokyo")
    tomorrow = (cast.database.now() + timedelta(days=2)).date()
    plan(cast, cast.boris, thread, "x", f"{tomorrow} 09:00")
    [one] = waiting(cast, cast.boris, thread)
    assert one.due_at.hour == 0 and one.due_at.date() == tomorrow


@pytest.mark.parametrize("by", [timedelta(0), timedelta(hours=-1), timedelta(days=367)])
def test_only_the_year_to_come_is_a_time(cast: Cast, thread: str, clock: Clock, by: timedelta) -> None:
    with pytest.raises(Invalid):
        plan(cast, cast.boris, thread, "x", clock.at + by)


def test_its_author_changes_it_sends_it_now_or_discards_it_and_nobody_else(cast: Cast, thread: str, clock: Clock) -> None:
    perform = cast.database.perform
    uid = plan(cast, cast.boris, thread, "First", clock.at + timedelta(hours=1))
    for name in ("text.unschedule", "text.send_scheduled"):
        with pytest.raises(NotFound):
            perform(cast.chen, name, thread, scheduled=uid)
    perform(cast.boris, "text.reschedule", thread, scheduled=uid, at=clock.at + timedelta(hours=3), body="Second")
    [one] = waiting(cast, cast.boris, thread)
    assert (one.body, one.due_at) == ("Second", clock.at + timedelta(hours=3))
    perform(cast.boris, "text.send_scheduled", thread, scheduled=uid)
    assert last(cast, cast.ana, thread) == ("Second", "Boris Brandt")
    with pytest.raises(NotFound, match="not waiting"):
        perform(cast.boris, "text.send_scheduled", thread, scheduled=uid)
    other = plan(cast, cast.boris, thread, "Never", clock.at + timedelta(hours=1), "two")
    assert perform(cast.boris, "text.unschedule", thread, scheduled=other).value == "Never"
    clock.later(hours=2)
    assert deliver_due(cast.database) == 0


def test_late_after_a_stop_it_is_sent_and_a_day_late_given_back(cast: Cast, thread: str, clock: Clock) -> None:
    plan(cast, cast.boris, thread, "An hour late", clock.at + timedelta(hours=1))
    clock.later(hours=20)
    assert deliver_due(cast.database) == 1
    uid = plan(cast, cast.boris, thread, "Two days late", clock.at + timedelta(hours=1), "two")
    clock.later(days=2)
    assert deliver_due(cast.database) == 0
    [one] = waiting(cast, cast.boris, thread)
    assert one.body == "Two days late" and one.refused and "due more than a day" in one.refused
    cast.database.perform(cast.boris, "text.send_scheduled", thread, scheduled=uid)
    assert last(cast, cast.ana, thread)[0] == "Two days late"


def test_who_is_no_member_any_more_posts_nothing(cast: Cast, thread: str, clock: Clock) -> None:
    plan(cast, cast.chen, thread, "As coordinator", clock.at + timedelta(hours=1))
    people = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("boris")}
    cast.database.perform(cast.dina, "link.coordinator_remove", **people)
    clock.later(hours=2)
    assert deliver_due(cast.database) == 0
    with cast.database.read(cast.chen) as work:
        [lost] = all_scheduled(work)
    assert (lost.body, lost.thread) == ("As coordinator", "")
    with pytest.raises(NotFound):
        cast.database.perform(cast.boris, "text.forget_scheduled", scheduled=lost.uid)
    cast.database.perform(cast.dina, "link.coordinator_add", **people)
    [one] = waiting(cast, cast.chen, thread)
    assert one.body == "As coordinator" and one.refused and "not a member" in one.refused
    cast.database.perform(cast.chen, "text.forget_scheduled", scheduled=lost.uid)
    assert waiting(cast, cast.chen, thread) == []


def test_after_a_crash_between_reading_and_posting_it_is_posted_once(cast: Cast, thread: str, clock: Clock) -> None:
    uid = plan(cast, cast.boris, thread, "Once", clock.at + timedelta(hours=1))
    clock.later(hours=2)
    for expected in (True, False):
        assert cast.database.perform(Actor.system(), "text.deliver_scheduled", thread, scheduled=uid).value is expected
    with cast.database.reading() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM entries WHERE client_id LIKE 'scheduled:%'")) == 1
        assert connection.scalar(sa.text("SELECT body FROM scheduled_texts")) == ""
