"""Images & Documents on real parts: a handout is kept and sent, a document is sent on where others read along, and taken back everywhere."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.support.browser import Person, axe_problems, misplaced
from tests.support.clinic import RunningClinic

pytestmark = pytest.mark.e2e
People = Callable[..., Person]


def picture(colour: str) -> bytes:
    """Return a small PNG."""
    made = io.BytesIO()
    Image.new("RGB", (600, 400), colour).save(made, "PNG")
    return made.getvalue()


def test_a_handout_is_kept_sent_from_a_thread_found_in_the_patients_folder_and_taken_back(person: People, clinic: RunningClinic) -> None:
    thread = clinic.ready["threads"]["ana-boris"]["uid"]
    boris, ana = person("boris"), person("ana")
    boris.page.goto(f"{clinic.ready['web']}/documents")
    tool = {"name": "tool.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ" + bytes(400)}
    boris.page.set_input_files("[data-adds] input[type=file]", [{"name": "exercises.png", "mimeType": "image/png", "buffer": picture("#88aacc")}, tool])
    expect(boris.page.locator(".documents .name")).to_have_text("exercises.png")
    expect(boris.page.locator(".tray li", has_text="tool.exe")).to_contain_text("Not kept.")
    boris.page.get_by_role("button", name="Close: tool.exe").click()
    expect(boris.page.locator(".documents .thumb img")).to_have_js_property("naturalWidth", 320)
    assert axe_problems(boris.page) == [] and misplaced(boris.page) == []

    boris.page.goto(f"{clinic.ready['web']}/threads/{thread}")
    boris.page.get_by_role("link", name="Send from Images & Documents").click()
    boris.page.get_by_role("link", name=re.compile("exercises.png")).click()
    assert axe_problems(boris.page) == []
    boris.page.get_by_role("button", name="Send it").click()
    sent = boris.page.locator("#log .entry.file", has_text="exercises.png")
    expect(sent).to_be_visible()

    ana.page.goto(f"{clinic.ready['web']}/documents")
    ana.page.get_by_role("link", name=re.compile("exercises.png")).click()
    shown = ana.page.locator(".shown-document img")
    expect(shown).to_have_js_property("complete", True)
    assert axe_problems(ana.page) == [] and misplaced(ana.page) == []
    address = shown.get_attribute("src")

    boris.page.once("dialog", lambda asked: asked.accept())
    sent.locator(".entry-menu > summary").click()
    sent.get_by_text("Take back…").click()
    expect(boris.page.locator("#log .entry.file", has_text="exercises.png")).to_have_count(0)
    assert ana.page.request.get(f"{clinic.ready['web']}{address}").status == 404
    ana.page.goto(f"{clinic.ready['web']}/documents")
    expect(ana.page.get_by_text("exercises.png")).to_have_count(0)
