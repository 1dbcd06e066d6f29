"""Payments between two pages and the stand-in for the card service, on real parts: asked, held, answered, paid, seen by both."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Page as Tab

from tests.support.browser import Person, axe_problems, misplaced
from tests.support.clinic import RunningClinic
from tests.support.page import Page
from tests.support.stripe_stand_in import StripeStandIn

pytestmark = pytest.mark.e2e
People = Callable[..., Person]
GATE = "#gate:not([hidden])"


def done(clinic: RunningClinic, who: str, action: str, subject: str | None = None, **values: object) -> Any:
    """Return the value of an action that must succeed, done by somebody from another browser."""
    with closing(Page(clinic, who)) as page:
        answer = page.act(action, subject, **values)
    assert answer.status == 200, answer.text
    return json.loads(answer.text)["value"]


@pytest.fixture(scope="module")
def service(clinic: RunningClinic) -> Iterator[str]:
    """What the clinic asks to be paid for while this module runs."""
    words = {"description": "I read what you sent, and answer in writing.", "tax_note": "Free of VAT", "response_hours": "4"}
    uid = done(clinic, "dina", "service.create", name="Written answer", price="50.00", currency="EUR", **words)
    yield uid
    done(clinic, "dina", "service.archive", uid)


@pytest.fixture
def cards(clinic: RunningClinic) -> Iterator[StripeStandIn]:
    """The clinic takes cards by the stand-in."""
    with StripeStandIn(webhook_url=f"http://127.0.0.1:{clinic.base_port}/webhooks/stripe") as stand:
        stand.write_keys(clinic.data)
        done(clinic, "dina", "payment.provide", provider="stripe")
        yield stand
        done(clinic, "dina", "payment.provide", provider="manual")
        (clinic.data / "secrets" / "payments.json").unlink()


@pytest.fixture
def ask(clinic: RunningClinic, service: str) -> Iterator[Callable[[], str]]:
    """Have Boris ask Ana; what is unanswered at the end is withdrawn."""
    made: list[str] = []

    def asking() -> str:
        made.append(done(clinic, "boris", "payment.request", thread_of(clinic), service=service, client_id=uuid.uuid4().hex))
        return made[-1]

    yield asking
    with closing(Page(clinic, "boris")) as page:
        for request in made:
            page.act("payment.withdraw", thread_of(clinic), request=request)


def both(person: People) -> tuple[Person, Person]:
    ana, boris = person("ana"), person("boris")
    for one in (ana, boris):
        one.open("ana-boris")
        one.live()
    return ana, boris


def thread_of(clinic: RunningClinic) -> str:
    uid: str = clinic.ready["threads"]["ana-boris"]["uid"]
    return uid


def open_gate(tab: Tab) -> None:
    tab.locator("#gate").wait_for(state="hidden", timeout=30_000)


def newest(one: Person, words: str) -> None:
    """Wait until the newest request's card says so."""
    one.page.locator("#log .payment .bill", has_text=words).last.wait_for(timeout=30_000)


