"""Who logs out leaves nothing typed behind in the browser; who is not logged out after all keeps everything."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route

from tests.support.browser import Person, log_in
from tests.support.clinic import RunningClinic
from tests.support.ports import eventually

pytestmark = pytest.mark.e2e
People = Callable[..., Person]
KEPT = """account => Object.keys(localStorage).filter(
  (key) => key.startsWith(`bedside:${account}:draft:`) || key.startsWith(`bedside:${account}:outbox:`)).length"""


def typed(ana: Person) -> tuple[Page, str]:
    """Leave a draft in one thread and a message that cannot be sent. Returns the page and the account's uid."""
    page = ana.open("ana-boris")
    ana.live()
    ana.context.route("**/actions/text.post/**", lambda route: route.abort())
    ana.write("Typed in a tunnel")
    page.locator("article.pending", has_text="Typed in a tunnel").wait_for()
    page.fill("#body", "Half a thought")
    page.on("dialog", lambda dialog: dialog.accept())
    account = page.locator("body").get_attribute("data-account")
    assert account and page.evaluate(KEPT, account) == 2
    return page, account


def log_out(page: Page) -> None:
    page.locator(".who summary").click()
    page.get_by_role("button", name="Log out").click()


def log_out_in_vain(page: Page) -> None:
    """Log out, and wait until the browser shows its own words, or the bare ones that came."""
    with page.expect_event("framenavigated"):
        log_out(page)
    assert page.locator("#main").count() == 0


def test_what_was_typed_is_forgotten_once_the_person_is_logged_out(person: People) -> None:
    ana = person("ana")
    page, account = typed(ana)
    log_out(page)
    page.get_by_text("You are logged out.").wait_for()
    eventually(lambda: page.evaluate(KEPT, account) == 0, what="nothing kept")


def dead(route: Route) -> None:
    route.abort("connectionreset")


def bad_gateway(route: Route) -> None:
    route.fulfill(status=502, content_type="text/html", body="<h1>502 Bad Gateway</h1>")


@pytest.mark.parametrize("answer", [dead, bad_gateway])
def test_a_log_out_without_an_answer_loses_nothing_of_who_is_still_signed_in(person: People, answer: Callable[[Route], None]) -> None:
    ana = person("ana")
    page, account = typed(ana)
    page.route("**/logout", answer, times=1)
    log_out_in_vain(page)
    page = ana.open("ana-boris", page)
    page.locator("article.pending", has_text="Typed in a tunnel").wait_for()
    assert page.input_value("#body") == "Half a thought"
    # Signed out later by other means, what was typed waits for the same person still.
    ana.context.clear_cookies()
    page.goto(f"{ana.clinic.ready['web']}/login")
    page.get_by_role("button", name="Log in").wait_for()
    assert page.evaluate(KEPT, account) == 2


def test_an_error_page_that_is_drawn_for_nobody_forgets_nothing(person: People, clinic: RunningClinic) -> None:
    ana = person("ana")
    page, account = typed(ana)
    for_nobody = ana.context.browser.new_context()
    error = for_nobody.request.get(f"{clinic.ready['web']}/nowhere", headers={"Accept": "text/html"}).text()
    for_nobody.close()
    assert "data-account" not in error and "data-signed-out" not in error
    page.route("**/logout", lambda route: route.fulfill(status=503, content_type="text/html", body=error), times=1)
    log_out(page)
    page.get_by_role("heading", name="There is nothing here").wait_for()
    page.wait_for_load_state()
    assert page.evaluate(KEPT, account) == 2
    ana.open("ana-boris", page)
    assert page.input_value("#body") == "Half a thought"


def test_what_one_person_typed_is_forgotten_when_the_next_page_is_somebody_elses(person: People, clinic: RunningClinic) -> None:
    ana = person("ana")
    page, account = typed(ana)
    page.route("**/logout", dead, times=1)
    log_out_in_vain(page)
    ana.context.clear_cookies()
    log_in(ana.tab(), clinic, "bella")
    page.goto(f"{clinic.ready['web']}/")
    eventually(lambda: page.evaluate(KEPT, account) == 0, what="nothing kept of Ana")


def test_a_log_out_while_a_file_is_on_its_way_asks_once(person: People) -> None:
    ana = person("ana")
    page = ana.open("ana-boris")
    ana.live()
    page.route("**/actions/file.begin/**", lambda route: route.abort())
    page.set_input_files("#upload-files", [{"name": "half.txt", "mimeType": "text/plain", "buffer": b"half of it"}])
    page.locator(".tray li", has_text="No answer from the clinic").wait_for()
    asked: list[tuple[str, str]] = []
    page.on("dialog", lambda dialog: (asked.append((dialog.type, dialog.message)), dialog.accept()))
    log_out(page)
    page.get_by_text("You are logged out.").wait_for()
    assert asked == [("confirm", "One message, file or recording has not been sent and will be lost. Log out all the same?")]
