"""Pages of urgent calls, absences and texts that are sent later, as they are without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from clinic import Database
from ops.worker import Worker
from tests.support.cast import Cast
from tests.web.browser import Browser

SignIn = Callable[[str], Browser]


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


def test_a_patient_calls_for_help_by_a_plain_form_and_reads_who_has_seen_it(thread: str, sign_in: SignIn) -> None:
    ana, boris = sign_in("ana"), sign_in("boris")
    assert f'href="/threads/{thread}/urgent"' in ana.get(f"/threads/{thread}").text
    assert "Urgent: I need help" not in boris.get(f"/threads/{thread}").text
    assert boris.get(f"/threads/{thread}/urgent").status_code == 404
    form = ana.get(f"/threads/{thread}/urgent").text
    client_id = re.search(r'name="client_id" value="([^"]+)"', form)
    assert client_id and "the emergency number of your country" in form
    sent = ana.submit(f"/actions/urgent.call/{thread}", words="My chest <b>hurts</b>", client_id=client_id.group(1), next=f"/threads/{thread}")
    assert sent.status_code == 303
    page = ana.get(f"/threads/{thread}").text
    assert "Sent. Waiting for staff…" in page and "My chest &lt;b&gt;hurts&lt;/b&gt;" in page
    listed = boris.get("/threads/list").text
    assert "Urgent: Ana Alvarez needs help" in listed and "Nobody has seen it yet" in listed
    assert "urgent-row" not in ana.get("/threads/list").text
    assert "I have seen it" in boris.get(f"/threads/{thread}/head").text
    assert boris.submit(f"/actions/urgent.acknowledge/{thread}").status_code == 303
    assert "Seen by Boris Brandt" in ana.get(f"/threads/{thread}/head").text
    assert boris.submit(f"/actions/urgent.resolve/{thread}").status_code == 303
    assert "called for help at" not in ana.get(f"/threads/{thread}/head").text
    assert "urgent-row" not in boris.get("/threads/list").text


def test_words_of_a_call_that_was_refused_are_kept(thread: str, sign_in: SignIn) -> None:
    ana = sign_in("ana")
    long = "help " * 2_000
    refused = ana.submit(f"/actions/urgent.call/{thread}", words=long, client_id="one")
    assert refused.status_code in (413, 422) and "Not sent." in refused.text and long.strip() in refused.text


def test_the_duty_account_is_told_on_every_page_and_calls_somebody_in(
    cast: Cast, database: Database, thread: str, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    dina, bella, boris = sign_in("dina"), sign_in("bella"), sign_in("boris")
    assert "Duty account" in dina.get("/admin/clinic").text
    assert dina.submit("/actions/urgent.settings", urgent_seconds="60", duty_account=cast.uid("bella"), next="/admin/clinic").status_code == 303
    assert bella.get("/duty").status_code == 200 and boris.get("/duty").status_code == 404
    database.perform(cast.ana, "urgent.call", thread, words="chest pain", client_id="x")
    at = database.now() + timedelta(seconds=61)
    with monkeypatch.context() as patched:
        patched.setattr(Database, "now", lambda _: at)
        Worker(database).turn()
    for path in ("/", "/account", "/duty/alerts"):
        assert "a patient of Boris Brandt called for help" in bella.get(path).text, path
    assert "chest pain" not in bella.get("/duty").text and "Ana Alvarez needs help" in bella.get("/duty").text
    assert "called for help" not in boris.get("/duty/alerts").text
    assert bella.get(f"/threads/{thread}").status_code == 404
    call = re.search(r'name="call" value="(\w+)"', bella.get("/duty").text)
    assert call
    assert bella.submit("/actions/urgent.call_in", call=call.group(1), practitioner=cast.uid("bella"), next="/duty").status_code == 303
    assert "chest pain" in bella.get(f"/threads/{thread}").text


def test_staff_enter_an_absence_and_what_was_typed_is_kept(cast: Cast, thread: str, sign_in: SignIn) -> None:
    boris = sign_in("boris")
    assert sign_in("ana").get("/away").status_code == 404
    assert 'href="/away"' in boris.get("/").text
    refused = boris.submit("/actions/absence.begin", until="2001-01-01T09:00", words="Skiing", since="", cover="")
    assert refused.status_code == 422 and "Skiing" in refused.text
    until = (cast.database.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    values = {"until": until, "words": "Skiing", "since": "", "cover": cast.uid("bella"), "next": "/away"}
    assert boris.submit("/actions/absence.begin", **values).status_code == 303
    page = boris.get("/away").text
    assert "You are away" in page and "Bella Baptiste covers" in page
    cast.post("ana", thread, "Hello?")
    seen = sign_in("ana").get(f"/threads/{thread}").text
    assert "is away until" in seen and "Away until" in seen
    assert boris.submit("/actions/absence.end", next="/away").status_code == 303
    assert "You are away" not in boris.get("/away").text


def test_what_waits_to_be_sent_stands_above_the_composer_of_its_author(cast: Cast, thread: str, sign_in: SignIn) -> None:
    boris = sign_in("boris")
    at = cast.database.now() + timedelta(days=1)
    cast.database.perform(cast.boris, "text.schedule", thread, body="Tomorrow's <i>words</i>", at=at, client_id="x")
    for path in (f"/threads/{thread}", f"/threads/{thread}/later"):
        assert "Tomorrow&#39;s &lt;i&gt;words&lt;/i&gt;" in boris.get(path).text and "Send now" in boris.get(path).text
        assert "Tomorrow&#39;s" not in sign_in("ana").get(path).text
    assert "Tomorrow&#39;s" in boris.get("/later").text and "Nothing waits" in sign_in("ana").get("/later").text
    assert f"/do/text.schedule/{thread}" in sign_in("ana").get(f"/threads/{thread}").text
    uid = re.search(r'name="scheduled" value="(\w+)"', boris.get(f"/threads/{thread}/later").text)
    assert uid
    assert boris.submit(f"/actions/text.send_scheduled/{thread}", scheduled=uid.group(1)).status_code == 303
    assert "Tomorrow&#39;s" in sign_in("ana").get(f"/threads/{thread}").text