def test_asked_held_accepted_declined_paid_and_answered(person: People, clinic: RunningClinic, service: str, cards: StripeStandIn) -> None:
    ana, boris = both(person)
    elsewhere = ana.open("ana-boris", ana.tab())
    ana.page.bring_to_front()
    ana.page.fill("#body", "My question is")

    boris.page.get_by_label("Request a payment").click()
    other = boris.page.get_by_label("Another amount")
    free = boris.page.locator("[name=service] option:not([data-without]):not([value=''])").first.get_attribute("value")
    boris.page.select_option("[name=service]", free)
    other.fill("30")
    boris.page.select_option("[name=service]", service)  # of a fixed price: what was typed is neither seen nor sent
    other.wait_for(state="hidden")
    boris.page.get_by_role("button", name="Request a payment").click()
    newest(boris, "Ana Alvarez cannot write to Boris Brandt until they have answered")
    for tab in (ana.page, elsewhere):
        tab.locator(GATE, has_text="Boris Brandt asks you to pay 50.00 EUR for Written answer").wait_for(timeout=30_000)
    newest(ana, "Waits for your answer.")
    assert ana.page.get_by_text("Urgent: I need help").is_visible()
    ana.page.press("#body", "Enter")
    ana.page.get_by_text("Answer the payment request above first.").wait_for()
    assert ana.page.input_value("#body") == "My question is"
    assert ana.page.locator(".send").get_attribute("aria-disabled") == "true"

    ana.page.locator(GATE).get_by_text("Accept…").click()
    ana.page.get_by_text("You will pay this amount by card, on the page that follows.").wait_for()
    assert "Free of VAT" in ana.page.locator(".bill").inner_text()
    ana.page.get_by_role("button", name="Accept").click()
    ana.page.wait_for_url("**/payments/*")
    open_gate(elsewhere)
    pay = ana.page.get_by_role("link", name="Pay 50.00 EUR now")
    pay.wait_for(timeout=30_000)
    assert ana.page.get_by_text("Test mode: no real money moves.").is_visible()
    newest(boris, "Accepted, not paid yet.")
    for tab in (elsewhere, boris.page):  # the card stays in its place when the thread is opened anew
        tab.reload()
        tab.locator("#pulse:not([hidden])").wait_for(timeout=30_000)
        tab.locator("#log .payment .bill", has_text="Accepted, not paid yet.").last.wait_for(timeout=30_000)

    pay.click()
    ana.page.wait_for_url(f"{cards.url}/**")
    for number in ("4000000000000002", "4242424242424242"):
        ana.page.fill("[name=number]", number)
        ana.page.get_by_role("button", name="Pay").click()
        if number.startswith("40"):
            newest(boris, "the payment did not go through yet")
    ana.page.wait_for_url("**/payments/*?back=1")
    ana.page.locator(".paying .stands", has_text="Paid.").wait_for(timeout=30_000)
    assert len(cards.requests) and ana.page.get_by_text("Receipt (PDF)").is_visible()

    ana.page.get_by_text("Back to the thread").click()
    newest(ana, "Paid.")
    newest(boris, "Paid.")
    assert ana.page.input_value("#body") == "My question is" and ana.page.locator(GATE).count() == 0
    boris.page.locator(".promised .left", has_text=re.compile(r"^\(in 3 h 5\d min\)$")).wait_for(timeout=30_000)
    assert "Overdue" not in boris.page.locator(".promised").inner_text()
    boris.page.locator('.rows [aria-current="page"] .due', has_text="Answer by").wait_for(timeout=30_000)
    assert ana.page.locator(".due").count() == 0
    boris.write("Here is my written answer")
    boris.page.locator(".promised").wait_for(state="detached", timeout=30_000)
    ana.page.press("#body", "Enter")
    boris.sees("My question is")


def test_what_was_on_its_way_when_the_gate_closed_comes_back_and_is_sent_again_by_hand(person: People, clinic: RunningClinic, ask: Callable[[], str]) -> None:
    ana, boris = both(person)
    held: list[Any] = []
    ana.page.route("**/actions/text.post/**", lambda route: held.append(route))
    ana.write("Too late by a moment")
    ana.page.locator("#log .pending", has_text="Too late by a moment").wait_for()
    ask()
    ana.page.locator(GATE).wait_for(timeout=30_000)
    for route in held:
        route.continue_()
    ana.page.unroute("**/actions/text.post/**")
    refused = ana.page.locator("#log .refused", has_text="Too late by a moment")
    refused.wait_for(timeout=30_000)
    assert "This was not sent: Boris Brandt's payment request" in refused.inner_text() and "!pay" not in refused.inner_text()
    assert not refused.get_by_text("Send again").is_visible()
    menu = ana.page.locator("#log article[data-kind=text] .entry-menu").last  # earlier entries, which are loaded above as one scrolls, leave it the last
    menu.locator("summary").click()
    menu.locator('[data-emoji="👍"]').click()
    ana.page.locator("#log .refused", has_text="Not reacted.").get_by_text("Discard").click(timeout=30_000)

    ana.page.locator(GATE).get_by_text("Reject…").click()
    ana.page.get_by_role("button", name="Reject").click()
    ana.page.wait_for_url("**/threads/*")
    newest(ana, "Rejected.")
    newest(boris, "Rejected.")
    ana.page.wait_for_timeout(1_500)  # long enough for a page that would send it by itself
    assert boris.page.locator("#log", has_text="Too late by a moment").count() == 0
    ana.page.locator("#log .refused", has_text="Too late by a moment").get_by_text("Send again").click()
    boris.sees("Too late by a moment")
    ana.sees("Too late by a moment")


