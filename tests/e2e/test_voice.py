"""Voice messages in real browsers: recorded, listened to, sent and played. Source: product.md, Files."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.test_files import LATE, both
from tests.support.browser import Person, axe_problems

pytestmark = pytest.mark.e2e
People = Callable[..., Person]
DENIED = """() => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("no", "NotAllowedError"); }; }"""


def test_a_voice_message_is_recorded_listened_to_sent_and_played_by_the_other(person: People) -> None:
    ana, boris = both(person)
    page = ana.page
    before = boris.page.locator("#log article.voice").count()
    page.focus("#voice-button")
    page.keyboard.press("Enter")
    panel = page.get_by_role("region", name="Voice message")
    expect(panel).to_contain_text("0:02 of 2:00")
    panel.get_by_role("button", name="Pause").click()
    expect(panel).to_contain_text("Paused")
    panel.get_by_role("button", name="Go on").click()
    expect(panel).to_contain_text("0:03 of 2:00")
    panel.get_by_role("button", name="Stop").press("Enter")
    expect(panel.get_by_role("button", name=re.compile("^Play"))).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel.locator("rect.played").nth(10)).to_be_attached()
    assert axe_problems(page, ".voice-panel") == []
    panel.get_by_role("button", name="Send recording").click()
    expect(panel).to_be_hidden()
    entry = boris.page.locator("#log article.voice").nth(before)
    expect(entry).to_be_visible(timeout=LATE)
    expect(page.locator(".tray li", has_text="Voice message")).to_have_count(0)
    where = entry.get_by_role("slider")
    expect(where).to_have_attribute("aria-valuetext", re.compile("^0:00 of 0:0[34]$"))
    assert len(set(entry.locator("media-player").get_attribute("data-waveform").split())) > 2
    entry.get_by_role("button", name=re.compile("^Play")).click()
    expect(where).to_have_attribute("aria-valuetext", re.compile("^0:02 of"), timeout=LATE)
    where.press("Home")
    expect(where).to_have_attribute("aria-valuetext", re.compile("^0:0[01] of"))
    box = where.bounding_box()
    assert box
    boris.page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    expect(where).to_have_attribute("aria-valuetext", re.compile("^0:0[234] of"))
    entry.get_by_role("button", name="Speed: 1×").click()
    assert entry.locator("audio").evaluate("audio => audio.playbackRate") == 1.5
    assert axe_problems(boris.page, f"#{entry.get_attribute('id')}") == []


def test_a_recording_stops_by_itself_after_two_minutes_and_is_not_thrown_away_unasked(person: People) -> None:
    ana = person("ana")
    page = ana.page
    page.clock.install()
    ana.open("ana-boris")
    page.click("#voice-button")
    panel = page.get_by_role("region", name="Voice message")
    expect(panel).to_contain_text("Recording")
    page.clock.fast_forward(121_000)
    expect(panel).to_contain_text("A voice message lasts two minutes at most")
    expect(panel.get_by_role("slider")).to_have_attribute("aria-valuetext", "0:00 of 2:00")
    said: list[str] = []
    page.once("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    panel.get_by_role("button", name="Discard").click()
    assert said == ["Discard this recording of 2:00? It is nowhere else."]
    page.get_by_role("link", name="Search", exact=True).click()
    page.get_by_role("heading", name="Search", level=1).wait_for()
    page.go_back()
    expect(panel.get_by_role("slider")).to_be_visible()  # it waits in its thread
    page.once("dialog", lambda dialog: dialog.accept())
    panel.get_by_role("button", name="Discard").click()
    expect(panel).to_be_hidden()


def test_who_may_not_use_the_microphone_reads_what_to_do(person: People) -> None:
    ana = person("ana")
    ana.page.add_init_script(f"({DENIED})()")
    ana.open("ana-boris")
    ana.page.click("#voice-button")
    panel = ana.page.get_by_role("region", name="Voice message")
    expect(panel.get_by_role("alert")).to_contain_text("This page may not use the microphone. Allow it")
    panel.get_by_role("button", name="Close").click()
    expect(ana.page.locator("#voice-button")).to_be_focused()


def test_a_coordinator_has_no_microphone_until_the_clinic_says_so(person: People) -> None:
    chen = person("chen")
    chen.open("ana-boris")
    expect(chen.page.locator("#upload-button")).to_be_visible()
    assert chen.page.locator("#voice-button").count() == 0
