"""The bars of a thread in real browsers: where it stands, who answers, saved replies. Source: seed/message-threads.txt."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.support.browser import Person
from tests.support.clinic import RunningClinic

pytestmark = pytest.mark.e2e
People = Callable[..., Person]


def test_a_status_is_chosen_from_the_drop_down_and_colleagues_see_it_at_once_and_the_patient_never(person: People) -> None:
    ana, boris, chen = person("ana"), person("boris"), person("chen")
    for one in (ana, boris, chen):
        one.open("ana-boris")
        one.live()
    boris.page.fill("#body", "Half a message")
    boris.page.focus("#status-menu")
    boris.page.keyboard.press("Enter")
    boris.page.get_by_role("button", name="Onboarding in progress").press("Enter")
    for one in (boris, chen):
        expect(one.page.locator(".thread > header")).to_contain_text("Onboarding in progress")
        one.sees("Boris Brandt set the status to “Onboarding in progress”.")
        expect(one.page.locator(".rows li", has_text="Ana Alvarez")).to_contain_text("Onboarding in progress")
    assert boris.page.evaluate("document.activeElement.id") == "status-menu"  # the head is new, the keyboard's place is kept
    assert boris.page.input_value("#body") == "Half a message"
    assert chen.page.locator("#status-menu").count() == 0  # coordinators read it
    boris.page.fill("#body", "")
    boris.write("After the status")
    ana.sees("After the status")
    assert "Onboarding" not in ana.page.content()
    ana.page.reload()
    assert "Onboarding" not in ana.page.content() and "status-menu" not in ana.page.content()


def test_who_answers_is_said_and_taken_over(person: People) -> None:
    boris, chen = person("boris"), person("chen")
    for one in (boris, chen):
        one.open("ana-boris")
        one.live()
    boris.page.click("#claim-menu")
    boris.page.get_by_role("button", name="I answer here").click()
    expect(boris.page.locator("#claim-menu")).to_contain_text("You answer")
    expect(chen.page.locator("#claim-menu")).to_contain_text("Boris Brandt answers")
    chen.page.click("#claim-menu")
    chen.page.get_by_role("link", name="Take over from Boris Brandt…").click()
    chen.page.get_by_role("button", name=re.compile("Yes")).click()
    expect(chen.page.locator("#claim-menu")).to_contain_text("You answer")
    chen.page.click("#claim-menu")
    chen.page.get_by_role("button", name="Answer no more here").click()
    expect(boris.page.locator("#claim-menu")).to_contain_text("Nobody answers yet")


def test_a_saved_reply_is_found_completed_and_sent_by_keyboard(person: People, clinic: RunningClinic) -> None:
    boris = person("boris")
    page = boris.page
    page.goto(f"{clinic.ready['web']}/saved-replies")
    page.fill("#new-title", "Case")
    page.fill("#new-body", "Hi [PATIENT NAME], your case is [CASE NUMBER].")
    page.locator("form", has=page.locator("#new-title")).get_by_role("button", name="Save").click()
    page.get_by_text("The reply is saved.").wait_for()
    boris.open("ana-boris")
    boris.live()
    page.fill("#body", "First this. ")
    page.focus("#tools-menu")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Use a saved reply").press("Enter")
    page.get_by_label("Find by words of title or text").type("case num")
    assert page.locator(".choices > li:visible").count() == 1
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.input_value("#body") == "First this. Hi Ana Alvarez, your case is [CASE NUMBER]."
    page.keyboard.press("Control+Enter")
    page.get_by_text("Not sent: complete [CASE NUMBER] first, by your own words.").wait_for()
    assert page.evaluate("getSelection().toString()") == "[CASE NUMBER]"
    page.reload()  # what is open is still known
    boris.live()
    page.press("#body", "Control+Enter")
    page.get_by_text("Not sent: complete [CASE NUMBER] first").wait_for()
    page.keyboard.type("4711")
    page.keyboard.press("Control+Enter")
    boris.sees("First this. Hi Ana Alvarez, your case is 4711.")
    boris.write("[CASE NUMBER] is mine to write now")  # not of a reply
    boris.sees("[CASE NUMBER] is mine to write now")
    page.goto(f"{clinic.ready['web']}/saved-replies")
    row = page.locator(".items > li", has_text="your case is [CASE NUMBER]")
    expect(row).to_contain_text("used 1 time")
    row.get_by_text("Delete…").click()
    row.get_by_role("button", name="Delete Case").click()
    page.get_by_text("The reply is deleted.").wait_for()


def test_a_narrowed_list_still_calls_back_for_every_thread_and_stays_narrowed(person: People) -> None:
    boris, ana = person("boris"), person("ana")
    boris.open("boris-bella")
    boris.live()
    page = boris.page
    page.get_by_text("Narrow the list").click()
    page.get_by_label("Show", exact=True).select_option("mine")
    page.get_by_role("button", name="Show these").click()
    page.get_by_text("Nothing here just now").wait_for()
    assert page.locator(".rows li[data-thread]").count() == 0
    boris.live()
    before = page.title()
    ana.open("ana-boris")
    ana.live()
    ana.write("Somebody there?")
    ana.sees("Somebody there?")
    page.wait_for_function("before => document.title !== before", arg=before)
    assert page.locator(".rows li[data-thread]").count() == 0
    page.reload()
    page.get_by_text("Nothing here just now").wait_for()
    page.get_by_role("button", name="Show all").click()
    page.locator(".rows li[data-thread]", has_text="Somebody there?").wait_for()