def test_paid_at_the_desk_and_marked_by_staff(person: People, clinic: RunningClinic, ask: Callable[[], str]) -> None:
    ana, boris = both(person)
    ask()
    ana.page.locator("#log .payment").last.get_by_role("link", name="Accept").click(timeout=30_000)
    ana.page.get_by_text("You will pay this amount at the clinic's desk.").wait_for()
    ana.page.get_by_role("button", name="Accept").press("Enter")
    newest(ana, "Pay at the clinic's desk.")
    ana.page.go_back()
    ana.page.get_by_role("heading", name="Nothing to do here now").wait_for(timeout=30_000)
    ana.page.get_by_role("link", name="To the thread").click()
    newest(ana, "Pay at the clinic's desk.")
    boris.page.locator("#log .payment").last.get_by_text("Mark as paid…").click(timeout=30_000)
    boris.page.fill("[name=note]", "Cash, at the desk")
    boris.page.get_by_role("button", name="Mark a request as paid").click()
    for one in (ana, boris):
        newest(one, "Paid.")
    ana.page.goto(f"{clinic.ready['web']}/payments")
    ana.page.get_by_text("Receipt", exact=False).first.wait_for()
    for width in (320, 1280):
        boris.page.set_viewport_size({"width": width, "height": 700})
        boris.page.locator(".promised").wait_for()
        assert misplaced(boris.page) == [] and axe_problems(boris.page) == []
    boris.write("Answered, as promised")


def test_the_gate_opens_by_itself_in_another_thread_when_staff_withdraw(person: People, clinic: RunningClinic, ask: Callable[[], str]) -> None:
    with closing(Page(clinic, "ana")) as page:
        found = re.search(r'data-account="(\w+)"', page.ask("GET", "/account", headers={"Accept": "text/html"}).text)
    assert found
    group = done(clinic, "boris", "group.create", title="Breathing class", people=[found.group(1)])
    ana = person("ana")
    ana.page.goto(f"{clinic.ready['web']}/threads/{group}")
    ana.live()
    request = ask()
    ana.page.locator(GATE).get_by_text("another thread").wait_for(timeout=30_000)
    ana.page.fill("#body", "Kept meanwhile")
    done(clinic, "boris", "payment.withdraw", thread_of(clinic), request=request)
    open_gate(ana.page)
    ana.page.press("#body", "Enter")
    ana.sees("Kept meanwhile")
    done(clinic, "boris", "group.close", group)
    ana.page.wait_for_url("**/?gone=1")


def test_an_urgent_call_opens_the_gate_until_staff_resolve_it(person: People, clinic: RunningClinic, ask: Callable[[], str]) -> None:
    ana = person("ana")
    ana.open("ana-boris")
    ana.live()
    ask()
    ana.page.locator(GATE).wait_for(timeout=30_000)
    ana.page.fill("#body", "It is worse since noon")
    done(clinic, "ana", "urgent.call", thread_of(clinic), words="I cannot breathe well", client_id=uuid.uuid4().hex)
    open_gate(ana.page)
    ana.page.press("#body", "Enter")
    ana.sees("It is worse since noon")
    done(clinic, "boris", "urgent.resolve", thread_of(clinic))
    ana.page.locator(GATE).wait_for(timeout=30_000)
