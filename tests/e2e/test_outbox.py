"""What is typed is stored once and under the name of who typed it, whatever the tabs of a browser do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route

from tests.support.browser import Person, log_in, texts
from tests.support.clinic import RunningClinic
from tests.support.ports import eventually

pytestmark = pytest.mark.e2e
People = Callable[..., Person]

TYPE_EVERY_60_MS = """([name, count]) => {
  const box = document.querySelector("#body");
  let number = 0;
  const timer = setInterval(() => {
    box.value = `${name} ${++number}.`;
    box.dispatchEvent(new InputEvent("input", { bubbles: true }));
    box.form.requestSubmit();
    if (number === count) clearInterval(timer);
  }, 60);
}"""
ENTRIES = """() => [...document.querySelectorAll("#log article[data-kind=text]")].map(
  (entry) => [entry.dataset.author ?? "", entry.querySelector(".body").innerText])"""
WAITING = "() => Object.keys(localStorage).filter((key) => key.includes(':outbox:')).length"


def stored(page: Page, clinic: RunningClinic, thread: str) -> Iterator[tuple[str, str]]:
    """Yield (author, text) of all that people have typed in a thread, newest page first, as the server draws them now."""
    address = f"{clinic.ready['web']}{clinic.ready['threads'][thread]['url']}"
    page.goto(address)
    while True:
        yield from page.evaluate(ENTRIES)
        older = page.locator(".older a", has_text="Earlier")
        if not older.count():
            return
        page.goto(f"{clinic.ready['web']}{older.get_attribute('href')}")


def test_two_tabs_that_type_at_once_store_every_text_exactly_once(person: People, clinic: RunningClinic) -> None:
    boris = person("boris")
    tabs = {"left": boris.page, "right": boris.tab()}
    for page in tabs.values():
        boris.open("ana-boris", page)
        boris.live(page)
    for name, page in tabs.items():
        page.evaluate(TYPE_EVERY_60_MS, [name, 30])
    for name, page in tabs.items():
        boris.sees(f"{name} 30.", page, 60)
    for page in tabs.values():
        eventually(lambda page=page: page.evaluate(WAITING) == 0, 30, "an empty outbox")
    plain = person("boris", java_script_enabled=False)
    found = [text for _, text in stored(plain.page, clinic, "ana-boris") if text.startswith(("left ", "right "))]
    assert sorted(found) == sorted(f"{name} {number}." for name in tabs for number in range(1, 31))


def test_texts_typed_in_two_tabs_while_the_server_is_away_are_all_kept(person: People) -> None:
    ana = person("ana")
    tabs = {"left": ana.page, "right": ana.tab()}
    for page in tabs.values():
        ana.open("ana-boris", page)
        ana.live(page)
    ana.context.route("**/actions/text.post/**", lambda route: route.abort())
    for name, page in tabs.items():
        page.evaluate(TYPE_EVERY_60_MS, [f"away {name}", 10])
    eventually(lambda: all(page.evaluate(WAITING) == 20 for page in tabs.values()), 30, "twenty kept texts")
    ana.context.unroute("**/actions/text.post/**")
    wanted = sorted(f"away {name} {number}." for name in tabs for number in range(1, 11))
    for page in tabs.values():
        page.evaluate("dispatchEvent(new Event('online'))")
        eventually(lambda page=page: sorted(text for text in texts(page) if text.startswith("away ")) == wanted, 60, "each text once")


def test_a_text_typed_by_one_person_is_never_stored_under_the_next_ones_name(person: People, clinic: RunningClinic) -> None:
    chen = person("chen")
    thread = chen.open("ana-boris")
    chen.live(thread)
    chen.context.route("**/actions/text.post/**", lambda route: route.abort())
    chen.write("Typed by Chen in a tunnel", thread)
    thread.locator("article.pending", has_text="in a tunnel").wait_for()
    chen.context.clear_cookies()
    second = chen.tab()
    log_in(second, clinic, "boris")
    chen.context.unroute("**/actions/text.post/**")
    thread.evaluate("dispatchEvent(new Event('online'))")
    thread.locator("#live", has_text="signed out").wait_for()
    thread.locator("article.pending", has_text="in a tunnel").wait_for()
    chen.open("ana-boris", second)
    assert "Typed by Chen in a tunnel" not in texts(second)
    second.locator(".who summary").click()
    second.get_by_role("button", name="Log out").click()
    second.wait_for_url("**/login**")
    log_in(second, clinic, "chen")
    chen.open("ana-boris", second)
    chen.sees("Typed by Chen in a tunnel", second, 30)
    mine = second.locator("body").get_attribute("data-account")
    found = [author for author, text in stored(second, clinic, "ana-boris") if text == "Typed by Chen in a tunnel"]
    assert found == [mine]


def test_an_entry_whose_fetch_fails_is_fetched_again(person: People) -> None:
    ana, boris = person("ana"), person("boris")
    for one in (ana, boris):
        # Once it is live a page looks by itself. That look would bring the new entry if it were answered late.
        with one.page.expect_response("**/entries?after=*"):
            one.open("ana-boris")
            one.live()
    failures: list[str] = []

    def fail(route: Route) -> None:
        failures.append(route.request.url)
        route.fulfill(status=503, body="")

    for one in (ana, boris):
        one.page.route("**/entries?after=*", fail, times=1)
    ana.write("Fetched at the second try")
    for one in (ana, boris):
        one.sees("Fetched at the second try")
    assert len(failures) == 2


def test_a_text_on_which_the_server_always_fails_is_given_back_and_others_pass(person: People) -> None:
    boris = person("boris")

    def fail(route: Route) -> None:
        body = route.request.post_data or ""
        if "poison" in body:
            route.fulfill(status=500, json={"ok": False, "code": "fault", "text": "Written down under the number 0f0f."})
        else:
            route.continue_()

    page = boris.open("ana-boris")
    boris.live()
    page.route("**/actions/text.post/**", fail)
    boris.write("some poison")
    boris.write("behind it")
    boris.open("boris-bella")
    boris.write("in another thread")
    boris.sees("in another thread")
    boris.open("ana-boris")
    # "online" asks for the next try at once. (A clock that is run forward would end the requests that are on their way, too.)
    page.evaluate("setInterval(() => dispatchEvent(new Event('online')), 200)")
    refused = page.locator("article.refused", has_text="some poison")
    refused.get_by_text("number 0f0f").wait_for()
    boris.sees("behind it")
    refused.get_by_role("button", name="Edit").click()
    assert page.input_value("#body") == "some poison"
    page.fill("#body", "")
