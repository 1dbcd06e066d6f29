"""POST /actions/…: what is reachable, what is not, and what a form sees afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clinic import ACTIONS
from tests.support.cast import Cast
from tests.web.browser import Browser

SignIn = Callable[[str], Browser]
UID = "0" * 26


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_only_actions_that_a_person_can_fill_in_are_reachable(sign_in: SignIn, name: str) -> None:
    spec = ACTIONS[name]
    dina = sign_in("dina")
    path = f"/actions/{name}" + (f"/{UID}" if spec.load else "")
    answer = dina.send(path)
    assert answer.status_code < 500
    if not spec.public:
        assert answer.get_json()["code"] == "not-found"
    other_form = f"/actions/{name}" + ("" if spec.load else f"/{UID}")
    assert dina.send(other_form).status_code == 404


def test_unknown_actions_and_fields(sign_in: SignIn, cast: Cast) -> None:
    boris = sign_in("boris")
    assert boris.send("/actions/no.such").status_code == 404
    answer = boris.send("/actions/thread.start", person=cast.uid("ana"), role="admin").get_json()
    assert (answer["code"], answer["field"]) == ("invalid", "role")
    token = {"X-CSRFToken": boris.token}
    assert boris.client.post("/actions/thread.start", json=["x"], headers=token).status_code == 422
    broken = boris.client.post("/actions/thread.start", data="{", content_type="application/json", headers=token)
    assert broken.status_code == 400


def test_starting_a_thread_by_the_form_opens_it_and_again_opens_the_same(sign_in: SignIn, cast: Cast) -> None:
    ana = sign_in("ana")
    first = ana.submit("/actions/thread.start", person=cast.uid("boris"))
    assert first.status_code == 303
    assert first.location == ana.submit("/actions/thread.start", person=cast.uid("boris")).location
    assert "Boris Brandt" in ana.get(first.location).text


def test_an_unlinked_patient_needs_a_reason_and_what_was_typed_stays(sign_in: SignIn, cast: Cast) -> None:
    boris = sign_in("boris")
    page = boris.get("/threads/new?q=ada").text
    assert "Not linked" in page
    assert 'name="reason"' in page
    refused = boris.submit("/actions/thread.start", person=cast.uid("ada"), reason="", next="/threads/new?q=ada")
    assert refused.status_code == 422
    assert "not linked to you" in refused.text
    assert "Ada Almeida" in refused.text
    started = boris.submit("/actions/thread.start", person=cast.uid("ada"), reason="Covering for Bella")
    assert "Reason given: Covering for Bella" in sign_in("ada").get(started.location).text


def test_the_search_finds_by_name_and_birth_date_and_says_what_is_wrong_with_a_date(sign_in: SignIn) -> None:
    boris = sign_in("boris")
    assert "born 27 March 1984" in boris.get("/threads/new?q=ana+1984-03-27").text
    assert "Nobody found" in boris.get("/threads/new?q=ana+1984-03-28").text
    assert "is not a date" in boris.get("/threads/new?q=1984-13-45").text
    linked = boris.get("/threads/new").text
    assert "Ana Alvarez" in linked
    assert "Ada Almeida" not in linked


def test_a_patient_sees_the_linked_practitioner_and_nobody_else(sign_in: SignIn) -> None:
    page = sign_in("ana").get("/threads/new?q=b").text
    assert "Boris Brandt" in page
    assert "Bella" not in page
    assert "No practitioner is linked" in sign_in("eve").get("/threads/new").text


def test_a_coordinator_of_two_says_on_whose_behalf(sign_in: SignIn, cast: Cast) -> None:
    cast.database.perform(cast.dina, "link.coordinator_add", coordinator=cast.uid("chen"), practitioner=cast.uid("bella"))
    chen = sign_in("chen")
    assert "On behalf of" in chen.get("/threads/new?q=ana").text
    values = {"person": cast.uid("ana"), "practitioner": cast.uid("boris")}
    assert chen.submit("/actions/thread.start", **values).location.startswith("/threads/")


def test_a_refusal_without_a_form_of_its_own_goes_back_with_words(sign_in: SignIn, cast: Cast) -> None:
    dina = sign_in("dina")
    values = {"patient": cast.uid("ana"), "practitioner": cast.uid("boris"), "next": "/admin/links"}
    answer = dina.submit("/actions/link.patient_add", **values)
    assert answer.location == "/admin/links"
    assert "is linked to this practitioner already" in dina.get("/admin/links").text
    assert dina.submit("/actions/link.patient_remove", **values).location == "/admin/links"
    assert "The link is removed" in dina.get("/admin/links").text


def test_json_that_is_nested_too_deeply_and_endless_questions_are_refused_in_words(sign_in: SignIn, cast: Cast) -> None:
    boris, thread = sign_in("boris"), cast.start("boris", "ana")
    headers = {"X-CSRFToken": boris.token, "X-Bedside-Script": "1", "Content-Type": "application/json"}
    answer = boris.client.post(f"/actions/thread.mute/{thread}", data="[" * 100_000, headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.get_json()["ok"] is False
    assert boris.get(f"/threads/new?q={'a+' * 2000}").status_code == 200
