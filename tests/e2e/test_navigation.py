"""An answer that is not a page of ours (a proxy's 502, none at all) changes nothing, is said in words, and the next try works."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route

from tests.support.browser import Person
from tests.support.clinic import RunningClinic

pytestmark = pytest.mark.e2e
People = Callable[..., Person]

BARE = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
# What a hotel's network puts before everything until one has agreed to something: an answer that looks fine by its status.
PORTAL = "<html><head><title>Hotel</title></head><body><h1>Welcome to our network</h1></body></html>"
IN_VAIN = "The server did not answer. Check the connection and try again."


def bad_gateway(route: Route) -> None:
    route.fulfill(status=502, content_type="text/html", body=BARE)


def portal(route: Route) -> None:
    route.fulfill(status=200, content_type="text/html", body=PORTAL)


def nothing(route: Route) -> None:
    route.abort()


def mark(page: Page) -> None:
    """Leave a mark that a reload would wipe out."""
    page.evaluate("window.stayed = true")


def said_in_vain(page: Page) -> Locator:
    """Wait for the words; the page is the one from before, and does not call itself live."""
    line = page.locator("#live", has_text=IN_VAIN)
    line.wait_for()
    assert page.locator("main#main").count() == 1
    assert page.locator("#pulse").is_hidden()
    assert not any(stranger in page.title() for stranger in ("502", "Hotel"))
    return line


def alive(page: Page) -> None:
    """Wait until what was put in place does more than a page without scripts: it is seen a moment before htmx has wired it."""
    page.locator("main#main:not(.htmx-added, .htmx-settling)").wait_for()


@pytest.mark.parametrize("answer", [bad_gateway, portal, nothing])
def test_a_link_that_is_answered_by_no_page_of_ours_changes_nothing_and_works_the_next_time(person: People, answer: Callable[[Route], None]) -> None:
    ana = person("ana")
    page = ana.open("ana-boris")
    ana.live()
    mark(page)
    page.route("**/threads/new", answer, times=1)
    there = page.get_by_role("navigation", name="Main").get_by_role("link", name="New thread")
    there.click()
    line = said_in_vain(page)
    assert page.url.endswith(ana.clinic.ready["threads"]["ana-boris"]["url"])
    assert page.locator("#log [data-uid]").count() > 0
    there.click()
    page.get_by_role("heading", name="New thread").wait_for()
    line.wait_for(state="hidden")
    ana.live()
    assert page.evaluate("window.stayed")


def test_a_form_that_is_answered_by_no_page_of_ours_can_be_sent_again(person: People) -> None:
    ana = person("ana")
    page = ana.open("ana-boris")
    ana.live()
    mark(page)
    page.fill("#body", "Half a thought")
    page.route("**/actions/thread.mute/**", bad_gateway, times=1)
    for before, after in (("Mute", "Unmute"), ("Unmute", "Mute")):
        page.get_by_role("button", name=before, exact=True).click()
        if before == "Mute":
            said_in_vain(page)
            assert page.input_value("#body") == "Half a thought"
            page.get_by_role("button", name=before, exact=True).click()
        page.get_by_role("button", name=after, exact=True).wait_for()
        alive(page)
    assert page.locator("#live").is_hidden()
    assert page.evaluate("window.stayed")
    page.fill("#body", "")


def test_an_administrator_who_clicked_in_vain_is_told_and_goes_on(person: People, clinic: RunningClinic) -> None:
    dina = person("dina")
    page = dina.page
    page.goto(f"{clinic.ready['web']}/admin/accounts")
    mark(page)
    page.route("**/admin/links", bad_gateway, times=1)
    there = page.get_by_role("link", name="Links")
    there.click()
    page.locator("#live", has_text=IN_VAIN).wait_for()
    there.click()
    page.get_by_role("heading", name="Patients and practitioners").wait_for()
    assert page.locator("#live").is_hidden()
    assert page.evaluate("window.stayed")


def test_a_search_that_is_answered_by_no_page_of_ours_finds_at_the_next_try(person: People, clinic: RunningClinic) -> None:
    boris = person("boris")
    page = boris.page
    page.goto(f"{clinic.ready['web']}/threads/new")
    boris.live()
    page.route("**/threads/new?q=*", bad_gateway, times=1)
    page.fill("[name=q]", "Ana")
    line = said_in_vain(page)
    page.fill("[name=q]", "Ada")
    page.locator("#found", has_text="Ada Almeida").wait_for()
    line.wait_for(state="hidden")


@pytest.mark.parametrize("answer", [bad_gateway, portal, nothing])
def test_going_back_in_vain_is_said_and_navigation_lives_on(person: People, clinic: RunningClinic, answer: Callable[[Route], None]) -> None:
    ana = person("ana")
    page = ana.page
    page.goto(f"{clinic.ready['web']}/threads/new")
    ana.live()
    mark(page)
    page.locator(".clinic").click()
    page.get_by_role("heading", name="Choose a thread").wait_for()
    page.route("**/threads/new", answer, times=1)
    page.go_back()
    said_in_vain(page)
    page.get_by_role("heading", name="Choose a thread").wait_for()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="New thread").click()
    page.get_by_role("heading", name="New thread").wait_for()
    ana.live()
    assert page.evaluate("window.stayed")


def test_the_words_go_when_the_connection_changes(person: People) -> None:
    ana = person("ana")
    page = ana.open("ana-boris")
    ana.live()
    page.route("**/threads/new", bad_gateway, times=1)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="New thread").click()
    said_in_vain(page)
    ana.context.set_offline(True)
    page.locator("#live", has_text="Offline").wait_for(timeout=20_000)
    assert IN_VAIN not in page.locator("#live").inner_text()
    ana.context.set_offline(False)
    ana.live()
    assert page.locator("#live").is_hidden()


def test_what_the_line_pushes_down_stays_under_the_finger_until_it_is_clicked(person: People) -> None:
    ana = person("ana")
    ana.live()
    link = ana.page.locator(".rows a").first
    before = link.bounding_box()
    assert before
    ana.page.mouse.move(before["x"] + before["width"] / 2, before["y"] + 4)
    ana.page.mouse.down()
    ana.context.set_offline(True)
    ana.page.locator("html[data-live=offline]").wait_for()
    assert link.bounding_box() == before
    ana.context.set_offline(False)
    ana.page.mouse.up()
    ana.page.wait_for_url("**/threads/*")

    ana.context.set_offline(True)  # nothing pressed: the line comes at once
    ana.page.get_by_text("Offline: messages are kept").wait_for()
