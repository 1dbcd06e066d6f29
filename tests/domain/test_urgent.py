"""Urgent calls: who hears of them, what the patient reads meanwhile, and who is alerted when nobody does."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from clinic import Actor, Database
from clinic.errors import Conflict, Invalid, NotFound, NotPermitted
from clinic.thread.views import thread_page
from clinic.urgent.calls import open_urgent
from clinic.urgent.views import UrgentView, duty_alerts, urgent_here
from ops.worker import Worker
from tests.support.cast import Cast


@pytest.fixture
def thread(cast: Cast) -> str:
    cast.database.perform(cast.dina, "clinic.describe", clinic_name="C", emergency_number="112", time_zone="UTC")
    return cast.start("boris", "ana")


def call(cast: Cast, thread: str, words: str | None = "My chest hurts", client_id: str = "call") -> str:
    uid: str = cast.database.perform(cast.ana, "urgent.call", thread, words=words, client_id=client_id).value
    return uid


def here(cast: Cast, who: Actor, thread: str) -> list[UrgentView]:
    with cast.database.read(who) as work:
        return urgent_here(work, thread)


def bodies(cast: Cast, who: Actor, thread: str) -> list[str]:
    with cast.database.read(who) as work:
        return [entry.body for entry in thread_page(work, thread).entries]


def jobs(database: Database, name: str) -> list[dict[str, str]]:
    with database.reading() as connection:
        rows = connection.execute(sa.text("SELECT payload FROM jobs WHERE name = :name ORDER BY id"), {"name": name}).all()
    return [json.loads(row.payload) for row in rows]


def two_minutes_later(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    at = database.now() + timedelta(seconds=121)
    monkeypatch.setattr(Database, "now", lambda _: at)
    Worker(database).turn()


def test_a_call_carries_the_patients_words_to_everyone_and_alerts_staff_past_mute(cast: Cast, thread: str) -> None:
    cast.database.perform(cast.boris, "thread.mute", thread, muted=True)
    before = len(jobs(cast.database, "xmpp.invite"))
    call(cast, thread)
    for who in (cast.ana, cast.boris, cast.chen):
        assert bodies(cast, who, thread)[-1] == "URGENT: I need help. My chest hurts"
    told = jobs(cast.database, "xmpp.tell")
    assert {one["handle"] for one in told} == {cast.handle("boris"), cast.handle("chen")}
    assert not any("chest" in one["words"] for one in told)
    assert len(jobs(cast.database, "xmpp.invite")) == before + 2
    [one] = here(cast, cast.ana, thread)
    assert (one.mine, one.patient, one.seen_by, one.escalated) == (True, "Ana Alvarez", None, False)


def test_only_patients_call_and_only_staff_answer(cast: Cast, thread: str) -> None:
    for who in (cast.boris, cast.chen):
        with pytest.raises(NotPermitted):
            cast.database.perform(who, "urgent.call", thread, words="x", client_id="x")
    call(cast, thread)
    for name in ("urgent.acknowledge", "urgent.resolve"):
        with pytest.raises(NotPermitted):
            cast.database.perform(cast.ana, name, thread)
        with pytest.raises(NotFound):
            cast.database.perform(cast.bella, name, thread)


def test_a_resend_is_one_call_and_more_words_are_a_text(cast: Cast, thread: str) -> None:
    assert call(cast, thread) == call(cast, thread)
    call(cast, thread, "It gets worse", "more")
    assert bodies(cast, cast.boris, thread)[-2:] == ["URGENT: I need help. My chest hurts", "It gets worse"]
    assert len(here(cast, cast.boris, thread)) == 1
    with pytest.raises(Conflict, match="112"):
        call(cast, thread, None, "again")
    assert len(jobs(cast.database, "urgent.escalate")) == 1


def test_the_patient_reads_who_has_seen_it_and_staff_resolve_it(cast: Cast, thread: str) -> None:
    call(cast, thread, None)
    assert bodies(cast, cast.boris, thread)[-1] == "URGENT: I need help."
    cast.database.perform(cast.chen, "urgent.acknowledge", thread)
    [one] = here(cast, cast.ana, thread)
    assert one.seen_by == "Chen Cheng" and one.seen_at is not None
    with pytest.raises(Conflict):
        cast.database.perform(cast.boris, "urgent.acknowledge", thread)
    with cast.database.read(cast.boris) as work:
        loaded = work.thread(thread)
        ana = next(m.account_id for m in loaded.members.values() if m.nick == "Ana Alvarez")
        boris = work.person.id
        assert open_urgent(work, loaded, ana) and not open_urgent(work, loaded, boris)
    cast.database.perform(cast.boris, "urgent.resolve", thread)
    assert here(cast, cast.ana, thread) == []
    with pytest.raises(Conflict):
        cast.database.perform(cast.boris, "urgent.resolve", thread)
    assert bodies(cast, cast.ana, thread)[-2:] == [
        "Chen Cheng has seen the urgent call of Ana Alvarez.", "Boris Brandt resolved the urgent call of Ana Alvarez."
    ]
    call(cast, thread, "Again", "second")
    assert len(here(cast, cast.ana, thread)) == 1


def test_not_seen_in_time_the_patient_reads_whom_to_call_and_the_duty_account_is_alerted(
    cast: Cast, thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast.database.perform(cast.dina, "urgent.settings", urgent_seconds="120", duty_account=cast.uid("bella"))
    call(cast, thread)
    Worker(cast.database).turn()
    assert "Nobody" not in bodies(cast, cast.ana, thread)[-1]
    two_minutes_later(cast.database, monkeypatch)
    Worker(cast.database).turn()
    assert [body for body in bodies(cast, cast.ana, thread) if "Nobody" in body] == [
        "Nobody has seen the urgent call of Ana Alvarez yet. Ana Alvarez: call 112 now."
    ]
    assert [one["handle"] for one in jobs(cast.database, "xmpp.tell")][-1] == cast.handle("bella")
    with cast.database.read(cast.bella) as work:
        [alert] = duty_alerts(work)
        assert (alert.patient, alert.practitioners) == ("Ana Alvarez", ("Boris Brandt",))
        with pytest.raises(NotFound):
            work.thread(thread)
    with cast.database.read(cast.boris) as work:
        assert duty_alerts(work) == []
    with pytest.raises(NotPermitted):
        cast.database.perform(cast.boris, "urgent.call_in", call=alert.uid, practitioner=cast.uid("bella"))
    with pytest.raises(Invalid):
        cast.database.perform(cast.bella, "urgent.call_in", call=alert.uid, practitioner=cast.uid("eve"))
    cast.database.perform(cast.bella, "urgent.call_in", call=alert.uid, practitioner=cast.uid("bella"))
    assert bodies(cast, cast.ana, thread)[-1].startswith("Bella Baptiste, who is on duty, called in Bella Baptiste")
    cast.database.perform(cast.bella, "urgent.acknowledge", thread)
    with cast.database.read(cast.bella) as work:
        assert duty_alerts(work) == []


def test_seen_in_time_nobody_is_alerted(cast: Cast, thread: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call(cast, thread)
    cast.database.perform(cast.boris, "urgent.acknowledge", thread)
    two_minutes_later(cast.database, monkeypatch)
    assert not any("Nobody" in body for body in bodies(cast, cast.ana, thread))


def test_without_an_emergency_number_the_words_still_make_sense(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = cast.start("boris", "ana")
    call(cast, thread)
    two_minutes_later(cast.database, monkeypatch)
    assert bodies(cast, cast.ana, thread)[-1].endswith("call the emergency number of your country now.")
    assert jobs(cast.database, "urgent.escalate") == []
