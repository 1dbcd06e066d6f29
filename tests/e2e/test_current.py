"""An open thread stays true while others change it: who is in it, and whether one may still read it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import APIResponse, Route

from tests.support.browser import Person
from tests.support.ports import eventually

pytestmark = pytest.mark.e2e
People = Callable[..., Person]


def choose(page: Person, action: str, **chosen: str) -> None:
    form = page.page.locator(f"form[action$='{action}']").first
    for name, label in chosen.items():
        form.locator(f"select[name={name}]").select_option(label=label)
    form.locator("button.main").click()


def test_the_list_of_members_follows_a_coordinator_who_is_unlinked_and_linked(person: People) -> None:
    ana, dina = person("ana"), person("dina")
    ana.open("ana-boris")
    ana.live()
    members = ana.page.locator(".members")
    members.get_by_text("Chen Cheng").wait_for()
    dina.page.goto(f"{dina.clinic.ready['web']}/admin/links")
    row = dina.page.locator("li", has_text="Chen Cheng")
    row.get_by_text("Unlink…").click()
    row.get_by_role("button", name="Unlink").click()
    dina.page.get_by_text("The link is removed.").wait_for()
    members.get_by_text("Chen Cheng").wait_for(state="detached", timeout=10_000)
    choose(dina, "link.coordinator_add", coordinator="Chen Cheng", practitioner="Boris Brandt")
    members.get_by_text("Chen Cheng").wait_for(timeout=10_000)
    # The head that came later is alive: muting works without leaving the page.
    ana.page.get_by_role("button", name="Mute").click()
    ana.page.get_by_role("button", name="Unmute").click()
    ana.page.get_by_role("button", name="Mute", exact=True).wait_for()


def test_a_corrected_name_shows_in_the_threads_that_are_open(person: People) -> None:
    ana, dina = person("ana"), person("dina")
    ana.open("ana-boris")
    ana.live()
    for name in ("Chen Cheng-Castillo", "Chen Cheng"):
        dina.page.goto(f"{dina.clinic.ready['web']}/admin/accounts")
        row = dina.page.locator("li", has_text="chen@clinic.example")
        row.get_by_text("Correct…").click()
        row.get_by_label("Full name").fill(name)
        row.get_by_role("button", name="Save").click()
        ana.page.locator(".members li", has_text=re.compile(rf"^\s*{name} ")).wait_for(timeout=10_000)


def test_who_is_deactivated_reads_and_writes_no_more_and_can_come_back(person: People) -> None:
    ada, dina = person("ada"), person("dina")
    ada.open("ada-bella")
    ada.live()
    ada.write("Before I was deactivated")
    ada.sees("Before I was deactivated")
    with ada.clinic.xmpp("ada") as client:
        dina.page.goto(f"{dina.clinic.ready['web']}/admin/accounts")
        row = dina.page.locator("li", has_text="ada@clinic.example")
        row.get_by_text("Deactivate…").click()
        row.get_by_role("button", name="Deactivate Ada Almeida").click()
        row.get_by_text("Deactivated").wait_for()
        ada.page.locator("#log", has_text="Sign in again to read on").wait_for(timeout=30_000)
        assert "Before I was" not in ada.page.locator("#main").inner_text()
        client.wait_closed()
    ada.page.get_by_role("link", name="Sign in again").click()
    fill_in(ada)
    ada.page.get_by_role("alert").wait_for()
    row.get_by_role("button", name="Activate").click()
    row.get_by_text("Deactivate…").wait_for()
    fill_in(ada)
    ada.sees("Before I was deactivated")


def log_out_elsewhere(one: Person) -> None:
    elsewhere = one.tab()
    elsewhere.goto(f"{one.clinic.ready['web']}/account")
    elsewhere.evaluate("""() => {
        const csrf_token = document.querySelector('meta[name=csrf-token]').content;
        return fetch('/logout', {method: 'POST', body: new URLSearchParams({csrf_token})});
    }""")


def fill_in(one: Person) -> None:
    account = one.clinic.ready["accounts"][one.name]
    one.page.fill("[name=email]", account["email"])
    one.page.fill("[name=password]", account["password"])
    one.page.press("[name=password]", "Enter")


def test_signed_out_elsewhere_the_thread_and_the_list_leave_the_screen(person: People) -> None:
    ana = person("ana")
    ana.open("ana-boris")
    ana.live()
    ana.write("About the cough")
    ana.sees("About the cough")
    ana.page.fill("#body", "Half a thou")
    log_out_elsewhere(ana)
    ana.page.locator("#log", has_text="Sign in again to read on").wait_for(timeout=30_000)
    shown = ana.page.locator("#main").inner_text()
    for gone in ("cough", "Boris", "Chen"):
        assert gone not in shown
    assert "Boris" not in ana.page.title()
    assert ana.page.input_value("#body") == "Half a thou"
    ana.page.press("#body", "Control+Enter")
    ana.page.locator("#log article", has_text="Half a thou").get_by_text("Waits until you sign in").wait_for()
    ana.page.get_by_role("link", name="Sign in again").click()
    fill_in(ana)
    ana.sees("Half a thou", seconds=20)


def test_what_was_answered_before_the_sign_out_and_comes_after_it_stays_off_the_screen(person: People) -> None:
    ana, boris = person("ana"), person("boris")
    with ana.page.expect_response("**/entries?after=*"):  # once it is live a page looks by itself
        ana.open("ana-boris")
        ana.live()
    answers: list[tuple[Route, APIResponse]] = []
    for path in ("**/head", "**/entries?after=*", "**/threads/list?*"):
        ana.page.route(path, lambda route: answers.append((route, route.fetch())))

    def on_its_way(path: str, word: str) -> None:
        eventually(lambda: (ana.page.title(), any(path in one.url and word in one.text() for _, one in answers))[1], what=f"{path} with {word}")

    ana.page.locator(".rows a", has_text="Boris Brandt").click()  # the list leads here, too: the head is asked for again
    on_its_way("/head", "Chen")
    boris.open("ana-boris")
    boris.write("About the results")
    on_its_way("/entries", "results")
    on_its_way("/list", "Boris")  # one at a time: the one on its way may be older than the news
    log_out_elsewhere(ana)
    ana.page.locator("#log", has_text="Sign in again to read on").wait_for(timeout=30_000)
    for route, answer in answers:
        with ana.page.expect_event("requestfinished", lambda request, url=route.request.url: request.url == url):
            route.fulfill(response=answer)
    shown = ana.page.locator("#main").inner_text()
    for gone in ("results", "Boris", "Chen"):
        assert gone not in shown
