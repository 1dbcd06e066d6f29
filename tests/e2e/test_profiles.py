"""Profiles as people meet them in a browser: the patient says something, staff read it marked; two edit at once and nothing is lost."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.support.browser import Person, axe_problems, misplaced
from tests.support.clinic import RunningClinic
from tests.support.ports import eventually

pytestmark = pytest.mark.e2e
People = Callable[..., Person]


def test_what_a_patient_says_of_their_health_stands_at_the_top_for_staff_marked_as_theirs(person: People, clinic: RunningClinic) -> None:
    ada, bella = person("ada"), person("bella")
    ada.page.goto(f"{clinic.ready['web']}/profile")
    expect(ada.page.locator(".note", has_text="No known allergies")).to_be_visible()
    ada.page.get_by_role("link", name="Add allergy").click()
    ada.page.get_by_label("Allergic to").fill("Latex")
    ada.page.get_by_label("How severe").select_option("severe")
    ada.page.get_by_role("button", name="Save").click()
    expect(ada.page.get_by_text("Added.")).to_be_visible()
    bella.open("ada-bella").locator("#thread-title a").click()
    expect(bella.page.locator(".allergies")).to_contain_text("Latex (severe) patient says")
    expect(bella.page.locator("#allergy li", has_text="Latex")).to_contain_text("Patient says")
    expect(bella.page.locator("#allergy li", has_text="Latex").get_by_role("link")).to_have_count(0)


def test_who_saves_second_keeps_what_they_typed_and_sees_what_stands_there(person: People, clinic: RunningClinic) -> None:
    ada, bella = person("ada"), person("bella")
    bella.open("ada-bella").locator("#thread-title a").click()
    bella.page.get_by_role("link", name="Edit demographics").click()
    ada.page.goto(f"{clinic.ready['web']}/profile")
    ada.page.get_by_role("link", name="Edit demographics").click()
    ada.page.get_by_label("Address").fill("9 New Street")
    ada.page.get_by_role("button", name="Save").click()
    expect(ada.page.get_by_text("Saved.")).to_be_visible()
    bella.page.get_by_label("Languages").fill("Portuguese and French")
    bella.page.get_by_role("button", name="Save").click()
    expect(bella.page.get_by_role("alert")).to_contain_text("saved this meanwhile")
    expect(bella.page.get_by_label("Languages")).to_have_value("Portuguese and French")
    expect(bella.page.locator(".stored", has_text="9 New Street")).to_be_visible()
    bella.page.get_by_label("Address").fill("9 New Street")
    bella.page.get_by_role("button", name="Save").click()
    expect(bella.page.locator("#demographics")).to_contain_text("Portuguese and French")
    expect(bella.page.locator("#demographics")).to_contain_text("9 New Street")


def test_what_was_typed_in_a_form_is_there_again_until_it_is_saved_or_put_away_and_only_for_who_typed_it(person: People, clinic: RunningClinic) -> None:
    bella = person("bella")
    page, words = bella.page, f"Sleeps badly {uuid.uuid4().hex[:6]}"
    bella.open("ada-bella").locator("#thread-title a").click()
    page.get_by_role("link", name="Write a note").click()
    page.get_by_role("textbox", name="Note").fill(words)
    page.get_by_label("Who reads it").select_option(index=1)
    page.reload()
    expect(page.get_by_role("textbox", name="Note")).to_have_value(words)
    expect(page.get_by_label("Who reads it")).not_to_have_value("")
    expect(page.locator("form .note")).to_contain_text("What you typed here and did not save is back. It is not saved yet.")
    assert axe_problems(page) == [] and misplaced(page) == []
    page.get_by_role("link", name=re.compile("^Ada Almeida")).click()
    page.get_by_role("link", name="Write a note").click()
    expect(page.get_by_role("textbox", name="Note")).to_have_value(words)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notes")).to_contain_text(words)
    page.get_by_role("link", name="Write a note").click()
    expect(page.get_by_role("textbox", name="Note")).to_have_value("")
    page.get_by_role("textbox", name="Note").fill("Not this one")
    page.get_by_role("link", name="Don’t save").click()
    page.get_by_role("link", name="Write a note").click()
    expect(page.get_by_role("textbox", name="Note")).to_have_value("")
    page.get_by_role("textbox", name="Note").fill("Nor this")
    page.reload()
    page.get_by_role("button", name="Discard it").click()
    expect(page.get_by_role("textbox", name="Note")).to_have_value("")
    page.get_by_role("textbox", name="Note").fill("For nobody else")
    account = page.locator("body").get_attribute("data-account")
    kept = "account => Object.keys(localStorage).filter((key) => key.startsWith(`bedside:${account}:form:`)).length"
    assert page.evaluate(kept, account) == 1
    page.locator(".who summary").click()
    page.get_by_role("button", name="Log out").click()
    page.get_by_text("You are logged out.").wait_for()
    eventually(lambda: page.evaluate(kept, account) == 0, what="nothing kept")


def test_a_draft_does_not_write_over_what_somebody_else_saved_meanwhile(person: People, clinic: RunningClinic) -> None:
    ada, bella = person("ada"), person("bella")
    bella.open("ada-bella").locator("#thread-title a").click()
    bella.page.get_by_role("link", name="Edit demographics").click()
    bella.page.get_by_label("Languages").fill("Galician")
    ada.page.goto(f"{clinic.ready['web']}/profile")
    ada.page.get_by_role("link", name="Edit demographics").click()
    ada.page.get_by_label("Address").fill("10 Other Street")
    ada.page.get_by_role("button", name="Save").click()
    expect(ada.page.get_by_text("Saved.")).to_be_visible()
    bella.page.reload()
    bella.page.get_by_role("button", name="Save").click()
    expect(bella.page.get_by_role("alert")).to_contain_text("saved this meanwhile")
    bella.page.reload()  # which sends it once more, and is refused once more
    expect(bella.page.get_by_label("Languages")).to_have_value("Galician")
    expect(bella.page.locator(".stored", has_text="10 Other Street")).to_be_visible()


def photo() -> bytes:
    """Return a JPEG in which a camera wrote who made it."""
    made, picture = io.BytesIO(), Image.new("RGB", (900, 1200), "#8899aa")
    written = picture.getexif()
    written[0x013B] = "Lighthouse Lane"
    picture.save(made, "JPEG", exif=written)
    return made.getvalue()


def test_a_practitioner_shows_a_photo_which_patients_see_without_what_the_camera_wrote_and_takes_it_away(person: People, clinic: RunningClinic) -> None:
    bella, ada = person("bella"), person("ada", viewport={"width": 320, "height": 640})
    page, taken = bella.page, {"name": "Bella at Lighthouse Lane.jpg", "mimeType": "image/jpeg", "buffer": photo()}
    page.locator(".who summary").click()
    page.get_by_role("link", name="Your profile").click()
    page.get_by_role("link", name="Edit your profile").click()
    page.get_by_label("Languages").fill("Portuguese, not saved yet")
    expect(page.get_by_role("button", name="Choose a photo")).to_be_visible()
    page.set_input_files("[data-adds] input[type=file]", {"name": "me.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 nothing"})
    expect(page.locator(".tray li", has_text="me.pdf")).to_contain_text("Not kept.")
    page.get_by_role("button", name="Close: me.pdf").click()
    page.set_input_files("[data-adds] input[type=file]", taken)
    expect(page.locator(".photo-now img")).to_have_js_property("naturalWidth", 900)
    expect(page.get_by_role("button", name="Choose another photo")).to_be_visible()
    assert page.get_by_label("Languages").input_value() == "Portuguese, not saved yet"
    assert axe_problems(page) == [] and misplaced(page) == []

    ada.open("ada-bella").locator("#thread-title a").click()
    shown = ada.page.locator("img.photo")
    expect(shown).to_have_js_property("naturalWidth", 900)
    assert axe_problems(ada.page) == [] and misplaced(ada.page) == []
    answer = ada.page.request.get(f"{clinic.ready['web']}{shown.get_attribute('src')}")
    assert answer.headers["x-content-type-options"] == "nosniff" and "Lighthouse" not in str(answer.headers)
    assert answer.body() and b"Lighthouse" not in answer.body()

    page.get_by_role("button", name="Remove the photo").click()
    expect(page.get_by_text("The photo is removed.")).to_be_visible()
    expect(page.locator(".photo-now")).to_contain_text("None yet.")
    expect(page.get_by_label("Languages")).to_have_value("Portuguese, not saved yet")
    page.get_by_role("button", name="Discard it").click()
    ada.page.reload()
    expect(ada.page.get_by_role("heading", name="Bella Baptiste", exact=True)).to_be_visible()
    expect(shown).to_have_count(0)


def test_a_photo_is_drawn_where_a_save_was_refused_too_and_nothing_typed_is_lost(person: People, clinic: RunningClinic) -> None:
    bella = person("bella")
    page, other = bella.page, bella.page.context.new_page()
    for tab in (page, other):
        tab.goto(f"{clinic.ready['web']}/")
        tab.locator(".who summary").click()
        tab.get_by_role("link", name="Your profile").click()
        tab.get_by_role("link", name="Edit your profile").click()
        tab.get_by_label("Specialties").fill(f"Lungs {uuid.uuid4().hex[:6]}")
    typed = page.get_by_label("Specialties").input_value()
    other.get_by_role("button", name="Save").click()
    other.get_by_role("link", name="Edit your profile").wait_for()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("saved this meanwhile")
    expect(page.get_by_role("button", name="Choose a photo")).to_be_visible()
    page.set_input_files("[data-adds] input[type=file]", {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    expect(page.locator(".photo-now img")).to_have_js_property("naturalWidth", 900)
    expect(page.get_by_label("Specialties")).to_have_value(typed)
    page.get_by_role("button", name="Remove the photo").click()
    expect(page.get_by_text("The photo is removed.")).to_be_visible()
    expect(page.get_by_label("Specialties")).to_have_value(typed)
