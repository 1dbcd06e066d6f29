"""Search, sending later, calls for help and keys, as people meet them in a browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Person
from tests.support.clinic import RunningClinic

pytestmark = pytest.mark.e2e
People = Callable[..., Person]


def test_what_was_written_is_found_and_opens_at_its_place(person: People, clinic: RunningClinic) -> None:
    ana = person("ana")
    ana.open("ana-boris")
    ana.write("My aunt takes Clarithromycin")
    expect(ana.page.locator("article", has_text="Clarithromycin").locator(".state")).to_be_visible()
    for _ in range(20):  # the index follows in a second or two
        ana.page.goto(f"{clinic.ready['web']}/search?q=clarithro")
        if ana.page.locator(".hits mark").count():
            break
        ana.page.wait_for_timeout(500)
    ana.page.locator(".hits a").first.click()
    expect(ana.page.locator("article.sought")).to_contain_text("Clarithromycin")


def test_a_message_is_scheduled_beside_send_and_sent_now_from_the_list(person: People) -> None:
    boris = person("boris")
    boris.open("ana-boris")
    page = boris.page
    page.fill("#body", "Come fasting on Monday")
    page.click("#later-button")
    page.get_by_role("button", name="Monday 09:00").click()
    page.get_by_role("button", name="Schedule").click()
    expect(page.locator("#later summary")).to_contain_text("1 message waits")
    expect(page.locator("#body")).to_have_value("")
    expect(page.locator("#log")).not_to_contain_text("Come fasting on Monday")
    page.locator("#later summary").click()
    page.get_by_role("button", name="Send now").click()
    expect(page.locator("#log")).to_contain_text("Come fasting on Monday")
    expect(page.locator("#later details")).to_have_count(0)


def test_what_was_typed_stays_in_the_dialog_when_the_time_is_refused(person: People) -> None:
    boris = person("boris")
    boris.open("ana-boris")
    page = boris.page
    page.fill("#body", "Too far away")
    page.click("#later-button")
    page.fill("#later-at", "2099-01-01T09:00")
    page.get_by_role("button", name="Schedule").click()
    expect(page.locator("dialog .problem")).to_contain_text("more than a year away")
    expect(page.locator("#later-body")).to_have_value("Too far away")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#body")).to_have_value("Too far away")
    page.fill("#body", "")


def test_a_patient_calls_for_help_and_staff_hear_it_though_they_muted_the_thread(person: People, clinic: RunningClinic) -> None:
    boris, ana = person("boris"), person("ana")
    boris.open("ana-boris")
    boris.page.get_by_role("button", name="Mute").click()
    boris.page.goto(f"{clinic.ready['web']}/")
    boris.page.locator("#pulse").wait_for(state="visible")
    ana.open("ana-boris")
    ana.page.get_by_role("link", name="Urgent: I need help").click()
    ana.page.fill("#words", "I cannot breathe well")
    ana.page.get_by_role("button", name="Call for help").click()
    expect(ana.page.locator(".call")).to_contain_text("Waiting for staff")
    row = boris.page.locator(".urgent-row a")
    expect(row).to_contain_text("Ana Alvarez needs help")
    row.click()
    boris.page.get_by_role("button", name="I have seen it").click()
    expect(ana.page.locator(".call")).to_contain_text("Seen by Boris Brandt")
    boris.page.get_by_role("button", name="Resolve").click()
    expect(ana.page.locator(".call")).to_have_count(0)
    expect(boris.page.locator(".urgent-row")).to_have_count(0)
    boris.page.get_by_role("button", name="Unmute").click()


def _press_outside(page: Page, key: str) -> None:
    page.locator("#main").focus()
    page.keyboard.press(key)


def test_keys_help_who_works_without_a_mouse_and_never_while_typing(person: People) -> None:
    boris = person("boris")
    boris.open("ana-boris")
    page = boris.page
    page.fill("#body", "")
    page.locator("#body").press_sequentially("c/k?")
    expect(page.locator("#body")).to_have_value("c/k?")
    assert page.locator("dialog").count() == 0
    page.fill("#body", "")
    _press_outside(page, "?")
    expect(page.get_by_role("dialog")).to_contain_text("Next thread")
    page.get_by_label("Use these keys in this browser").uncheck()
    page.keyboard.press("Escape")
    _press_outside(page, "/")
    assert not page.evaluate("document.activeElement.id") or page.evaluate("document.activeElement.id") == "main"
    page.evaluate("localStorage.setItem('bedside:setting:shortcuts', 'on')")
    _press_outside(page, "/")
    expect(page.locator("#search-box")).to_be_focused()
    _press_outside(page, "c")
    expect(page.locator("#body")).to_be_focused()
