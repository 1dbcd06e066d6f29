"""The generic form of an offered action: what it asks, what it does, what is kept when it refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clinic import ACTIONS
from clinic.actions import ActionSpec, Offer
from clinic.errors import Conflict, Invalid
from clinic.fields import Choice, ClientId, Moment, Option, Pick, PickSeveral, Text
from clinic.permissions import Permission
from clinic.thread.actions import thread_for
from clinic.thread.views import thread_head
from tests.support.cast import Cast
from tests.support.paying import ask, decide, service
from tests.web.browser import Browser
from tests.web.conftest import PASSWORD

SignIn = Callable[[str], Browser]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """An offered action with every sort of field; what it is called with."""
    called: list[dict[str, object]] = []

    def trying(_work: object, _thread: object, **values: object) -> None:
        if values["words"] == "refuse":
            raise Invalid("These words are not right.", field="words")
        if values["words"] == "too late":
            raise Conflict("Somebody else did it.")
        called.append(values)

    fields = (
        Text("words", "Words"),
        Text("story", "Story", multiline=True, required=False),
        Pick("one", "One", options=lambda *_: [Option("1", "First"), Option("2", "Second", "born 27 March 1984")]),
        PickSeveral("some", "Some", required=False, options=lambda *_: [Option("1", "First"), Option("2", "Second")]),
        Choice("colour", "Colour", options=("red", "blue"), required=False),
        Moment("at", "When", required=False),
        ClientId("client_id"),
    )
    shown = Offer("Try it", "try", "It is only tried.", "Tried.", grave=True)
    monkeypatch.setitem(
        ACTIONS, "t.try", ActionSpec("t.try", Permission.THREAD_MUTE, trying, thread_for, fields, False, False, lambda *_: True, shown)
    )
    return called


def test_the_form_asks_every_field_filled_in_from_the_link_and_changes_nothing(
    sign_in: SignIn, cast: Cast, tried: list[dict[str, object]]
) -> None:
    thread = cast.start("boris", "ana")
    page = sign_in("ana").get(f"/do/t.try/{thread}?words=%22a%22+b&one=2&some=1&some=2&at=2026-12-01+09:00&unknown=x&next=//evil.example").text
    assert tried == []
    assert "<h1>Try it</h1>" in page and "In the thread Boris Brandt." in page
    assert "Are you sure?" not in page and '<button class="button main">Try it</button>' in page
    assert 'name="words" value="&#34;a&#34; b"' in page and '<option value="2" selected>Second · born 27 March 1984' in page
    assert page.count("checked") == 2 and 'value="2026-12-01T09:00"' in page and "unknown" not in page
    assert f'name="next" value="/threads/{thread}"' in page and "evil" not in page


def test_a_form_that_takes_something_away_asks_whether_it_is_meant_though_it_was_filled_in(sign_in: SignIn, cast: Cast) -> None:
    boris = sign_in("boris")
    group = cast.database.perform(cast.boris, "group.create", title="Knee class", people=(cast.uid("ana"), cast.uid("bella"))).value
    for action, words in (("group.remove", "remove a member"), ("group.hand_over", "hand the group over")):
        page = boris.get(f"/do/{action}/{group}").text
        assert "Are you sure?" in page and f'<button class="button danger">Yes: {words}</button>' in page, action


def test_what_the_form_sends_is_done_said_and_leads_back(sign_in: SignIn, cast: Cast, tried: list[dict[str, object]]) -> None:
    thread = cast.start("boris", "ana")
    ana = sign_in("ana")
    sent = {"form": "do", "words": "a  b", "story": "", "one": "2", "some": ["1", "2"], "at": "2026-12-01T09:00", "client_id": "c1"}
    answer = ana.submit(f"/actions/t.try/{thread}", **sent)
    assert (answer.status_code, answer.location) == (303, f"/threads/{thread}")
    [called] = tried
    assert called["words"] == "a b" and called["some"] == ("1", "2") and called["client_id"] == "c1"
    assert "Tried." in ana.get(answer.location).text


def test_a_refusal_shows_the_form_again_with_what_was_typed(sign_in: SignIn, cast: Cast, tried: list[dict[str, object]]) -> None:
    thread = cast.start("boris", "ana")
    ana = sign_in("ana")
    sent = {"form": "do", "words": "refuse", "story": "a long\nstory", "one": "2", "some": "2", "client_id": "c1", "next": "/account"}
    answer = ana.submit(f"/actions/t.try/{thread}", **sent)
    assert answer.status_code == 422
    assert "These words are not right." in answer.text and 'aria-describedby="f-words-problem"' in answer.text
    assert 'value="refuse"' in answer.text and "a long\nstory</textarea>" in answer.text and 'value="2" checked' in answer.text
    assert 'name="client_id" value="c1"' in answer.text and 'name="next" value="/account"' in answer.text
    late = ana.submit(f"/actions/t.try/{thread}", **sent | {"words": "too late"})
    assert late.status_code == 409 and "Somebody else did it." in late.text and "a long\nstory" in late.text
    missing = ana.submit(f"/actions/t.try/{thread}", **sent | {"words": "fine", "one": ""})
    assert missing.status_code == 422 and 'id="f-one-problem"' in missing.text and tried == []


def test_who_is_not_signed_in_logs_in_and_comes_back_to_the_link(browser: Browser, cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    link = f"/do/thread.mute/{thread}?muted=yes&next=/account"
    to_log_in = browser.get(link)
    assert to_log_in.status_code == 303
    page = browser.get(to_log_in.location).text
    assert link.replace("&", "&amp;") in page
    answer = browser.submit("/login", email="ana@clinic.example", password=PASSWORD, next=link)
    assert answer.location == link
    page = browser.get(answer.location).text
    assert 'value="yes" required checked' in page
    browser.submit(f"/actions/thread.mute/{thread}", form="do", muted="yes")
    with cast.database.read(cast.ana) as work:
        assert thread_head(work, thread).muted


def test_what_is_not_offered_there_is_not_there(sign_in: SignIn, cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    ana = sign_in("ana")
    for path in (f"/do/text.post/{thread}", "/do/thread.mute", f"/do/thread.start/{thread}", f"/do/no.such/{thread}", "/do/x", f"/do/thread.mute/{'0' * 26}"):
        assert ana.get(path).status_code == 404, path
    assert sign_in("eve").get(f"/do/thread.mute/{thread}").status_code == 404
    assert sign_in("dina").get("/do/thread.start").status_code == 404


def test_starting_a_thread_from_the_form_opens_it(sign_in: SignIn, cast: Cast) -> None:
    ana = sign_in("ana")
    page = ana.get("/do/thread.start").text
    assert "Boris Brandt · practitioner" in page and "On behalf of" not in page
    answer = ana.submit("/actions/thread.start", form="do", person=cast.uid("boris"), next="/do/thread.start")
    assert answer.status_code == 303 and answer.location.startswith("/threads/")


def test_what_is_done_leads_where_it_is_and_a_link_for_somebody_else_is_shown(sign_in: SignIn, cast: Cast) -> None:
    boris = sign_in("boris")
    made = boris.submit("/actions/group.create", form="do", title="Knee class", people=[cast.uid("ana"), cast.uid("bella")])
    group = made.location.rpartition("/")[2]
    assert made.location == f"/threads/{group}" and "The group is there." in boris.get(made.location).text
    shared = boris.submit(f"/actions/group.share/{group}", form="do", days="")
    assert shared.location == f"/threads/{group}"
    assert "shown this once. http://localhost/join/" in boris.get(shared.location).text
    found = boris.submit(f"/actions/search.ask/{group}", form="do", words="knee")
    assert found.location == "/search?q=knee"
    closed = boris.submit(f"/actions/group.close/{group}", form="do", next=f"/threads/{group}")
    assert closed.location == "/" and "The group is closed." in boris.get("/").text


def test_the_newest_message_is_chosen_when_the_form_is_shown_and_not_when_it_is_sent(sign_in: SignIn, cast: Cast) -> None:
    uid = cast.start("boris", "ana")
    meant = cast.post("ana", uid, "wrong")
    page = sign_in("ana").get(f"/do/text.retract/{uid}").text
    assert f'<option value="{meant}" selected>wrong</option>' in page


def test_a_link_whose_time_is_past_says_so(sign_in: SignIn, cast: Cast) -> None:
    uid = cast.start("boris", "ana")
    request = ask(cast, "boris", uid, service(cast))
    link = f"/do/payment.decide/{uid}?decision=accept&request={request}"
    ana, boris = sign_in("ana"), sign_in("boris")
    assert ana.get(link).status_code == 200 and boris.get(link).status_code == 404
    decide(cast, "ana", uid, "reject")
    late = ana.get(link)
    assert late.status_code == 404 and "No payment request waits for your answer here." in late.text
    assert "No payment request" not in boris.get(link).text  # it is not theirs to answer
